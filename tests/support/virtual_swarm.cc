#include "tests/support/virtual_swarm.h"

#include "consensus/raft/raft_wire.h"
#include "node/base/assert.h"
#include "tests/support/sim_random.h"

#include <algorithm>

namespace starling::tests {

using namespace consensus;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kRecordedMax = 64;

MonoTime draw_offset(std::uint64_t seed, std::size_t machine) {
  Random random = stream(seed, fmt::format("clock.{}", machine));
  return draw_between(random, 0s, 1000h);
}

bool is_quorum(const Config& config, const std::set<NodeId>& present) {
  const auto has_majority = [&](const std::set<NodeId>& voters) {
    const auto count = std::count_if(
        voters.begin(), voters.end(), [&](NodeId voter) { return present.contains(voter); });
    return voters.empty() || 2 * static_cast<std::size_t>(count) > voters.size();
  };
  return has_majority(config.voters) && has_majority(config.voters_outgoing);
}

std::vector<Config> configs_of(const MemoryLogStore::Disk& disk) {
  std::vector<Config> configs{disk.base.config};
  for (const auto& [index, entry] : disk.log) {
    if (entry->kind == EntryKind::config) configs.push_back(entry->config);
  }
  return configs;
}

}  // namespace

VirtualSwarm::VirtualSwarm(const SwarmShape& shape,
                           const FaultPlan& plan,
                           const SimMachine& machine,
                           SwarmTrace& trace)
    : shape_(shape),
      machine_(machine),
      trace_(trace),
      timings_(draw_timings(shape.seed, plan)),
      process_random_(stream(shape.seed, "process")),
      record_random_(stream(shape.seed, "record")),
      network_(shape.machines, shape.seed, plan),
      history_(machine),
      checker_(timings_, [this](const Entry& entry) { history_.commit(entry); }),
      service_(*this),
      snapshots_(*this, shape.seed),
      relays_(*this, shape.seed),
      watcher_(marks_) {
  STARLING_ASSERT(check(timings_), "the drawn timings are possible");
  down_mean_ = draw_between(process_random_, 20ms, 2s);
  const std::uint64_t short_log = 4 + process_random_.below(60);
  compact_after_ = plan.has(Fault::compaction) ? short_log : 100'000;
  for (std::size_t i = 0; i < shape_.machines; ++i) {
    members_.push_back(
        std::make_unique<SimMember>(i, SimDisk{shape.seed, i, plan}, draw_offset(shape.seed, i)));
    members_.back()->id = sim_node_id(i, 0);
  }
  if (shape_.keeps_itself) {
    founding_ = std::make_unique<SimFounding>(*this);
    gossip_ = std::make_unique<SimGossip>(*this, shape_.seed);
    voters_ = std::make_unique<SimVoters>(*this, shape_.seed);
  }
  if (!shape_.keeps_itself) found_with_voters();
  for (const auto& member : members_) {
    stores_[member->id] = &member->disk.store();
    if (shape_.keeps_itself) member->home = SimMember::Home::nowhere;
    relays_.ask_again_and_again(*member);
    if (voters_) voters_->look_again_and_again(*member);
  }
}

/// Every machine but perhaps some that join later has the first config on its disk.
void VirtualSwarm::found_with_voters() {
  Random random = stream(shape_.seed, "founding");
  const std::size_t voters = random.chance(0.5) ? 3 : 1 + random.below(shape_.machines);
  const std::size_t learners = random.below(shape_.machines - voters + 1);
  Config config;
  for (std::size_t i = 0; i < voters + learners; ++i) {
    auto& group = i < voters ? config.voters : config.learners;
    group.insert(members_[i]->id);
  }
  for (const auto& member : members_)
    if (config.members().contains(member->id)) persist_first(*member, config);
}

void VirtualSwarm::persist_first(SimMember& member, const Config& config) {
  PersistBatch batch;
  batch.hard = {Term{1}, {}, LogIndex{}, 0};
  const Entry first{Term{1}, LogIndex{1}, EntryKind::config, {}, config};
  batch.append.push_back(std::make_shared<const Entry>(first));
  STARLING_ASSERT(member.disk.store().persist(batch), "memory takes everything");
}

void VirtualSwarm::enter_as_founder(SimMember& member) {
  persist_first(member, Config{{member.id}, {}, {}});
  enter(member);
}

void VirtualSwarm::enter(SimMember& member) {
  member.home = SimMember::Home::here;
  begin(member);
}

void VirtualSwarm::at_member(MonoTime when,
                             SimMember& member,
                             std::function<void(SimMember&)> action) {
  at(when, [this, &member, boot = member.boot, action = std::move(action)] {
    if (member.boot != boot || !member.runs) return;
    if (member.paused_until <= now())
      action(member);
    else
      member.parked.push_back(action);
  });
}

void VirtualSwarm::ask(SimMember& from, std::size_t to, const Question& question) {
  for (const MonoTime when : network_.send(from.machine, to, now())) {
    at(when, [this, to, question, asker = from.machine, boot = from.boot] {
      at_member(now(), *members_[to], [this, question, asker, boot](SimMember& who) {
        const auto answer = question(who);
        if (!answer) return;
        for (const MonoTime back : network_.send(who.machine, asker, now())) {
          at(back, [this, answer, asker, boot] {
            SimMember& one = *members_[asker];
            if (one.boot == boot) at_member(now(), one, answer);
          });
        }
      });
    });
  }
}

void VirtualSwarm::pause(SimMember& member, MonoTime until) {
  member.paused_until = until;
  at(until, [this, &member] { wake(member); });
}

void VirtualSwarm::wake(SimMember& member) {
  if (member.paused_until > now()) return;
  for (auto& action : std::exchange(member.parked, {}))
    at_member(now(), member, std::move(action));
}

bool VirtualSwarm::run_until(MonoTime end, const std::function<bool()>& done) {
  while (!done()) {
    if (!agenda_.step(end)) return done();
  }
  return true;
}

SimMember* VirtualSwarm::find(NodeId id) {
  const auto found = std::find_if(
      members_.begin(), members_.end(), [&](const auto& member) { return member->id == id; });
  return found == members_.end() ? nullptr : found->get();
}

Term VirtualSwarm::highest_term() const {
  Term highest;
  for (const auto& member : members_)
    highest = std::max(highest, member->core ? member->core->term() : Term{});
  return highest;
}

SimMember* VirtualSwarm::leader() {
  SimMember* newest = nullptr;
  for (const auto& member : members_) {
    const bool leads = member->core && member->core->role() == Role::leader;
    if (leads && (!newest || newest->core->term() < member->core->term())) newest = member.get();
  }
  return newest;
}

void VirtualSwarm::after_step(SimMember& member,
                              const RaftChecker::Before& before,
                              Effects& effects) {
  ++steps_;
  if (effects.fatal && member.disk.has_lied()) {
    // As a node does it that finds out: it comes back as a new member.
    marks_.hit(Mark::loss_noticed);
    trace_.note(now(), "{}: {}", name_of(member.id), *effects.fatal);
    renew(member);
    return;
  }
  checker_.check_step(before, *member.core, effects, stores_);
  note_step(member, before, effects);
  carry_out(member, effects);
}

void VirtualSwarm::draw_death(const Effects& effects) {
  const std::size_t parts = effects.send.size() + effects.proposals.size() + effects.reads.size() +
                            effects.snapshots.size() + effects.log_reads.size() +
                            (effects.persist ? 1 : 0) + (effects.apply.empty() ? 0 : 1);
  effects_left_.reset();
  if (parts > 0 && process_random_.chance(mid_step_deaths_))
    effects_left_ = process_random_.below(parts + 1);
}

/// One more effect is carried out, unless the process dies here.
bool VirtualSwarm::survives(SimMember& member) {
  if (!effects_left_ || (*effects_left_)-- > 0) return true;
  effects_left_.reset();
  marks_.hit(Mark::crashed_mid_step);
  crash(member);
  return false;
}

/// In the order of RaftEngine::carry_out.
void VirtualSwarm::carry_out(SimMember& member, Effects& effects) {
  draw_death(effects);
  for (const Message& message : effects.send) {
    if (!survives(member)) return;
    send(member, message);
  }
  if (effects.persist) {
    if (!survives(member)) return;
    write(member, std::move(*effects.persist));
  }
  for (const ProposalOutcome& outcome : effects.proposals) {
    if (!survives(member)) return;
    service_.settle_proposals(member, outcome);
  }
  for (const ReadReady& ready : effects.reads) {
    if (!survives(member)) return;
    service_.settle_read(member, ready);
  }
  if (effects.discard_staged) {
    marks_.hit(Mark::snapshot_discarded);
    STARLING_ASSERT(member.disk.store().begin_staging(), "memory takes everything");
  }
  for (const SnapshotSend& wanted : effects.snapshots) {
    if (!survives(member)) return;
    snapshots_.send(member, wanted);
  }
  for (const LogRead& read : effects.log_reads) {
    if (!survives(member)) return;
    read_log(member, read);
  }
  if (!effects.apply.empty()) {
    if (!survives(member)) return;
    at_member(now() + member.disk.apply_delay(),
              member,
              [this, entries = std::move(effects.apply)](SimMember& who) { apply(who, entries); });
  }
  effects_left_.reset();
  set_timer(member);
}

/// As RaftEngine::arm_timer does it: a tick that comes too early does nothing.
void VirtualSwarm::set_timer(SimMember& member) {
  const MonoTime when = member.core->next_deadline();
  if (member.timer_at > MonoTime{0} && member.timer_at <= when) return;
  member.timer_at = when;
  at_member(member.clock.world_at(when), member, [this, when](SimMember& who) {
    if (who.timer_at != when) return;
    if (clock(who) < when) {  // the clock runs slower than when the timer was set
      who.timer_at = MonoTime{0};
      set_timer(who);
      return;
    }
    who.timer_at = MonoTime{0};
    give(who, [&](RaftCore& core, Effects& effects) { core.tick(clock(who), effects); });
    if (!who.core) return;
    require(who.core->next_deadline() > clock(who), "{} has a timer in the past", name_of(who.id));
    if (clock(who) - who.disk_looked_at >= 1s) look_at_disk(who);
  });
}

void VirtualSwarm::send(SimMember& member, const Message& message) {
  const auto bytes = std::make_shared<const Bytes>(encode_message(message));
  const SimMember* target = find(message.to);
  if (target == nullptr) return;
  if (record_random_.chance(0.02)) {
    const Recorded recorded{member.machine, message.to, bytes};
    if (recorded_.size() < kRecordedMax)
      recorded_.push_back(recorded);
    else
      recorded_[record_random_.below(kRecordedMax)] = recorded;
  }
  for (const MonoTime when : network_.send(member.machine, target->machine, now())) {
    at(when, [this, from = member.machine, to = message.to, bytes] {
      const SimMember* there = find(to);
      if (there != nullptr && !network_.is_cut(from, there->machine, now()))
        deliver(from, to, bytes);
    });
  }
}

void VirtualSwarm::deliver(std::size_t from, NodeId to, const std::shared_ptr<const Bytes>& bytes) {
  SimMember* target = find(to);
  if (target == nullptr || !target->core) return;
  at_member(now(), *target, [this, from, bytes](SimMember& who) {
    const auto message = decode_message(*bytes);
    require(message.has_value(), "a message cannot be decoded");
    trace_.note(now(),
                "{} -> {} kind={} term={}",
                from + 1,
                name_of(who.id),
                message->body.index(),
                message->term.value);
    step(who, *message);
  });
}

void VirtualSwarm::step(SimMember& member, const Message& message) {
  const MonoTime own = clock(member);
  auto before = RaftChecker::before(*member.core);
  before.input = &message;
  const bool had_contact = member.leader_contact && member.leader_contact->first == before.term &&
                           own - member.leader_contact->second < timings_.election;
  before.hears_leader = had_contact || before.role == Role::leader;
  Effects effects;
  member.core->step(own, message, effects);
  const bool is_leader = std::holds_alternative<AppendRequest>(message.body) ||
                         std::holds_alternative<HeartbeatRequest>(message.body);
  if (is_leader && !is_relayed(message) && message.term == member.core->term())
    member.leader_contact = {message.term, own};
  const auto* vote = std::get_if<VoteRequest>(&message.body);
  marks_.hit(Mark::vote_ignored_leader,
             vote != nullptr && !vote->pre && message.term > before.term &&
                 member.core->term() == before.term);
  after_step(member, before, effects);
}

void VirtualSwarm::replay(Random& random) {
  if (recorded_.empty()) return;
  const Recorded chosen = recorded_[random.below(recorded_.size())];
  const SimMember* target = find(chosen.to);
  if (target == nullptr || network_.is_cut(chosen.from, target->machine, now())) return;
  marks_.hit(Mark::replayed);
  trace_.note(now(), "an old message of {} arrives again", chosen.from + 1);
  deliver(chosen.from, chosen.to, chosen.bytes);
}

Result<> VirtualSwarm::start(SimMember& member) {
  const auto opened = member.disk.open(now());
  if (!opened) {
    trace_.note(now(), "{} cannot start", name_of(member.id));
    if (!member.runs) plan_restart(member);
    return opened.error();
  }
  ++member.boot;
  member.timer_at = member.paused_until = MonoTime{0};
  member.unconfirmed = 0;
  member.write_hangs = false;
  member.leader_contact.reset();
  member.runs = true;
  if (member.home == SimMember::Home::here)
    begin(member);
  else
    founding_->start(member);
  return {};
}

void VirtualSwarm::begin(SimMember& member) {
  const auto& disk = member.disk.store().live();
  history_.check_state(disk.applied, disk.state);
  auto restored = member.disk.store().load();
  const std::uint64_t seed = mix_seeds(shape_.seed, member.boot * 256 + member.machine);
  member.core = std::make_unique<RaftCore>(RaftIdentity{sim_swarm_id(), member.id},
                                           std::move(restored.value()),
                                           timings_,
                                           seed,
                                           clock(member));
  member.receiver = std::make_unique<SnapshotReceiver>(member.disk.store());
  member.state_machine = machine_.start();
  member.chain.emplace(disk.state, kSimCheckEvery);
  checker_.check_restart(*member.core, member.disk.store());
  trace_.note(now(), "{} starts term={}", name_of(member.id), member.core->term().value);
  give(member, [&](RaftCore& core, Effects& effects) { core.tick(clock(member), effects); });
  member.upstream.emplace(seed);
  member.asks_upstream = 0;
  if (gossip_ && member.core) gossip_->start(member);
}

void VirtualSwarm::crash(SimMember& member) {
  if (!member.runs) return;
  ++crashes_;
  member.founding.reset();
  marks_.hit(Mark::crash_while_installing, member.core && member.core->is_installing());
  if (member.disk.has_lied()) checker_.distrust(member.id);
  if (!may_lose_to(member, member.disk.store().truth())) member.disk.store().make_true();
  const LogIndex applied = member.disk.store().live().applied;
  const bool syncs = member.in_flight.has_value();
  const std::size_t lost = member.disk.crash(syncs ? &*member.in_flight : nullptr);
  trace_.note(now(), "{} dies, {} writes are lost", name_of(member.id), lost);
  marks_.hit(Mark::writes_lost, lost > 0);
  marks_.hit(Mark::sync_lost, syncs && lost > 0);
  marks_.hit(Mark::applied_fell_back, member.disk.store().live().applied < applied);
  member.in_flight.reset();
  member.sending.reset();
  member.receiver.reset();
  member.state_machine.reset();
  member.chain.reset();
  member.parked.clear();
  member.core.reset();
  member.gossip.reset();
  member.runs = false;
  SimService::forget(member);
  plan_restart(member);
}

void VirtualSwarm::roll_back(SimMember& member) {
  const auto& image = member.disk.store().image();
  if (!member.core || !image || !may_lose_to(member, *image)) return;
  crash(member);
  member.disk.roll_back();
  checker_.distrust(member.id);
  trace_.note(now(), "the disk of {} is as it was some time ago", name_of(member.id));
}

/// Nobody can promise anything about entries that a quorum of sound disks does not hold. So a disk
/// may only lose what enough others have, and no vote.
bool VirtualSwarm::may_lose_to(const SimMember& member, const MemoryLogStore::Disk& left) {
  const MemoryLogStore::Disk& claimed = member.disk.store().durable();
  const bool loses_vote =
      left.hard.term != claimed.hard.term || left.hard.vote != claimed.hard.vote;
  if (loses_vote) return false;
  std::set<std::size_t> all;
  for (const auto& each : members_)
    all.insert(each->machine);
  const LogIndex last = claimed.log.empty() ? claimed.base.index : claimed.log.rbegin()->first;
  for (LogIndex i = left.base.index.next(); i <= last; i = i.next()) {
    const auto term = checker_.term_on(claimed, i);
    if (!term || checker_.term_on(left, i) == term) continue;
    std::set<NodeId> holders;
    for (const auto& each : members_) {
      const bool holds = checker_.term_on(each->disk.store().durable(), i) == term;
      if (each.get() != &member && holds) holders.insert(each->id);
    }
    // Also of those by whose word it might be elected once it has forgotten the newer configs.
    for (const Config& config : configs_of(left)) {
      if (!is_quorum(config, holders)) return false;
    }
    if (!has_quorum(holders, all)) return false;
  }
  return true;
}

void VirtualSwarm::plan_restart(SimMember& member) {
  if (!restarts_) return;
  const auto wait = 10ms + draw_wait(process_random_, down_mean_);
  at(now() + wait, [this, &member] {
    // If it cannot start now, that has planned the next try.
    if (restarts_ && !member.runs) static_cast<void>(start(member));
  });
}

void VirtualSwarm::wipe(SimMember& member) {
  renew(member);
  if (founding_) member.home = SimMember::Home::nowhere;
}

void VirtualSwarm::renew(SimMember& member) {
  crash(member);
  // What a member said that it holds may still be counted when it holds it no more.
  graveyard_.push_back(member.disk.wipe());
  stores_[member.id] = graveyard_.back().get();
  if (!shape_.same_id_after_wipe) member.id = sim_node_id(member.machine, ++member.life);
  stores_[member.id] = &member.disk.store();
  marks_.hit(Mark::machine_wiped);
  trace_.note(now(), "machine {} is wiped and is now {}", member.machine + 1, name_of(member.id));
}

void VirtualSwarm::set_clock_rate(SimMember& member, std::int64_t rate) {
  member.clock.set_rate(now(), rate);
  if (!member.core) return;
  member.timer_at = MonoTime{0};
  set_timer(member);
}

bool VirtualSwarm::has_quorum(const std::set<NodeId>& alive, const std::set<std::size_t>& logs_of) {
  const auto& [index, committed] = checker_.committed_config();
  if (!is_quorum(committed, alive)) return false;
  for (const std::size_t machine : logs_of) {
    const SimMember& each = *members_[machine];
    const auto check = [&, newest = index](const EntryRef& entry) {
      const bool counts = entry->kind == EntryKind::config && entry->index > newest;
      return !counts || is_quorum(entry->config, alive);
    };
    for (const auto& [at, entry] : each.disk.store().live().log) {
      if (!check(entry)) return false;
    }
    if (!each.core) continue;
    const RaftLog& log = each.core->log();
    for (LogIndex i = log.last_index(); log.is_in_memory(i); --i.value) {
      if (!check(log.at(i))) return false;
    }
  }
  return true;
}

std::string VirtualSwarm::describe(const SimMember& member) const {
  if (!member.runs) return fmt::format("{} is dead", name_of(member.id));
  if (!member.core) return fmt::format("{} belongs to no swarm", name_of(member.id));
  const RaftCore& core = *member.core;
  std::string line = fmt::format("{} {} term={} base={} applied={} commit={} stable={} last={}",
                                 name_of(member.id),
                                 to_string(core.role()),
                                 core.term().value,
                                 core.log().base_index().value,
                                 core.applied_index().value,
                                 core.commit().value,
                                 core.stable().value,
                                 core.log().last_index().value);
  line += fmt::format(" voters={} outgoing={} learners={}",
                      names_of(core.config().voters),
                      names_of(core.config().voters_outgoing),
                      names_of(core.config().learners));
  if (member.in_flight) line += " syncing";
  if (core.is_installing()) line += " installing";
  if (core.is_disk_stalled()) line += " stalled";
  if (!is_awake(member)) line += " paused";
  for (const auto& [peer, progress] : core.progress()) {
    line += fmt::format(" [{} match={} next={} state={}]",
                        name_of(peer),
                        progress.match.value,
                        progress.next.value,
                        static_cast<int>(progress.state));
  }
  return line;
}

void VirtualSwarm::note_step(SimMember& member,
                             const RaftChecker::Before& before,
                             const Effects& effects) {
  const RaftCore& core = *member.core;
  if (effects.role) {
    trace_.note(now(),
                "{} is {} term={} last={} commit={}",
                name_of(member.id),
                to_string(core.role()),
                core.term().value,
                core.log().last_index().value,
                core.commit().value);
  }
  watcher_.watch(before, core, effects, {member.in_flight.has_value(), !member.in_log.empty()});
}

}  // namespace starling::tests
