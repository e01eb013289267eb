#include "tests/support/swarm_faults.h"

#include "tests/support/sim_random.h"

#include <string>

namespace starling::tests {

using namespace std::chrono_literals;

namespace {

struct FaultClass {
  std::string_view name;
  double chance;              ///< of being on in a seed
  std::chrono::seconds rare;  ///< mean wait at the least strength; 0: no event
  std::chrono::milliseconds often;
};

constexpr std::array<FaultClass, kFaultCount> kClasses{{
    {"loss", 0.5, 0s, 0ms},           {"duplication", 0.5, 0s, 0ms},
    {"reorder", 0.5, 0s, 0ms},        {"slow_network", 0.25, 0s, 0ms},
    {"clog", 0.3, 20s, 1500ms},       {"partition", 0.5, 15s, 2s},
    {"one_way", 0.35, 15s, 2s},       {"isolate", 0.35, 15s, 2s},
    {"isolate_leader", 0.3, 15s, 2s}, {"partial_mesh", 0.25, 15s, 3s},
    {"swizzle", 0.2, 20s, 6s},        {"replay", 0.4, 8s, 300ms},
    {"slow_disk", 0.4, 0s, 0ms},      {"power_loss", 0.6, 0s, 0ms},
    {"stalled_disk", 0.25, 20s, 4s},  {"sync_error", 0.25, 20s, 3s},
    {"disk_full", 0.2, 25s, 6s},      {"wipe", 0.25, 25s, 5s},
    {"clone", 0.15, 20s, 4s},         {"lying_sync", 0.25, 0s, 0ms},
    {"roll_back", 0.25, 15s, 2s},     {"drift", 0.6, 0s, 0ms},
    {"clock_rate", 0.3, 15s, 2s},     {"pause", 0.4, 12s, 1500ms},
    {"sleep_all", 0.08, 40s, 15s},    {"crash", 0.6, 10s, 1s},
    {"crash_mid_step", 0.4, 0s, 0ms}, {"kill_all", 0.15, 30s, 8s},
    {"members", 0.6, 6s, 600ms},      {"transfer", 0.4, 8s, 800ms},
    {"client_loss", 0.4, 0s, 0ms},    {"compaction", 0.7, 0s, 0ms},
    {"tight_windows", 0.4, 0s, 0ms},
}};

}  // namespace

std::string_view to_string(Fault fault) {
  return kClasses[static_cast<std::size_t>(fault)].name;
}

std::optional<Fault> fault_named(std::string_view name) {
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    if (kClasses[i].name == name) return static_cast<Fault>(i);
  }
  return std::nullopt;
}

FaultPlan::FaultPlan(std::uint64_t seed, const std::set<Fault>& without) {
  constexpr double kCalmSeeds = 0.03;
  constexpr double kWildSeeds = 0.03;
  const double mood = stream(seed, "plan").unit();
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    const auto fault = static_cast<Fault>(i);
    Random random = stream(seed, std::string{"plan."}.append(kClasses[i].name));
    const bool is_drawn = random.chance(kClasses[i].chance) || mood > 1 - kWildSeeds;
    settings_[i].strength = random.unit();
    settings_[i].is_on = is_drawn && mood >= kCalmSeeds && !without.contains(fault);
  }
}

std::optional<MonoTime> FaultPlan::mean_wait(Fault fault) const {
  const FaultClass& each = kClasses[static_cast<std::size_t>(fault)];
  if (!has(fault) || each.rare == 0s) return std::nullopt;
  const double ratio = std::chrono::duration<double>(each.often) / each.rare;
  const MonoTime rare{each.rare};
  const double wait = static_cast<double>(rare.count()) * std::pow(ratio, strength(fault));
  return MonoTime{static_cast<std::int64_t>(wait)};
}

consensus::RaftTimings draw_timings(std::uint64_t seed, const FaultPlan& plan) {
  consensus::RaftTimings timings;
  Random memory = stream(seed, "memory");
  if (memory.chance(0.7)) timings.log_bytes_in_memory = memory.below(2000);
  if (!plan.has(Fault::tight_windows)) return timings;
  Random random = stream(seed, "timings");
  timings.append_bytes_max = 100 + random.below(900);
  timings.in_flight_messages_max = 1 + random.below(6);
  timings.in_flight_bytes_max = 200 + random.below(4000);
  timings.uncommitted_bytes_max = 200 + random.below(4000);
  timings.apply_bytes_max = 100 + random.below(2000);
  return timings;
}

}  // namespace starling::tests
