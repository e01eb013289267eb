/// What can go wrong in a virtual swarm, and which of it does in the swarm of one seed.
///
/// Each seed draws its own classes and their strength (swarm testing): a swarm in which everything
/// fails all the time gets nowhere near the states that two rare faults together lead to.
///
/// Source: Groce et al., "Swarm Testing" (2012); TigerBeetle's VOPR.
#pragma once

#include "consensus/raft/raft_core.h"
#include "node/base/ids.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

namespace starling::tests {

enum class Fault : std::size_t {
  loss,            ///< messages vanish
  duplication,     ///< messages arrive twice
  reorder,         ///< messages overtake each other by a lot
  slow_network,    ///< long delays
  clog,            ///< a link holds everything back for a while
  partition,       ///< two groups that do not reach each other
  one_way,         ///< a link is cut in one direction
  isolate,         ///< one machine reaches nobody
  isolate_leader,  ///< the same, and it leads
  partial_mesh,    ///< many links are cut, each for itself
  swizzle,         ///< machines are clogged one by one, and unclogged in another order
  replay,          ///< a message of long ago arrives again
  slow_disk,       ///< some syncs take long
  power_loss,      ///< a crash loses what is not synced
  stalled_disk,    ///< a disk does nothing for many seconds
  sync_error,      ///< a sync fails: the process must die
  disk_full,       ///< writes fail until there is space again
  wipe,            ///< a machine comes back empty, as a new member
  clone,           ///< a process is started on a disk that is in use
  lying_sync,      ///< a disk says that it synced, and did not
  roll_back,       ///< a disk comes back as it was some time ago
  drift,           ///< clocks run at different speeds
  clock_rate,      ///< a clock changes its speed
  pause,           ///< a process does nothing for a while, and does not notice
  sleep_all,       ///< all do nothing for minutes
  crash,           ///< a process dies
  crash_mid_step,  ///< a process dies in the middle of what one step asks for
  kill_all,        ///< all processes die at once
  members,         ///< voters and learners change
  transfer,        ///< leadership is handed over
  client_loss,     ///< requests and answers of clients vanish
  compaction,      ///< logs are kept short, so that snapshots are needed
  tight_windows,   ///< small messages, few in flight, little uncommitted
};

inline constexpr std::size_t kFaultCount = static_cast<std::size_t>(Fault::tight_windows) + 1;

std::string_view to_string(Fault fault);
std::optional<Fault> fault_named(std::string_view name);

class FaultPlan {
 public:
  struct Setting {
    bool is_on = false;
    double strength = 0;  ///< in [0, 1)
  };

  FaultPlan(std::uint64_t seed, const std::set<Fault>& without);

  bool has(Fault fault) const { return at(fault).is_on; }

  /// 0 if the fault is off.
  double strength(Fault fault) const { return has(fault) ? at(fault).strength : 0; }

  /// Between one such event and the next, on average. Nothing for what is no event or off.
  std::optional<MonoTime> mean_wait(Fault fault) const;

 private:
  const Setting& at(Fault fault) const { return settings_[static_cast<std::size_t>(fault)]; }

  std::array<Setting, kFaultCount> settings_;
};

/// The sizes that this seed's members work with.
consensus::RaftTimings draw_timings(std::uint64_t seed, const FaultPlan& plan);

}  // namespace starling::tests
