// Who leads: elections, votes, and the asking before them that keeps a lonely member from
// disturbing the others.
#include "consensus/raft/quorum.h"
#include "consensus/raft/raft_core.h"
#include "node/base/assert.h"
#include "node/base/mutant.h"

#include <fmt/format.h>

namespace starling::consensus {

void RaftCore::redraw_election_wait() {
  const auto wait = std::chrono::nanoseconds{timings_.election};
  const auto extra = random_.below(static_cast<std::uint64_t>(wait.count()));
  election_deadline_ = now_ + wait + std::chrono::nanoseconds{extra};
}

bool RaftCore::hears_leader() const {
  if (STARLING_MUTANT(9)) return false;
  if (role_ == Role::leader) return true;
  return leader_.has_value() && now_ - leader_contact_ < timings_.election;
}

bool RaftCore::may_campaign() const {
  // Who is out by an entry that is not known to be committed may be the only one that can commit
  // it: the others may lack it, and lose every election for that (thesis, section 4.2.2).
  const bool may_lead =
      config().is_voter(self_) || log_.configs().at(commit_).second.is_voter(self_);
  return (may_lead && !install_ && !disk_is_stalled_) || STARLING_MUTANT(104);
}

void RaftCore::become_follower(Term term, std::optional<NodeId> leader) {
  STARLING_ASSERT(term >= term_, "terms never fall");
  if (term > term_ || STARLING_MUTANT(4)) {
    term_ = term;
    vote_ = {};
    hard_dirty_ = true;
  }
  if (role_ == Role::leader) reads_.drop_all(out_->reads);
  role_ = Role::follower;
  leader_ = leader;
  votes_.clear();
  progress_.clear();
  departing_.clear();
  transfer_target_.reset();
  news_deadline_.reset();
  uncommitted_bytes_ = 0;
  redraw_election_wait();
}

void RaftCore::become_pre_candidate() {
  become_follower(term_, std::nullopt);
  role_ = Role::pre_candidate;
  votes_[self_] = true;
  if (vote_result(config(), votes_) == VoteResult::won)
    become_candidate(false);
  else
    ask_for_votes(true, false);
}

void RaftCore::become_candidate(bool by_transfer) {
  become_follower(term_.next(), std::nullopt);
  role_ = Role::candidate;
  vote_ = self_;
  // Its own vote counts, and the others are asked, once term and vote are durable.
  send(self_, VoteResponse{false, true}, Needs::hard_state);
  ask_for_votes(false, by_transfer);
}

void RaftCore::ask_for_votes(bool pre, bool by_transfer) {
  // A promise may only rest on what a crash cannot take away. When a real request leaves, all of
  // today's log is durable; a pre-vote does not wait, so it speaks of the durable part only.
  const LogIndex last = pre ? std::max(stable_, log_.base_index()) : log_.last_index();
  const Term last_term = log_.term_at(last).value_or(Term{});
  const Term term = pre ? term_.next() : term_;
  for (const NodeId peer : config().members()) {
    if (peer == self_ || !config().is_voter(peer)) continue;
    const VoteRequest request{pre, by_transfer, last, last_term};
    send_at(term, peer, request, pre ? Needs::nothing : Needs::whole_log, 0);
  }
}

void RaftCore::on(const Message& message, const VoteRequest& request) {
  const bool log_is_current = log_.is_up_to_date(request.last_index, request.last_term) ||
                              (request.pre && STARLING_MUTANT(8));
  const bool is_free = vote_ == message.from || (vote_.is_none() && !leader_);
  if (request.pre) {
    const bool granted = log_is_current && !hears_leader() && (message.term > term_ || is_free);
    // Needs the hard state only so that a refusal never names a term that could be forgotten.
    send_at(granted ? message.term : term_,
            message.from,
            VoteResponse{true, granted},
            Needs::hard_state,
            0);
    return;
  }
  const bool granted = log_is_current && is_free;
  if (granted) {
    hard_dirty_ = hard_dirty_ || vote_ != message.from;
    vote_ = message.from;
    redraw_election_wait();
  }
  const Needs needs = STARLING_MUTANT(1) ? Needs::nothing : Needs::whole_log;
  send(message.from, VoteResponse{false, granted}, needs);
}

void RaftCore::on(const Message& message, const VoteResponse& response) {
  const bool is_pre_round = role_ == Role::pre_candidate && response.pre;
  const bool is_round = role_ == Role::candidate && !response.pre;
  if (!is_pre_round && !is_round) return;
  if (is_pre_round && response.granted && message.term != term_.next()) return;
  if (is_round && message.term != term_) return;

  votes_.emplace(message.from, response.granted);
  const VoteResult result = vote_result(config(), votes_);
  if (result == VoteResult::lost) become_follower(term_, std::nullopt);
  if (result != VoteResult::won) return;
  if (is_pre_round)
    become_candidate(false);
  else
    become_leader();
}

void RaftCore::on(const Message& message, const TimeoutNow&) {
  const bool from_leader = leader_ == message.from;
  if (from_leader && role_ == Role::follower && may_campaign()) become_candidate(true);
}

void RaftCore::become_leader() {
  role_ = Role::leader;
  leader_ = self_;
  votes_.clear();
  uncommitted_bytes_ = 0;
  reads_ = ReadQueue{};
  check_in_log_ = check_.index;
  track_members();
  // Entries of earlier terms are committed only together with one of this term.
  if (!STARLING_MUTANT(5)) append_own(EntryKind::noop, {}, {});
  send_heartbeats();
}

}  // namespace starling::consensus
