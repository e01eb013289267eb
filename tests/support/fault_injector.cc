#include "tests/support/fault_injector.h"

#include "tests/support/member_planner.h"
#include "tests/support/sim_random.h"

#include <algorithm>

namespace starling::tests {

using namespace consensus;
using namespace std::chrono_literals;

namespace {

/// The one machine whose disk may lose what it has confirmed: a minority.
constexpr std::size_t kSuspect = 0;

}  // namespace

FaultInjector::FaultInjector(VirtualSwarm& swarm, std::uint64_t seed, const FaultPlan& plan)
    : swarm_(swarm), plan_(plan) {
  for (std::size_t i = 0; i < kFaultCount; ++i)
    streams_.push_back(
        stream(seed, std::string{"fault."}.append(to_string(static_cast<Fault>(i)))));
}

void FaultInjector::begin(std::uint64_t until_step) {
  constexpr std::pair<Fault, Act> kActs[] = {
      {Fault::clog, &FaultInjector::clog},
      {Fault::partition, &FaultInjector::partition},
      {Fault::one_way, &FaultInjector::cut_one_way},
      {Fault::isolate, &FaultInjector::isolate},
      {Fault::isolate_leader, &FaultInjector::isolate_leader},
      {Fault::partial_mesh, &FaultInjector::cut_mesh},
      {Fault::swizzle, &FaultInjector::swizzle},
      {Fault::replay, &FaultInjector::replay},
      {Fault::stalled_disk, &FaultInjector::stall_disk},
      {Fault::sync_error, &FaultInjector::fail_sync},
      {Fault::disk_full, &FaultInjector::fill_disk},
      {Fault::wipe, &FaultInjector::wipe},
      {Fault::clone, &FaultInjector::clone},
      {Fault::roll_back, &FaultInjector::save_or_roll_back},
      {Fault::clock_rate, &FaultInjector::change_rate},
      {Fault::pause, &FaultInjector::pause},
      {Fault::sleep_all, &FaultInjector::sleep_all},
      {Fault::crash, &FaultInjector::crash},
      {Fault::kill_all, &FaultInjector::kill_all},
      {Fault::members, &FaultInjector::change_members},
      {Fault::transfer, &FaultInjector::transfer},
  };
  is_on_ = true;
  until_step_ = until_step;
  set_lasting(true);
  for (const auto& [fault, act] : kActs) {
    if (const auto mean = plan_.mean_wait(fault)) plan_next(fault, *mean, act);
  }
  const bool loses_disks =
      plan_.has(Fault::wipe) || plan_.has(Fault::lying_sync) || plan_.has(Fault::roll_back);
  if (loses_disks && swarm_.voters() == nullptr) repair_members();
}

void FaultInjector::plan_next(Fault fault, MonoTime mean, Act act) {
  Random& random = streams_[static_cast<std::size_t>(fault)];
  swarm_.at(swarm_.now() + draw_wait(random, mean), [this, fault, mean, act] {
    if (is_on_ && swarm_.steps() >= until_step_) {
      stop();
      set_lasting(false);
    }
    if (!is_on_) return;
    if (swarm_.now() >= awake_at_) (this->*act)(streams_[static_cast<std::size_t>(fault)]);
    plan_next(fault, mean, act);
  });
}

/// Faults that are a state, not an event.
void FaultInjector::set_lasting(bool is_faulty) {
  swarm_.network().set_faulty(is_faulty);
  swarm_.set_mid_step_deaths(is_faulty ? 0.004 * plan_.strength(Fault::crash_mid_step) : 0);
  Random& drift = streams_[static_cast<std::size_t>(Fault::drift)];
  for (const auto& member : swarm_.members()) {
    member->disk.set_faulty(is_faulty);
    const auto off = static_cast<std::int64_t>(drift.below(60'000)) - 30'000;
    if (is_faulty && plan_.has(Fault::drift))
      swarm_.set_clock_rate(*member, SimClock::kTrueRate + off);
    if (plan_.has(Fault::lying_sync) && member->machine == kSuspect) member->disk.lie(is_faulty);
  }
}

std::size_t FaultInjector::any_machine(Random& random) {
  return random.below(swarm_.members().size());
}

MonoTime FaultInjector::until(Random& random, MonoTime mean) {
  return swarm_.now() + 10ms + draw_wait(random, mean);
}

void FaultInjector::clog(Random& random) {
  const std::size_t from = any_machine(random);
  swarm_.network().clog(from, any_machine(random), until(random, 1500ms));
}

void FaultInjector::partition(Random& random) {
  const MonoTime end = until(random, 2500ms);
  std::vector<bool> sides;
  for (std::size_t i = 0; i < swarm_.members().size(); ++i)
    sides.push_back(random.chance(0.5));
  for (std::size_t from = 0; from < sides.size(); ++from) {
    for (std::size_t to = 0; to < sides.size(); ++to) {
      if (sides[from] != sides[to]) swarm_.network().cut(from, to, end);
    }
  }
  swarm_.trace().note(swarm_.now(), "the network splits");
}

void FaultInjector::cut_one_way(Random& random) {
  const std::size_t from = any_machine(random);
  const std::size_t to = any_machine(random);
  swarm_.network().cut(from, to, until(random, 4s));
  swarm_.marks().hit(Mark::cut_one_way);
  swarm_.trace().note(swarm_.now(), "{} does not reach {}", from + 1, to + 1);
}

void FaultInjector::isolate(Random& random) {
  const std::size_t machine = any_machine(random);
  swarm_.network().cut_off(machine, until(random, 3s));
  swarm_.trace().note(swarm_.now(), "{} is cut off", machine + 1);
}

void FaultInjector::isolate_leader(Random& random) {
  const MonoTime end = until(random, 2s);
  const bool one_way = random.chance(0.3);
  const SimMember* leader = swarm_.leader();
  if (leader == nullptr) return;
  if (!one_way) {
    swarm_.network().cut_off(leader->machine, end);
  } else {
    for (std::size_t from = 0; from < swarm_.members().size(); ++from)
      swarm_.network().cut(from, leader->machine, end);
  }
  swarm_.trace().note(swarm_.now(), "the leader {} is cut off", leader->machine + 1);
}

void FaultInjector::cut_mesh(Random& random) {
  const double density = random.unit();
  for (std::size_t from = 0; from < swarm_.members().size(); ++from) {
    for (std::size_t to = 0; to < swarm_.members().size(); ++to) {
      if (random.chance(density)) swarm_.network().cut(from, to, until(random, 3s));
    }
  }
  swarm_.trace().note(swarm_.now(), "many links are cut");
}

void FaultInjector::swizzle(Random& random) {
  swarm_.marks().hit(Mark::swizzled);
  swarm_.trace().note(swarm_.now(), "swizzle");
  for (std::size_t i = 0; i < swarm_.members().size(); ++i) {
    if (random.chance(0.3)) continue;
    const MonoTime from = swarm_.now() + draw_between(random, 0s, 1s);
    const MonoTime end = from + draw_between(random, 100ms, 3s);
    swarm_.at(from, [this, i, end] {
      if (is_on_) swarm_.network().clog_all_of(i, end);
    });
  }
}

void FaultInjector::replay(Random& random) {
  swarm_.replay(random);
}

void FaultInjector::stall_disk(Random& random) {
  SimMember* leader = swarm_.leader();
  const bool of_leader = random.chance(0.5);
  SimMember& member = any_member(random);
  SimMember& chosen = of_leader && leader != nullptr ? *leader : member;
  chosen.disk.stall(until(random, 6s));
  swarm_.marks().hit(Mark::disk_stalled);
  swarm_.trace().note(swarm_.now(), "the disk of {} stalls", chosen.machine + 1);
}

void FaultInjector::fail_sync(Random& random) {
  any_member(random).disk.fail_next_sync();
}

void FaultInjector::fill_disk(Random& random) {
  const std::size_t machine = any_machine(random);
  const MonoTime from = swarm_.now() + draw_wait(random, 2s);
  swarm_.member(machine).disk.fill(from, from + 10ms + draw_wait(random, 3s));
  swarm_.trace().note(swarm_.now(), "the disk of {} fills up", machine + 1);
}

void FaultInjector::wipe(Random& random) {
  const bool is_founder = swarm_.founding() != nullptr && random.chance(0.3);
  const std::size_t machine = is_founder ? 0 : any_machine(random);
  std::set<NodeId> left;
  std::set<std::size_t> all;
  for (const auto& member : swarm_.members()) {
    all.insert(member->machine);
    if (member->machine != machine && !member->disk.has_lied()) left.insert(member->id);
  }
  // More than can be lost would end the swarm for good; that is not what is tested.
  if (!swarm_.has_quorum(left, all)) return;
  swarm_.wipe(swarm_.member(machine));
  // If nobody reaches whoever may found a swarm, it does.
  if (swarm_.founding() != nullptr && random.chance(0.5))
    swarm_.network().cut_off(machine, swarm_.now() + draw_between(random, 10s, 30s));
}

void FaultInjector::clone(Random& random) {
  SimMember& member = any_member(random);
  if (!member.core) return;
  const auto second = member.disk.open(swarm_.now());
  require(!second.has_value(), "two processes use the disk of {}", member.machine + 1);
  swarm_.marks().hit(Mark::clone_refused);
}

void FaultInjector::save_or_roll_back(Random& random) {
  SimMember& member = swarm_.member(kSuspect);
  if (random.chance(0.5)) {
    member.disk.save_image();
  } else {
    swarm_.roll_back(member);
  }
}

void FaultInjector::change_rate(Random& random) {
  constexpr std::int64_t kMost = 200'000;
  const auto off = static_cast<std::int64_t>(random.below(2 * kMost)) - kMost;
  swarm_.set_clock_rate(any_member(random), SimClock::kTrueRate + off);
}

void FaultInjector::pause(Random& random) {
  SimMember* leader = swarm_.leader();
  const bool of_leader = random.chance(0.4);
  SimMember& member = any_member(random);
  SimMember& chosen = of_leader && leader != nullptr ? *leader : member;
  swarm_.pause(chosen, until(random, 1500ms));
  swarm_.trace().note(swarm_.now(), "{} pauses", chosen.machine + 1);
}

void FaultInjector::sleep_all(Random& random) {
  const MonoTime length = draw_between(random, 20s, 300s);
  awake_at_ = swarm_.now() + length;
  slept_ += length;
  for (const auto& member : swarm_.members())
    swarm_.pause(*member, awake_at_ + draw_wait(random, 50ms));
  swarm_.marks().hit(Mark::all_slept);
  swarm_.trace().note(swarm_.now(), "all sleep for {} s", length / 1s);
}

void FaultInjector::crash(Random& random) {
  swarm_.crash(any_member(random));
}

void FaultInjector::kill_all(Random&) {
  for (const auto& member : swarm_.members())
    swarm_.crash(*member);
  swarm_.marks().hit(Mark::all_killed);
}

void FaultInjector::change_members(Random& random) {
  if (swarm_.voters() != nullptr) return swarm_.voters()->draw_drain(random);
  const SimMember* leader = swarm_.leader();
  if (leader == nullptr) return;
  const auto change = draw_change(swarm_, leader->core->config(), random);
  if (change) config_changes_ += propose_change(swarm_, *change) ? 1 : 0;
}

/// While machines were wiped, somebody must take their old ids out and the new ones in.
void FaultInjector::repair_members() {
  swarm_.at(swarm_.now() + 1s, [this] {
    if (!is_on_) return;
    const SimMember* leader = swarm_.leader();
    if (leader != nullptr && swarm_.now() >= awake_at_) {
      const Config& config = leader->core->config();
      std::set<NodeId> voters = config.voters;
      std::erase_if(voters, [&](NodeId id) { return swarm_.find(id) == nullptr; });
      const bool has_lost = voters != config.voters && !voters.empty();
      const bool has_forgetful = !leader->core->forgetful().empty();
      const auto change =
          has_lost || has_forgetful ? step_towards(swarm_, config, voters) : std::nullopt;
      if (change) config_changes_ += propose_change(swarm_, *change) ? 1 : 0;
    }
    repair_members();
  });
}

void FaultInjector::transfer(Random& random) {
  SimMember* leader = swarm_.leader();
  const NodeId target = any_member(random).id;
  if (leader == nullptr || !swarm_.is_awake(*leader)) return;
  swarm_.give(*leader, [&](RaftCore& core, Effects& effects) {
    static_cast<void>(core.transfer(swarm_.clock(*leader), target, effects));
  });
}

}  // namespace starling::tests
