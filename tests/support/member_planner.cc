#include "tests/support/member_planner.h"

#include <algorithm>

namespace starling::tests {

using namespace consensus;

namespace {

std::set<NodeId> ids_of(VirtualSwarm& swarm) {
  std::set<NodeId> ids;
  for (const auto& member : swarm.members())
    ids.insert(member->id);
  return ids;
}

void keep_only(std::set<NodeId>& group, const std::set<NodeId>& kept) {
  std::erase_if(group, [&](NodeId id) { return !kept.contains(id); });
}

NodeId any_of(const std::set<NodeId>& group, Random& random) {
  auto chosen = group.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(random.below(group.size())));
  return *chosen;
}

bool has_sound_majority(VirtualSwarm& swarm, const std::set<NodeId>& voters) {
  const auto sound = std::ranges::count_if(swarm.members(), [&](const auto& member) {
    return voters.contains(member->id) && !member->disk.has_lied();
  });
  return static_cast<std::size_t>(sound) > voters.size() / 2;
}

/// A member whose disk took back what it had confirmed may have to leave at any time, for ever. So
/// no change may make such members needed that were not.
bool is_safe(VirtualSwarm& swarm, const Config& now, const Config& next) {
  return has_sound_majority(swarm, next.voters) || !has_sound_majority(swarm, now.voters);
}

void move(NodeId id, std::set<NodeId>& from, std::set<NodeId>& to) {
  from.erase(id);
  to.insert(id);
}

}  // namespace

std::optional<Config> draw_change(VirtualSwarm& swarm, const Config& now, Random& random) {
  const std::set<NodeId> ids = ids_of(swarm);
  Config next{now.voters, {}, now.learners};
  keep_only(next.voters, ids);
  keep_only(next.learners, ids);
  const NodeId one = any_of(ids, random);
  const bool is_voter = next.voters.contains(one);
  const bool is_learner = next.learners.contains(one);
  const std::uint64_t dice = random.below(10);
  if (!is_voter && !is_learner) {
    next.learners.insert(one);
  } else if (is_learner && dice < 8) {
    // Perhaps in exchange for a voter, in one change.
    if (dice < 4 && next.voters.size() > 1) {
      const NodeId leaving = any_of(next.voters, random);
      move(leaving, next.voters, next.learners);
      if (dice < 2) next.learners.erase(leaving);
    }
    move(one, next.learners, next.voters);
  } else if (is_learner) {
    next.learners.erase(one);
  } else if (next.voters.size() > 1) {
    next.voters.erase(one);
    if (dice < 6) next.learners.insert(one);
  }
  if (next.voters.empty() || next == now) return std::nullopt;
  return next;
}

std::optional<Config> step_towards(VirtualSwarm& swarm,
                                   const Config& now,
                                   const std::set<NodeId>& voters) {
  const std::set<NodeId> ids = ids_of(swarm);
  Config next{now.voters, {}, now.learners};
  keep_only(next.voters, ids);
  keep_only(next.learners, ids);
  const SimMember* leader = swarm.leader();
  const std::set<NodeId> forgetful =
      leader != nullptr ? leader->core->forgetful() : std::set<NodeId>{};
  std::erase_if(next.voters, [&](NodeId id) { return forgetful.contains(id); });
  std::erase_if(next.learners, [&](NodeId id) { return forgetful.contains(id); });
  const bool goes_first = next != Config{now.voters, {}, now.learners} && !forgetful.empty();
  if (goes_first && !next.voters.empty()) return next;
  bool all_are_in = true;
  for (const NodeId id : ids) {
    if (!next.voters.contains(id)) all_are_in &= !next.learners.insert(id).second;
  }
  if (all_are_in) {
    next.learners = ids;
    next.voters = voters;
    for (const NodeId voter : voters)
      next.learners.erase(voter);
  }
  if (next == now || next.voters.empty()) return std::nullopt;
  return next;
}

bool propose_change(VirtualSwarm& swarm, const Config& config) {
  SimMember* leader = swarm.leader();
  return leader != nullptr && swarm.is_awake(*leader) && propose_change(swarm, *leader, config);
}

bool propose_change(VirtualSwarm& swarm, SimMember& leader, const Config& config) {
  if (!is_safe(swarm, leader.core->config(), config)) return false;
  bool is_begun = false;
  swarm.give(leader, [&](RaftCore& core, Effects& effects) {
    is_begun = core.change_config(swarm.clock(leader), config.voters, config.learners, effects)
                   .has_value();
  });
  swarm.marks().hit(Mark::config_refused, !is_begun);
  if (is_begun) {
    swarm.trace().note(swarm.now(),
                       "a change to voters {} learners {} begins",
                       names_of(config.voters),
                       names_of(config.learners));
  }
  return is_begun;
}

}  // namespace starling::tests
