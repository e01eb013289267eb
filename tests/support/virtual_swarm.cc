#include "tests/support/virtual_swarm.h"

#include "consensus/raft/raft_wire.h"
#include "consensus/storage/snapshot_pairs.h"
#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <unistd.h>

namespace starling::tests {

using namespace consensus;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kSnapshotBytesMax = 1 << 20;
char seed_line[128];

void print_seed(int) {
  const auto ignored = ::write(STDERR_FILENO, seed_line, std::strlen(seed_line));
  static_cast<void>(ignored);
}

NodeId node_number(int number) {
  NodeId id;
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

std::string name_of(NodeId id) {
  return std::to_string(id.bytes[15]);
}

std::string names_of(const std::set<NodeId>& ids) {
  std::string text;
  for (const NodeId id : ids)
    text += fmt::format("{}{}", text.empty() ? "" : ",", name_of(id));
  return text;
}

SwarmId test_swarm() {
  SwarmId id;
  id.bytes[0] = 7;
  return id;
}

/// A chain over everything applied: equal only if all commands were, in order.
Changes apply_command(const StateView& view, LogIndex index, std::string_view command) {
  const std::uint64_t before = std::stoull(view.get("chain").value_or("0"));
  std::uint64_t chain = mix_seeds(before, index.value);
  for (const char c : command)
    chain = mix_seeds(chain, static_cast<unsigned char>(c));
  Changes changes;
  changes.put("chain", std::to_string(chain));
  changes.put(fmt::format("key{}", chain % 32), std::string{command});
  return changes;
}

}  // namespace

VirtualSwarm::VirtualSwarm(VirtualSwarmOptions options)
    : options_(std::move(options)), random_(options_.seed) {
  Entry first{Term{1}, LogIndex{1}, EntryKind::config, {}, {}};
  for (int i = 1; i <= options_.members; ++i) {
    auto& group = i <= options_.voters ? first.config.voters : first.config.learners;
    group.insert(node_number(i));
  }
  for (int i = 1; i <= options_.members; ++i) {
    Member& member = members_[node_number(i)];
    member.id = node_number(i);
    PersistBatch batch;
    batch.hard = {Term{1}, {}, LogIndex{}, 0};
    batch.append.push_back(std::make_shared<const Entry>(first));
    STARLING_ASSERT(member.store.persist(batch), "memory takes everything");
    stores_[member.id] = &member.store;
    side_[member.id] = 0;
  }
}

VirtualSwarmReport VirtualSwarm::run() {
  const auto line = fmt::format("aborted at seed {}; replay with: simulate --seed {} --trace\n",
                                options_.seed,
                                options_.seed);
  std::strncpy(seed_line, line.c_str(), sizeof seed_line - 1);
  std::signal(SIGABRT, print_seed);
  try {
    for (auto& [id, member] : members_)
      start(member);
    at(now_ + 50ms, [this] { stir(); });
    run_until(now_ + options_.chaos, [] { return false; });
    heal();
    run_until(now_ + options_.healing, [this] { return is_well(); });
    if (!is_well()) throw CheckFailure{"the healed swarm does not get on"};
  } catch (const CheckFailure& failure) {
    report_.failure = failure.what();
    note(fmt::format("FAILED: {}", failure.what()));
  }
  std::signal(SIGABRT, SIG_DFL);
  report_.committed = checker_.highest_commit();
  return report_;
}

void VirtualSwarm::note(const std::string& line) {
  for (const char c : line)
    report_.digest = (report_.digest ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  if (!options_.trace) return;
  options_.trace(fmt::format("{:>9.3f}ms {}", static_cast<double>(now_.count()) / 1e6, line));
}

void VirtualSwarm::at(MonoTime when, Action action) {
  agenda_.emplace(std::pair{when, ++sequence_}, std::move(action));
}

/// Nothing happens to a member that has crashed since; a paused one takes it up later.
void VirtualSwarm::at_member(MonoTime when, Member& member, std::function<void(Member&)> action) {
  at(when, [this, &member, boot = member.boot, action = std::move(action)] {
    if (member.boot != boot || !member.core) return;
    if (member.paused_until > now_)
      at_member(member.paused_until, member, action);
    else
      action(member);
  });
}

void VirtualSwarm::run_until(MonoTime end, const std::function<bool()>& done) {
  while (!agenda_.empty() && agenda_.begin()->first.first <= end && !done()) {
    auto event = agenda_.extract(agenda_.begin());
    now_ = std::max(now_, event.key().first);
    event.mapped()();
  }
  if (!done()) now_ = end;
}

MonoTime VirtualSwarm::soon(std::chrono::microseconds least, std::chrono::microseconds most) {
  const auto span = static_cast<std::uint64_t>((most - least).count());
  return now_ + least + std::chrono::microseconds{random_.below(span + 1)};
}

void VirtualSwarm::give(Member& member, const Input& input) {
  const auto before = RaftChecker::before(*member.core);
  Effects effects;
  input(*member.core, effects);
  ++report_.steps;
  checker_.check_step(before, *member.core, effects, stores_);
  carry_out(member, effects);
}

void VirtualSwarm::carry_out(Member& member, Effects& effects) {
  if (effects.role) {
    note(fmt::format("{} is {} term={} last={} commit={}",
                     name_of(member.id),
                     to_string(effects.role->role),
                     effects.role->term.value,
                     member.core->log().last_index().value,
                     member.core->commit().value));
    report_.term = std::max(report_.term, effects.role->term);
  }
  for (Message& message : effects.send)
    send(member, std::move(message));
  if (effects.persist) write(member, std::move(*effects.persist));
  if (!effects.apply.empty()) apply(member, std::move(effects.apply));
  for (const SnapshotSend& wanted : effects.snapshots)
    send_snapshot(member, wanted);
  for (const LogRead& read : effects.log_reads)
    read_log(member, read);
  for (const ReadReady& ready : effects.reads) {
    if (ready.index) checker_.check_read(open_reads_.at(ready.context), *ready.index);
    report_.reads += ready.index ? 1 : 0;
    open_reads_.erase(ready.context);
  }
  set_timer(member);
}

void VirtualSwarm::set_timer(Member& member) {
  const MonoTime when = member.core->next_deadline();
  if (member.timer_at == when) return;
  member.timer_at = when;
  at_member(when, member, [this](Member& who) {
    if (who.timer_at > now_) return;
    who.timer_at = {};
    give(who, [this](RaftCore& core, Effects& effects) { core.tick(now_, effects); });
  });
}

void VirtualSwarm::send(Member& member, Message message) {
  if (random_.chance(loss_)) return;
  const int copies = is_chaos_ && random_.chance(0.03) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    const bool is_late = is_chaos_ && random_.chance(0.02);
    const MonoTime when = is_late ? soon(100ms, 2s) : soon(100us, 8ms);
    at(when, [this, from = member.id, message] {
      Member& target = members_.at(message.to);
      if (!target.core || is_cut(from, message.to)) return;
      at_member(now_, target, [this, message](Member& who) {
        const auto arrived = decode_message(encode_message(message));
        if (!arrived) throw CheckFailure{arrived.error().detail};
        note(fmt::format("{} -> {} kind={} term={}",
                         name_of(message.from),
                         name_of(message.to),
                         message.body.index(),
                         message.term.value));
        give(who, [&](RaftCore& core, Effects& effects) { core.step(now_, *arrived, effects); });
      });
    });
  }
}

void VirtualSwarm::write(Member& member, PersistBatch batch) {
  const bool is_slow = is_chaos_ && random_.chance(0.02);
  const MonoTime when = is_slow ? soon(50ms, 900ms) : soon(50us, 3ms);
  member.in_flight = std::move(batch);
  at_member(when, member, [this](Member& who) {
    const PersistBatch done = std::move(*who.in_flight);
    who.in_flight.reset();
    STARLING_ASSERT(who.store.persist(done), "memory takes everything");
    give(who, [&](RaftCore& core, Effects& effects) { core.persisted(now_, done.id, effects); });
  });
}

void VirtualSwarm::apply(Member& member, std::vector<EntryRef> entries) {
  at_member(soon(0us, 2ms), member, [this, entries = std::move(entries)](Member& who) {
    const auto base = who.store.view();
    Changes all;
    for (const EntryRef& entry : entries) {
      if (entry->kind != EntryKind::command) continue;
      const OverlayView view{*base, all};
      for (auto& [key, value] : apply_command(view, entry->index, entry->command).writes)
        all.writes[key] = value;
      checker_.check_applied(entry->index, *all.writes.at("chain"));
      marks_.insert(entry->command);
    }
    const LogIndex last = entries.back()->index;
    STARLING_ASSERT(who.store.apply(all, last), "memory takes everything");
    give(who, [&](RaftCore& core, Effects& effects) { core.applied(now_, last, effects); });
    if (!random_.chance(0.02) || who.core->is_installing()) return;
    const auto kept = random_.below(8);
    if (who.core->applied_index().value <= who.core->log().base_index().value + kept) return;
    const LogIndex cut{who.core->applied_index().value - kept};
    STARLING_ASSERT(who.store.compact(who.core->log().meta_at(cut)), "memory takes everything");
    who.core->compact(cut);
    note(fmt::format("{} compacts to {}", name_of(who.id), cut.value));
  });
}

void VirtualSwarm::read_log(Member& member, const LogRead& read) {
  ++report_.log_reads;
  at_member(soon(50us, 20ms), member, [this, read](Member& who) {
    const auto entries = who.store.read_log(read.after, read.until, read.bytes_max);
    STARLING_ASSERT(entries, "memory gives everything");
    give(who,
         [&](RaftCore& core, Effects& effects) { core.log_read(now_, read, *entries, effects); });
  });
}

void VirtualSwarm::send_snapshot(Member& member, const SnapshotSend& wanted) {
  ++report_.snapshots;
  const SnapshotMeta meta = member.core->log().meta_at(member.core->applied_index());
  const std::string pairs = member.store.read_snapshot()->next(kSnapshotBytesMax).value();
  note(fmt::format(
      "{} sends snapshot {} to {}", name_of(member.id), meta.index.value, name_of(wanted.to)));
  const bool arrives = !(is_chaos_ && random_.chance(0.3));
  const MonoTime when = soon(1ms, 300ms);
  if (arrives) {
    at(when, [this, from = member.id, to = wanted.to, meta, pairs] {
      Member& target = members_.at(to);
      if (!target.core || is_cut(from, to)) return;
      at_member(
          now_, target, [this, meta, pairs](Member& who) { take_snapshot(who, meta, pairs); });
    });
  }
  at_member(when + 1ms, member, [this, wanted, arrives, meta](Member& who) {
    const auto index = arrives ? std::optional{meta.index} : std::nullopt;
    give(who, [&](RaftCore& core, Effects& effects) {
      core.snapshot_sent(now_, wanted, index, effects);
    });
  });
}

void VirtualSwarm::take_snapshot(Member& target,
                                 const SnapshotMeta& meta,
                                 const std::string& pairs) {
  if (target.core->is_installing()) return;
  STARLING_ASSERT(target.store.begin_staging(), "memory takes everything");
  STARLING_ASSERT(target.store.stage(pairs), "the pairs are whole");
  note(fmt::format("{} has snapshot {}", name_of(target.id), meta.index.value));
  give(target,
       [&](RaftCore& core, Effects& effects) { core.snapshot_received(now_, meta, effects); });
}

void VirtualSwarm::start(Member& member) {
  ++member.boot;
  member.timer_at = {};
  member.paused_until = {};
  const std::uint64_t seed = mix_seeds(options_.seed, member.boot * 256 + member.id.bytes[15]);
  const RaftIdentity identity{test_swarm(), member.id};
  auto restored = member.store.load();
  RaftTimings timings;
  timings.log_bytes_in_memory = 256;  // a laggard's entries must come from the disk
  member.core =
      std::make_unique<RaftCore>(identity, std::move(restored.value()), timings, seed, now_);
  note(fmt::format("{} starts term={}", name_of(member.id), member.core->term().value));
  give(member, [this](RaftCore& core, Effects& effects) { core.tick(now_, effects); });
}

void VirtualSwarm::crash(Member& member) {
  ++report_.crashes;
  note(fmt::format("{} crashes", name_of(member.id)));
  if (member.in_flight && random_.chance(0.5)) member.store.write(*member.in_flight);
  member.in_flight.reset();
  member.store.crash(random_);
  member.core.reset();
}

VirtualSwarm::Member& VirtualSwarm::any_member() {
  auto chosen = members_.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(random_.below(members_.size())));
  return chosen->second;
}

VirtualSwarm::Member* VirtualSwarm::leader() {
  Member* newest = nullptr;
  for (auto& [id, member] : members_) {
    const bool leads = member.core && member.core->role() == Role::leader;
    if (leads && (!newest || newest->core->term() < member.core->term())) newest = &member;
  }
  return newest;
}

void VirtualSwarm::stir() {
  if (!is_chaos_) return;
  at(soon(5ms, 150ms), [this] { stir(); });
  Member& member = any_member();
  const std::uint64_t dice = random_.below(100);
  if (dice < 8) {
    if (member.core)
      crash(member);
    else
      start(member);
  } else if (dice < 14) {
    if (!member.core) start(member);
  } else if (dice < 18) {
    for (auto& [id, side] : side_)
      side = static_cast<int>(random_.below(2));
    note("network splits");
  } else if (dice < 26) {
    for (auto& [id, side] : side_)
      side = 0;
    note("network heals");
  } else if (dice < 29) {
    loss_ = random_.chance(0.5) ? 0 : random_.unit() * 0.4;
  } else if (dice < 31) {
    member.paused_until = soon(100ms, 2s);
    note(fmt::format("{} pauses", name_of(member.id)));
  } else if (dice < 38) {
    if (Member* who = leader()) change_members(*who);
  } else if (dice < 41) {
    if (Member* who = leader(); who && who->paused_until <= now_) {
      give(*who, [&](RaftCore& core, Effects& effects) {
        static_cast<void>(core.transfer(now_, member.id, effects));
      });
    }
  } else if (dice < 55) {
    read(member);
  } else {
    Member* who = leader();
    propose(who != nullptr && random_.chance(0.8) ? *who : member);
  }
}

void VirtualSwarm::change_members(Member& who) {
  if (who.paused_until > now_) return;
  std::set<NodeId> voters;
  std::set<NodeId> learners;
  for (const auto& [id, member] : members_) {
    const std::uint64_t dice = random_.below(10);
    if (dice < 6) voters.insert(id);
    if (dice >= 6 && dice < 9) learners.insert(id);
  }
  give(who, [&](RaftCore& core, Effects& effects) {
    const auto index = core.change_config(now_, voters, learners, effects);
    if (!index) return;
    ++report_.config_changes;
    note(fmt::format("{} moves to voters={} learners={}",
                     name_of(who.id),
                     names_of(voters),
                     names_of(learners)));
  });
}

void VirtualSwarm::propose(Member& member) {
  if (!member.core || member.paused_until > now_) return;
  std::vector<Proposal> proposals;
  const std::uint64_t count = 1 + random_.below(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t context = next_context_++;
    proposals.push_back({context, fmt::format("command{}", context)});
  }
  give(member, [&](RaftCore& core, Effects& effects) {
    core.propose(now_, std::move(proposals), effects);
  });
}

void VirtualSwarm::read(Member& member) {
  if (!member.core || member.paused_until > now_) return;
  const std::uint64_t context = next_context_++;
  open_reads_[context] = checker_.highest_commit();
  give(member, [&](RaftCore& core, Effects& effects) { core.read_index(now_, context, effects); });
}

void VirtualSwarm::heal() {
  is_chaos_ = false;
  loss_ = 0;
  note("everything heals");
  for (auto& [id, member] : members_) {
    side_[id] = 0;
    member.paused_until = {};
    if (!member.core) start(member);
  }
}

/// A leader with a settled config, one more command through, and all members equal.
bool VirtualSwarm::is_well() {
  Member* who = leader();
  if (who == nullptr || who->core->config().is_joint()) return false;
  const std::string mark = fmt::format("mark {}", who->core->term().value);
  if (!marks_.contains(mark)) {
    const LogIndex commit = who->core->commit();
    if (who->core->log().term_at(commit) != who->core->term()) return false;
    marks_.insert(mark);
    give(*who, [&](RaftCore& core, Effects& effects) {
      core.propose(now_, {{next_context_++, mark}}, effects);
    });
    return false;
  }
  const auto expected = who->store.live().state.get("chain");
  const LogIndex last = who->core->log().last_index();
  for (const NodeId id : who->core->config().members()) {
    const Member& member = members_.at(id);
    const bool equal = member.core && member.core->applied_index() == last &&
                       member.store.live().state.get("chain") == expected;
    if (!equal) return false;
  }
  return who->core->applied_index() == last;
}

}  // namespace starling::tests
