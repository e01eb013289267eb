#include "node/process/memory_state.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
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

std::uint64_t number_in(const std::filesystem::path& file, std::uint64_t otherwise) {
  const std::string text = content_of(file);
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) == 0) return otherwise;
  return std::strtoull(text.c_str(), nullptr, 10);
}

/// The number after `name` where a line begins with it.
std::optional<std::uint64_t> field_in(const std::filesystem::path& file, const std::string& name) {
  std::istringstream lines{content_of(file)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name) && line.size() > name.size() &&
        (line[name.size()] == ' ' || line[name.size()] == ':'))
      return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return std::nullopt;
}

/// The names of files in one of the two kinds of hierarchies.
struct GroupFiles {
  const char* limit;
  const char* usage;
  const char* idle_pages;  ///< of files, in memory.stat, descendants included; as MemAvailable has
  const char* used_pages;  ///< it, those in use can be given up as well
  const char* kills_file;
};

constexpr GroupFiles kVersion2{
    "memory.max", "memory.current", "inactive_file", "active_file", "memory.events"};
constexpr GroupFiles kVersion1{"memory.limit_in_bytes",
                               "memory.usage_in_bytes",
                               "total_inactive_file",
                               "total_active_file",
                               "memory.oom_control"};

/// This process's group in one hierarchy.
struct Group {
  std::filesystem::path root;
  std::string name;  ///< "/a/b"
  const GroupFiles* files = nullptr;

  std::filesystem::path dir() const { return root / name.substr(name.empty() ? 0 : 1); }
};

std::vector<Group> own_groups(const MemorySources& sources) {
  std::vector<Group> groups;
  std::istringstream lines{content_of(sources.own_groups)};
  for (std::string line; std::getline(lines, line);) {
    const auto second = line.find(':', line.find(':') + 1);
    if (second == std::string::npos) continue;
    const std::string name = line.substr(second + 1);
    if (line.starts_with("0::")) groups.push_back({sources.v2_root, name, &kVersion2});
    if (line.find(":memory:") != std::string::npos)
      groups.push_back({sources.v1_root, name, &kVersion1});
  }
  return groups;
}

struct Room {
  std::uint64_t limit = kNoLimit;
  std::uint64_t free = kNoLimit;
};

/// The least that a group from this one up to the root has.
Room tightest(Group group) {
  Room room;
  for (;;) {
    const std::uint64_t limit = number_in(group.dir() / group.files->limit, kNoLimit);
    const std::uint64_t used = number_in(group.dir() / group.files->usage, 0);
    const auto stat = group.dir() / "memory.stat";
    const std::uint64_t of_files = field_in(stat, group.files->idle_pages).value_or(0) +
                                   field_in(stat, group.files->used_pages).value_or(0);
    const std::uint64_t held = used - std::min(used, of_files);
    room.limit = std::min(room.limit, limit);
    if (limit != kNoLimit) room.free = std::min(room.free, limit - std::min(limit, held));
    if (group.name.size() <= 1) return room;
    group.name.resize(group.name.rfind('/'));
  }
}

/// "some avg10=1.23 avg60=..."
std::optional<double> stalled_in(const std::filesystem::path& file) {
  const std::string text = content_of(file);
  constexpr std::string_view kStart = "some avg10=";
  if (!text.starts_with(kStart)) return std::nullopt;
  return std::strtod(text.c_str() + kStart.size(), nullptr);
}

}  // namespace

std::uint64_t cgroup_limit_bytes(const MemorySources& sources) {
  std::uint64_t limit = kNoLimit;
  for (const auto& group : own_groups(sources))
    limit = std::min(limit, tightest(group).limit);
  return limit;
}

std::uint64_t available_bytes(const MemorySources& sources) {
  return field_in(sources.meminfo, "MemAvailable").value_or(0) * 1024;
}

MemoryState memory_state(const MemorySources& sources) {
  MemoryState state;
  state.limit_bytes = field_in(sources.meminfo, "MemTotal").value_or(kNoLimit / 1024) * 1024;
  state.free_bytes = field_in(sources.meminfo, "MemAvailable").value_or(kNoLimit / 1024) * 1024;
  state.stalled_percent = stalled_in(sources.pressure).value_or(0);
  std::optional<std::uint64_t> kills;
  for (const auto& group : own_groups(sources)) {
    const Room room = tightest(group);
    state.limit_bytes = std::min(state.limit_bytes, room.limit);
    state.free_bytes = std::min(state.free_bytes, room.free);
    if (const auto known = field_in(group.dir() / group.files->kills_file, "oom_kill"))
      kills = kills.value_or(0) + *known;
    if (const auto known = stalled_in(group.dir() / "memory.pressure"))
      state.stalled_percent = std::max(state.stalled_percent, *known);
  }
  state.oom_kills = kills ? *kills : field_in(sources.vmstat, "oom_kill").value_or(0);
  return state;
}

}  // namespace starling::node
