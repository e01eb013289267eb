/// The committed log on its way to those to whom no leader sends it, in a virtual swarm: every
/// machine asks others, the more if it is in no config or hears of no leader. In a swarm that keeps
/// itself it asks whom UpstreamChoice names, else anybody. The answers suffer from the network as
/// all messages do.
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
  void ask_chosen(SimMember& member);
  void ask_machine(SimMember& member, std::size_t asked);

  /// Returns: whether there was something to say.
  bool answer(SimMember& upstream, NodeId asker, LogIndex after);

  VirtualSwarm& swarm_;
  Random random_;
  MonoTime every_;
  double members_ask_;  ///< chance that a member asks, who need not
  std::size_t bytes_max_;
  std::uint64_t relay_calls_ = 0;
};

}  // namespace starling::tests
