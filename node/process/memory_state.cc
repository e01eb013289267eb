#include "node/process/memory_state.h"

#include "node/process/cgroup_files.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>

namespace starling::node {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

struct Room {
  std::uint64_t limit = kNoLimit;
  std::uint64_t free = kNoLimit;
};

/// The least that a group from this one up to the root has.
Room tightest(Cgroup group) {
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

/// The most that a group from this one up to the root is stalled: trials have groups beside it.
double most_stalled(Cgroup group) {
  double most = 0;
  for (;;) {
    most = std::max(most, stalled_in(group.dir() / "memory.pressure").value_or(0));
    if (group.name.size() <= 1) return most;
    group.name.resize(group.name.rfind('/'));
  }
}

}  // namespace

std::uint64_t cgroup_limit_bytes(const MemorySources& sources) {
  std::uint64_t limit = kNoLimit;
  for (const auto& group : own_cgroups(sources))
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
  for (const auto& group : own_cgroups(sources)) {
    const Room room = tightest(group);
    state.limit_bytes = std::min(state.limit_bytes, room.limit);
    state.free_bytes = std::min(state.free_bytes, room.free);
    if (const auto known = field_in(group.dir() / group.files->kills_file, "oom_kill"))
      kills = kills.value_or(0) + *known;
    state.stalled_percent = std::max(state.stalled_percent, most_stalled(group));
  }
  state.oom_kills = kills ? *kills : field_in(sources.vmstat, "oom_kill").value_or(0);
  return state;
}

}  // namespace starling::node
