/// What gossip says of nodes, as the scheduler needs it.
///
/// Threads: none.
#pragma once

#include "ml/schedule/node_load.h"
#include "node/base/ids.h"
#include "node/gossip/member.h"

#include <map>
#include <vector>

namespace starling::ml {

/// What a node's budget leaves for trials.
std::uint64_t trial_memory_mb(std::uint64_t budget_mb);

NodeRoom room_of(const node::Member& member);

/// Of the members that are alive and not draining.
std::vector<NodeRoom> rooms_that_work(const StateView& view,
                                      const std::vector<node::Member>& members);

/// Nodes that do not work now and may again: suspect, draining, or dead for less than
/// `kMayComeBack`.
class AwayRooms {
 public:
  static constexpr MonoTime kMayComeBack = std::chrono::minutes{10};

  std::vector<NodeRoom> look(const StateView& view,
                             const std::vector<node::Member>& members,
                             MonoTime now);

  void forget() { dead_since_.clear(); }

 private:
  std::map<NodeId, MonoTime> dead_since_;
};

}  // namespace starling::ml
