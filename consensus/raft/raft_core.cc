#include "consensus/raft/raft_core.h"

#include "consensus/raft/raft_wire.h"
#include "node/base/assert.h"
#include "node/base/mutant.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::consensus {

std::string_view to_string(Role role) {
  switch (role) {
    case Role::follower: return "follower";
    case Role::pre_candidate: return "pre_candidate";
    case Role::candidate: return "candidate";
    case Role::leader: return "leader";
  }
  return "unknown";
}

Result<> check(const RaftTimings& timings) {
  constexpr int kHeartbeatsPerElection = 3;
  if (timings.heartbeat.count() <= 0 ||
      timings.election < kHeartbeatsPerElection * timings.heartbeat) {
    return Error{Errc::invalid_argument,
                 fmt::format("the election wait of {} ms must be at least {} heartbeats of {} ms",
                             timings.election.count(),
                             kHeartbeatsPerElection,
                             timings.heartbeat.count())};
  }
  if (timings.append_bytes_max == 0 || timings.in_flight_messages_max == 0 ||
      timings.in_flight_bytes_max == 0 || timings.apply_bytes_max == 0) {
    return Error{Errc::invalid_argument, "the sizes of append, window and apply must be above 0"};
  }
  if (std::max(timings.append_bytes_max, timings.proposal_bytes_max) > kCommandBytesMax) {
    return Error{Errc::invalid_argument,
                 fmt::format("an append of {} or a proposal of {} bytes is above the limit of {}",
                             timings.append_bytes_max,
                             timings.proposal_bytes_max,
                             kCommandBytesMax)};
  }
  return {};
}

RaftCore::RaftCore(RaftIdentity identity,
                   RestoredState restored,
                   const RaftTimings& timings,
                   std::uint64_t seed,
                   MonoTime now)
    : swarm_(identity.swarm),
      self_(identity.self),
      timings_(timings),
      random_(seed),
      now_(now),
      term_(restored.hard.term),
      vote_(restored.hard.vote),
      recovery_epoch_(restored.hard.recovery_epoch),
      log_(std::move(restored.log)),
      commit_(std::max({restored.hard.commit, restored.applied, log_.base_index()})),
      applied_(std::max(restored.applied, log_.base_index())),
      apply_issued_(applied_),
      stable_(log_.last_index()),
      issued_(stable_),
      disk_last_(stable_) {
  STARLING_ASSERT(check(timings), "raft timings are checked before use");
  STARLING_ASSERT(log_.last_term() <= term_, "the stored term covers the stored log");
  STARLING_ASSERT(commit_ <= log_.last_index(), "nothing is committed beyond the stored log");
  reported_role_ = {role_, term_, leader_};
  redraw_election_wait();
}

void RaftCore::begin(MonoTime now, Effects& effects) {
  now_ = std::max(now_, now);
  out_ = &effects;
}

void RaftCore::finish() {
  if (!is_out_ && role_ == Role::leader) lead();
  if (!is_out_) {
    issue_batch();
    issue_apply();
    report_role();
  } else {
    out_->send.clear();
  }
  out_ = nullptr;
}

void RaftCore::tick(MonoTime now, Effects& effects) {
  begin(now, effects);
  if (is_out_) {
    redraw_election_wait();
  } else if (role_ == Role::leader) {
    if (transfer_target_ && now_ >= transfer_deadline_) transfer_target_.reset();
    if (now_ >= heartbeat_deadline_) heartbeat();
  } else if (now_ >= election_deadline_) {
    if (may_campaign())
      become_pre_candidate();
    else
      become_follower(term_, std::nullopt);  // no leader is heard any more
  }
  finish();
}

MonoTime RaftCore::next_deadline() const {
  if (is_out_ || role_ != Role::leader) return election_deadline_;
  MonoTime deadline = heartbeat_deadline_;
  if (transfer_target_) deadline = std::min(deadline, transfer_deadline_);
  if (news_deadline_) deadline = std::min(deadline, *news_deadline_);
  return deadline;
}

void RaftCore::step(MonoTime now, const Message& message, Effects& effects) {
  begin(now, effects);
  const bool is_ours = message.swarm == swarm_ && message.recovery_epoch == recovery_epoch_ &&
                       message.to == self_ && message.from != self_;
  if (is_ours && !is_out_) take(message);
  finish();
}

void RaftCore::take(const Message& message) {
  if (message.term > term_) take_higher_term(message);
  if (message.term < term_) {
    answer_lower_term(message);
    return;
  }
  const auto* vote = std::get_if<VoteRequest>(&message.body);
  const auto* vote_answer = std::get_if<VoteResponse>(&message.body);
  const bool is_pre =
      (vote != nullptr && vote->pre) || (vote_answer != nullptr && vote_answer->pre);
  if (message.term > term_ && !is_pre) return;  // a vote request that the known leader makes void
  std::visit([&](const auto& body) { on(message, body); }, message.body);
}

void RaftCore::take_higher_term(const Message& message) {
  if (const auto* vote = std::get_if<VoteRequest>(&message.body)) {
    // Nobody disturbs a leader that is heard, unless that leader asked for it.
    if (vote->pre || (!vote->transfer && hears_leader())) return;
  }
  if (const auto* answer = std::get_if<VoteResponse>(&message.body)) {
    if (answer->pre && answer->granted) return;  // granted for the term that was asked for
  }
  const bool is_leader = std::holds_alternative<AppendRequest>(message.body) ||
                         std::holds_alternative<HeartbeatRequest>(message.body);
  become_follower(message.term, is_leader ? std::optional{message.from} : std::nullopt);
}

void RaftCore::answer_lower_term(const Message& message) {
  const bool is_leader = std::holds_alternative<AppendRequest>(message.body) ||
                         std::holds_alternative<HeartbeatRequest>(message.body);
  if (is_leader) {
    // The old leader must learn of the term, or a member of a higher term stays cut off.
    send(message.from, HeartbeatResponse{}, Needs::hard_state);
  } else if (const auto* vote = std::get_if<VoteRequest>(&message.body)) {
    send(message.from, VoteResponse{vote->pre, false}, Needs::hard_state);
  }
}

std::uint64_t RaftCore::batch_needed(Needs needs) const {
  const bool log_dirty = issued_ < log_.last_index() || truncate_from_.has_value() ||
                         (install_.has_value() && !install_issued_);
  if (needs == Needs::nothing) return 0;
  if (hard_dirty_ || (needs == Needs::whole_log && log_dirty)) return next_batch_;
  const bool waits = in_flight_ && (needs == Needs::whole_log || in_flight_->has_hard_change);
  return waits ? in_flight_->id : 0;
}

void RaftCore::send(NodeId to, MessageBody body, Needs needs, std::uint64_t session) {
  send_at(term_, to, std::move(body), needs, session);
}

void RaftCore::send_at(Term term, NodeId to, MessageBody body, Needs needs, std::uint64_t session) {
  const bool leaves_early = STARLING_MUTANT(2) && std::holds_alternative<AppendResponse>(body);
  Message message{swarm_, recovery_epoch_, self_, to, term, session, std::move(body)};
  const std::uint64_t batch = leaves_early ? 0 : batch_needed(needs);
  if (batch == 0 && to != self_)
    out_->send.push_back(std::move(message));
  else
    withhold({std::max(batch, std::uint64_t{1}), std::move(message)});
}

/// While the disk hangs, each heartbeat and probe of the leader would add an answer that says no
/// more than one that waits already.
void RaftCore::withhold(Withheld held) {
  for (Withheld& each : withheld_) {
    const bool is_alike = each.batch == held.batch && each.message.to == held.message.to &&
                          each.message.term == held.message.term &&
                          each.message.session == held.message.session;
    if (!is_alike) continue;
    const auto* now = std::get_if<AppendResponse>(&held.message.body);
    const auto* before = std::get_if<AppendResponse>(&each.message.body);
    const bool are_answers = now != nullptr && before != nullptr;
    if (are_answers && !now->rejected && !before->rejected && before->index >= now->index) return;
    const bool is_newer_refusal =
        are_answers && now->rejected && before->rejected && before->index == now->index;
    const bool is_newer_beat = std::holds_alternative<HeartbeatResponse>(held.message.body) &&
                               std::holds_alternative<HeartbeatResponse>(each.message.body);
    if (!is_newer_refusal && !is_newer_beat) continue;
    each.message = std::move(held.message);
    return;
  }
  withheld_.push_back(std::move(held));
}

void RaftCore::issue_batch() {
  const bool installs = install_.has_value() && !install_issued_;
  const bool dirty = hard_dirty_ || truncate_from_ || issued_ < log_.last_index() || installs;
  if (in_flight_ || !dirty || out_->persist) return;
  if (installs && apply_issued_ != applied_ && !STARLING_MUTANT(108))
    return;  // the old state is still being written

  PersistBatch batch;
  batch.id = next_batch_++;
  batch.hard = {term_, vote_, std::min(commit_, log_.last_index()), recovery_epoch_};
  if (installs) batch.install = install_;
  batch.truncate_from = truncate_from_;
  for (LogIndex i = std::max(issued_, log_.base_index()).next(); i <= log_.last_index();
       i = i.next())
    batch.append.push_back(log_.at(i));

  const LogIndex last = batch.append.empty() ? LogIndex{} : log_.last_index();
  in_flight_ = InFlightBatch{batch.id, hard_dirty_, last, {}};
  if (installs) in_flight_->install = install_->index;
  install_issued_ = install_.has_value();
  hard_dirty_ = false;
  truncate_from_.reset();
  issued_ = log_.last_index();
  disk_last_ = log_.last_index();
  out_->persist = std::move(batch);
}

void RaftCore::persisted(MonoTime now, std::uint64_t batch_id, Effects& effects) {
  begin(now, effects);
  STARLING_ASSERT(in_flight_ && in_flight_->id == batch_id, "batches end in the order of issue");
  const InFlightBatch done = *in_flight_;
  in_flight_.reset();
  if (done.install) {
    const LogIndex index = *done.install;
    stable_ = std::max(stable_, index);
    applied_ = apply_issued_ = index;
    if (install_ && install_->index == index) install_.reset();
  }
  // An entry rewritten since the batch was issued is not durable, whatever the batch held.
  stable_ = std::max(stable_, done.last);
  const bool was_slow_follower = role_ == Role::follower && leader_ && done.last > LogIndex{};
  if (was_slow_follower && now_ < election_deadline_) redraw_election_wait();
  release_withheld(batch_id);
  finish();
}

void RaftCore::release_withheld(std::uint64_t batch_id) {
  std::vector<Withheld> kept;
  std::vector<Withheld> due;
  for (Withheld& each : withheld_)
    (each.batch <= batch_id ? due : kept).push_back(std::move(each));
  withheld_ = std::move(kept);
  for (Withheld& each : due) {
    const auto* answer = std::get_if<VoteResponse>(&each.message.body);
    const bool is_pre_grant = answer != nullptr && answer->pre && answer->granted;
    const auto* request = std::get_if<VoteRequest>(&each.message.body);
    const bool campaign_over = request != nullptr && role_ != Role::candidate;
    // What was true of an earlier term is not said in this one.
    const bool is_of_past = (each.message.term != term_ && !is_pre_grant) || campaign_over;
    if (is_of_past && !STARLING_MUTANT(109)) continue;
    if (each.message.to == self_)
      take(each.message);
    else
      out_->send.push_back(std::move(each.message));
  }
}

void RaftCore::note_truncated(LogIndex from) {
  const LogIndex kept{from.value - 1};
  stable_ = std::min(stable_, kept);
  issued_ = std::min(issued_, kept);
  if (in_flight_ && !STARLING_MUTANT(101)) in_flight_->last = std::min(in_flight_->last, kept);
  if (from <= disk_last_ && !STARLING_MUTANT(6))
    truncate_from_ = truncate_from_ ? std::min(*truncate_from_, from) : from;
}

void RaftCore::issue_apply() {
  const LogIndex until = std::min(commit_, stable_);
  if (install_ || apply_issued_ != applied_ || until <= applied_ || !out_->apply.empty()) return;
  out_->apply = log_.slice(applied_, until, timings_.apply_bytes_max);
  apply_issued_ = out_->apply.back()->index;
}

void RaftCore::applied(MonoTime now, LogIndex index, Effects& effects) {
  begin(now, effects);
  STARLING_ASSERT(index == apply_issued_, "what was handed out is applied as a whole");
  applied_ = index;
  log_.trim(std::min(applied_, stable_), timings_.log_bytes_in_memory);
  finish();
}

void RaftCore::compact(LogIndex index) {
  STARLING_ASSERT(index <= applied_, "only applied entries are forgotten");
  log_.compact(index);
}

void RaftCore::report_role() {
  const RoleChange now_is{role_, term_, leader_};
  const bool same = now_is.role == reported_role_.role && now_is.term == reported_role_.term &&
                    now_is.leader == reported_role_.leader;
  if (same) return;
  reported_role_ = now_is;
  out_->role = now_is;
}

void RaftCore::fail(std::string why) {
  if (!out_->fatal) out_->fatal = std::move(why);
  is_out_ = true;
}

void RaftCore::check_invariants() const {
  STARLING_ASSERT(applied_ <= commit_, "only committed entries are applied");
  STARLING_ASSERT(commit_ <= log_.last_index(), "only entries of the log are committed");
  STARLING_ASSERT(log_.last_term() <= term_, "the term covers the log");
  STARLING_ASSERT(stable_ <= log_.last_index(), "only entries of the log are durable");
  STARLING_ASSERT(role_ != Role::leader || leader_ == self_, "a leader knows itself");
  STARLING_ASSERT(role_ != Role::leader || vote_ == self_, "a leader has its own vote");
  STARLING_ASSERT(role_ == Role::leader || progress_.empty(), "only a leader tracks peers");
  for (const auto& [peer, progress] : progress_) {
    STARLING_ASSERT(progress.match < progress.next, "what is held is before what is sent next");
    STARLING_ASSERT(progress.match <= log_.last_index(), "nobody holds more than the leader");
  }
}

}  // namespace starling::consensus
