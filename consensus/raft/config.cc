#include "consensus/raft/config.h"

#include "node/base/assert.h"

#include <fmt/format.h>

namespace starling::consensus {

std::set<NodeId> Config::members() const {
  std::set<NodeId> all = voters;
  all.insert(voters_outgoing.begin(), voters_outgoing.end());
  all.insert(learners.begin(), learners.end());
  return all;
}

Result<Config> config_towards(const Config& from,
                              const std::set<NodeId>& voters,
                              const std::set<NodeId>& learners) {
  if (voters.empty()) return Error{Errc::invalid_argument, "a swarm needs at least one voter"};
  for (const NodeId node : voters) {
    if (!learners.contains(node)) continue;
    return Error{Errc::invalid_argument,
                 fmt::format("node {} cannot be voter and learner at once", node.hex())};
  }
  if (from.is_joint()) {
    return Error{Errc::conflict,
                 "another change of voters is under way; try again when it is done"};
  }
  const bool voters_change = voters != from.voters;
  return Config{voters, voters_change ? from.voters : std::set<NodeId>{}, learners};
}

Config config_after_joint(const Config& joint) {
  return Config{joint.voters, {}, joint.learners};
}

const std::pair<LogIndex, Config>& ConfigHistory::at(LogIndex index) const {
  for (auto found = stack_.rbegin(); found != stack_.rend(); ++found) {
    if (found->first <= index) return *found;
  }
  STARLING_ASSERT(false, "a config is asked for at or after the compaction point");
  return stack_.front();
}

void ConfigHistory::append(LogIndex index, Config config) {
  STARLING_ASSERT(index > active_index(), "configs are appended in log order");
  stack_.emplace_back(index, std::move(config));
}

void ConfigHistory::truncate_from(LogIndex index) {
  while (stack_.size() > 1 && stack_.back().first >= index)
    stack_.pop_back();
  STARLING_ASSERT(stack_.back().first < index, "the compaction point is never truncated");
}

void ConfigHistory::compact(LogIndex index) {
  while (stack_.size() > 1 && stack_[1].first <= index)
    stack_.erase(stack_.begin());
}

}  // namespace starling::consensus
