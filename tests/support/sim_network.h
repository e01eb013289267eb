/// The network of a virtual swarm: for each directed link, whether and when a message arrives.
///
/// Machines have the numbers 0, 1, ... . The network knows times, not contents.
#pragma once

#include "node/base/ids.h"
#include "node/base/random.h"
#include "tests/support/swarm_faults.h"

#include <set>
#include <vector>

namespace starling::tests {

class SimNetwork {
 public:
  static constexpr MonoTime kForever = MonoTime::max();

  SimNetwork(std::size_t machines, std::uint64_t seed, const FaultPlan& plan);

  /// When each copy of a message that is sent now arrives. None: it is lost.
  std::vector<MonoTime> send(std::size_t from, std::size_t to, MonoTime now);

  bool is_cut(std::size_t from, std::size_t to, MonoTime now) const {
    return link(from, to).cut_until > now;
  }

  /// Loss, copies and long delays begin or end; a link that is cut stays so.
  void set_faulty(bool is_faulty) { is_faulty_ = is_faulty; }

  void cut(std::size_t from, std::size_t to, MonoTime until) { link(from, to).cut_until = until; }

  void cut_off(std::size_t machine, MonoTime until);

  /// What is sent arrives after `until`.
  void clog(std::size_t from, std::size_t to, MonoTime until) {
    link(from, to).clogged_until = until;
  }

  void clog_all_of(std::size_t machine, MonoTime until);

  /// No fault on any link between two of `core`. What is cut elsewhere stays cut forever, and with
  /// `cut_the_rest` every other link is.
  void freeze_around(const std::set<std::size_t>& core, bool cut_the_rest, MonoTime now);

  void heal_all();

 private:
  struct Link {
    MonoTime cut_until{0};
    MonoTime clogged_until{0};
    MonoTime last_arrival{0};
    bool is_sound = false;  ///< in the core of a frozen swarm
  };

  Link& link(std::size_t from, std::size_t to) { return links_[from * machines_ + to]; }

  const Link& link(std::size_t from, std::size_t to) const { return links_[from * machines_ + to]; }

  MonoTime arrival(Link& on, MonoTime now);

  std::size_t machines_;
  Random random_;
  std::vector<Link> links_;
  MonoTime delay_least_{0};
  MonoTime delay_mean_{0};
  double loss_ = 0;
  double copies_ = 0;
  double late_ = 0;
  bool keeps_order_ = true;
  bool is_faulty_ = false;
};

}  // namespace starling::tests
