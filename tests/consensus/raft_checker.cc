#include "tests/consensus/raft_checker.h"

#include "consensus/raft/quorum.h"

#include <fmt/format.h>

namespace starling::tests {

using namespace consensus;

namespace {

template <class... Args>
void require(bool holds, fmt::format_string<Args...> format, Args&&... args) {
  if (!holds) throw CheckFailure{fmt::format(format, std::forward<Args>(args)...)};
}

bool is_durable(const MemoryLogStore& store, LogIndex index, Term term) {
  const auto& disk = store.durable();
  if (index <= disk.base.index) return true;
  const auto found = disk.log.find(index);
  return found != disk.log.end() && found->second->term == term;
}

bool quorum_holds(const Config& config,
                  LogIndex index,
                  Term term,
                  const RaftChecker::Stores& stores) {
  std::map<NodeId, bool> held;
  for (const auto& [node, store] : stores)
    held[node] = is_durable(*store, index, term);
  return vote_result(config, held) == VoteResult::won;
}

}  // namespace

RaftChecker::Before RaftChecker::before(const RaftCore& core) {
  const bool may_lead = core.config().is_voter(core.self()) ||
                        core.log().configs().at(core.commit()).second.is_voter(core.self());
  return {core.commit(), core.config(), core.role() == Role::leader, may_lead};
}

void RaftChecker::check_step(const Before& before,
                             const RaftCore& core,
                             const Effects& effects,
                             const Stores& stores) {
  require(!effects.fatal, "{} stops: {}", core.self().hex(), effects.fatal.value_or(""));
  core.check_invariants();
  check_leader(before, core);
  check_commits(before, core, stores);
  check_entries(core, effects);
  check_said(core, effects, stores);
}

void RaftChecker::check_leader(const Before& before, const RaftCore& core) {
  if (core.role() != Role::leader) return;
  const auto [leader, is_new] = leaders_.emplace(core.term(), core.self());
  require(leader->second == core.self(), "two leaders in term {}", core.term().value);
  if (!is_new) return;
  require(before.may_lead, "a learner became leader of term {}", core.term().value);
  for (const auto& [index, commit] : committed_) {
    if (commit.in_term >= core.term()) continue;  // a late winner of an old election
    const EntryRef& entry = commit.entry;
    require(index <= core.log().base_index() || core.log().matches(index, entry->term),
            "the leader of term {} lacks the committed entry {} of term {}",
            core.term().value,
            index.value,
            entry->term.value);
  }
}

void RaftChecker::check_commits(const Before& before, const RaftCore& core, const Stores& stores) {
  require(core.commit() >= before.commit, "the commit index fell");
  for (LogIndex i = before.commit.next(); i <= core.commit(); i = i.next()) {
    if (i <= core.log().base_index()) continue;
    const EntryRef& entry = core.log().at(i);
    const auto [known, is_new] = committed_.emplace(i, Committed{entry, core.term()});
    require(*known->second.entry == *entry, "entry {} is committed twice, differently", i.value);
    if (core.role() != Role::leader || !before.was_leader) continue;
    require(quorum_holds(before.config, i, entry->term, stores) ||
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

void RaftChecker::check_entries(const RaftCore& core, const Effects& effects) {
  if (!effects.persist) return;
  for (const EntryRef& entry : effects.persist->append) {
    const auto previous = core.log().term_at({entry->index.value - 1});
    if (!previous) continue;
    const auto key = std::pair{entry->index, entry->term};
    const auto [known, is_new] = entries_.emplace(key, std::pair{*previous, entry});
    require(known->second.first == *previous && *known->second.second == *entry,
            "two logs differ although both hold entry {} of term {}",
            entry->index.value,
            entry->term.value);
  }
}

void RaftChecker::check_said(const RaftCore& core, const Effects& effects, const Stores& stores) {
  const MemoryLogStore& store = *stores.at(core.self());
  for (const Message& message : effects.send) {
    const HardState& hard = store.durable().hard;
    if (const auto* answer = std::get_if<VoteResponse>(&message.body)) {
      if (answer->pre || !answer->granted) continue;
      const auto [vote, is_new] = votes_.emplace(std::pair{core.self(), message.term}, message.to);
      require(vote->second == message.to, "two votes in term {}", message.term.value);
      require(hard.term == message.term && hard.vote == message.to,
              "a vote of term {} is said before it is durable",
              message.term.value);
    }
    if (const auto* request = std::get_if<VoteRequest>(&message.body); request && !request->pre) {
      require(hard.term == message.term && hard.vote == core.self(),
              "votes of term {} are asked for before the own one is durable",
              message.term.value);
      require(is_durable(store, request->last_index, request->last_term),
              "a candidate boasts of entry {} that is not durable",
              request->last_index.value);
    }
    check_ack(core, message, store);
  }
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

void RaftChecker::check_applied(LogIndex index, const std::string& state_digest) {
  const auto [known, is_new] = applied_.emplace(index, state_digest);
  require(known->second == state_digest, "states differ after entry {}", index.value);
}

LogIndex RaftChecker::highest_commit() const {
  return committed_.empty() ? LogIndex{} : committed_.rbegin()->first;
}

void RaftChecker::check_read(LogIndex at_least, LogIndex answered) const {
  require(answered >= at_least,
          "a read may go ahead at {} although {} was committed before it began",
          answered.value,
          at_least.value);
}

}  // namespace starling::tests
