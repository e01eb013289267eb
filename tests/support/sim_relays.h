/// The committed log on its way to those to whom no leader sends it, in a virtual swarm: every
/// machine asks others at random, the more if it is in no config or hears of no leader. The answers
/// suffer from the network as all messages do.
#pragma once

#include "consensus/relay/relay.h"
#include "tests/support/sim_member.h"

namespace starling::tests {

class VirtualSwarm;

class SimRelays {
 public:
  SimRelays(VirtualSwarm& swarm, std::uint64_t seed);

  /// From now on this machine asks, whoever it is at the time.
  void ask_again_and_again(SimMember& member);

 private:
  void ask(SimMember& member);
  void answer(SimMember& upstream, NodeId asker, LogIndex after);

  VirtualSwarm& swarm_;
  Random random_;
  MonoTime every_;
  double members_ask_;  ///< chance that a member asks, who need not
  std::size_t bytes_max_;
};

}  // namespace starling::tests
