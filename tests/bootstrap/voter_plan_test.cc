// Who votes: a table of swarms in time, and what becomes of each.
#include "bootstrap/voter_plan.h"

#include "tests/support/test_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using tests::node_number;

std::set<NodeId> nodes(std::initializer_list<int> digits) {
  std::set<NodeId> set;
  for (const int digit : digits)
    set.insert(node_number(static_cast<std::uint64_t>(digit)));
  return set;
}

/// Nodes 1 to n, all well, 1 leads.
class VoterPlanTest : public testing::Test {
 protected:
  void have(int count) {
    for (int i = 1; i <= count; ++i) {
      VoterCandidate node;
      node.id = node_number(static_cast<std::uint64_t>(i));
      node.name = "node-" + std::to_string(i);
      node.is_alive = node.is_heard = node.is_caught_up = true;
      input_.nodes.push_back(node);
    }
  }

  VoterCandidate& node(int number) { return input_.nodes[static_cast<std::size_t>(number - 1)]; }

  void die(int number) { node(number).is_alive = node(number).is_heard = false; }

  void with(std::set<NodeId> voters, std::set<NodeId> learners) {
    input_.voters = std::move(voters);
    input_.learners = std::move(learners);
  }

  std::optional<VoterChange> look_at(MonoTime now) {
    input_.now = now;
    return plan_.next(input_);
  }

  /// Carries out what is decided until `end`, looking every second. Returns: changes of voters.
  int run_until(MonoTime end) {
    int changes = 0;
    for (; input_.now <= end; input_.now += 1s) {
      const auto change = plan_.next(input_);
      if (!change) continue;
      changes += change->voters != input_.voters ? 1 : 0;
      with(change->voters, change->learners);
      if (!change->why.empty()) why_ = change->why;
    }
    return changes;
  }

  VoterPlan plan_;
  VoterInput input_{.now = 0s,
                    .self = node_number(1),
                    .voters = nodes({1}),
                    .learners = {},
                    .nodes = {},
                    .is_forming = false};
  std::string why_;
};

TEST_F(VoterPlanTest, AJoinerBecomesALearnerFirst) {
  have(2);
  const auto next = look_at(0s).value();
  EXPECT_EQ(next.voters, nodes({1}));
  EXPECT_EQ(next.learners, nodes({2}));
  EXPECT_EQ(next.why, "");
  with(next.voters, next.learners);
  EXPECT_EQ(run_until(1h), 0) << "two nodes keep one voter";
}

TEST_F(VoterPlanTest, ANewSwarmDoesNotWait) {
  have(3);
  with(nodes({1}), nodes({2, 3}));
  input_.is_forming = true;
  const auto next = look_at(0s).value();
  EXPECT_EQ(next.voters, nodes({1, 2, 3}));
  EXPECT_TRUE(next.learners.empty());
  EXPECT_THAT(next.why, HasSubstr("3 of 3 nodes vote now"));
}

TEST_F(VoterPlanTest, WhoComesLaterHasToBeWellForAWhile) {
  have(5);
  with(nodes({1, 2, 3}), nodes({4, 5}));
  EXPECT_FALSE(look_at(0s));
  EXPECT_FALSE(look_at(9s));
  node(5).is_alive = false;
  EXPECT_FALSE(look_at(9500ms));
  node(5).is_alive = true;
  EXPECT_FALSE(look_at(10s)) << "it begins anew";
  EXPECT_FALSE(look_at(19s));
  EXPECT_EQ(look_at(20s).value().voters.size(), 5U);
}

TEST_F(VoterPlanTest, NobodyIsPromotedBeforeAllThatAreNeededCaughtUpAndAreFit) {
  have(3);
  with(nodes({1}), nodes({2, 3}));
  node(3).is_caught_up = false;
  EXPECT_EQ(run_until(60s), 0);
  node(3).is_caught_up = true;
  node(3).is_fit = false;
  EXPECT_EQ(run_until(120s), 0);
  node(3).is_fit = true;
  EXPECT_EQ(run_until(180s), 1);
}

TEST_F(VoterPlanTest, ADeadVoterIsSwappedAfterItsGraceForALearnerThatIsReady) {
  have(7);
  with(nodes({1, 2, 3, 4, 5}), nodes({6, 7}));
  run_until(60s);
  die(5);
  const MonoTime died = input_.now;
  EXPECT_FALSE(look_at(died));
  EXPECT_FALSE(look_at(died + 29s));
  const auto next = look_at(died + 30s).value();
  EXPECT_EQ(next.voters.size(), 5U);
  EXPECT_FALSE(next.voters.contains(node_number(5)));
  EXPECT_FALSE(next.learners.contains(node_number(5)));
  EXPECT_THAT(next.why, HasSubstr("votes instead of node-5, which is gone"));
}

TEST_F(VoterPlanTest, AtTheEdgeTheGraceIsShort) {
  have(4);
  with(nodes({1, 2, 3}), nodes({4}));
  run_until(60s);
  die(3);
  const MonoTime died = input_.now;
  EXPECT_FALSE(look_at(died));
  EXPECT_FALSE(look_at(died + 4s));
  EXPECT_EQ(look_at(died + 5s).value().voters, nodes({1, 2, 4}));
}

TEST_F(VoterPlanTest, WhoIsStillHeardStaysWhateverGossipSays) {
  have(4);
  with(nodes({1, 2, 3}), nodes({4}));
  node(3).is_alive = false;
  EXPECT_EQ(run_until(1h), 0);
}

TEST_F(VoterPlanTest, WithoutASpareADeadVoterStaysAndVotersAreNotCountedDown) {
  have(3);
  with(nodes({1, 2, 3}), {});
  die(3);
  EXPECT_EQ(run_until(24h), 0);
}

TEST_F(VoterPlanTest, AVoterThatNobodySpeaksOfIsGoneToo) {
  have(4);
  with(nodes({1, 2, 9}), nodes({3, 4}));
  EXPECT_EQ(run_until(60s), 1);
  EXPECT_FALSE(input_.voters.contains(node_number(9)));
}

TEST_F(VoterPlanTest, ADrainingVoterIsReplacedAtOnceAndIsNoStandbyEither) {
  have(4);
  with(nodes({1, 2, 3}), nodes({4}));
  run_until(60s);
  node(2).is_draining = true;
  const auto next = look_at(input_.now).value();
  EXPECT_EQ(next.voters, nodes({1, 3, 4}));
  EXPECT_TRUE(next.learners.empty());
  EXPECT_THAT(next.why, HasSubstr("node-4 votes instead of node-2, which is draining"));
}

TEST_F(VoterPlanTest, WithoutASpareADrainingVoterLeavesAnOddNumberBehind) {
  have(3);
  with(nodes({1, 2, 3}), {});
  node(2).is_draining = true;
  const auto next = look_at(0s).value();
  EXPECT_EQ(next.voters, nodes({1})) << "two voters survive nothing that one does not";
  EXPECT_EQ(next.learners, nodes({3}));
  with(next.voters, next.learners);
  EXPECT_EQ(run_until(1h), 0);
}

TEST_F(VoterPlanTest, ALeaderThatDrainsAloneFindsSomeoneToHandOverTo) {
  have(2);
  with(nodes({1}), nodes({2}));
  run_until(60s);
  node(1).is_draining = true;
  EXPECT_EQ(look_at(input_.now).value().voters, nodes({1, 2}));
  // Node 2 leads now.
  with(nodes({1, 2}), {});
  input_.self = node_number(2);
  input_.now += 20s;
  EXPECT_EQ(plan_.next(input_).value().voters, nodes({2}));
}

TEST_F(VoterPlanTest, WhoCameBackWithAnotherDiskIsReplacedAndNobodyElseLoses) {
  have(3);
  with(nodes({1, 2, 3}), {});
  node(3).is_member = false;
  EXPECT_EQ(run_until(60s), 0);
  have(1);
  input_.nodes.back().id = node_number(9);
  run_until(120s);
  EXPECT_EQ(input_.voters, nodes({1, 2, 9}));
  EXPECT_THAT(why_, HasSubstr("came back with another disk"));
}

TEST_F(VoterPlanTest, ANewFailureDomainReplacesAHealthyVoterOnlyAfterTenMinutes) {
  have(4);
  for (int i = 1; i <= 3; ++i)
    node(i).domain = "a";
  node(4).domain = "b";
  with(nodes({1, 2, 3}), nodes({4}));
  EXPECT_EQ(run_until(9min), 0);
  EXPECT_EQ(run_until(30min), 1);
  EXPECT_TRUE(input_.voters.contains(node_number(4)));
  EXPECT_TRUE(input_.voters.contains(node_number(1))) << "the leader stays";
  EXPECT_EQ(run_until(24h), 0) << "and nothing goes back and forth";
}

TEST_F(VoterPlanTest, AWriteShouldPassQuickly) {
  have(6);
  with(nodes({1, 2, 3}), nodes({4, 5}));
  for (int i = 1; i <= 6; ++i)
    node(i).write_time = 4ms;
  node(3).write_time = 80ms;
  node(5).write_time = 20ms;
  input_.nodes.pop_back();
  input_.nodes.pop_back();
  input_.learners = nodes({4});
  EXPECT_EQ(run_until(9min), 0) << "one bad day is none";
  EXPECT_EQ(run_until(20min), 1);
  EXPECT_EQ(input_.voters, nodes({1, 2, 4}));
  EXPECT_THAT(why_, HasSubstr("a write through it takes 4 ms and not 80 ms"));
  EXPECT_EQ(run_until(24h), 0) << "and nothing goes back and forth";
}

TEST_F(VoterPlanTest, AHealthyVoterIsReplacedOnceInHalfAnHourAtMost) {
  have(5);
  with(nodes({1, 2, 3}), nodes({4}));
  node(2).write_time = node(3).write_time = 80ms;
  node(4).write_time = node(5).write_time = 4ms;
  node(5).is_fit = false;
  EXPECT_EQ(run_until(11min), 1);
  node(5).is_fit = true;
  node(3).is_fit = node(2).is_fit = false;  // so that there are no five for five votes
  const MonoTime first = input_.now;
  EXPECT_EQ(run_until(first + 28min), 0);
  EXPECT_EQ(run_until(first + 40min), 1);
  EXPECT_EQ(input_.voters, nodes({1, 4, 5}));
}

TEST_F(VoterPlanTest, OfThoseThatAreReadyTheQuickerAndTheOlderVotes) {
  have(6);
  with(nodes({1, 2, 3}), nodes({4, 5}));
  input_.nodes.pop_back();
  node(4).write_time = 30ms;
  node(5).write_time = 60ms;
  run_until(60s);  // five vote by now
  with(nodes({1, 2, 3}), nodes({4, 5}));
  node(3).is_draining = true;
  EXPECT_EQ(look_at(input_.now + 20s).value().voters, nodes({1, 2, 4}));
}

TEST_F(VoterPlanTest, ASwarmOfSlowDisksVotesToo) {
  have(3);
  for (int i = 1; i <= 3; ++i)
    node(i).write_time = 900ms;
  with(nodes({1}), nodes({2, 3}));
  EXPECT_EQ(run_until(60s), 1);
  EXPECT_EQ(input_.voters.size(), 3U);
}

TEST_F(VoterPlanTest, WhomAPersonPrefersVotesSoon) {
  have(4);
  with(nodes({1, 2, 3}), nodes({4}));
  run_until(60s);
  node(4).wants_vote = true;
  const auto next = look_at(input_.now).value();
  EXPECT_TRUE(next.voters.contains(node_number(4)));
  EXPECT_THAT(next.why, HasSubstr("a person prefers it"));
  with(next.voters, next.learners);
  EXPECT_EQ(run_until(1h), 0);
}

TEST_F(VoterPlanTest, TwoChangesLieApart) {
  have(5);
  with(nodes({1, 2, 3}), nodes({4, 5}));
  run_until(60s);
  node(2).is_draining = true;
  const auto first = look_at(input_.now).value();
  with(first.voters, first.learners);
  node(3).is_draining = true;
  EXPECT_FALSE(look_at(input_.now + 9s));
  EXPECT_TRUE(look_at(input_.now + 10s));
}

TEST_F(VoterPlanTest, ALearnerThatIsGoneIsForgotten) {
  have(3);
  with(nodes({1}), nodes({2, 3}));
  node(2).is_caught_up = node(3).is_caught_up = false;
  die(3);
  EXPECT_FALSE(look_at(0s));
  EXPECT_EQ(look_at(30s).value().learners, nodes({2}));
}

TEST_F(VoterPlanTest, SettlesAtAnOddNumberForEveryNumberOfNodes) {
  for (int alive = 1; alive <= 12; ++alive) {
    input_.nodes.clear();
    have(alive);
    with(nodes({1}), {});
    input_.now = 0s;
    plan_ = VoterPlan{};
    EXPECT_LE(run_until(10min), 3) << alive;
    EXPECT_EQ(input_.voters.size(), alive >= 5 ? 5U : alive >= 3 ? 3U : 1U);
    const auto others = static_cast<std::size_t>(alive) - input_.voters.size();
    EXPECT_EQ(input_.learners.size(), std::min<std::size_t>(others, 2)) << "the rest are leaves";
  }
}

TEST_F(VoterPlanTest, ANewSwarmOfFiveGetsItsVotersInTwoSteps) {
  have(5);
  input_.is_forming = true;
  EXPECT_EQ(run_until(5s), 2);
  EXPECT_EQ(input_.voters, nodes({1, 2, 3, 4, 5}));
}

TEST_F(VoterPlanTest, WhoMakesTheBetterVoterIsTheStandby) {
  have(7);
  for (int i = 1; i <= 7; ++i)
    node(i).domain = "a";
  with(nodes({1, 2, 3}), nodes({6, 7}));
  node(7).is_fit = false;
  node(5).domain = "b";
  EXPECT_EQ(look_at(0s).value().learners, nodes({5, 6})) << "5 brings a domain, 7 is not fit";
  with(nodes({1, 2, 3}), nodes({5, 6}));
  EXPECT_FALSE(look_at(1s)) << "among equals who is standby stays it";
  node(4).wants_vote = true;
  EXPECT_EQ(look_at(2s).value().learners, nodes({4, 5}));
}

TEST_F(VoterPlanTest, AStandbyThatOnlyGossipHearsMakesRoom) {
  have(8);
  with(nodes({1, 2, 3, 4, 5}), nodes({7, 8}));
  node(8).is_heard = false;
  node(7).is_caught_up = false;
  EXPECT_FALSE(look_at(0s));
  EXPECT_FALSE(look_at(29s));
  EXPECT_EQ(look_at(30s).value().learners, nodes({6, 7}));
  with(nodes({1, 2, 3, 4, 5}), nodes({6, 7}));
  node(8).is_heard = true;
  EXPECT_FALSE(look_at(299s)) << "a long log takes its time";
  EXPECT_EQ(look_at(300s).value().learners, nodes({6, 8}));
}

TEST_F(VoterPlanTest, AStandbyThatIsAwayForSecondsKeepsItsPlace) {
  have(8);
  with(nodes({1, 2, 3, 4, 5}), nodes({7, 8}));
  EXPECT_FALSE(look_at(0s));
  die(8);
  EXPECT_FALSE(look_at(1s));
  EXPECT_FALSE(look_at(29s));
  EXPECT_EQ(look_at(31s).value().learners, nodes({6, 7}));
}

TEST(VotersWanted, SevenNeedNineNodesInThreeDomains) {
  EXPECT_EQ(voters_wanted(9, 3), 7U);
  EXPECT_EQ(voters_wanted(9, 2), 5U);
  EXPECT_EQ(voters_wanted(9, 9), 5U) << "no domains are named";
  EXPECT_EQ(voters_wanted(8, 3), 5U);
}

}  // namespace
}  // namespace starling::bootstrap
