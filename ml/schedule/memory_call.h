/// What a node that runs short of memory does, before the kernel does it.
///
/// Threads: none. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace starling::ml {

enum class MemoryCall : std::uint8_t {
  go_on,
  hold,      ///< begin nothing new
  make_way,  ///< end the youngest trial, which goes on from its checkpoint when there is room
};

/// What a node sees. Bytes.
struct MemorySeen {
  std::uint64_t limit = 0;     ///< of its cgroup or machine
  std::uint64_t free = 0;      ///< of that
  std::uint64_t budget = 0;    ///< that it was given
  std::uint64_t used = 0;      ///< by the node and its workers
  double stalled_percent = 0;  ///< of the last ten seconds (pressure stall information)
};

/// Hold below a tenth of the limit or 512 MB, whichever is less, and where a fifth of the time was
/// lost to waiting for memory; make way below half as much. The same for the node's own budget,
/// which may be far less than the machine has.
inline MemoryCall memory_call(const MemorySeen& seen) {
  static constexpr std::uint64_t kHoldMost = std::uint64_t{512} << 20;
  constexpr double kStalledPercent = 20;
  const auto least = [](std::uint64_t limit) { return std::min(limit / 10, kHoldMost); };
  const std::uint64_t left = seen.budget - std::min(seen.budget, seen.used);
  if (seen.free < least(seen.limit) / 2 || left < least(seen.budget) / 2)
    return MemoryCall::make_way;
  const bool is_short = seen.free < least(seen.limit) || left < least(seen.budget) ||
                        seen.stalled_percent > kStalledPercent;
  return is_short ? MemoryCall::hold : MemoryCall::go_on;
}

}  // namespace starling::ml
