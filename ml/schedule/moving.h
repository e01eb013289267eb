/// When a running trial is better off on another node.
///
/// A trial moves to an idle node only where that node is faster, and by so much that it ends there
/// clearly sooner, the way included. How fast a node is, it measured itself (`NodeRoom::speed`);
/// how long a trial still takes is guessed from its own pace and the epochs that it may have.
///
/// Threads: none. Pure.
#pragma once

#include "ml/schedule/node_load.h"
#include "node/base/ids.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace starling::ml {

/// How fast each running attempt gets on, as this node sees its curve grow.
class PaceWatch {
 public:
  void look(const StateView& view, const std::vector<ActiveStudy>& studies, MonoTime now);

  /// Until all epochs that it may have are done; none while too little is known.
  std::optional<double> seconds_left(std::uint64_t token, std::uint32_t epochs_max) const;

 private:
  struct Seen {
    std::uint32_t first_epoch = 0;
    MonoTime first_at{0};
    std::uint32_t epoch = 0;
    MonoTime at{0};
  };

  std::map<std::uint64_t, Seen> seen_;  ///< by token
};

/// An attempt that `self` could finish clearly sooner.
struct MoveHere {
  std::string study;
  std::uint32_t number = 0;
  std::uint64_t token = 0;
  NodeId owner;

  friend bool operator==(const MoveHere&, const MoveHere&) = default;
};

/// The one that gains most, if any. To be asked by a node that is idle and found nothing to steal.
std::optional<MoveHere> faster_here(const std::vector<ActiveStudy>& studies,
                                    const NodeRoom& self,
                                    const std::vector<NodeRoom>& others,
                                    const PaceWatch& paces);

}  // namespace starling::ml
