/// How the machines of a virtual swarm come to belong to it: each begins with an empty disk and
/// the same --join, and does what FoundingCore says, over the same network, clocks, pauses and
/// deaths as everything else there (bootstrap/swarm_entry.cc does it for real).
///
/// Whoever hears a leader lets others in; that this is a committed command is not simulated. The
/// owner of the first address that lost its disk while nobody reached it founds another swarm,
/// which stays empty here, and dissolves when it meets the first one (bootstrap/renewal.cc).
#pragma once

#include "tests/support/sim_member.h"

#include <string>

namespace starling::tests {

class VirtualSwarm;

class SimFounding {
 public:
  explicit SimFounding(VirtualSwarm& swarm) : swarm_(swarm) {}

  /// The process on this machine has begun, and its disk does not belong to the swarm.
  void start(SimMember& member);

  /// A member of the swarm called this machine.
  void hear(SimMember& member, std::size_t from);

 private:
  enum class Answer { no_member, not_now, yes };

  void go_on(SimMember& member);
  void ask(SimMember& member, const std::string& address);
  void take_answer(SimMember& member, const std::string& address, Answer answer);
  void probe(SimMember& member);
  void take_probe(SimMember& member, std::optional<node::BootId> answered);
  void found(SimMember& member);
  void call_seeds(SimMember& member);
  void dissolve(SimMember& member, std::size_t met);
  bool lets_in(const SimMember& member) const;

  VirtualSwarm& swarm_;
  bool is_founded_ = false;
};

}  // namespace starling::tests
