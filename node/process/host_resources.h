/// What this machine, or the cgroup this process lives in, has to give.
///
/// Threads: any; reads /proc and /sys.
#pragma once

#include "node/base/ids.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <limits>

namespace starling::node {

/// Bytes a process here may use: the cgroup's limit (v2, then v1), else MemAvailable.
std::uint64_t memory_limit_bytes();

/// Resident bytes of this process and of all its descendants.
std::uint64_t memory_used_bytes();

/// Resident bytes of a process that it does not share; 0 if it is gone.
std::uint64_t private_bytes(int pid);

std::uint32_t core_count();

/// Bytes that this user may still write to the file system of `path`; the greatest number if the
/// system does not say.
std::uint64_t disk_free_bytes(const std::filesystem::path& path);

/// The same, for who asks with every write: the system is asked again after a tenth of a second.
///
/// Threads: any.
class DiskSpace {
 public:
  explicit DiskSpace(std::filesystem::path path) : path_(std::move(path)) {}

  std::uint64_t free_bytes(MonoTime now);

 private:
  static constexpr MonoTime kAskedEvery = std::chrono::milliseconds{100};
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

  const std::filesystem::path path_;
  std::atomic<std::int64_t> asked_ns_{kNever};
  std::atomic<std::uint64_t> free_bytes_{0};
};

}  // namespace starling::node
