/// What gossip says of nodes, as the scheduler needs it.
///
/// Threads: none.
#pragma once

#include "ml/schedule/node_load.h"
#include "node/base/ids.h"
#include "node/gossip/member.h"

#include <map>
#include <optional>
#include <vector>

namespace starling::ml {

/// What a node's budget leaves for trials.
std::uint64_t trial_memory_mb(std::uint64_t budget_mb);

NodeRoom room_of(const node::Member& member);

/// Of the members that are alive and not draining.
std::vector<NodeRoom> rooms_that_work(const StateView& view,
                                      const std::vector<node::Member>& members);

/// What may be there again within `kMayComeBack`: nodes that are suspect, draining or dead for less
/// than that, and nodes that work and had more memory than now.
class AwayRooms {
 public:
  static constexpr MonoTime kMayComeBack = std::chrono::minutes{10};

  std::vector<NodeRoom> look(const StateView& view,
                             const std::vector<node::Member>& members,
                             MonoTime now);

  /// On every node, so that a new leader knows it, too.
  void note(const std::vector<node::Member>& members, MonoTime now);

  void forget() { dead_since_.clear(); }

 private:
  struct Most {
    std::uint64_t memory_budget_mb = 0;
    MonoTime seen{0};
  };

  NodeRoom greatest_room(const node::Member& member) const;

  std::map<NodeId, MonoTime> dead_since_;
  std::map<NodeId, Most> most_;
};

}  // namespace starling::ml
