/// The voters of a virtual swarm, chosen by its leaders with the plan of real nodes, from what
/// their own gossip and Raft tell them (bootstrap/voter_keeper.cc does it for real).
#pragma once

#include "bootstrap/voter_plan.h"
#include "node/base/random.h"
#include "tests/support/sim_member.h"

#include <map>
#include <set>

namespace starling::tests {

class VirtualSwarm;

class SimVoters {
 public:
  SimVoters(VirtualSwarm& swarm, std::uint64_t seed);

  /// From now on this machine looks, four times a second, while it leads.
  void look_again_and_again(SimMember& member);

  void set_working(bool is_working) { is_working_ = is_working; }

  /// A person changes its mind on whether a machine is to drain; most are not.
  void draw_drain(Random& random);

  void drain_nobody() { draining_.clear(); }

 private:
  struct Planned {
    std::uint64_t boot = 0;
    Term term;
    bootstrap::VoterPlan plan;
  };

  void look(SimMember& member);
  bootstrap::VoterInput input_of(SimMember& member) const;

  VirtualSwarm& swarm_;
  bool is_forming_;  ///< for as long as the swarm lives
  bool is_working_ = true;
  std::set<std::size_t> draining_;  ///< machines
  std::map<std::size_t, Planned> by_machine_;
};

}  // namespace starling::tests
