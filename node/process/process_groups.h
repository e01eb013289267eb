/// A memory cgroup for each of some processes, so that the kernel limits each by itself, counts all
/// that it holds (shared pages, stacks and page tables too), and tells which one it ended.
///
/// They lie beside or below this process's own group, so every limit around that counts for them as
/// well. Version 2: this process must be alone in its group and may make groups there (systemd:
/// `Delegate=memory`); it moves into one named "starling-node-PID", since only leaves may hold
/// processes, and back when it ends. Version 1: its group must not be the root, be hierarchical,
/// and be writable. Swap is not given.
///
/// Threads: one at a time.
#pragma once

#include "node/base/error.h"
#include "node/process/memory_state.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <sys/types.h>

namespace starling::node {

struct CgroupFiles;

class ProcessGroups {
 public:
  /// Removes empty groups of processes that are gone.
  /// Errors: `unsupported` says why this process may make none.
  static Result<ProcessGroups> open(const MemorySources& sources = {});

  /// Moves a child of this process, which runs, into a group of its own. What it held before still
  /// counts where it was. Errors: `io`: it stays where it is.
  Result<> confine(pid_t pid, std::uint64_t limit_bytes);

  bool is_confined(pid_t pid) const { return groups_.contains(pid); }

  /// How often the kernel ended something in its group for lack of memory.
  std::uint64_t oom_kills(pid_t pid) const;

  /// The process ends or has ended: its group goes with it.
  void release(pid_t pid);

  ProcessGroups(ProcessGroups&&) noexcept = default;
  ProcessGroups& operator=(ProcessGroups&&) = delete;
  ~ProcessGroups();

 private:
  ProcessGroups(std::filesystem::path parent, const CgroupFiles& files)
      : parent_(std::move(parent)), files_(&files) {}

  Result<> fill(const std::filesystem::path& group, pid_t pid, std::uint64_t limit_bytes) const;
  void remove_left();

  std::filesystem::path parent_;
  const CgroupFiles* files_;
  std::map<pid_t, std::filesystem::path> groups_;
  std::set<std::filesystem::path> left_;  ///< whose process was about to end
};

}  // namespace starling::node
