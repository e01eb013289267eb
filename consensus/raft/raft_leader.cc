// Leading: replicate, count, commit, answer reads, hand over.
#include "consensus/raft/quorum.h"
#include "consensus/raft/raft_core.h"
#include "node/base/assert.h"
#include "node/base/mutant.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::consensus {
namespace {

constexpr LogIndex kNothing{};

std::uint64_t as_number(MonoTime time) {
  return static_cast<std::uint64_t>(time.count());
}

}  // namespace

Error RaftCore::not_leader() const {
  return Error{Errc::not_leader, leader_ && *leader_ != self_ ? leader_->hex() : std::string{}};
}

void RaftCore::lead() {
  const auto own = progress_.find(self_);
  const LogIndex own_last = STARLING_MUTANT(105) ? log_.last_index() : stable_;
  if (own != progress_.end()) own->second.acknowledge(own_last, now_);
  advance_commit();
  advance_config();
  if (role_ != Role::leader) return;
  advance_reads();
  try_hand_over();
  for (auto& [peer, progress] : progress_) {
    if (peer != self_) pump(peer, progress);
  }
  tell_news();
}

void RaftCore::append_own(EntryKind kind, std::string command, Config config) {
  const auto entry = std::make_shared<const Entry>(
      Entry{term_, log_.last_index().next(), kind, std::move(command), std::move(config)});
  if (kind == EntryKind::command) uncommitted_bytes_ += size_of(*entry);
  log_.append(entry);
}

Result<> RaftCore::can_take(const std::string& command) const {
  if (role_ != Role::leader) return not_leader();
  if (command.size() > timings_.proposal_bytes_max) {
    return Error{Errc::too_large,
                 fmt::format("a command of {} bytes is above the limit of {}; store it as a blob",
                             command.size(),
                             timings_.proposal_bytes_max)};
  }
  if (transfer_target_) {
    return Error{Errc::unavailable, "leadership is being handed over; try again in a moment"};
  }
  const bool full = uncommitted_bytes_ + command.size() > timings_.uncommitted_bytes_max;
  if (full && uncommitted_bytes_ > 0) {
    return Error{
        Errc::unavailable,
        fmt::format("{} bytes of commands wait to be committed, the limit is {}; slow down",
                    uncommitted_bytes_,
                    timings_.uncommitted_bytes_max)};
  }
  return {};
}

void RaftCore::propose(MonoTime now, std::vector<Proposal> proposals, Effects& effects) {
  begin(now, effects);
  for (Proposal& proposal : proposals) {
    const auto taken = can_take(proposal.command);
    if (!taken) {
      effects.proposals.push_back({proposal.context, taken.error(), term_});
      continue;
    }
    append_own(EntryKind::command, std::move(proposal.command), {});
    effects.proposals.push_back({proposal.context, log_.last_index(), term_});
  }
  finish();
}

void RaftCore::heartbeat() {
  heartbeat_deadline_ = now_ + timings_.heartbeat;
  if (!has_quorum_contact()) {
    become_follower(term_, std::nullopt);
    return;
  }
  std::erase_if(departing_, [&](const auto& each) {
    if (now_ < each.second) return false;
    progress_.erase(each.first);
    return true;
  });
  send_heartbeats();
}

bool RaftCore::has_quorum_contact() const {
  const auto contact = [&](NodeId node) -> std::uint64_t {
    if (node == self_) return as_number(now_);
    const auto found = progress_.find(node);
    return found == progress_.end() ? 0 : as_number(found->second.last_ack);
  };
  const MonoTime heard{
      static_cast<std::int64_t>(std::min(quorum_value(config(), contact), as_number(now_)))};
  return now_ - heard <= timings_.election || STARLING_MUTANT(102);
}

void RaftCore::send_heartbeats() {
  heartbeat_deadline_ = now_ + timings_.heartbeat;
  for (const auto& [peer, progress] : progress_) {
    if (peer == self_) continue;
    // Never commits beyond what the peer is known to hold.
    const LogIndex known = STARLING_MUTANT(106) ? commit_ : std::min(commit_, progress.match);
    const HeartbeatRequest beat{known, progress.held, reads_.seq(), as_number(now_)};
    send(peer, beat, Needs::nothing, progress.session);
  }
}

Progress* RaftCore::progress_of(const Message& message) {
  if (role_ != Role::leader) return nullptr;
  const auto found = progress_.find(message.from);
  if (found == progress_.end()) return nullptr;
  if (found->second.session != message.session && !STARLING_MUTANT(17)) return nullptr;
  return &found->second;
}

void RaftCore::on(const Message& message, const HeartbeatResponse& response) {
  Progress* progress = progress_of(message);
  if (progress == nullptr || response.sent_at > as_number(now_)) return;
  const MonoTime sent{static_cast<std::int64_t>(response.sent_at)};
  progress->last_ack = std::max(progress->last_ack, sent);
  progress->read_ack = std::max(progress->read_ack, std::min(response.read_seq, reads_.seq()));
  progress->probe_sent = false;
  if (progress->check != response.check) {
    progress->check = response.check;
    advance_check();
  }
  // Everything in flight may have been lost; an empty append shows where the logs part.
  if (progress->match < log_.last_index()) send_append(message.from, *progress, true);
}

void RaftCore::on(const Message& message, const AppendResponse& response) {
  Progress* progress = progress_of(message);
  if (progress == nullptr || progress->has_forgotten) return;
  if (response.rejected) {
    // An answer to what was asked after the acknowledgement came cannot be an old one.
    if (response.index <= progress->held && response.sent_at > as_number(progress->held_since)) {
      note_forgotten(*progress);
      return;
    }
    const LogIndex hint = log_.last_at_or_below(response.hint_index, response.hint_term);
    progress->back_off(response.index, hint);
    return;
  }
  if (response.index > log_.last_index()) {
    fail(fmt::format("{} acknowledges entry {} of a log that ends at {}",
                     message.from.hex(),
                     response.index.value,
                     log_.last_index().value));
    return;
  }
  progress->acknowledge(response.index, now_);
  const bool resumes =
      progress->state == ProgressState::snapshot && progress->match >= log_.base_index();
  if (progress->state == ProgressState::probe || resumes) progress->become_replicate();
}

void RaftCore::note_forgotten(Progress& progress) {
  // What rested on its word stays; from here on it adds nothing. It learns of it by `held` in the
  // next heartbeat, and whoever chooses the voters by `forgetful`.
  progress.has_forgotten = true;
  progress.match = {};
  progress.become_probe(kNothing.next());
}

std::set<NodeId> RaftCore::forgetful() const {
  std::set<NodeId> forgetful;
  for (const auto& [peer, progress] : progress_) {
    if (progress.has_forgotten) forgetful.insert(peer);
  }
  return forgetful;
}

void RaftCore::advance_commit() {
  const auto match = [&](NodeId node) -> std::uint64_t {
    const auto found = progress_.find(node);
    return found == progress_.end() ? 0 : found->second.match.value;
  };
  const LogIndex held{quorum_value(config(), match)};
  // An entry of an earlier term may be held by a majority and still be replaced (figure 3.7).
  if (held <= commit_ || (log_.term_at(held) != term_ && !STARLING_MUTANT(3))) return;
  for (LogIndex index = commit_.next(); index <= held; index = index.next()) {
    const Entry& entry = *log_.at(index);
    if (entry.kind == EntryKind::command && entry.term == term_)
      uncommitted_bytes_ -= size_of(entry);
  }
  commit_ = held;
}

void RaftCore::pump(NodeId peer, Progress& progress) {
  while (progress.may_send() && progress.next <= log_.last_index()) {
    if (!send_append(peer, progress, false)) return;
  }
}

/// What is committed, to peers that no append told of it in the meantime. If that is lost, a
/// heartbeat tells it.
void RaftCore::tell_news() {
  const auto lacks = [this](const auto& each) {
    return each.first != self_ && lacks_news(each.second);
  };
  const bool is_wanted = std::any_of(progress_.begin(), progress_.end(), lacks);
  if (is_wanted && !news_deadline_) news_deadline_ = now_ + timings_.news;
  if (is_wanted && now_ < *news_deadline_) return;
  news_deadline_.reset();
  for (auto& each : progress_) {
    if (lacks(each)) send_news(each.first, each.second);
  }
}

bool RaftCore::lacks_news(const Progress& progress) const {
  const LogIndex prev{progress.next.value - 1};
  return progress.state == ProgressState::replicate &&
         progress.commit_sent < std::min(commit_, prev) && log_.term_at(prev).has_value();
}

void RaftCore::send_news(NodeId peer, Progress& progress) {
  const LogIndex prev{progress.next.value - 1};
  progress.commit_sent = std::min(commit_, prev);
  send(peer,
       AppendRequest{prev, *log_.term_at(prev), commit_, {}, as_number(now_), true},
       Needs::nothing,
       progress.session);
}

bool RaftCore::send_append(NodeId peer, Progress& progress, bool even_empty) {
  const bool by_replicate = progress.state == ProgressState::replicate;
  const bool may_send_empty = even_empty && by_replicate && !progress.has_forgotten;
  if (!progress.may_send() && !may_send_empty) return false;
  const LogIndex prev{progress.next.value - 1};
  if (!log_.term_at(prev)) {
    ask_for_snapshot(peer, progress);
    return false;
  }
  std::vector<EntryRef> entries;
  if (progress.may_send() && progress.next <= log_.last_index()) {
    if (log_.is_in_memory(progress.next)) {
      entries = log_.slice(prev, log_.last_index(), timings_.append_bytes_max);
    } else if (by_replicate) {
      ask_for_entries(peer, progress);
      return false;
    }
    // Where the logs agree is found without entries too.
  } else if (!even_empty) {
    return false;
  }
  send_entries(peer, progress, std::move(entries));
  return true;
}

void RaftCore::send_entries(NodeId peer, Progress& progress, std::vector<EntryRef> entries) {
  const bool by_replicate = progress.state == ProgressState::replicate;
  const LogIndex prev{progress.next.value - 1};
  const LogIndex last{prev.value + entries.size()};
  std::size_t bytes = 0;
  for (const EntryRef& entry : entries)
    bytes += size_of(*entry);
  if (by_replicate && !entries.empty()) {
    progress.next = last.next();
    progress.window.add(last, bytes);
  }
  progress.probe_sent = !by_replicate;
  progress.commit_sent = std::max(progress.commit_sent, std::min(commit_, last));
  AppendRequest request{
      prev, *log_.term_at(prev), commit_, std::move(entries), as_number(now_), false};
  send(peer, std::move(request), Needs::nothing, progress.session);
}

void RaftCore::ask_for_entries(NodeId peer, Progress& progress) {
  const LogIndex after{progress.next.value - 1};
  progress.is_reading = true;
  out_->log_reads.push_back(
      {peer, progress.session, after, log_.last_index(), timings_.append_bytes_max});
}

void RaftCore::log_read(MonoTime now,
                        const LogRead& read,
                        const std::vector<EntryRef>& entries,
                        Effects& effects) {
  begin(now, effects);
  const auto found = role_ == Role::leader ? progress_.find(read.peer) : progress_.end();
  if (found != progress_.end() && found->second.session == read.session) {
    Progress& progress = found->second;
    progress.is_reading = false;
    const bool is_wanted = progress.state == ProgressState::replicate && progress.may_send() &&
                           progress.next == read.after.next() && log_.term_at(read.after);
    // Of the log as it is now: what was read may have been replaced meanwhile.
    const bool is_own = !entries.empty() && entries.front()->index == progress.next &&
                        log_.matches(entries.back()->index, entries.back()->term);
    if (is_wanted && is_own) send_entries(read.peer, progress, entries);
  }
  finish();
}

void RaftCore::ask_for_snapshot(NodeId peer, Progress& progress) {
  const bool answers = now_ - progress.last_ack <= timings_.election;
  if (!answers) {
    progress.probe_sent = true;  // its next heartbeat answer tries again
    return;
  }
  progress.become_snapshot();
  out_->snapshots.push_back({peer, term_, progress.session});
}

void RaftCore::snapshot_sent(MonoTime now,
                             const SnapshotSend& sent,
                             std::optional<LogIndex> index,
                             Effects& effects) {
  begin(now, effects);
  const auto found = progress_.find(sent.to);
  const bool is_current = role_ == Role::leader && sent.term == term_ && found != progress_.end() &&
                          found->second.session == sent.session &&
                          found->second.state == ProgressState::snapshot;
  if (is_current) {
    found->second.become_probe(index.value_or(kNothing).next());
    found->second.probe_sent = true;  // A failed stream is not tried again before it answers.
  }
  finish();
}

void RaftCore::state_checked(MonoTime now, const StateCheck& check, Effects& effects) {
  begin(now, effects);
  check_ = check;
  if (role_ == Role::leader) advance_check();
  finish();
}

/// The newest state that most voters share; whoever differs will find it in the log.
void RaftCore::advance_check() {
  std::map<std::string, std::size_t> counts;
  const auto count = [&](const StateCheck& check) {
    if (check.index > check_in_log_) ++counts[encode_state_check(check)];
  };
  for (const NodeId voter : config().voters) {
    const auto found = progress_.find(voter);
    if (voter == self_)
      count(check_);
    else if (found != progress_.end())
      count(found->second.check);
  }
  for (const auto& [check, voters] : counts) {
    if (voters <= config().voters.size() / 2) continue;
    check_in_log_ = decode_state_check(check)->index;
    append_own(EntryKind::check, check, {});
    return;
  }
}

void RaftCore::disk_stalled(MonoTime now, bool is_stalled, Effects& effects) {
  begin(now, effects);
  disk_is_stalled_ = is_stalled;
  if (is_stalled && role_ == Role::leader) {
    const auto successor = best_successor();
    if (successor && progress_.at(*successor).match == log_.last_index())
      send(*successor, TimeoutNow{}, Needs::nothing, progress_.at(*successor).session);
  }
  if (is_stalled && role_ != Role::follower) become_follower(term_, std::nullopt);
  finish();
}

void RaftCore::unreachable(MonoTime now, NodeId peer, Effects& effects) {
  begin(now, effects);
  const auto found = progress_.find(peer);
  if (found != progress_.end() && found->second.state == ProgressState::replicate)
    found->second.become_probe(found->second.match.next());
  finish();
}

void RaftCore::read_index(MonoTime now, std::uint64_t context, Effects& effects) {
  begin(now, effects);
  if (role_ == Role::leader)
    reads_.add(context);
  else
    effects.reads.push_back({context, std::nullopt});
  finish();
}

void RaftCore::advance_reads() {
  // A new leader knows what is committed only once an entry of its own term is.
  if (log_.term_at(commit_) != term_ && !STARLING_MUTANT(15)) return;
  const auto answered = [&](NodeId node) -> std::uint64_t {
    if (node == self_) return reads_.seq();
    const auto found = progress_.find(node);
    return found == progress_.end() ? 0 : found->second.read_ack;
  };
  if (reads_.is_asking()) reads_.confirm(quorum_value(config(), answered), out_->reads);
  if (reads_.is_asking() || !reads_.has_waiting()) return;
  reads_.start_round(commit_);
  reads_.confirm(quorum_value(config(), answered), out_->reads);
  if (reads_.is_asking()) send_heartbeats();
}

Result<> RaftCore::transfer(MonoTime now, NodeId target, Effects& effects) {
  if (role_ != Role::leader) return not_leader();
  if (target == self_ || !config().is_voter(target) || config().is_joint()) {
    return Error{Errc::invalid_argument,
                 fmt::format("node {} cannot take over: it must be another voter and no change of "
                             "voters may be under way",
                             target.hex())};
  }
  begin(now, effects);
  transfer_target_ = target;
  transfer_deadline_ = now_ + timings_.election;
  told_to_take_over_.reset();
  finish();
  return {};
}

void RaftCore::try_hand_over() {
  if (!transfer_target_) return;
  const auto found = progress_.find(*transfer_target_);
  if (found == progress_.end()) return;
  if (found->second.match != log_.last_index() && !STARLING_MUTANT(103)) return;
  if (told_to_take_over_ && now_ - *told_to_take_over_ < timings_.heartbeat) return;
  told_to_take_over_ = now_;
  send(*transfer_target_, TimeoutNow{}, Needs::nothing, found->second.session);
}

LogIndex RaftCore::compaction_point(MonoTime now, std::uint64_t entries_held_max) const {
  const std::uint64_t held = applied_.value - log_.base_index().value;
  LogIndex cut{applied_.value - held / 2};
  if (held >= 2 * entries_held_max) return cut;
  for (const auto& [peer, progress] : progress_) {
    const bool is_alive = now - progress.last_ack <= timings_.election;
    if (is_alive && progress.match > log_.base_index()) cut = std::min(cut, progress.match);
  }
  return cut;
}

std::optional<NodeId> RaftCore::best_successor(const std::set<NodeId>& among) const {
  std::optional<NodeId> best;
  LogIndex best_match;
  for (const auto& [peer, progress] : progress_) {
    const bool is_wanted = among.empty() || among.contains(peer);
    const bool fits = is_wanted && peer != self_ && config().voters.contains(peer) &&
                      now_ - progress.last_ack <= timings_.election;
    if (!fits || (best && progress.match <= best_match)) continue;
    best = peer;
    best_match = progress.match;
  }
  return role_ == Role::leader ? best : std::nullopt;
}

}  // namespace starling::consensus
