/// One virtual swarm's life, from one seed:
///
///   1. warm-up: nothing fails, a leader is elected and clients are served;
///   2. chaos: whatever the seed's plan says goes wrong; nothing may ever be wrong;
///   3. liveness: a quorum that is chosen at random is well again, all others stay as broken as
///      they were, for good: the quorum must elect and commit within a deadline;
///   4. healing: all is well again: all must get to the same log and state, and stay there;
///   5. handover: the leader dies, and the next one must serve reads though nothing is written.
///
/// A swarm that keeps itself begins with eight machines whose disks are empty. One founds it, the
/// others are let in and meet by gossip, leaders choose voters and standbys by the plan of real
/// nodes, the rest are leaves; nobody else changes members, during chaos as in healing.
///
/// Source: TigerBeetle's VOPR (safety mode, liveness mode).
#pragma once

#include "consensus/raft/raft_core.h"
#include "tests/support/swarm_faults.h"
#include "tests/support/swarm_marks.h"
#include "tests/support/swarm_trace.h"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>

namespace starling::tests {

struct SwarmOptions {
  std::uint64_t seed = 1;
  std::chrono::seconds chaos{50};
  std::set<Fault> without;           ///< classes of faults that are left out
  bool same_id_after_wipe = false;   ///< what must never be done, for the mutation gate
  std::optional<bool> keeps_itself;  ///< with gossip and voter plan; left out: every fourth seed
  std::uint64_t calm_after =
      std::numeric_limits<std::uint64_t>::max();                    ///< no faults after this step
  std::uint64_t until = std::numeric_limits<std::uint64_t>::max();  ///< end at this step
  SwarmTrace::Sink trace;                                           ///< optional
};

struct SwarmReport {
  std::optional<std::string> failure;
  std::uint64_t digest = 0;  ///< of everything that happened: equal for equal options
  std::uint64_t steps = 0;
  MonoTime lived{0};  ///< virtual time
  LogIndex committed;
  Term term;
  std::uint64_t crashes = 0;
  std::uint64_t operations = 0;  ///< of clients, completed and checked
  MonoTime liveness_took{0};
  MonoTime healing_took{0};
  SwarmMarks marks;
};

/// Adds up what several swarms did; failure, digest and times are those of the last one.
void add(SwarmReport& sum, const SwarmReport& report);

SwarmReport run_swarm(const SwarmOptions& options);

}  // namespace starling::tests
