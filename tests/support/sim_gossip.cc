#include "tests/support/sim_gossip.h"

#include "tests/support/sim_random.h"
#include "tests/support/virtual_swarm.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::tests {

using namespace std::chrono_literals;
using node::MemberState;

namespace {

constexpr std::uint64_t kUsedWithoutADiskWrite = 1U << 16;

}  // namespace

void SimGossip::start(SimMember& member) {
  member.incarnation += kUsedWithoutADiskWrite;
  node::SwimConfig config;
  config.self = member.id;
  config.key.public_key = {1, static_cast<std::uint8_t>(member.machine), member.life};
  config.swarm = sim_swarm_id();
  config.facts.name = name_of(member.id);
  config.facts.address = address_of_machine(member.machine);
  config.facts.sync_us = 1000 * (1 + member.machine * 10);
  for (std::size_t machine = 0; machine < swarm_.members().size(); ++machine)
    if (machine != member.machine) config.seeds.push_back(address_of_machine(machine));
  config.incarnation = member.incarnation;
  config.seed = mix_seeds(seed_, member.boot * 256 + member.machine);
  member.gossip_timer_at = MonoTime{0};
  member.gossip = std::make_unique<node::SwimCore>(config, swarm_.clock(member));
  set_timer(member);
  for (const auto& seed : config.seeds)
    push_pull(member, seed, {});
}

void SimGossip::give(SimMember& member, const Act& act) {
  node::SwimEffects effects;
  act(member, effects);
  carry_out(member, effects);
}

void SimGossip::set_timer(SimMember& member) {
  const MonoTime when = member.gossip->next_deadline();
  if (member.gossip_timer_at == when) return;
  member.gossip_timer_at = when;
  swarm_.at_member(member.clock.world_at(when), member, [this, when](SimMember& who) {
    if (who.gossip_timer_at != when) return;
    who.gossip_timer_at = MonoTime{0};
    give(who, [this](SimMember& one, node::SwimEffects& effects) {
      const MonoTime now = swarm_.clock(one);
      if (now >= one.gossip->next_deadline()) effects = one.gossip->tick(now);
    });
  });
}

void SimGossip::carry_out(SimMember& member, const node::SwimEffects& effects) {
  member.incarnation = std::max(member.incarnation, member.gossip->incarnation());
  for (const auto& datagram : effects.send)
    send(member, datagram);
  for (const auto& one : effects.call)
    call(member, one);
  for (const auto& address : effects.push_pull)
    push_pull(member, address, {});
  for (const auto& changed : effects.changed) {
    const SimMember* meant = swarm_.find(changed.id);
    const bool is_dead = changed.state == MemberState::dead;
    swarm_.marks().hit(Mark::gossip_buried, is_dead);
    swarm_.marks().hit(Mark::gossip_wronged, is_dead && meant != nullptr && meant->core);
    swarm_.trace().note(swarm_.now(),
                        "{} holds {} for {}",
                        name_of(member.id),
                        name_of(changed.id),
                        node::to_string(changed.state));
  }
  set_timer(member);
}

void SimGossip::send(SimMember& member, const node::SwimDatagram& datagram) {
  const std::size_t to = machine_at_address(datagram.address);
  for (const MonoTime when : swarm_.network().send(member.machine, to, swarm_.now())) {
    swarm_.at(when, [this, to, message = datagram.message] {
      SimMember& there = swarm_.member(to);
      if (!there.gossip) return;
      swarm_.at_member(swarm_.now(), there, [this, message](SimMember& who) {
        give(who, [this, &message](SimMember& one, node::SwimEffects& effects) {
          effects = one.gossip->receive(swarm_.clock(one), message);
        });
      });
    });
  }
}

void SimGossip::call(SimMember& member, const node::SwimCall& call) {
  swarm_.ask(member,
             machine_at_address(call.address),
             [this, call](SimMember& there) -> std::function<void(SimMember&)> {
               if (!there.gossip || there.id != call.to) return {};
               return [this, call](SimMember& asker) {
                 give(asker, [this, &call](SimMember& one, node::SwimEffects& effects) {
                   effects = one.gossip->take_call_answer(swarm_.clock(one), call);
                 });
               };
             });
}

void SimGossip::push_pull(SimMember& member, const std::string& address, NodeId after) {
  const node::SwimState ours = member.gossip->page(after);
  const auto question = [this, ours, address, from = member.machine](
                            SimMember& there) -> std::function<void(SimMember&)> {
    if (!there.gossip) {
      swarm_.founding()->hear(there, from);
      return {};
    }
    const node::SwimState theirs = there.gossip->answer_to(ours);
    give(there, [this, &ours](SimMember& one, node::SwimEffects& effects) {
      effects = one.gossip->merge(swarm_.clock(one), ours.members);
    });
    return [this, theirs, address](SimMember& asker) {
      give(asker, [this, &theirs](SimMember& one, node::SwimEffects& effects) {
        effects = one.gossip->merge(swarm_.clock(one), theirs.members);
      });
      if (theirs.after < theirs.upto) push_pull(asker, address, theirs.upto);
    };
  };
  swarm_.ask(member, machine_at_address(address), question);
}

bool SimGossip::is_settled() const {
  return std::ranges::all_of(swarm_.members(), [this](const auto& member) {
    if (!member->gossip) return true;
    const bool knows_all = std::ranges::all_of(swarm_.members(), [&](const auto& other) {
      return !other->gossip || member->gossip->member(other->id);
    });
    if (!knows_all) return false;
    const auto known = member->gossip->members();
    return std::ranges::all_of(known, [this](const node::Member& one) {
      const SimMember* meant = swarm_.find(one.id);
      const bool runs = meant != nullptr && meant->gossip;
      return (one.state == MemberState::alive) == runs;
    });
  });
}

}  // namespace starling::tests
