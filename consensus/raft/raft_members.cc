// Who is in: moves from one set of voters to another without a moment of two majorities.
#include "consensus/raft/raft_core.h"
#include "node/base/assert.h"

#include <fmt/format.h>

namespace starling::consensus {
namespace {

/// For how long a removed member is still told that it is out.
constexpr std::chrono::seconds kFarewell{30};

}  // namespace

void RaftCore::track_members() {
  const std::set<NodeId> members = config().members();
  const InFlightWindow window{timings_.in_flight_messages_max, timings_.in_flight_bytes_max};
  for (const NodeId member : members) {
    // Who is back is new: what it acknowledged before may be gone with its disk.
    if (departing_.erase(member) != 0) progress_.erase(member);
    progress_.try_emplace(member, ++session_, log_.last_index().next(), now_, window);
  }
  for (const auto& [peer, progress] : progress_) {
    if (!members.contains(peer)) departing_.try_emplace(peer, now_ + kFarewell);
  }
}

Result<> RaftCore::can_change() const {
  if (role_ != Role::leader) return not_leader();
  if (transfer_target_) {
    return Error{Errc::unavailable, "leadership is being handed over; try again in a moment"};
  }
  if (log_.configs().active_index() > commit_ || config().is_joint()) {
    return Error{Errc::conflict,
                 "another change of members is under way; try again when it is done"};
  }
  if (log_.term_at(commit_) != term_) {
    return Error{Errc::unavailable,
                 "the new leader has committed nothing yet; try again in a moment"};
  }
  return {};
}

Result<> RaftCore::have_caught_up(const std::set<NodeId>& voters) const {
  for (const NodeId node : voters) {
    if (config().is_voter(node)) continue;
    const auto found = progress_.find(node);
    if (!config().learners.contains(node) || found == progress_.end()) {
      return Error{Errc::unavailable,
                   fmt::format("node {} must first be a learner to become a voter", node.hex())};
    }
    if (found->second.match < commit_) {
      return Error{Errc::unavailable,
                   fmt::format("node {} holds the log up to {} of {}; it must catch up to vote",
                               node.hex(),
                               found->second.match.value,
                               commit_.value)};
    }
  }
  return {};
}

Result<LogIndex> RaftCore::change_config(MonoTime now,
                                         const std::set<NodeId>& voters,
                                         const std::set<NodeId>& learners,
                                         Effects& effects) {
  const auto allowed = can_change();
  if (!allowed) return allowed.error();
  auto next = config_towards(config(), voters, learners);
  if (!next) return next.error();
  const auto ready = have_caught_up(voters);
  if (!ready) return ready.error();
  begin(now, effects);
  append_own(EntryKind::config, {}, std::move(*next));
  track_members();
  const LogIndex index = log_.last_index();
  finish();
  return index;
}

void RaftCore::advance_config() {
  if (log_.configs().active_index() > commit_) return;
  if (config().is_joint() && log_.term_at(commit_) == term_) {
    append_own(EntryKind::config, {}, config_after_joint(config()));
    track_members();
    advance_commit();  // a swarm of one commits by itself
  }
  if (log_.configs().active_index() <= commit_) step_down_if_removed();
}

void RaftCore::step_down_if_removed() {
  if (config().is_voter(self_)) return;
  // The others must know that the change is committed, and one of them should lead at once.
  for (auto& [peer, progress] : progress_) {
    if (peer == self_) continue;
    pump(peer, progress);
    if (lacks_news(progress)) send_news(peer, progress);
  }
  const auto successor = best_successor();
  if (successor && progress_.at(*successor).match == log_.last_index())
    send(*successor, TimeoutNow{}, Needs::nothing, progress_.at(*successor).session);
  become_follower(term_, std::nullopt);
}

}  // namespace starling::consensus
