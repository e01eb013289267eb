#include "node/process/process_groups.h"

#include "node/process/cgroup_files.h"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>

namespace starling::node {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOwnGroup = "starling-node-";
constexpr const char* kChildGroup = "starling-trial-";  // then who made it, and whose it is
constexpr const char* kProcesses = "cgroup.procs";

/// The kernel's answer to a write decides, so it is not buffered.
Result<> put(const fs::path& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  const bool is_put =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (is_put) return {};
  return Error{Errc::io, fmt::format("{}: {}", file.string(), std::strerror(error))};
}

Result<> make_group(const fs::path& group) {
  std::error_code error;
  fs::create_directory(group, error);
  if (error) return Error{Errc::io, fmt::format("{}: {}", group.string(), error.message())};
  return {};
}

bool remove_group(const fs::path& group) {
  return ::rmdir(group.c_str()) == 0 || errno == ENOENT;
}

std::string own_group() {
  return fmt::format("{}{}", kOwnGroup, ::getpid());
}

std::string child_group(pid_t child) {
  return fmt::format("{}{}-{}", kChildGroup, ::getpid(), child);
}

/// Groups that hold nothing, of processes that are gone or once were this one. The kernel refuses
/// to remove others.
void remove_empty_children(const fs::path& parent) {
  std::error_code ignored;
  fs::directory_iterator entry{parent, ignored};
  for (; !ignored && entry != fs::directory_iterator{}; entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kChildGroup)) continue;
    const auto maker = static_cast<pid_t>(std::atoi(name.c_str() + std::strlen(kChildGroup)));
    const bool is_gone = maker <= 0 || (::kill(maker, 0) != 0 && errno == ESRCH);
    if (is_gone || maker == ::getpid()) remove_group(entry->path());
  }
}

/// Where groups may be made: this process's own, which it leaves for a leaf of it.
Result<fs::path> parent_in_version2(const fs::path& own) {
  if (own.filename() == own_group()) return own.parent_path();  // it was started anew in place
  if (content_of(own / "cgroup.controllers").find("memory") == std::string::npos)
    return Error{Errc::unsupported, "its cgroup has no memory controller"};
  const fs::path leaf = own / own_group();
  const std::string self = std::to_string(::getpid());
  auto done = make_group(leaf);
  if (done) done = put(leaf / kProcesses, self);
  if (done) done = put(own / "cgroup.subtree_control", "+memory");
  if (done) return own;
  static_cast<void>(put(own / kProcesses, self));
  remove_group(leaf);
  return Error{Errc::unsupported, done.error().detail};
}

Result<fs::path> parent_in_version1(const Cgroup& own) {
  if (own.name.size() <= 1) return Error{Errc::unsupported, "it is in the root cgroup"};
  if (number_in(own.dir() / "memory.use_hierarchy", 1) != 1)
    return Error{Errc::unsupported, "its cgroup is not hierarchical"};
  const fs::path probe = own.dir() / child_group(0);
  if (auto made = make_group(probe); !made) return Error{Errc::unsupported, made.error().detail};
  remove_group(probe);
  return own.dir();
}

}  // namespace

Result<ProcessGroups> ProcessGroups::open(const MemorySources& sources) {
  Error why{Errc::unsupported, "there is no memory cgroup around this process"};
  for (const Cgroup& own : own_cgroups(sources)) {
    if (!fs::exists(own.dir() / own.files->limit)) continue;
    const auto parent =
        own.files == &kCgroupVersion2 ? parent_in_version2(own.dir()) : parent_in_version1(own);
    if (parent) {
      remove_empty_children(*parent);
      return ProcessGroups{*parent, *own.files};
    }
    why = parent.error();
  }
  return why;
}

Result<> ProcessGroups::confine(pid_t pid, std::uint64_t limit_bytes) {
  remove_left();
  const fs::path group = parent_ / child_group(pid);
  remove_group(group);  // of a process that had this number before
  if (auto made = make_group(group); !made) return made;
  auto done = fill(group, pid, limit_bytes);
  if (done)
    groups_[pid] = group;
  else
    remove_group(group);
  return done;
}

/// Without swap, else the kernel would move there what is too much.
Result<> ProcessGroups::fill(const fs::path& group, pid_t pid, std::uint64_t limit_bytes) const {
  const bool is_version2 = files_ == &kCgroupVersion2;
  const fs::path swap = group / (is_version2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes");
  const std::string limit = std::to_string(limit_bytes);
  auto done = put(group / files_->limit, limit);
  if (done && fs::exists(swap)) done = put(swap, is_version2 ? "0" : limit);
  if (done) done = put(group / kProcesses, std::to_string(pid));
  return done;
}

/// In version 2 this process goes back to where it was found, as far as nobody else minds.
ProcessGroups::~ProcessGroups() {
  if (parent_.empty()) return;  // moved from
  for (auto& [pid, group] : groups_)
    left_.insert(std::move(group));
  remove_left();
  const fs::path leaf = parent_ / own_group();
  if (files_ != &kCgroupVersion2 || !left_.empty()) return;
  if (!put(parent_ / "cgroup.subtree_control", "-memory")) return;
  if (put(parent_ / kProcesses, std::to_string(::getpid()))) remove_group(leaf);
}

std::uint64_t ProcessGroups::oom_kills(pid_t pid) const {
  const auto group = groups_.find(pid);
  if (group == groups_.end()) return 0;
  return field_in(group->second / files_->kills_file, "oom_kill").value_or(0);
}

void ProcessGroups::release(pid_t pid) {
  const auto group = groups_.find(pid);
  if (group == groups_.end()) return;
  left_.insert(std::move(group->second));
  groups_.erase(group);
  remove_left();
}

void ProcessGroups::remove_left() {
  std::erase_if(left_, remove_group);
}

}  // namespace starling::node
