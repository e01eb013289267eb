// How the committed log reaches those to whom no leader sends it: what is said, and who is asked.
#include "consensus/relay/relay.h"

#include "consensus/relay/upstream_choice.h"
#include "tests/support/test_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace starling::consensus {
namespace {

using namespace std::chrono_literals;
using tests::node_number;

SwarmId test_swarm() {
  SwarmId swarm;
  swarm.bytes[0] = 1;
  return swarm;
}

EntryRef command(std::uint64_t index, std::uint64_t term = 1) {
  return std::make_shared<const Entry>(
      Entry{{term}, {index}, EntryKind::command, std::to_string(index), {}});
}

SnapshotMeta base_of(std::uint64_t index) {
  const Config config{{node_number(1), node_number(2), node_number(3)}, {}, {}};
  return {{index}, {1}, config, {index}};
}

/// Node `number`, with entries after 10 up to `last` of which up to `commit` are committed.
RaftCore core_of(std::uint64_t number, std::uint64_t last, std::uint64_t commit) {
  std::vector<EntryRef> entries;
  for (std::uint64_t i = 11; i <= last; ++i)
    entries.push_back(command(i));
  RestoredState restored{
      .hard = {{1}, {}, {commit}, 0}, .log = RaftLog{base_of(10), entries}, .applied = {10}};
  return {{test_swarm(), node_number(number)}, std::move(restored), {}, number, 0s};
}

void hear_leader(RaftCore& core, std::uint64_t leader, std::uint64_t term = 1) {
  Effects effects;
  const Message beat{
      test_swarm(), 0, node_number(leader), core.self(), {term}, 1, HeartbeatRequest{}};
  core.step(0s, beat, effects);
}

std::optional<Message> relayed(const RaftCore& core,
                               std::uint64_t after,
                               std::size_t bytes = 1000) {
  std::vector<EntryRef> entries;
  if (relay_source(core, {after}) == RelaySource::memory)
    entries = relayed_entries(core, {after}, bytes);
  return relay_message(core, test_swarm(), node_number(9), {after}, entries);
}

const AppendRequest& append_of(const Message& message) {
  return std::get<AppendRequest>(message.body);
}

TEST(Relay, SaysWhereTheAnswerIs) {
  const RaftCore core = core_of(2, 20, 15);
  EXPECT_EQ(relay_source(core, {9}), RelaySource::snapshot);
  EXPECT_EQ(relay_source(core, {10}), RelaySource::memory);
  EXPECT_EQ(relay_source(core, {14}), RelaySource::memory);
  EXPECT_EQ(relay_source(core, {15}), RelaySource::nothing_new);
  EXPECT_EQ(relay_source(core, {99}), RelaySource::nothing_new);
}

TEST(Relay, PassesOnWhatIsCommittedAndNothingElseInTheLeadersName) {
  RaftCore core = core_of(2, 20, 15);
  EXPECT_FALSE(relayed(core, 12)) << "no leader is known";
  hear_leader(core, 1);
  const auto message = relayed(core, 12);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->from, node_number(1));
  EXPECT_EQ(message->session, 0U);
  EXPECT_TRUE(append_of(*message).is_news) << "nobody is to answer it";
  EXPECT_EQ(append_of(*message).prev_index, LogIndex{12});
  EXPECT_EQ(append_of(*message).entries.size(), 3U);
  EXPECT_EQ(append_of(*message).commit, LogIndex{15});
}

TEST(Relay, TellsWhoLeadsEvenIfNothingIsNew) {
  RaftCore core = core_of(2, 20, 15);
  hear_leader(core, 1);
  const auto message = relayed(core, 15);
  ASSERT_TRUE(message);
  EXPECT_TRUE(append_of(*message).entries.empty());
  RaftCore follower = core_of(9, 15, 15);
  Effects effects;
  follower.step(0s, *message, effects);
  EXPECT_EQ(follower.leader(), node_number(1));
  EXPECT_TRUE(effects.send.empty());
}

TEST(Relay, ALeaderIsNotToldOfItself) {
  RaftCore core = core_of(2, 20, 15);
  hear_leader(core, 9);
  EXPECT_FALSE(relayed(core, 12));
}

TEST(Relay, WhoIsToldHoldsItAndAcknowledgesNothing) {
  RaftCore core = core_of(2, 20, 15);
  hear_leader(core, 1);
  RaftCore leaf = core_of(9, 12, 12);
  Effects effects;
  const auto message = relayed(core, 12);
  ASSERT_TRUE(may_take_relayed(leaf, *message));
  leaf.step(0s, *message, effects);
  EXPECT_EQ(leaf.commit(), LogIndex{15});
  EXPECT_EQ(leaf.log().last_index(), LogIndex{15});
  EXPECT_TRUE(effects.send.empty());
  ASSERT_TRUE(effects.persist);
  const std::uint64_t batch = effects.persist->id;
  effects = {};
  leaf.persisted(0s, batch, effects);
  EXPECT_TRUE(effects.send.empty()) << "nor later, when it is durable";
}

TEST(Relay, WhatIsNotCommittedGivesWay) {
  RaftCore core = core_of(2, 20, 15);
  hear_leader(core, 1, 2);
  RaftCore leaf = core_of(9, 18, 12);  // once a member: its end was never committed
  Effects effects;
  auto message = relayed(core, 12);
  auto& append = std::get<AppendRequest>(message->body);
  append.entries = {command(13, 2)};
  append.commit = {13};
  leaf.step(0s, *message, effects);
  EXPECT_EQ(leaf.log().last_index(), LogIndex{13});
  EXPECT_EQ(leaf.log().last_term(), Term{2});
  EXPECT_FALSE(effects.fatal);
}

TEST(Relay, WhatIsBeingReplacedOnTheDiskIsNotReadFromIt) {
  RaftCore core = core_of(2, 20, 12);
  EXPECT_EQ(relay_disk_end(core), LogIndex{12});
  Effects effects;
  AppendRequest append{
      .prev_index = {13}, .prev_term = {1}, .commit = {14}, .entries = {command(14, 2)}};
  const Message message{test_swarm(), 0, node_number(1), core.self(), {2}, 1, std::move(append)};
  core.step(0s, message, effects);
  ASSERT_EQ(core.commit(), LogIndex{14});
  EXPECT_EQ(relay_disk_end(core), LogIndex{13}) << "the disk still holds entry 14 of term 1";
  const std::uint64_t batch = effects.persist->id;
  effects = {};
  core.persisted(0s, batch, effects);
  EXPECT_EQ(relay_disk_end(core), LogIndex{14});
}

TEST(Relay, AnEarlierTermIsNotTaken) {
  RaftCore core = core_of(2, 20, 15);
  hear_leader(core, 1);
  RaftCore leaf = core_of(9, 12, 12);
  hear_leader(leaf, 3, 2);
  Effects effects;
  auto message = relayed(core, 12);
  ASSERT_TRUE(may_take_relayed(leaf, *message));
  leaf.step(0s, *message, effects);
  leaf.persisted(0s, 1, effects);  // the later term, which the answer speaks of
  EXPECT_EQ(leaf.commit(), LogIndex{12});
  ASSERT_FALSE(effects.send.empty());
  EXPECT_EQ(effects.send.back().to, node_number(1)) << "that leader must learn of the later term";
  EXPECT_EQ(effects.send.back().term, Term{2});
}

TEST(Relay, ARumourOfALeaderKeepsNoVoterQuiet) {
  RaftCore core = core_of(2, 20, 15);
  hear_leader(core, 1);
  RaftCore voter = core_of(3, 15, 15);
  hear_leader(voter, 1);
  Effects effects;
  auto rumour = relayed(core, 15);
  rumour->to = voter.self();
  for (MonoTime now{0}; now <= 1s; now += 10ms) {
    voter.step(now, *rumour, effects);
    if (now >= voter.next_deadline()) voter.tick(now, effects);
  }
  EXPECT_NE(voter.role(), Role::follower) << "it heard nothing from the leader itself";
}

TEST(Relay, AMemberThatIsInNoConfigForgetsASilentLeader) {
  RaftCore leaf = core_of(9, 12, 12);
  hear_leader(leaf, 1);
  ASSERT_TRUE(leaf.leader());
  Effects effects;
  leaf.tick(2s, effects);
  EXPECT_FALSE(leaf.leader());
  EXPECT_EQ(leaf.role(), Role::follower);
  EXPECT_TRUE(effects.send.empty());
}

TEST(RelayWire, GoesThereAndBack) {
  const RelayRequest request{{77}, 250};
  EXPECT_EQ(decode_relay_request(encode_relay_request(request)).value(), request);
  RaftCore core = core_of(2, 20, 15);
  hear_leader(core, 1);
  RelayAnswer answer{{node_number(2), node_number(5)}, {15}, true, relayed(core, 12)};
  const auto back = decode_relay_answer(encode_relay_answer(answer)).value();
  EXPECT_EQ(back.path, answer.path);
  EXPECT_EQ(back.commit, answer.commit);
  EXPECT_TRUE(back.snapshot_comes);
  EXPECT_EQ(append_of(*back.message).entries.size(), 3U);
  answer.message.reset();
  EXPECT_FALSE(decode_relay_answer(encode_relay_answer(answer)).value().message);
}

TEST(RelayWire, RefusesWhatItDidNotMake) {
  EXPECT_FALSE(decode_relay_request(to_bytes("short")));
  EXPECT_FALSE(decode_relay_answer(to_bytes("short")));
  RelayAnswer answer{{node_number(2)}, {15}, false, {}};
  answer.message = Message{test_swarm(), 0, node_number(1), node_number(9), {1}, 0, TimeoutNow{}};
  EXPECT_FALSE(decode_relay_answer(encode_relay_answer(answer))) << "it would start an election";
  answer.message.reset();
  answer.path.assign(kRelayDepthMax + 1, node_number(2));
  EXPECT_FALSE(decode_relay_answer(encode_relay_answer(answer)));
  answer.path.clear();
  EXPECT_FALSE(decode_relay_answer(encode_relay_answer(answer)));
}

/// Nodes 1 to 3 vote and 1 leads, 4 is a standby, 5 and 6 are leaves, 9 chooses.
class UpstreamChoiceTest : public testing::Test {
 protected:
  std::optional<NodeId> next() { return choice_.next(view_); }

  static NodeId id(std::uint64_t number) { return node_number(number); }

  UpstreamChoice choice_{7};
  UpstreamView view_{.now = 100s,
                     .self = id(9),
                     .alive = {id(1), id(2), id(3), id(4), id(5), id(6), id(9)},
                     .config = {{id(1), id(2), id(3)}, {}, {id(4)}},
                     .leader = id(1)};
};

TEST_F(UpstreamChoiceTest, AsksStandbysFirstThenVotersTheLeaderAndLeaves) {
  std::vector<NodeId> order;
  while (const auto asked = next()) {
    order.push_back(*asked);
    choice_.failed(view_.now, *asked);
  }
  ASSERT_EQ(order.size(), 6U) << "not itself";
  EXPECT_EQ(order[0], id(4));
  EXPECT_THAT((std::vector{order[1], order[2]}), testing::UnorderedElementsAre(id(2), id(3)));
  EXPECT_EQ(order[3], id(1));
  view_.now += 3s;
  EXPECT_EQ(next(), id(4)) << "who refused is asked again later";
}

TEST_F(UpstreamChoiceTest, StaysWithWhoAnswers) {
  choice_.failed(view_.now, id(4));
  const auto chosen = next();
  choice_.answered(view_.now, *chosen, true);
  view_.now += 30s;
  EXPECT_EQ(next(), chosen);
}

TEST_F(UpstreamChoiceTest, TriesABetterOneOnceAMinuteAndLosesNothingByThat) {
  choice_.failed(view_.now, id(4));
  const auto chosen = next();
  choice_.answered(view_.now, *chosen, true);
  view_.now += 60s;
  EXPECT_EQ(next(), id(4));
  choice_.failed(view_.now, id(4));
  EXPECT_EQ(next(), chosen);
  view_.now += 60s;
  EXPECT_EQ(next(), id(4));
  choice_.answered(view_.now, id(4), true);
  EXPECT_EQ(choice_.current(), id(4));
}

TEST_F(UpstreamChoiceTest, LeavesWhoHasHadNothingToSayForSecondsOrIsGone) {
  choice_.answered(view_.now, id(4), true);
  choice_.answered(view_.now + 1s, id(4), false);
  EXPECT_EQ(choice_.current(), id(4));
  choice_.answered(view_.now + 2s, id(4), false);
  EXPECT_FALSE(choice_.current());
  choice_.answered(view_.now, id(5), true);
  std::erase(view_.alive, id(5));
  EXPECT_NE(next(), id(5));
}

TEST_F(UpstreamChoiceTest, NobodyIsChosenWhereThereIsNobody) {
  view_.alive = {id(9)};
  EXPECT_FALSE(next());
}

}  // namespace
}  // namespace starling::consensus
