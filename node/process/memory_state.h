/// How short of memory this node is now, before the kernel acts.
///
/// Threads: any; reads /proc and /sys.
#pragma once

#include <cstdint>
#include <filesystem>

namespace starling::node {

/// Where the kernel says it; tests give files of their own.
struct MemorySources {
  std::filesystem::path own_groups = "/proc/self/cgroup";
  std::filesystem::path v2_root = "/sys/fs/cgroup";
  std::filesystem::path v1_root = "/sys/fs/cgroup/memory";
  std::filesystem::path meminfo = "/proc/meminfo";
  std::filesystem::path vmstat = "/proc/vmstat";
  std::filesystem::path pressure = "/proc/pressure/memory";
};

struct MemoryState {
  std::uint64_t limit_bytes =
      0;                         ///< of the tightest cgroup around this process, else the machine's
  std::uint64_t free_bytes = 0;  ///< what is left below every limit; pages of files can be given up
  double stalled_percent = 0;    ///< of the last ten seconds, by pressure stall information
  std::uint64_t oom_kills = 0;   ///< so far: in this process's cgroup, else on the machine
};

/// A machine that does not say something counts as having plenty.
MemoryState memory_state(const MemorySources& sources = {});

/// The limit of the tightest cgroup around this process; the greatest number if there is none.
std::uint64_t cgroup_limit_bytes(const MemorySources& sources = {});

/// MemAvailable; 0 if it is not known.
std::uint64_t available_bytes(const MemorySources& sources = {});

}  // namespace starling::node
