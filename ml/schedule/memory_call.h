/// What a node that runs short of memory does, before the kernel does it.
///
/// Threads: none. Pure.
#pragma once

#include "node/base/clock.h"

#include <cstdint>
#include <optional>

namespace starling::ml {

/// From the least to the greatest.
enum class MemoryCall : std::uint8_t {
  go_on,
  hold,      ///< begin nothing new
  ease,      ///< the youngest of several trials goes on elsewhere, from the end of its epoch
  make_way,  ///< end the youngest trial now, which goes on from its last checkpoint
};

/// What a node sees. Bytes.
struct MemorySeen {
  std::uint64_t limit = 0;     ///< of its cgroup or machine
  std::uint64_t free = 0;      ///< of that
  std::uint64_t budget = 0;    ///< that it was given
  std::uint64_t used = 0;      ///< by the node and its workers
  double stalled_percent = 0;  ///< of the last ten seconds (pressure stall information)
};

/// How bad it is: `hold` where a fifth of the time was lost to waiting for memory, `ease` below a
/// tenth of the limit or 512 MB, whichever is less, `make_way` below half as much. The same for the
/// node's own budget, which may be far less than the machine has.
MemoryCall memory_call(const MemorySeen& seen);

inline constexpr std::chrono::seconds kEaseAfter{2};      ///< short for so long: no passing peak
inline constexpr std::chrono::seconds kBetweenEases{10};  ///< an epoch ends, its memory comes back
inline constexpr std::chrono::seconds kBetweenEnds{2};

/// What is to be done, look by look: one trial at a time, since its memory comes back a little
/// later.
class MemoryPressure {
 public:
  MemoryCall look(const MemorySeen& seen, MonoTime now);

 private:
  std::optional<MonoTime> short_since_;
  std::optional<MonoTime> eased_;
  std::optional<MonoTime> ended_;
};

}  // namespace starling::ml
