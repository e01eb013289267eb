/// Gossip between the machines of a virtual swarm, over the same network, clocks, pauses and deaths
/// as everything else there (node/gossip/gossip_service.cc does it for real).
#pragma once

#include "node/gossip/swim_core.h"
#include "tests/support/sim_member.h"

#include <functional>
#include <string>

namespace starling::tests {

class VirtualSwarm;

class SimGossip {
 public:
  explicit SimGossip(VirtualSwarm& swarm, std::uint64_t seed) : swarm_(swarm), seed_(seed) {}

  /// The process on this machine has begun.
  void start(SimMember& member);

  /// Every process that runs holds all that run for alive, and nobody else.
  bool is_settled() const;

 private:
  using Act = std::function<void(SimMember&, node::SwimEffects&)>;

  void give(SimMember& member, const Act& act);
  void carry_out(SimMember& member, const node::SwimEffects& effects);
  void set_timer(SimMember& member);
  void send(SimMember& member, const node::SwimDatagram& datagram);
  void call(SimMember& member, const node::SwimCall& call);
  void push_pull(SimMember& member, const std::string& address, NodeId after);

  VirtualSwarm& swarm_;
  std::uint64_t seed_;
};

}  // namespace starling::tests
