// Who votes: a table of swarms, and what becomes of each.
#include "bootstrap/voter_plan.h"

#include "tests/support/test_ids.h"

#include <gtest/gtest.h>

namespace starling::bootstrap {
namespace {

using tests::node_number;

std::set<NodeId> nodes(std::initializer_list<int> digits) {
  std::set<NodeId> set;
  for (const int digit : digits)
    set.insert(node_number(static_cast<std::uint64_t>(digit)));
  return set;
}

VoterInput swarm(std::set<NodeId> alive, std::set<NodeId> voters, std::set<NodeId> learners) {
  return {.alive = alive,
          .voters = std::move(voters),
          .learners = learners,
          .caught_up = learners,
          .self = node_number(1)};
}

TEST(NextVoters, AJoinerBecomesALearnerFirst) {
  const auto next = next_voters(swarm(nodes({1, 2}), nodes({1}), {})).value();
  EXPECT_EQ(next.voters, nodes({1}));
  EXPECT_EQ(next.learners, nodes({2}));
}

TEST(NextVoters, TwoNodesKeepOneVoter) {
  EXPECT_FALSE(next_voters(swarm(nodes({1, 2}), nodes({1}), nodes({2}))));
}

TEST(NextVoters, ThreeNodesMakeThreeVotersInOneChange) {
  const auto next = next_voters(swarm(nodes({1, 2, 3}), nodes({1}), nodes({2, 3}))).value();
  EXPECT_EQ(next.voters, nodes({1, 2, 3}));
  EXPECT_TRUE(next.learners.empty());
}

TEST(NextVoters, NobodyIsPromotedBeforeAllThatAreNeededCaughtUp) {
  auto input = swarm(nodes({1, 2, 3}), nodes({1}), nodes({2, 3}));
  input.caught_up = nodes({2});
  EXPECT_FALSE(next_voters(input));
}

TEST(NextVoters, FourNodesKeepThreeVotersAndFiveMakeFive) {
  EXPECT_FALSE(next_voters(swarm(nodes({1, 2, 3, 4}), nodes({1, 2, 3}), nodes({4}))));
  const auto next =
      next_voters(swarm(nodes({1, 2, 3, 4, 5}), nodes({1, 2, 3}), nodes({4, 5}))).value();
  EXPECT_EQ(next.voters.size(), 5U);
}

TEST(NextVoters, ADeadVoterIsSwappedForALearnerThatIsReady) {
  const auto next = next_voters(swarm(nodes({1, 2, 4}), nodes({1, 2, 3}), nodes({4}))).value();
  EXPECT_EQ(next.voters, nodes({1, 2, 4}));
}

TEST(NextVoters, WithoutASpareADeadVoterStays) {
  EXPECT_FALSE(next_voters(swarm(nodes({1, 2}), nodes({1, 2, 3}), {})));
}

TEST(NextVoters, SettlesAndNeverProposesAnEvenNumber) {
  for (int alive = 1; alive <= 9; ++alive) {
    std::set<NodeId> all;
    for (int i = 1; i <= alive; ++i)
      all.insert(node_number(static_cast<std::uint8_t>(i)));
    auto input = swarm(all, nodes({1}), {});
    int changes = 0;
    while (const auto next = next_voters(input)) {
      ASSERT_LT(++changes, 5) << alive;
      EXPECT_EQ(next->voters.size() % 2, 1U);
      input = swarm(all, next->voters, next->learners);
    }
    EXPECT_EQ(input.voters.size(), alive >= 5 ? 5U : alive >= 3 ? 3U : 1U);
    EXPECT_EQ(input.voters.size() + input.learners.size(), all.size());
  }
}

}  // namespace
}  // namespace starling::bootstrap
