/// The updates that still have to spread, each sent a bounded number of times. Pure.
#pragma once

#include "node/gossip/swim_message.h"

#include <map>
#include <vector>

namespace starling::node {

class SwimBroadcast {
 public:
  /// Replaces what was queued about the same member.
  void push(SwimUpdate update);

  bool is_empty() const { return queue_.empty(); }

  /// Adds the least sent updates to `message` while they fit into a datagram, and forgets those
  /// that were then sent `transmits_max` times.
  void fill(SwimMessage& message, int transmits_max);

 private:
  static constexpr std::size_t kQueueMax = 4096;

  struct Item {
    SwimUpdate update;
    int transmits = 0;
    std::uint64_t order = 0;
  };

  std::map<NodeId, Item> queue_;
  std::uint64_t next_order_ = 0;
};

}  // namespace starling::node
