#include "node/process/host_resources.h"

#include "node/process/memory_state.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace starling::node {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Field 4 of /proc/PID/stat; the name before it is in parentheses and may hold anything.
int parent_of(int pid) {
  const std::string stat = content_of("/proc/" + std::to_string(pid) + "/stat");
  const auto after_name = stat.rfind(')');
  if (after_name == std::string::npos || after_name + 4 > stat.size()) return 0;
  return std::atoi(stat.c_str() + after_name + 4);
}

std::uint64_t resident_of(int pid) {
  std::istringstream fields{content_of("/proc/" + std::to_string(pid) + "/statm")};
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  fields >> total >> resident >> shared;
  // Pages of libraries are shared by all of a node's processes: counted for the node itself only.
  const std::uint64_t own = pid == getpid() ? resident : resident - std::min(resident, shared);
  return own * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

using ChildrenOf = std::function<std::vector<int>(int pid)>;

bool kernel_lists_children() {
  static const bool kLists = std::filesystem::exists("/proc/self/task/" + std::to_string(getpid()) +
                                                     "/children");  // CONFIG_PROC_CHILDREN
  return kLists;
}

std::vector<int> listed_children(int pid) {
  std::vector<int> children;
  std::error_code gone;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator{tasks, gone}) {
    std::istringstream numbers{content_of(task.path() / "children")};
    for (int child = 0; numbers >> child;)
      children.push_back(child);
  }
  return children;
}

/// Asks every process of the machine who its parent is: milliseconds where there are many.
class ChildrenByScan {
 public:
  ChildrenByScan() {
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc", failed}) {
      const std::string name = entry.path().filename();
      if (std::isdigit(static_cast<unsigned char>(name.front())) == 0) continue;
      const int pid = std::atoi(name.c_str());
      by_parent_.emplace(parent_of(pid), pid);
    }
  }

  std::vector<int> operator()(int pid) const {
    std::vector<int> children;
    const auto [begin, end] = by_parent_.equal_range(pid);
    for (auto at = begin; at != end; ++at)
      children.push_back(at->second);
    return children;
  }

 private:
  std::multimap<int, int> by_parent_;
};

}  // namespace

std::uint64_t memory_limit_bytes() {
  return std::min(cgroup_limit_bytes(), available_bytes());
}

std::uint64_t memory_used_bytes() {
  const ChildrenOf children_of =
      kernel_lists_children() ? ChildrenOf{listed_children} : ChildrenOf{ChildrenByScan{}};
  std::uint64_t used = 0;
  std::vector<int> family{getpid()};
  while (!family.empty()) {
    const int pid = family.back();
    family.pop_back();
    used += resident_of(pid);
    for (const int child : children_of(pid))
      family.push_back(child);
  }
  return used;
}

std::uint64_t private_bytes(int pid) {
  return resident_of(pid);
}

std::uint32_t core_count() {
  return std::max(1U, std::thread::hardware_concurrency());
}

std::uint64_t disk_free_bytes(const std::filesystem::path& path) {
  std::error_code failed;
  const auto space = std::filesystem::space(path, failed);
  return failed ? kNoLimit : space.available;
}

std::uint64_t DiskSpace::free_bytes(MonoTime now) {
  const std::int64_t asked = asked_ns_;
  if (asked == kNever || now.count() - asked >= kAskedEvery.count()) {
    free_bytes_ = disk_free_bytes(path_);
    asked_ns_ = now.count();
  }
  return free_bytes_;
}

}  // namespace starling::node
