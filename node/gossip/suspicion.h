/// How long a silent member may still defend itself: shorter, the more members accuse it. Pure.
///
/// Source: Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure
///         Detection", LHA-Suspicion.
#pragma once

#include "node/base/ids.h"

#include <set>

namespace starling::node {

class Suspicion {
 public:
  /// Ends at `started + max` with one accuser, at `started + min` with `confirmations_wanted` more.
  Suspicion(MonoTime started,
            MonoTime min,
            MonoTime max,
            std::size_t confirmations_wanted,
            NodeId accuser);

  /// True if `accuser` is news that is worth passing on.
  bool confirm(NodeId accuser);

  MonoTime deadline() const;

  /// The time that this node itself was asleep does not count against anyone.
  void postpone(MonoTime by) { started_ += by; }

 private:
  MonoTime started_;
  MonoTime min_;
  MonoTime max_;
  std::size_t wanted_;
  std::set<NodeId> accusers_;
};

}  // namespace starling::node
