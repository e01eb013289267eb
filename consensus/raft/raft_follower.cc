// Following: the log becomes the leader's, and nothing committed is ever lost on the way.
#include "consensus/raft/raft_core.h"
#include "node/base/assert.h"
#include "node/base/mutant.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::consensus {

bool RaftCore::contradicts_leader(NodeId leader) {
  if (role_ != Role::leader && (!leader_ || *leader_ == leader)) return false;
  fail(fmt::format("two leaders in term {}: {} and {}",
                   term_.value,
                   leader_.value_or(self_).hex(),
                   leader.hex()));
  return true;
}

void RaftCore::follow(NodeId leader) {
  if (contradicts_leader(leader)) return;
  if (role_ != Role::follower || leader_ != leader) become_follower(term_, leader);
  leader_contact_ = now_;
  redraw_election_wait();
}

/// Somebody else says who leads. Who may campaign goes by what it hears itself: else the rumour of
/// a dead leader could go round among members that keep each other quiet.
void RaftCore::hear_of(NodeId leader) {
  if (STARLING_MUTANT(112)) return follow(leader);
  if (contradicts_leader(leader) || may_campaign()) return;
  if (leader_ != leader) become_follower(term_, leader);
  redraw_election_wait();
}

void RaftCore::on(const Message& message, const AppendRequest& request) {
  if (is_relayed(message))
    hear_of(message.from);
  else
    follow(message.from);
  if (out_->fatal || contradicts_commit(request)) return;
  if (request.prev_index < commit_) {
    // Committed entries are the leader's too: it may go on from there.
    if (request.is_news) return;
    const AppendResponse held{false, commit_, {}, {}, request.sent_at};
    send(message.from, held, Needs::whole_log, message.session);
    return;
  }
  const bool is_at_end = request.prev_index == log_.last_index() && STARLING_MUTANT(7);
  if (!log_.matches(request.prev_index, request.prev_term) && !is_at_end) {
    const LogIndex hint = log_.last_at_or_below(request.prev_index, request.prev_term);
    const Term hint_term = log_.term_at(hint).value_or(Term{});
    const AppendResponse refusal{true, request.prev_index, hint, hint_term, request.sent_at};
    send(message.from, refusal, Needs::whole_log, message.session);
    return;
  }
  append_from_leader(request);
  const LogIndex last{request.prev_index.value + request.entries.size()};
  commit_to(std::min(request.commit, last));
  if (request.is_news) return;
  const LogIndex held_until = STARLING_MUTANT(107) ? log_.last_index() : last;
  const AppendResponse held{false, held_until, {}, {}, request.sent_at};
  send(message.from, held, Needs::whole_log, message.session);
}

bool RaftCore::contradicts_commit(const AppendRequest& request) {
  const auto differs = [&](LogIndex index, Term term) {
    const auto own = index <= commit_ ? log_.term_at(index) : std::nullopt;
    if (!own || *own == term) return false;
    fail(fmt::format("entry {} is committed with term {}, but the leader of term {} has {}",
                     index.value,
                     own->value,
                     term_.value,
                     term.value));
    return true;
  };
  if (differs(request.prev_index, request.prev_term)) return true;
  return std::any_of(request.entries.begin(), request.entries.end(), [&](const EntryRef& entry) {
    return differs(entry->index, entry->term);
  });
}

void RaftCore::append_from_leader(const AppendRequest& request) {
  for (const EntryRef& entry : request.entries) {
    if (log_.matches(entry->index, entry->term)) continue;
    if (entry->index <= log_.last_index()) {
      log_.truncate_from(entry->index);
      note_truncated(entry->index);
    }
    log_.append(entry);
  }
}

void RaftCore::commit_to(LogIndex index) {
  STARLING_ASSERT(index <= log_.last_index(), "only entries of the log are committed");
  commit_ = std::max(commit_, index);
}

void RaftCore::on(const Message& message, const HeartbeatRequest& request) {
  follow(message.from);
  if (out_->fatal) return;
  const LogIndex held = std::max(request.held, request.commit);
  if (held > log_.last_index()) {
    // Within one term a leader takes nothing back, so it was this disk.
    fail(
        fmt::format("this member acknowledged entry {} to the leader of term {}, but its log ends "
                    "at {}: its disk lost what it had confirmed",
                    held.value,
                    term_.value,
                    log_.last_index().value));
    return;
  }
  commit_to(request.commit);
  // Does not wait for entries: a slow disk must not look like a dead member.
  const HeartbeatResponse answer{request.read_seq, request.sent_at, check_};
  send(message.from, answer, Needs::hard_state, message.session);
}

void RaftCore::snapshot_received(MonoTime now, const SnapshotMeta& meta, Effects& effects) {
  begin(now, effects);
  const bool is_news = meta.term > term_ && !STARLING_MUTANT(111);
  if (is_news) become_follower(meta.term, std::nullopt);  // the log never goes beyond the term
  // Who asks for votes in vain would never be told what it missed.
  if (role_ == Role::candidate || role_ == Role::pre_candidate)
    become_follower(term_, std::nullopt);
  const bool is_covered = meta.index <= commit_ || log_.matches(meta.index, meta.term);
  if (is_covered || role_ != Role::follower || install_) {
    effects.discard_staged = true;
    if (is_covered && role_ == Role::follower) commit_to(std::max(commit_, meta.index));
  } else {
    log_.reset(meta);
    commit_ = meta.index;
    stable_ = {};
    issued_ = disk_last_ = meta.index;
    if (in_flight_) in_flight_->last = {};
    truncate_from_.reset();
    install_ = meta;
    install_issued_ = false;
    redraw_election_wait();
  }
  finish();
}

}  // namespace starling::consensus
