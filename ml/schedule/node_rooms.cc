#include "ml/schedule/node_rooms.h"

#include "ml/study/swarm_members.h"

#include <algorithm>

namespace starling::ml {
namespace {

constexpr std::uint64_t kNodeOwnMb = 64;  // design section 11: a node without trials

bool works(const StateView& view, const node::Member& member) {
  return member.state == node::MemberState::alive && !is_draining(view, member.id);
}

}  // namespace

std::uint64_t trial_memory_mb(std::uint64_t budget_mb) {
  return budget_mb - std::min(budget_mb, kNodeOwnMb);
}

NodeRoom room_of(const node::Member& member) {
  const auto& facts = member.facts;
  return {.id = member.id,
          .slots = facts.slots,
          .memory_budget_mb = trial_memory_mb(facts.memory_budget_mb),
          .labels = facts.labels,
          .is_short = facts.memory_is_short || facts.disk_is_short,
          .speed = static_cast<double>(facts.speed_mflops)};
}

std::vector<NodeRoom> rooms_that_work(const StateView& view,
                                      const std::vector<node::Member>& members) {
  std::vector<NodeRoom> rooms;
  for (const auto& member : members)
    if (works(view, member)) rooms.push_back(room_of(member));
  return rooms;
}

void AwayRooms::note(const std::vector<node::Member>& members, MonoTime now) {
  for (const auto& member : members) {
    const Most now_there{room_of(member).memory_budget_mb, now};
    Most& most = most_.try_emplace(member.id, now_there).first->second;
    const bool is_over = now - most.seen >= kMayComeBack;
    if (now_there.memory_budget_mb >= most.memory_budget_mb || is_over) most = now_there;
  }
}

NodeRoom AwayRooms::greatest_room(const node::Member& member) const {
  NodeRoom room = room_of(member);
  const auto most = most_.find(member.id);
  if (most != most_.end()) room.memory_budget_mb = most->second.memory_budget_mb;
  return room;
}

std::vector<NodeRoom> AwayRooms::look(const StateView& view,
                                      const std::vector<node::Member>& members,
                                      MonoTime now) {
  note(members, now);
  std::vector<NodeRoom> rooms;
  for (const auto& member : members) {
    if (member.state == node::MemberState::left) continue;
    auto room = greatest_room(member);
    if (works(view, member)) {
      if (room.memory_budget_mb > room_of(member).memory_budget_mb)
        rooms.push_back(std::move(room));
      continue;
    }
    const bool is_dead = member.state == node::MemberState::dead;
    if (!is_dead) dead_since_.erase(member.id);
    const MonoTime since = is_dead ? dead_since_.try_emplace(member.id, now).first->second : now;
    if (now - since < kMayComeBack) rooms.push_back(std::move(room));
  }
  for (const auto& member : members)
    if (member.state == node::MemberState::alive) dead_since_.erase(member.id);
  return rooms;
}

}  // namespace starling::ml
