#include "tests/consensus/raft_checker.h"

#include "consensus/raft/quorum.h"

#include <algorithm>

namespace starling::tests {

using namespace consensus;

namespace {

bool is_durable(const MemoryLogStore& store, LogIndex index, Term term) {
  const auto& disk = store.durable();
  if (index <= disk.base.index) return true;
  const auto found = disk.log.find(index);
  return found != disk.log.end() && found->second->term == term;
}

LogIndex durable_last(const MemoryLogStore& store) {
  const auto& disk = store.durable();
  return disk.log.empty() ? disk.base.index : disk.log.rbegin()->first;
}

bool majority_holds(const std::set<NodeId>& voters,
                    LogIndex index,
                    Term term,
                    const RaftChecker::Stores& stores) {
  const auto held = std::count_if(voters.begin(), voters.end(), [&](NodeId voter) {
    const auto store = stores.find(voter);
    return store != stores.end() && is_durable(*store->second, index, term);
  });
  return voters.empty() || 2 * static_cast<std::size_t>(held) > voters.size();
}

bool quorum_holds(const Config& config,
                  LogIndex index,
                  Term term,
                  const RaftChecker::Stores& stores) {
  return majority_holds(config.voters, index, term, stores) &&
         majority_holds(config.voters_outgoing, index, term, stores);
}

/// The window takes one more append while it is not full, and one entry of any size.
std::size_t most_append_bytes(const RaftTimings& timings) {
  constexpr std::size_t kEntryBytesMost = 400;  // of what the swarm's clients send
  return std::max(timings.append_bytes_max, kEntryBytesMost);
}

std::string short_name(NodeId id) {
  return fmt::format("{}.{}", id.bytes[15], id.bytes[14]);
}

}  // namespace

RaftChecker::RaftChecker(const RaftTimings& timings, std::function<void(const Entry&)> on_commit)
    : timings_(timings), on_commit_(std::move(on_commit)) {}

RaftChecker::Before RaftChecker::before(const RaftCore& core) {
  const bool may_lead = core.config().is_voter(core.self()) ||
                        core.log().configs().at(core.commit()).second.is_voter(core.self());
  return {core.term(),
          core.commit(),
          core.log().last_index(),
          core.log().configs().active_index(),
          core.role(),
          may_lead,
          core.config().is_joint(),
          core.is_transferring(),
          core.is_installing(),
          core.vote(),
          nullptr,
          false};
}

void RaftChecker::check_step(const Before& before,
                             const RaftCore& core,
                             const Effects& effects,
                             const Stores& stores) {
  require(!effects.fatal, "{} stops: {}", short_name(core.self()), effects.fatal.value_or(""));
  core.check_invariants();
  check_terms(before, core, effects);
  check_leader(before, core, effects);
  check_grant(before, core, effects);
  check_entries(core, effects);
  check_commits(before, core, stores);
  check_configs(before, core);
  if (core.role() == Role::leader) check_progress(core, stores);
  for (const Message& message : effects.send)
    check_said(core, message, *stores.at(core.self()));
}

void RaftChecker::check_terms(const Before& before,
                              const RaftCore& core,
                              const Effects& effects) const {
  require(core.term() >= before.term, "the term of {} fell", short_name(core.self()));
  require(core.commit() >= before.commit, "the commit index of {} fell", short_name(core.self()));
  const LogIndex last = core.log().last_index();
  const bool is_ordered = core.applied_index() <= core.commit() && core.commit() <= last &&
                          (core.log().base_index() <= core.applied_index() || core.is_installing());
  require(is_ordered,
          "{} compacted {}, applied {}, committed {} of {} entries",
          short_name(core.self()),
          core.log().base_index().value,
          core.applied_index().value,
          core.commit().value,
          last.value);
  if (effects.apply.empty()) return;
  require(effects.apply.front()->index == core.applied_index().next() &&
              effects.apply.back()->index <= std::min(core.commit(), core.stable()),
          "{} applies what is not committed and durable, or not the next",
          short_name(core.self()));
}

void RaftChecker::check_leader(const Before& before, const RaftCore& core, const Effects& effects) {
  if (core.role() != Role::leader) return;
  const auto [leader, is_new] = leaders_.emplace(core.term(), core.self());
  require(leader->second == core.self(), "two leaders in term {}", core.term().value);
  if (is_new) {
    require(before.may_lead, "a learner became leader of term {}", core.term().value);
    require(!core.is_installing(), "a leader of term {} installs", core.term().value);
    check_complete(core);
    return;
  }
  require(core.log().last_index() >= before.last &&
              (!effects.persist || !effects.persist->truncate_from || before.role != Role::leader ||
               before.term != core.term()),
          "the leader of term {} lost entries of its log",
          core.term().value);
}

void RaftChecker::check_complete(const RaftCore& core) const {
  for (std::size_t i = core.log().base_index().value; i < committed_.size(); ++i) {
    const Committed& commit = committed_[i];
    if (commit.in_term >= core.term()) continue;  // a late winner of an old election
    require(core.log().matches(commit.entry->index, commit.entry->term),
            "the leader of term {} lacks the committed entry {} of term {}",
            core.term().value,
            commit.entry->index.value,
            commit.entry->term.value);
  }
}

void RaftChecker::check_commits(const Before& before, const RaftCore& core, const Stores& stores) {
  const bool counts = core.role() == Role::leader && before.role == Role::leader;
  const LogIndex base = core.log().base_index();
  require(base.value <= committed_.size(),
          "{} has a compaction point that is not committed",
          short_name(core.self()));
  for (LogIndex i = std::max(before.commit, base).next(); i <= core.commit(); i = i.next()) {
    require(core.log().is_in_memory(i), "entry {} left the memory before it was applied", i.value);
    const EntryRef& entry = core.log().at(i);
    require(i.value <= committed_.size() + 1, "entry {} is committed out of order", i.value);
    if (i.value > committed_.size()) {
      committed_.push_back({entry, core.term()});
      if (entry->kind == EntryKind::config) config_ = {i, entry->config};
      on_commit_(*entry);
    }
    require(*committed_[i.value - 1].entry == *entry,
            "entry {} is committed twice, differently",
            i.value);
    if (!counts) continue;
    const Config& counted = core.log().configs().at(before.config_index).second;
    require(quorum_holds(counted, i, entry->term, stores) ||
                quorum_holds(core.config(), i, entry->term, stores),
            "entry {} of term {} is committed but not durable on a quorum",
            i.value,
            entry->term.value);
  }
  // Figure 3.7: what no later leader may lack must be of the term that counts it.
  if (core.role() == Role::leader && core.commit() > before.commit) {
    require(core.log().term_at(core.commit()) == core.term(),
            "the leader of term {} committed up to an entry of an earlier term",
            core.term().value);
  }
}

void RaftChecker::check_configs(const Before& before, const RaftCore& core) const {
  const RaftLog& log = core.log();
  const LogIndex now = log.configs().active_index();
  const bool is_settled = now == before.config_index && log.last_index() >= before.last;
  if (is_settled) return;
  check_active_config(core);
  for (LogIndex i = std::max(before.config_index, log.base_index()).next(); i <= now;
       i = i.next()) {
    if (!log.is_in_memory(i) || log.at(i)->kind != EntryKind::config) continue;
    const auto& [index, from] = log.configs().at(LogIndex{i.value - 1});
    const Config& to = log.at(i)->config;
    const bool enters = !from.is_joint() && to.voters_outgoing == from.voters;
    const bool leaves = from.is_joint() && to == config_after_joint(from);
    const bool keeps = !from.is_joint() && !to.is_joint() && to.voters == from.voters;
    require(enters || leaves || keeps || index == LogIndex{},
            "config {} does not follow from config {}: two majorities could decide",
            i.value,
            index.value);
    require(core.role() != Role::leader || index <= core.commit(),
            "the leader of term {} began a config before the last one was committed",
            core.term().value);
  }
}

void RaftChecker::check_active_config(const RaftCore& core) const {
  const RaftLog& log = core.log();
  for (LogIndex i = log.last_index(); log.is_in_memory(i); --i.value) {
    if (log.at(i)->kind != EntryKind::config) continue;
    require(log.configs().active_index() == i && core.config() == log.at(i)->config,
            "{} goes by config {}, but its log ends with config {}",
            short_name(core.self()),
            log.configs().active_index().value,
            i.value);
    return;
  }
  const LogIndex active = log.configs().active_index();
  require(active <= log.base_index() || !log.is_in_memory(active),
          "{} goes by config {}, which its log does not hold",
          short_name(core.self()),
          active.value);
}

/// Who says yes, also to a mere question, knows nothing newer and hears no leader.
void RaftChecker::check_grant(const Before& before, const RaftCore& core, const Effects& effects) {
  const auto* request =
      before.input != nullptr ? std::get_if<VoteRequest>(&before.input->body) : nullptr;
  if (request == nullptr) return;
  const NodeId candidate = before.input->from;
  const auto grants_pre = [&](const Message& message) {
    const auto* answer = std::get_if<VoteResponse>(&message.body);
    return answer != nullptr && answer->pre && answer->granted && message.to == candidate;
  };
  const bool votes = !request->pre && core.vote() == candidate &&
                     core.term() == before.input->term &&
                     (before.vote != candidate || before.term != core.term());
  if (!votes && std::none_of(effects.send.begin(), effects.send.end(), grants_pre)) return;
  require(core.log().is_up_to_date(request->last_index, request->last_term),
          "{} is for {}, whose log is older than its own",
          short_name(core.self()),
          short_name(candidate));
  require(request->transfer || !before.hears_leader,
          "{} is for {} although it hears its leader",
          short_name(core.self()),
          short_name(candidate));
}

void RaftChecker::see(Term previous_term, const EntryRef& entry) {
  if (seen_.size() <= entry->index.value) seen_.resize(entry->index.value + 1);
  auto& here = seen_[entry->index.value];
  const auto known = std::find_if(
      here.begin(), here.end(), [&](const Seen& each) { return each.entry->term == entry->term; });
  if (known == here.end()) {
    here.push_back({previous_term, entry});
    return;
  }
  const bool is_same = known->previous_term == previous_term && *known->entry == *entry;
  require(is_same,
          "two logs differ although both hold entry {} of term {}",
          entry->index.value,
          entry->term.value);
}

void RaftChecker::check_entries(const RaftCore& core, const Effects& effects) {
  if (!effects.persist) return;
  for (const EntryRef& entry : effects.persist->append) {
    require(entry->term <= core.term(), "an entry is of a later term than its log's owner");
    const auto previous = core.log().term_at({entry->index.value - 1});
    if (previous) see(*previous, entry);
  }
}

void RaftChecker::check_progress(const RaftCore& core, const Stores& stores) const {
  for (const auto& [peer, progress] : core.progress()) {
    const auto store = stores.find(peer);
    const bool is_other_life = store == stores.end() || distrusted_.contains(peer) ||
                               store->second->durable().hard.term > core.term();
    require(is_other_life || progress.match <= durable_last(*store->second),
            "the leader of term {} counts entry {} as held by {}, which holds up to {}",
            core.term().value,
            progress.match.value,
            short_name(peer),
            is_other_life ? 0 : durable_last(*store->second).value);
    require(progress.window.bytes() <= timings_.in_flight_bytes_max + most_append_bytes(timings_),
            "{} bytes are on their way to {}",
            progress.window.bytes(),
            short_name(peer));
  }
}

void RaftChecker::check_said(const RaftCore& core,
                             const Message& message,
                             const MemoryLogStore& store) {
  const auto* request = std::get_if<VoteRequest>(&message.body);
  const auto* answer = std::get_if<VoteResponse>(&message.body);
  const bool is_pre = (request != nullptr && request->pre) || (answer != nullptr && answer->pre);
  require(is_pre || message.term <= store.durable().hard.term,
          "{} speaks in term {} before that is durable",
          short_name(core.self()),
          message.term.value);
  require(request == nullptr || (!core.is_installing() && !core.is_disk_stalled()),
          "{} campaigns while it installs a snapshot or cannot write",
          short_name(core.self()));
  const auto peer = core.progress().find(message.to);
  require(!std::holds_alternative<TimeoutNow>(message.body) || peer == core.progress().end() ||
              peer->second.match == core.log().last_index(),
          "leadership is handed to {}, which is behind",
          short_name(message.to));
  check_votes(core, message, store);
  check_ack(core, message, store);
  check_size(message);
}

void RaftChecker::check_votes(const RaftCore& core,
                              const Message& message,
                              const MemoryLogStore& store) {
  const HardState& hard = store.durable().hard;
  const auto* answer = std::get_if<VoteResponse>(&message.body);
  if (answer != nullptr && !answer->pre && answer->granted) {
    const auto [vote, is_new] = votes_.emplace(std::pair{core.self(), message.term}, message.to);
    require(vote->second == message.to, "two votes in term {}", message.term.value);
    require(hard.term == message.term && hard.vote == message.to,
            "a vote of term {} is said before it is durable",
            message.term.value);
  }
  const auto* request = std::get_if<VoteRequest>(&message.body);
  if (request == nullptr) return;
  if (!request->pre) {
    const auto [vote, is_new] = votes_.emplace(std::pair{core.self(), message.term}, core.self());
    require(vote->second == core.self(), "two votes in term {}", message.term.value);
    require(hard.term == message.term && hard.vote == core.self(),
            "votes of term {} are asked for before the own one is durable",
            message.term.value);
  }
  require(is_durable(store, request->last_index, request->last_term),
          "a candidate boasts of entry {} that is not durable",
          request->last_index.value);
}

void RaftChecker::check_ack(const RaftCore& core,
                            const Message& message,
                            const MemoryLogStore& store) const {
  const auto* answer = std::get_if<AppendResponse>(&message.body);
  if (answer == nullptr || answer->rejected || answer->index == LogIndex{}) return;
  const auto term = core.log().term_at(answer->index);
  require(!term || is_durable(store, answer->index, *term),
          "entry {} is acknowledged before it is durable",
          answer->index.value);
}

void RaftChecker::check_size(const Message& message) const {
  const auto* request = std::get_if<AppendRequest>(&message.body);
  if (request == nullptr || request->entries.size() < 2) return;
  std::size_t bytes = 0;
  for (const EntryRef& entry : request->entries)
    bytes += size_of(*entry);
  require(bytes <= timings_.append_bytes_max,
          "an append of {} bytes is above the limit of {}",
          bytes,
          timings_.append_bytes_max);
}

void RaftChecker::check_restart(const RaftCore& core, const MemoryLogStore& store) {
  const auto& disk = store.durable();
  require(core.term() == disk.hard.term && core.vote() == disk.hard.vote,
          "{} starts in another term than it had",
          short_name(core.self()));
  require(core.log().last_index() == durable_last(store),
          "{} starts with another log than it had",
          short_name(core.self()));
  Term previous = disk.base.term;
  for (const auto& [index, entry] : disk.log) {
    see(previous, entry);
    previous = entry->term;
  }
  check_active_config(core);
}

std::optional<Term> RaftChecker::term_on(const MemoryLogStore::Disk& disk, LogIndex index) const {
  if (index == disk.base.index) return disk.base.term;
  if (index < disk.base.index) {
    const bool is_known = index.value > 0 && index.value <= committed_.size();
    return is_known ? std::optional{committed_[index.value - 1].entry->term} : std::nullopt;
  }
  const auto found = disk.log.find(index);
  return found == disk.log.end() ? std::nullopt : std::optional{found->second->term};
}

void RaftChecker::check_equal_logs(const RaftLog& a, const RaftLog& b) {
  const LogIndex from = std::max(a.base_index(), b.base_index());
  const LogIndex until = std::min(a.last_index(), b.last_index());
  for (LogIndex i = from.next(); i <= until; i = i.next()) {
    const bool are_seen = a.is_in_memory(i) && b.is_in_memory(i);
    require(a.term_at(i) == b.term_at(i) && (!are_seen || *a.at(i) == *b.at(i)),
            "two logs differ in entry {} in the end",
            i.value);
  }
}

void RaftChecker::check_read(LogIndex at_least, LogIndex answered) const {
  require(answered >= at_least,
          "a read may go ahead at {} although {} was committed before it began",
          answered.value,
          at_least.value);
}

}  // namespace starling::tests
