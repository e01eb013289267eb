#include "tests/support/sim_founding.h"

#include "tests/support/virtual_swarm.h"

namespace starling::tests {

using namespace std::chrono_literals;
using bootstrap::FoundingCore;
using bootstrap::FoundingStep;
using consensus::Role;

namespace {

constexpr std::size_t kOwner = 0;  ///< the machine of the first --join address
constexpr MonoTime kAnswerPatience = 200ms;
constexpr MonoTime kSeedsCalledEvery = 2s;

node::BootId boot_of(const SimMember& member) {
  node::BootId id;
  id.bytes[0] = static_cast<std::uint8_t>(member.machine + 1);
  for (std::size_t i = 0; i < 8; ++i)
    id.bytes[15 - i] = static_cast<std::uint8_t>(member.boot >> 8 * i);
  return id;
}

}  // namespace

void SimFounding::start(SimMember& member) {
  if (member.home == SimMember::Home::elsewhere) return call_seeds(member);
  bootstrap::FoundingConfig config;
  config.self = boot_of(member);
  for (std::size_t machine = 0; machine < swarm_.members().size(); ++machine)
    config.seeds.push_back(address_of_machine(machine));
  member.founding.emplace(std::move(config), swarm_.clock(member));
  member.is_known_to_members = false;
  go_on(member);
}

void SimFounding::hear(SimMember& member, std::size_t from) {
  if (member.home == SimMember::Home::elsewhere) return dissolve(member, from);
  if (!member.founding) return;
  member.is_known_to_members = true;
  member.founding->heard_of_member(swarm_.clock(member), address_of_machine(from));
}

/// A turn is one step and its answer; what comes after its end is too late.
void SimFounding::go_on(SimMember& member) {
  if (!member.founding) return;
  const std::uint64_t turn = ++member.turn;
  const FoundingStep step = member.founding->next(swarm_.clock(member));
  switch (step.kind) {
    case FoundingStep::Kind::wait: {
      const MonoTime when = std::max(member.clock.world_at(step.at), swarm_.now() + 1ms);
      swarm_.at_member(when, member, [this, turn](SimMember& who) {
        if (who.turn == turn) go_on(who);
      });
      break;
    }
    case FoundingStep::Kind::ask: ask(member, step.address); break;
    case FoundingStep::Kind::probe: probe(member); break;
    case FoundingStep::Kind::found: found(member); break;
  }
}

bool SimFounding::lets_in(const SimMember& member) const {
  if (!member.core) return false;
  if (member.core->role() == Role::leader) return true;
  return member.leader_contact &&
         swarm_.clock(member) - member.leader_contact->second < swarm_.timings().election;
}

void SimFounding::ask(SimMember& member, const std::string& address) {
  const std::uint64_t turn = member.turn;
  swarm_.ask(member, machine_at_address(address), [this, turn, address](SimMember& there) {
    const Answer answer = lets_in(there) ? Answer::yes
                          : there.core   ? Answer::not_now
                                         : Answer::no_member;
    return std::function<void(SimMember&)>{[this, turn, address, answer](SimMember& asker) {
      if (asker.turn == turn) take_answer(asker, address, answer);
    }};
  });
  swarm_.at_member(swarm_.now() + kAnswerPatience, member, [this, turn, address](SimMember& who) {
    if (who.turn == turn) take_answer(who, address, Answer::no_member);
  });
}

void SimFounding::take_answer(SimMember& member, const std::string& address, Answer answer) {
  if (answer != Answer::yes) {
    // Whoever refuses belongs to a swarm all the same.
    if (answer == Answer::not_now) hear(member, machine_at_address(address));
    member.founding->asked(address, {Errc::unavailable, "not now"});
    return go_on(member);
  }
  swarm_.marks().hit(Mark::owner_adopted, member.machine == kOwner);
  swarm_.trace().note(swarm_.now(), "{} is let in by {}", name_of(member.id), address);
  ++member.turn;
  member.founding.reset();
  swarm_.enter(member);
}

void SimFounding::probe(SimMember& member) {
  if (member.machine == kOwner) return take_probe(member, boot_of(member));
  const std::uint64_t turn = member.turn;
  swarm_.ask(member, kOwner, [this, turn](SimMember& owner) {
    return std::function<void(SimMember&)>{[this, turn, boot = boot_of(owner)](SimMember& asker) {
      if (asker.turn == turn) take_probe(asker, boot);
    }};
  });
  swarm_.at_member(swarm_.now() + kAnswerPatience, member, [this, turn](SimMember& who) {
    if (who.turn == turn) take_probe(who, std::nullopt);
  });
}

void SimFounding::take_probe(SimMember& member, std::optional<node::BootId> answered) {
  member.founding->probed({{.address = address_of_machine(kOwner), .answered = answered}});
  go_on(member);
}

void SimFounding::found(SimMember& member) {
  require(member.machine == kOwner,
          "machine {} founds a swarm, and the first address is not its own",
          member.machine + 1);
  require(!member.is_known_to_members, "a swarm is founded though a member of one was heard");
  member.founding.reset();
  if (!is_founded_) {
    is_founded_ = true;
    swarm_.trace().note(swarm_.now(), "{} founds the swarm", name_of(member.id));
    return swarm_.enter_as_founder(member);
  }
  swarm_.marks().hit(Mark::founded_elsewhere);
  swarm_.trace().note(swarm_.now(), "{} founds another swarm", name_of(member.id));
  member.home = SimMember::Home::elsewhere;
  call_seeds(member);
}

void SimFounding::call_seeds(SimMember& member) {
  if (member.home != SimMember::Home::elsewhere) return;
  for (std::size_t machine = 0; machine < swarm_.members().size(); ++machine) {
    if (machine == member.machine) continue;
    swarm_.ask(
        member, machine, [this, machine](SimMember& there) -> std::function<void(SimMember&)> {
          if (!there.core) return {};
          return [this, machine](SimMember& who) {
            if (who.home == SimMember::Home::elsewhere) dissolve(who, machine);
          };
        });
  }
  swarm_.at_member(
      swarm_.now() + kSeedsCalledEvery, member, [this](SimMember& who) { call_seeds(who); });
}

void SimFounding::dissolve(SimMember& member, std::size_t met) {
  swarm_.marks().hit(Mark::swarm_dissolved);
  swarm_.trace().note(swarm_.now(), "{} dissolves its swarm", name_of(member.id));
  member.home = SimMember::Home::nowhere;
  start(member);
  hear(member, met);
}

}  // namespace starling::tests
