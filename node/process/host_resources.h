/// What this machine, or the cgroup this process lives in, has to give.
///
/// Threads: any; reads /proc and /sys.
#pragma once

#include <cstdint>
#include <filesystem>

namespace starling::node {

/// Bytes a process here may use: the cgroup's limit (v2, then v1), else MemAvailable.
std::uint64_t memory_limit_bytes();

/// Resident bytes of this process and of all its descendants.
std::uint64_t memory_used_bytes();

std::uint32_t core_count();

/// Bytes that this user may still write to the file system of `path`; the greatest number if the
/// system does not say.
std::uint64_t disk_free_bytes(const std::filesystem::path& path);

}  // namespace starling::node
