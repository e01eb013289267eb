// What the scheduler makes of what nodes say of themselves, and of where work failed.
#include "ml/schedule/node_rooms.h"

#include "ml/schedule/scheduler.h"
#include "tests/ml/study_fixture.h"

#include <gtest/gtest.h>

namespace starling::ml {
namespace {

using namespace std::chrono_literals;

node::Member member(std::uint8_t digit, std::uint64_t budget_mb) {
  node::Member member;
  member.id = node_of(digit);
  member.state = node::MemberState::alive;
  member.facts.slots = 1;
  member.facts.memory_budget_mb = budget_mb;
  return member;
}

TEST(RoomOf, ANodeWithoutMemoryOrDiskBeginsNothing) {
  auto one = member(1, 1000);
  EXPECT_FALSE(room_of(one).is_short);
  one.facts.disk_is_short = true;
  EXPECT_TRUE(room_of(one).is_short);
  one.facts.disk_is_short = false;
  one.facts.memory_is_short = true;
  EXPECT_TRUE(room_of(one).is_short);
}

TEST(AwayRooms, WhatANodeHadIsRememberedWhileItMayHaveItAgain) {
  const MapView view;
  AwayRooms away;
  const MonoTime begin{1h};
  EXPECT_TRUE(away.look(view, {member(1, 1064)}, begin).empty());
  const auto squeezed = away.look(view, {member(1, 264)}, begin + 1s);
  ASSERT_EQ(squeezed.size(), 1U);
  EXPECT_EQ(squeezed[0].memory_budget_mb, 1000U);
  EXPECT_TRUE(away.look(view, {member(1, 1064)}, begin + 2s).empty()) << "it has it again";
  EXPECT_EQ(away.look(view, {member(1, 264)}, begin + 3s).size(), 1U);
  EXPECT_EQ(away.look(view, {member(1, 264)}, begin + 2s + 599s).size(), 1U);
  EXPECT_TRUE(away.look(view, {member(1, 264)}, begin + 2s + 600s).empty())
      << "that is what it has";
  EXPECT_TRUE(away.look(view, {member(1, 264)}, begin + 2h).empty());
}

TEST(AwayRooms, ANewLeaderKnowsItAndWhoIsAwayCountsWithWhatItHad) {
  const MapView view;
  AwayRooms away;
  const MonoTime begin{1h};
  away.note({member(1, 1064)}, begin);
  auto suspect = member(1, 264);
  suspect.state = node::MemberState::suspect;
  const auto rooms = away.look(view, {suspect}, begin + 1s);
  ASSERT_EQ(rooms.size(), 1U);
  EXPECT_EQ(rooms[0].memory_budget_mb, 1000U);
}

Swarm swarm_with_one_trial() {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  swarm.create_study(1, 1);
  swarm.queue(0);
  return swarm;
}

NodeRoom room(std::uint8_t digit, std::uint64_t memory_mb = 1000) {
  return {.id = node_of(digit), .slots = 1, .memory_budget_mb = memory_mb};
}

std::vector<CommandBody> plan_for(const Swarm& swarm,
                                  std::vector<NodeRoom> alive,
                                  std::vector<NodeRoom> away = {}) {
  return plan({.view = swarm.view,
               .alive = std::move(alive),
               .away = std::move(away),
               .knows_all = true,
               .gone = {},
               .now_ms = swarm.now_ms});
}

template <class T>
const T* first(const std::vector<CommandBody>& commands) {
  for (const auto& command : commands)
    if (const auto* one = std::get_if<T>(&command)) return one;
  return nullptr;
}

TEST(WhereItFailed, ATrialGoesToAnotherNodeAfterWhatMayBeTheNodesFault) {
  for (const auto end : {AttemptEnd::crashed,
                         AttemptEnd::out_of_memory,
                         AttemptEnd::made_way,
                         AttemptEnd::out_of_disk}) {
    auto swarm = swarm_with_one_trial();
    FinishTrial failed;
    failed.study = "s-1";
    failed.token = swarm.start(0, 2);
    failed.state = TrialState::failed;
    failed.may_retry = true;
    failed.end = end;
    EXPECT_FALSE(swarm.run(failed).error);
    const auto planned = plan_for(swarm, {room(1), room(2, 9000)});
    const auto* move = first<MoveTrials>(planned);
    ASSERT_NE(move, nullptr);
    EXPECT_EQ(move->items.at(0).to, node_of(1)) << to_string(end);
  }
}

TEST(WhereItFailed, AFinalGoesToAnotherNodeAndBackIfThereIsNone) {
  auto swarm = swarm_with_one_trial();
  EXPECT_FALSE(swarm.finish(0, swarm.start(0), 1.0).error);
  const auto started = swarm.run(StartFinal{"s-1", node_of(2), 100});
  FinishFinal failed{"s-1", started.number, std::nullopt, true, "no space left on device"};
  EXPECT_FALSE(swarm.run(failed).error);
  const auto elsewhere = plan_for(swarm, {room(1), room(2, 9000)});
  ASSERT_NE(first<StartFinal>(elsewhere), nullptr);
  EXPECT_EQ(first<StartFinal>(elsewhere)->node, node_of(1));
  const auto again = plan_for(swarm, {room(2)});
  ASSERT_NE(first<StartFinal>(again), nullptr);
  EXPECT_EQ(first<StartFinal>(again)->node, node_of(2));
}

TEST(Refusing, WaitsForANodeThatHadEnoughAMomentAgo) {
  auto swarm = swarm_with_one_trial();
  EXPECT_EQ(first<RefuseTrial>(plan_for(swarm, {room(1, 100)}, {room(1, 1000)})), nullptr);
  EXPECT_NE(first<RefuseTrial>(plan_for(swarm, {room(1, 100)})), nullptr);
}

}  // namespace
}  // namespace starling::ml
