#include "bootstrap/voter_keeper.h"

#include "bootstrap/voter_candidate.h"
#include "ml/study/study_state.h"
#include "ml/study/swarm_members.h"
#include "node/base/clock.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 250ms;
constexpr auto kChangePatience = 5s;
constexpr auto kHandOverPause = 10s;  // if nobody could take over
constexpr std::uint64_t kVoterMemoryMb = 256;
constexpr std::uint64_t kVoterDiskMb = 1024;
constexpr std::size_t kFormedVoters = 3;
constexpr std::uint64_t kFormingMs = 10 * 60 * 1000;  // so long a swarm is new

}  // namespace

VoterKeeper::VoterKeeper(asio::any_io_executor core,
                         consensus::RaftGroup& group,
                         node::GossipService& gossip,
                         RaftLedger& ledger,
                         NodeId self,
                         Logger log)
    : core_(core),
      group_(group),
      gossip_(gossip),
      ledger_(ledger),
      self_(self),
      log_(std::move(log)),
      alarm_(core) {}

void VoterKeeper::start() {
  node::spawn(core_, run());
}

void VoterKeeper::stop() {
  is_stopped_ = true;
  alarm_.cancel();
}

asio::awaitable<void> VoterKeeper::run() {
  while (!is_stopped_) {
    co_await one_look();
    if (is_stopped_) co_return;
    if (!std::exchange(is_woken_, false)) {
      alarm_.expires_after(kLookEvery);
      co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
      is_woken_ = false;
    }
  }
}

void VoterKeeper::wake() {
  is_woken_ = true;
  alarm_.cancel();
}

/// Whoever was short of space needs more than a little of it to count as fit again.
bool VoterKeeper::has_disk_space(const node::Member& member) {
  const std::uint64_t free = member.facts.disk_free_mb;
  const bool is_known = free > 0;
  if (is_known && free < kVoterDiskMb / 2) short_of_disk_.insert(member.id);
  if (!is_known || free >= kVoterDiskMb) short_of_disk_.erase(member.id);
  return !short_of_disk_.contains(member.id);
}

VoterInput VoterKeeper::input_of(const consensus::RaftStatus& status) {
  const auto view = group_.view();
  const std::uint32_t level = ml::feature_level(*view);
  VoterInput input{.now = mono_now(),
                   .self = self_,
                   .voters = status.voters,
                   .learners = status.learners,
                   .nodes = {},
                   .is_forming = status.voters.size() < kFormedVoters};
  std::map<NodeId, ml::SwarmMember> listed;
  std::uint64_t oldest_ms = wall_now_ms();
  for (auto& member : ml::list_members(*view)) {
    oldest_ms = std::min(oldest_ms, member.admitted_ms);
    listed[member.node] = std::move(member);
  }
  if (wall_now_ms() - oldest_ms < kFormingMs) input.is_forming = true;
  for (const auto& member : gossip_.members()) {
    const auto found = listed.find(member.id);
    VoterCandidate one = candidate_of(member, status, self_, gossip_.round_trip(member.id));
    one.is_fit = member.facts.memory_budget_mb >= kVoterMemoryMb &&
                 member.facts.feature_level >= level && has_disk_space(member);
    one.is_member = found != listed.end();
    one.is_removed = !member.key.is_none() &&
                     ml::standing_of(*view, member.key.public_key) == node::Standing::removed;
    if (one.is_member) {
      one.is_draining = found->second.is_draining;
      one.wants_vote = found->second.wants_vote;
    }
    input.nodes.push_back(std::move(one));
  }
  return input;
}

/// Why others should lead, and who; nobody if it may as well go on.
VoterKeeper::HandOver VoterKeeper::hand_over_of(const consensus::RaftStatus& status) const {
  const auto view = group_.view();
  HandOver next;
  bool is_short = false;
  for (const auto& member : gossip_.members()) {
    if (member.id == self_) is_short = member.facts.disk_is_short;
    const bool fits = member.id != self_ && member.state == node::MemberState::alive &&
                      status.voters.contains(member.id) && !member.facts.disk_is_short &&
                      !ml::is_draining(*view, member.id);
    if (fits) next.to.insert(member.id);
  }
  // With a short disk all that grows is refused, for every node that asks.
  if (is_short && !next.to.empty())
    next.why = "this node's disk is low, and another voter's is not";
  if (ml::is_draining(*view, self_) && status.voters.size() > 1) next.why = "this node is draining";
  return next;
}

asio::awaitable<void> VoterKeeper::one_look() {
  const auto status = group_.status();
  if (status.role != consensus::Role::leader || status.changing_voters) co_return;
  if (std::exchange(plan_term_, status.term) != status.term) plan_ = VoterPlan{};
  const auto input = input_of(status);
  if (auto next = plan_.next(input)) {
    co_await change(std::move(*next));
    co_return;
  }
  auto next = hand_over_of(status);
  if (!next.why.empty() && mono_now() >= hand_over_at_) {
    log_.info("hands leadership over why={}", next.why);
    hand_over_at_ = mono_now() + kHandOverPause;
    co_await group_.hand_over(std::move(next.to));
    co_return;
  }
  co_await use_newest_key();
  co_await raise_feature_level(status);
}

asio::awaitable<void> VoterKeeper::change(VoterChange change) {
  log_.info("changing members voters={} standbys={} why={}",
            change.voters.size(),
            change.learners.size(),
            change.why.empty() ? "who holds a copy of the log" : change.why);
  ml::NoteDecision note{.what = "voters", .why = change.why.substr(0, ml::kWhyMax)};
  auto voters = std::move(change.voters);
  auto learners = std::move(change.learners);
  const auto changed =
      co_await group_.change_members(std::move(voters), std::move(learners), kChangePatience);
  if (!changed) {
    log_.info("members did not change, trying again why={}", changed.error().detail);
    co_return;
  }
  if (note.why.empty()) co_return;
  ml::Command command;
  command.body = std::move(note);
  const auto noted = co_await ledger_.append(std::move(command), kChangePatience);
  if (!noted) log_.info("the decision is not in the event log why={}", noted.error().detail);
}

/// A member that is alive and does not know the key yet could not be spoken to.
asio::awaitable<void> VoterKeeper::use_newest_key() {
  const auto view = group_.view();
  const auto ring = ml::swarm_key_ring(*view);
  if (ring.empty() || ring.front().use != node::KeyUse::accepted) co_return;
  const std::uint64_t newest = ring.front().generation;
  for (const auto& member : gossip_.members()) {
    const bool counts =
        member.state <= node::MemberState::suspect && ml::member_of(*view, member.id);
    if (counts && member.facts.key_generation < newest) co_return;
  }
  log_.info("every member knows the new key, which is used from now on generation={}", newest);
  ml::Command command;
  command.body = ml::UseSwarmKey{newest};
  const auto used = co_await ledger_.append(std::move(command), kChangePatience);
  if (!used) log_.info("the old key stays for now why={}", used.error().detail);
}

asio::awaitable<void> VoterKeeper::raise_feature_level(consensus::RaftStatus status) {
  // Whoever follows the log applies the command: leaves too.
  std::uint32_t level = ml::kFeatureLevel;
  for (const auto& member : gossip_.members())
    if (member.state <= node::MemberState::suspect && member.id != self_)
      level = std::min(level, member.facts.feature_level);
  for (const NodeId voter : status.voters) {
    const auto member = gossip_.member(voter);
    level = std::min(level, voter == self_ ? level : member ? member->facts.feature_level : 0);
  }
  if (level <= ml::feature_level(*group_.view())) co_return;
  ml::Command command;
  command.body = ml::RaiseFeatureLevel{level};
  const auto raised = co_await ledger_.append(std::move(command), kChangePatience);
  if (!raised) log_.info("the feature level stays for now why={}", raised.error().detail);
}

}  // namespace starling::bootstrap
