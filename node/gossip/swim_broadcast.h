/// The updates that still have to spread, each sent a bounded number of times. Pure.
#pragma once

#include "node/gossip/swim_message.h"

#include <map>
#include <set>
#include <tuple>
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

  static constexpr int kMissesMax = 8;  ///< so many that do not fit end a datagram

  /// Who goes first: what was sent least; good news before bad, so that a refutation overtakes;
  /// then the newest.
  struct Rank {
    int transmits = 0;
    MemberState state = MemberState::alive;
    std::uint64_t order = 0;
    NodeId id;

    friend bool operator<(const Rank& a, const Rank& b) {
      return std::tie(a.transmits, a.state, b.order) < std::tie(b.transmits, b.state, a.order);
    }
  };

  struct Item {
    SwimUpdate update;
    Rank rank;
  };

  void forget(NodeId id);

  std::map<NodeId, Item> queue_;
  std::set<Rank> ranks_;  ///< of all in `queue_`
  std::map<std::uint64_t, NodeId> by_age_;
  std::uint64_t next_order_ = 0;
};

}  // namespace starling::node
