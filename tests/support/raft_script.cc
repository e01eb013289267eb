#include "tests/support/raft_script.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace starling::tests {

using namespace consensus;
using namespace std::chrono_literals;

namespace {

const SwarmId kSwarm = swarm_number(7);

/// The time that a step names, as in `500ms`.
std::chrono::milliseconds duration(const Step& step) {
  for (const std::string& word : step.words)
    if (word.ends_with("ms")) return std::chrono::milliseconds{std::stoll(word)};
  throw BadStep{"for how long? As in 500ms"};
}

bool is_plain_word(const std::string& word) {
  const bool is_link = word.find("->") != std::string::npos;
  const bool is_number = word.find_first_not_of("0123456789") == std::string::npos;
  return !is_link && !is_number && !word.ends_with("ms") && filter({0, {}, {word}, {}}).is_open();
}

}  // namespace

const std::map<std::string, RaftScript::Command>& RaftScript::commands() {
  static const std::map<std::string, Command> all{
      {"swarm",
       {&RaftScript::swarm,
        {"voters",
         "learners",
         "first",
         "window",
         "append_bytes",
         "memory_bytes",
         "waiting_bytes",
         "news_ms"},
        {}}},
      {"log", {&RaftScript::log, {"term", "terms", "commit", "vote"}, {}}},
      {"start", {&RaftScript::start, {}, {}}},
      {"crash", {&RaftScript::crash, {"keeps", "loses"}, {"wiped"}}},
      {"pause", {&RaftScript::pause, {}, {}}},
      {"resume", {&RaftScript::resume, {}, {}}},
      {"timeout", {&RaftScript::timeout, {}, {}}},
      {"campaign", {&RaftScript::campaign, {"without"}, {}}},
      {"elect", {&RaftScript::elect, {"without"}, {}}},
      {"wait", {&RaftScript::wait, {"without"}, {}}},
      {"deliver", {&RaftScript::deliver, {"count", "swarm", "epoch", "session"}, {}}},
      {"drop", {&RaftScript::drop, {}, {}}},
      {"hold", {&RaftScript::hold, {}, {}}},
      {"release", {&RaftScript::release, {}, {}}},
      {"copy", {&RaftScript::copy, {}, {}}},
      {"forge",
       {&RaftScript::forge,
        {"term", "prev", "commit", "terms", "index", "held", "last", "session", "epoch", "read"},
        {"transfer", "no"}}},
      {"settle", {&RaftScript::settle, {"without"}, {}}},
      {"persist", {&RaftScript::persist, {}, {}}},
      {"disk", {&RaftScript::disk, {}, {"waits", "stalls", "works"}}},
      {"apply", {&RaftScript::apply, {}, {"waits", "works"}}},
      {"compact", {&RaftScript::compact, {"to"}, {}}},
      {"snapshot", {&RaftScript::snapshot, {}, {"arrives", "done", "fails"}}},
      {"propose", {&RaftScript::propose, {"count", "bytes"}, {}}},
      {"read", {&RaftScript::read, {"as"}, {}}},
      {"change", {&RaftScript::change, {"voters", "learners"}, {}}},
      {"transfer", {&RaftScript::transfer, {"to"}, {}}},
      {"check", {&RaftScript::check_state, {"at", "hash"}, {}}},
      {"unreachable", {&RaftScript::unreachable, {}, {}}},
      {"status", {&RaftScript::status, {}, {}}},
      {"progress", {&RaftScript::progress, {}, {}}},
      {"under_way", {&RaftScript::under_way, {"count"}, {}}},
      {"expect",
       {&RaftScript::expect,
        {"term",
         "log",
         "commit",
         "applied",
         "stable",
         "vote",
         "leader",
         "voters",
         "outgoing",
         "learners",
         "forgetful",
         "peer",
         "match",
         "next"},
        {"follower",
         "pre_candidate",
         "candidate",
         "leader",
         "down",
         "out",
         "probe",
         "replicate",
         "snapshot",
         "idle",
         "writing"}}},
      {"expect_read", {&RaftScript::expect_read, {}, {"open", "never"}}},
  };
  return all;
}

void RaftScript::check(const Step& step, const Command& command) {
  for (const std::string& word : step.words) {
    if (is_plain_word(word) && word != "quiet" && !command.words.contains(word))
      throw BadStep{fmt::format("'{}' has no word '{}'", step.command, word)};
  }
  for (const auto& [key, values] : step.args) {
    const bool is_word = std::find(step.words.begin(), step.words.end(), key) != step.words.end();
    if (!is_word && !command.keys.contains(key))
      throw BadStep{fmt::format("'{}' has no '{}='", step.command, key)};
  }
}

std::string RaftScript::run(const Step& step) {
  out_.clear();
  is_quiet_ = has_word(step, "quiet");
  shows_sent_ = shows_arrivals_ = true;
  try {
    const auto found = commands().find(step.command);
    if (found == commands().end())
      throw BadStep{fmt::format("there is no command '{}'", step.command)};
    check(step, found->second);
    (this->*found->second.run)(step);
  } catch (const BadStep& bad) {
    ADD_FAILURE() << bad.what();
    return fmt::format("bad step: {}", bad.what());
  }
  return out_.empty() ? "ok" : out_.substr(0, out_.size() - 1);
}

// Members.

void RaftScript::swarm(const Step& step) {
  members_.clear();
  network_.clear();
  streams_.clear();
  reads_.clear();
  timings_ = RaftTimings{};
  timings_.news = std::chrono::milliseconds{number(step, "news_ms", 0)};
  timings_.in_flight_messages_max = number(step, "window", timings_.in_flight_messages_max);
  timings_.append_bytes_max = number(step, "append_bytes", timings_.append_bytes_max);
  timings_.log_bytes_in_memory = number(step, "memory_bytes", timings_.log_bytes_in_memory);
  timings_.uncommitted_bytes_max = number(step, "waiting_bytes", timings_.uncommitted_bytes_max);

  const Config config{nodes(step, "voters"), {}, nodes(step, "learners")};
  const bool is_long = step.args.contains("first");
  const LogPoint first = is_long ? point(step.args.at("first").at(0)) : LogPoint{{1}, {1}};
  first_ = first.index;
  PersistBatch batch;
  batch.hard = {first.term, {}, {}, 0};
  const SnapshotMeta base{first.index, first.term, config, first.index};
  const Entry entry{first.term, first.index, EntryKind::config, {}, config};
  if (is_long)
    batch.install = base;
  else
    batch.append.push_back(std::make_shared<const Entry>(entry));
  for (const NodeId id : config.members()) {
    static_cast<void>(members_[id].store.persist(batch));
    boot(id);
  }
}

/// Replaces what follows the common first entry by no-ops of these terms.
void RaftScript::log(const Step& step) {
  const NodeId id = subject(step);
  Member& who = up(id);
  PersistBatch batch;
  batch.hard = {{number(step, "term", who.core->term().value)},
                node_number(number(step, "vote", 0)),
                {number(step, "commit", 0)},
                0};
  LogIndex index = first_;
  batch.truncate_from = index.next();
  for (const Term term : terms(step)) {
    index = index.next();
    const Entry entry{term, index, EntryKind::noop, {}, {}};
    batch.append.push_back(std::make_shared<const Entry>(entry));
  }
  static_cast<void>(who.store.persist(batch));
  boot(id);
}

void RaftScript::boot(NodeId id) {
  Member& who = members_[id];
  auto restored = who.store.load();
  const std::uint64_t seed = id.bytes[15] + 256 * who.boots++;
  who.core = std::make_unique<RaftCore>(
      RaftIdentity{kSwarm, id}, std::move(restored.value()), timings_, seed, now_);
  who.is_out = false;
}

/// A member that is down reads its disk; one that was never there has an empty one.
void RaftScript::start(const Step& step) {
  const NodeId id = subject(step);
  if (members_[id].core) throw BadStep{"it is up"};
  boot(id);
  give(id, [&](RaftCore& core, Effects& effects) { core.tick(now_, effects); });
}

void RaftScript::crash(const Step& step) {
  Member& who = up(subject(step));
  std::set<std::string> kept;
  if (const auto keeps = step.args.find("keeps"); keeps != step.args.end())
    kept.insert(keeps->second.begin(), keeps->second.end());
  if (kept.contains("applied")) {
    for (const Write& each : who.unsynced)
      each(who.store);
  }
  if (kept.contains("write") && who.writing) static_cast<void>(who.store.persist(*who.writing));
  who.unsynced.clear();
  who.writing.reset();
  who.to_apply.clear();
  who.core.reset();
  who.disk_waits = who.applying_waits = who.is_paused = false;
  if (step.args.contains("loses")) lose_log(who, {number(step, "loses", 0)});
  if (has_word(step, "wiped")) who.store = MemoryLogStore{};
}

void RaftScript::pause(const Step& step) {
  up(subject(step)).is_paused = true;
}

void RaftScript::resume(const Step& step) {
  up(subject(step)).is_paused = false;
}

RaftScript::Member& RaftScript::member(NodeId id) {
  const auto found = members_.find(id);
  if (found == members_.end()) throw BadStep{fmt::format("there is no member {}", name(id))};
  return found->second;
}

RaftScript::Member& RaftScript::up(NodeId id) {
  Member& found = member(id);
  if (!found.core) throw BadStep{fmt::format("member {} is down", name(id))};
  return found;
}

void RaftScript::give(NodeId id, const Input& input) {
  RaftCore& core = *up(id).core;
  Effects effects;
  input(core, effects);
  if (effects.fatal) {
    stop(id, *effects.fatal);
    return;
  }
  core.check_invariants();
  report(id, effects);
  carry_out(id, effects);
}

/// What the owner of a core does then: the process ends, nothing more is said or written.
void RaftScript::stop(NodeId id, const std::string& why) {
  out_ += fmt::format("{} stops: {}\n", name(id), why);
  Member& who = member(id);
  who.core.reset();
  who.writing.reset();
  who.is_out = true;
}

void RaftScript::report(NodeId id, const Effects& effects) {
  if (effects.role) {
    const RoleChange& now_is = *effects.role;
    const bool follows = now_is.role == Role::follower && now_is.leader;
    const std::string role =
        follows ? "follows " + name(*now_is.leader) : fmt::format("is {}", to_string(now_is.role));
    say("{} {} term={}", name(id), role, now_is.term.value);
  }
  for (const ReadReady& ready : effects.reads) {
    reads_[ready.context] = ready.index ? std::to_string(ready.index->value) : "never";
    say("{} read {} at {}", name(id), ready.context, reads_[ready.context]);
  }
  std::vector<std::string> logged;
  for (const ProposalOutcome& outcome : effects.proposals) {
    if (outcome.index)
      logged.push_back(text(*outcome.index, outcome.term));
    else
      say("{} refuses: {}",
          name(id),
          outcome.index.error().code == Errc::not_leader ? "not_leader"
                                                         : outcome.index.error().detail);
  }
  if (logged.size() == 1) say("{} logs {}", name(id), logged.front());
  if (logged.size() > 1) say("{} logs {}..{}", name(id), logged.front(), logged.back());
}

void RaftScript::carry_out(NodeId id, Effects& effects) {
  Member& who = member(id);
  for (Message& message : effects.send) {
    if (shows_sent_) say("+ {}", text(message));
    network_.send(std::move(message));
  }
  if (effects.persist) who.writing = std::move(effects.persist);
  if (effects.discard_staged) say("{} discards the snapshot", name(id));
  for (const SnapshotSend& wanted : effects.snapshots)
    begin_stream(id, wanted);
  for (const LogRead& each : effects.log_reads)
    read_log(id, each);
  if (effects.apply.empty()) return;
  who.to_apply = std::move(effects.apply);
  if (!who.applying_waits) apply_waiting(id);
}

// Time and elections.

void RaftScript::tick_at_deadline(NodeId id) {
  now_ = std::max(now_, up(id).core->next_deadline());
  give(id, [&](RaftCore& core, Effects& effects) { core.tick(now_, effects); });
}

void RaftScript::timeout(const Step& step) {
  tick_at_deadline(subject(step));
}

/// To the end: nobody else speaks of other things meanwhile.
void RaftScript::campaign(const Step& step) {
  shows_sent_ = false;
  now_ += 1s;  // nobody hears a leader any more
  tick_at_deadline(subject(step));
  settle_without(nodes(step, "without"));
}

/// Without a word; more than one try, since the first may only tell it of a higher term.
void RaftScript::elect(const Step& step) {
  constexpr int kTries = 4;
  is_quiet_ = true;
  const NodeId id = subject(step);
  for (int i = 0; i < kTries && up(id).core->role() != Role::leader; ++i)
    campaign(step);
  EXPECT_EQ(up(id).core->role(), Role::leader) << name(id) << " must win this election";
}

/// Timers fire in turn, and everything is settled in between. Messages are too many to be shown.
void RaftScript::wait(const Step& step) {
  shows_sent_ = shows_arrivals_ = false;
  const MonoTime end = now_ + duration(step);
  const std::set<NodeId> without = nodes(step, "without");
  const auto next = [&] {
    std::optional<NodeId> first;
    for (const auto& [id, who] : members_) {
      if (!who.core || who.is_paused || without.contains(id)) continue;
      if (!first || who.core->next_deadline() < up(*first).core->next_deadline()) first = id;
    }
    return first;
  };
  for (auto id = next(); id && up(*id).core->next_deadline() <= end; id = next()) {
    tick_at_deadline(*id);
    settle_without(without);
  }
  now_ = end;
}

// Messages.

void RaftScript::arrive(const Message& message) {
  if (shows_arrivals_) say("{}", text(message));
  give(message.to, [&](RaftCore& core, Effects& effects) { core.step(now_, message, effects); });
}

/// One message, or with a link or a kind all that are under way now, or `count` of them.
void RaftScript::deliver(const Step& step) {
  const MessageFilter which = filter(step);
  const auto passes = [&](const Message& message) { return which.matches(message); };
  const auto found =
      std::count_if(network_.under_way().begin(), network_.under_way().end(), passes);
  const auto all = static_cast<std::uint64_t>(found);
  const std::uint64_t count = number(step, "count", which.is_open() ? 1 : all);
  if (count > all || count == 0) throw BadStep{fmt::format("{} such messages are under way", all)};
  for (std::uint64_t i = 0; i < count; ++i) {
    Message message = *network_.take(passes);
    if (step.args.contains("swarm"))
      message.swarm = swarm_number(static_cast<std::uint8_t>(number(step, "swarm", 0)));
    message.recovery_epoch =
        static_cast<std::uint32_t>(number(step, "epoch", message.recovery_epoch));
    message.session = number(step, "session", message.session);
    if (members_.contains(message.to) && member(message.to).core)
      arrive(message);
    else
      say("x {}", text(message));
  }
}

void RaftScript::drop(const Step& step) {
  const MessageFilter which = filter(step);
  for (const Message& lost : network_.take_all([&](const Message& m) { return which.matches(m); }))
    say("x {}", text(lost));
}

void RaftScript::hold(const Step& step) {
  network_.hold(filter(step));
}

void RaftScript::release(const Step& step) {
  network_.release(filter(step));
}

void RaftScript::copy(const Step& step) {
  network_.copy(filter(step));
}

void RaftScript::forge(const Step& step) {
  Message message = forged(step, kSwarm);
  say("+ {}", text(message));
  network_.send(std::move(message));
}

bool RaftScript::deliver_next(const std::set<NodeId>& without) {
  const auto is_awake = [&](const Message& each) {
    const auto found = members_.find(each.to);
    return found == members_.end() || !found->second.is_paused || without.contains(each.to);
  };
  const auto message = network_.take(is_awake);
  if (!message) return false;
  const auto to = members_.find(message->to);
  const bool is_lost = to == members_.end() || !to->second.core || without.contains(message->to) ||
                       without.contains(message->from);
  if (!is_lost) arrive(*message);
  return true;
}

void RaftScript::settle_without(const std::set<NodeId>& without) {
  constexpr int kRoundsMax = 100000;
  int rounds = 0;
  for (bool is_busy = true; is_busy;) {
    if (++rounds > kRoundsMax) throw BadStep{"they never stop talking"};
    is_busy = false;
    for (auto& [id, who] : members_) {
      const bool writes = who.core && who.writing && !who.disk_waits && !who.is_paused;
      if (!writes || without.contains(id)) continue;
      write(id);
      is_busy = true;
    }
    is_busy = deliver_next(without) || is_busy;
    if (!is_busy) is_busy = stream_next(without);
  }
}

void RaftScript::settle(const Step& step) {
  shows_sent_ = false;
  settle_without(nodes(step, "without"));
}

// What clients ask.

void RaftScript::propose(const Step& step) {
  std::vector<Proposal> proposals;
  const std::uint64_t count = number(step, "count", 1);
  const std::string command(number(step, "bytes", 7), 'c');
  for (std::uint64_t i = 0; i < count; ++i)
    proposals.push_back({i, command});
  give(subject(step), [&](RaftCore& core, Effects& effects) {
    core.propose(now_, std::move(proposals), effects);
  });
}

void RaftScript::read(const Step& step) {
  const std::uint64_t context = number(step, "as", 0);
  reads_[context] = "open";
  give(subject(step),
       [&](RaftCore& core, Effects& effects) { core.read_index(now_, context, effects); });
}

void RaftScript::change(const Step& step) {
  const NodeId id = subject(step);
  give(id, [&](RaftCore& core, Effects& effects) {
    const auto index =
        core.change_config(now_, nodes(step, "voters"), nodes(step, "learners"), effects);
    if (index)
      say("{} logs {}", name(id), text(*index, core.term()));
    else
      say("{} refuses: {}", name(id), index.error().detail);
  });
}

void RaftScript::transfer(const Step& step) {
  const NodeId id = subject(step);
  give(id, [&](RaftCore& core, Effects& effects) {
    const auto begun = core.transfer(now_, node_number(number(step, "to", 0)), effects);
    if (!begun) say("{} refuses: {}", name(id), begun.error().detail);
  });
}

/// What the state of a member is after an entry, in one number.
void RaftScript::check_state(const Step& step) {
  StateCheck check{{number(step, "at", 0)}, {}};
  check.hash[0] = static_cast<std::uint8_t>(number(step, "hash", 0));
  give(subject(step),
       [&](RaftCore& core, Effects& effects) { core.state_checked(now_, check, effects); });
}

void RaftScript::unreachable(const Step& step) {
  const MessageFilter link = filter(step);
  if (!link.from || !link.to) throw BadStep{"who cannot be reached by whom? As in 1->2"};
  give(*link.from,
       [&](RaftCore& core, Effects& effects) { core.unreachable(now_, *link.to, effects); });
}

}  // namespace starling::tests
