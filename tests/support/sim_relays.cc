#include "tests/support/sim_relays.h"

#include "consensus/raft/raft_wire.h"
#include "consensus/relay/upstream_choice.h"
#include "tests/support/sim_random.h"
#include "tests/support/virtual_swarm.h"

namespace starling::tests {

using namespace consensus;
using namespace std::chrono_literals;

namespace {

constexpr MonoTime kUpstreamPatience = 1s;

}  // namespace

SimRelays::SimRelays(VirtualSwarm& swarm, std::uint64_t seed)
    : swarm_(swarm), random_(stream(seed, "relays")) {
  every_ = draw_between(random_, 20ms, 500ms);
  members_ask_ = random_.chance(0.5) ? 0 : random_.unit() / 4;
  bytes_max_ = 1 + random_.below(4000);
}

void SimRelays::ask_again_and_again(SimMember& member) {
  swarm_.at(swarm_.now() + draw_between(random_, 1ms, 2 * every_), [this, &member] {
    ask(member);
    ask_again_and_again(member);
  });
}

void SimRelays::ask(SimMember& member) {
  if (!swarm_.is_awake(member) || member.core->role() == Role::leader) return;
  const MonoTime silence_max = kSilentElections * swarm_.timings().election;
  const bool hears_leader =
      member.leader_contact && swarm_.clock(member) - member.leader_contact->second <= silence_max;
  // A member that hears of no leader may have been removed while it was away.
  const bool needs_it = !member.core->config().members().contains(member.id) || !hears_leader;
  if (!needs_it && !random_.chance(members_ask_)) return;
  if (swarm_.gossip() != nullptr) return ask_chosen(member);
  const std::size_t asked = random_.below(swarm_.members().size());
  if (asked != member.machine) ask_machine(member, asked);
}

/// One question at a time, as LogRelay::follow does it. Who has enough followers, and whether two
/// follow each other, is not asked here (tests/consensus/relay_test.cc).
void SimRelays::ask_chosen(SimMember& member) {
  if (member.asks_upstream) return;
  UpstreamView view{.now = swarm_.clock(member),
                    .self = member.id,
                    .alive = {},
                    .config = member.core->config(),
                    .leader = member.core->leader()};
  for (const auto& known : member.gossip->members())
    if (known.state == node::MemberState::alive) view.alive.push_back(known.id);
  const auto chosen = member.upstream->next(view);
  if (!chosen) return;
  const SimMember* there = swarm_.find(*chosen);
  if (there == nullptr) return member.upstream->failed(view.now, *chosen);
  const std::uint64_t call = ++relay_calls_;
  member.asks_upstream = call;
  const auto question =
      [this, call, chosen = *chosen, asker = member.id, after = member.core->commit()](
          SimMember& one) -> std::function<void(SimMember&)> {
    if (!one.core || one.id != chosen) return {};
    const bool has_message = answer(one, asker, after);
    return [this, call, chosen, has_message, term = one.core->term(), commit = one.core->commit()](
               SimMember& who) {
      if (who.asks_upstream != call) return;
      const RaftCore& core = *who.core;
      const bool says_something = has_message && term >= core.term() && commit >= core.commit();
      const bool is_leaf = !core.config().members().contains(who.id);
      const bool was_followed = who.upstream->current() == chosen;
      who.asks_upstream = 0;
      who.upstream->answered(swarm_.clock(who), chosen, says_something);
      swarm_.marks().hit(Mark::upstream_followed,
                         is_leaf && was_followed && who.upstream->current() == chosen);
    };
  };
  swarm_.ask(member, there->machine, question);
  const auto give_up = [this, call, chosen = *chosen](SimMember& who) {
    if (who.asks_upstream != call) return;
    who.asks_upstream = 0;
    const bool is_leaf = !who.core->config().members().contains(who.id);
    swarm_.marks().hit(Mark::upstream_lost, is_leaf && who.upstream->current() == chosen);
    who.upstream->failed(swarm_.clock(who), chosen);
  };
  swarm_.at_member(swarm_.now() + kUpstreamPatience, member, give_up);
}

void SimRelays::ask_machine(SimMember& member, std::size_t asked) {
  const LogIndex after = member.core->commit();
  for (const MonoTime when : swarm_.network().send(member.machine, asked, swarm_.now())) {
    swarm_.at(when, [this, asked, asker = member.id, after] {
      SimMember& upstream = swarm_.member(asked);
      if (swarm_.is_awake(upstream)) answer(upstream, asker, after);
    });
  }
}

bool SimRelays::answer(SimMember& upstream, NodeId asker, LogIndex after) {
  const RaftCore& core = *upstream.core;
  std::vector<EntryRef> entries;
  switch (relay_source(core, after)) {
    case RelaySource::nothing_new: break;
    case RelaySource::memory: entries = relayed_entries(core, after, bytes_max_); break;
    case RelaySource::disk: {
      const auto read = upstream.disk.store().read_log(after, relay_disk_end(core), bytes_max_);
      require(read.has_value(), "a log cannot be read");
      entries = *read;
      break;
    }
    case RelaySource::snapshot: {
      const SnapshotSend wanted{asker, core.term(), 0};
      const bool is_busy = upstream.sending && upstream.sending->is_moving;
      swarm_.marks().hit(Mark::snapshot_relayed, !is_busy);
      if (!is_busy) swarm_.send_snapshot(upstream, wanted);
      break;
    }
  }
  swarm_.marks().hit(Mark::entries_relayed, !entries.empty());
  const auto message = relay_message(core, sim_swarm_id(), asker, after, std::move(entries));
  if (message) swarm_.send(upstream, *message);
  return message.has_value();
}

}  // namespace starling::tests
