/// Makes things go wrong in a virtual swarm: each class of faults by its own stream of chance and
/// at its own moments, so that leaving one class out leaves those of the others as they were.
#pragma once

#include "node/base/random.h"
#include "tests/support/swarm_faults.h"
#include "tests/support/virtual_swarm.h"

#include <cstdint>
#include <set>
#include <vector>

namespace starling::tests {

class FaultInjector {
 public:
  FaultInjector(VirtualSwarm& swarm, std::uint64_t seed, const FaultPlan& plan);

  /// Faults begin now, and stop at the latest at the step `until_step`.
  void begin(std::uint64_t until_step);

  /// No new ones. What is broken stays so.
  void stop() { is_on_ = false; }

  /// By how much the swarm slept: time in which nothing happened.
  MonoTime slept() const { return slept_; }

  std::uint64_t config_changes() const { return config_changes_; }

 private:
  using Act = void (FaultInjector::*)(Random& random);

  void plan_next(Fault fault, MonoTime mean, Act act);
  void set_lasting(bool is_faulty);

  // Network
  void clog(Random& random);
  void partition(Random& random);
  void cut_one_way(Random& random);
  void isolate(Random& random);
  void isolate_leader(Random& random);
  void cut_mesh(Random& random);
  void swizzle(Random& random);
  void replay(Random& random);

  // Disks
  void stall_disk(Random& random);
  void fail_sync(Random& random);
  void fill_disk(Random& random);
  void wipe(Random& random);
  void clone(Random& random);
  void save_or_roll_back(Random& random);

  // Clocks and processes
  void change_rate(Random& random);
  void pause(Random& random);
  void sleep_all(Random& random);
  void crash(Random& random);
  void kill_all(Random& random);

  // Members
  void change_members(Random& random);
  void transfer(Random& random);
  void repair_members();

  std::size_t any_machine(Random& random);

  SimMember& any_member(Random& random) { return swarm_.member(any_machine(random)); }

  MonoTime until(Random& random, MonoTime mean);

  VirtualSwarm& swarm_;
  const FaultPlan plan_;
  std::vector<Random> streams_;
  bool is_on_ = false;
  std::uint64_t until_step_ = 0;
  MonoTime slept_{0};
  MonoTime awake_at_{0};
  std::uint64_t config_changes_ = 0;
};

}  // namespace starling::tests
