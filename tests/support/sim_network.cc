#include "tests/support/sim_network.h"

#include "tests/support/sim_random.h"

namespace starling::tests {

using namespace std::chrono_literals;

SimNetwork::SimNetwork(std::size_t machines, std::uint64_t seed, const FaultPlan& plan)
    : machines_(machines), random_(stream(seed, "network")), links_(machines * machines) {
  delay_least_ = draw_between(random_, 50us, 2ms);
  delay_mean_ = draw_between(random_, 100us, 4ms);
  const MonoTime slow_least = draw_between(random_, 0ms, 30ms);
  const MonoTime slow_mean = draw_between(random_, 0ms, 60ms);
  if (plan.has(Fault::slow_network)) {
    delay_least_ += slow_least;
    delay_mean_ += slow_mean;
  }
  loss_ = 0.3 * plan.strength(Fault::loss);
  copies_ = 0.2 * plan.strength(Fault::duplication);
  late_ = 0.1 * plan.strength(Fault::reorder);
  keeps_order_ = !plan.has(Fault::reorder);
}

MonoTime SimNetwork::arrival(Link& on, MonoTime now) {
  const bool has_faults = is_faulty_ && !on.is_sound;
  MonoTime delay = on.is_sound ? 100us + draw_wait(random_, 300us)
                               : delay_least_ + draw_wait(random_, delay_mean_);
  if (has_faults && random_.chance(late_)) delay += draw_wait(random_, 400ms);
  MonoTime when = std::max(now, on.clogged_until) + delay;
  if (keeps_order_ || !has_faults) when = std::max(when, on.last_arrival + 1ns);
  on.last_arrival = std::max(on.last_arrival, when);
  return when;
}

std::vector<MonoTime> SimNetwork::send(std::size_t from, std::size_t to, MonoTime now) {
  Link& on = link(from, to);
  const bool has_faults = is_faulty_ && !on.is_sound;
  if (on.cut_until > now || (has_faults && random_.chance(loss_))) return {};
  std::vector<MonoTime> arrivals{arrival(on, now)};
  if (has_faults && random_.chance(copies_)) arrivals.push_back(arrival(on, now));
  return arrivals;
}

void SimNetwork::cut_off(std::size_t machine, MonoTime until) {
  for (std::size_t other = 0; other < machines_; ++other) {
    if (other == machine) continue;
    cut(machine, other, until);
    cut(other, machine, until);
  }
}

void SimNetwork::clog_all_of(std::size_t machine, MonoTime until) {
  for (std::size_t other = 0; other < machines_; ++other) {
    if (other == machine) continue;
    clog(machine, other, until);
    clog(other, machine, until);
  }
}

void SimNetwork::freeze_around(const std::set<std::size_t>& core, bool cut_the_rest, MonoTime now) {
  for (std::size_t from = 0; from < machines_; ++from) {
    for (std::size_t to = 0; to < machines_; ++to) {
      Link& each = link(from, to);
      if (core.contains(from) && core.contains(to)) {
        each = {};
        each.is_sound = true;
      } else if (cut_the_rest || each.cut_until > now || each.clogged_until > now) {
        each.cut_until = kForever;
      }
    }
  }
}

void SimNetwork::heal_all() {
  for (Link& each : links_) {
    each = {};
    each.is_sound = true;
  }
}

}  // namespace starling::tests
