/// The memory cgroups of this process and the files by which the kernel tells of them.
///
/// Threads: any; reads /proc and /sys.
#pragma once

#include "node/process/memory_state.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace starling::node {

/// The names of files in one of the two kinds of hierarchies.
struct CgroupFiles {
  const char* limit;
  const char* usage;
  const char* idle_pages;  ///< of files, in memory.stat, descendants included; as MemAvailable has
  const char* used_pages;  ///< it, those in use can be given up as well
  const char* kills_file;
};

extern const CgroupFiles kCgroupVersion1, kCgroupVersion2;

/// A group in one hierarchy.
struct Cgroup {
  std::filesystem::path root;
  std::string name;  ///< "/a/b"
  const CgroupFiles* files = nullptr;

  std::filesystem::path dir() const { return root / name.substr(name.empty() ? 0 : 1); }
};

/// Those that this process is in.
std::vector<Cgroup> own_cgroups(const MemorySources& sources);

/// The text of a file; empty if it cannot be read.
std::string content_of(const std::filesystem::path& path);

/// The number that a file begins with.
std::uint64_t number_in(const std::filesystem::path& file, std::uint64_t otherwise);

/// The number after `name` where a line begins with it.
std::optional<std::uint64_t> field_in(const std::filesystem::path& file, const std::string& name);

}  // namespace starling::node
