#include "bootstrap/voter_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace starling::bootstrap {
namespace {

const VoterCandidate* find(const VoterInput& input, NodeId id) {
  const auto found = std::ranges::find(input.nodes, id, &VoterCandidate::id);
  return found == input.nodes.end() ? nullptr : &*found;
}

std::string name_of(const VoterInput& input, NodeId id) {
  const auto* node = find(input, id);
  return node == nullptr || node->name.empty() ? id.hex().substr(0, 8) : node->name;
}

std::string domain_of(const VoterCandidate& node) {
  return node.domain.empty() ? node.id.hex() : node.domain;
}

bool is_told_to_go(const VoterCandidate* node) {
  return node != nullptr && (node->is_draining || node->is_removed);
}

std::string_view why_gone(const VoterCandidate* node) {
  if (node != nullptr && node->is_removed) return "was removed";
  if (node != nullptr && node->is_draining) return "is draining";
  if (node != nullptr && !node->is_member) return "came back with another disk";
  return "is gone";
}

constexpr std::size_t kStandbys = 2;

// Above it a disk, or the way there, is too slow to be asked for every write; who did not measure
// yet counts as at the limit.
constexpr std::chrono::milliseconds kSlow{50};

bool is_slow(const VoterCandidate& node) {
  return node.write_time > kSlow;
}

/// In steps of 30 %, so that chance decides nothing.
int slowness(const VoterCandidate& node) {
  const auto known = node.write_time.count() > 0 ? node.write_time : kSlow;
  const double micros = static_cast<double>(std::chrono::microseconds{known}.count());
  return static_cast<int>(std::log(micros) / std::log(1.3));
}

void note_since(std::optional<MonoTime>& since, bool is_so, MonoTime now) {
  if (!is_so) since.reset();
  if (is_so && !since) since = now;
}

std::size_t quorum_of(std::size_t voters) {
  return voters / 2 + 1;
}

}  // namespace

std::size_t voters_wanted(std::size_t alive, std::size_t domains) {
  if (alive >= 9 && domains >= 3 && domains < alive) return 7;
  return alive >= 5 ? 5 : alive >= 3 ? 3 : 1;
}

/// The configuration while it is thought over.
struct VoterPlan::Draft {
  const VoterInput& input;
  std::set<NodeId> voters;
  std::vector<const VoterCandidate*> ready;  ///< may be promoted
  std::vector<std::string> reasons;
  std::map<NodeId, MonoTime> well_since;  ///< of those in `ready`

  std::set<std::string> domains() const {
    std::set<std::string> all;
    for (const NodeId voter : voters)
      if (const auto* node = find(input, voter)) all.insert(domain_of(*node));
    return all;
  }

  /// Who makes the best voter beside those there are.
  const VoterCandidate* take_best() {
    if (ready.empty()) return nullptr;
    const auto taken = domains();
    const auto rank = [&taken, this](const VoterCandidate* node) {
      return std::tuple{node->wants_vote,
                        !taken.contains(domain_of(*node)),
                        -slowness(*node),
                        -well_since.at(node->id),
                        node->id};
    };
    const auto best = std::ranges::max_element(ready, {}, rank);
    const VoterCandidate* const node = *best;
    ready.erase(best);
    voters.insert(node->id);
    return node;
  }
};

void VoterPlan::watch(const VoterInput& input) {
  std::map<NodeId, Watched> now;
  for (const VoterCandidate& node : input.nodes) {
    Watched& watched = now[node.id] = watched_[node.id];
    const bool is_well = node.is_alive && node.is_fit;
    const bool is_gone = !node.is_alive && !node.is_heard;
    if (!is_well) watched.well_since.reset();
    if (is_well && !watched.well_since) watched.well_since = input.now;
    if (!is_gone) watched.gone_since.reset();
    if (is_gone && !watched.gone_since) watched.gone_since = input.now;
    const bool is_standby = input.learners.contains(node.id);
    note_since(watched.silent_since, is_standby && !node.is_heard, input.now);
    note_since(watched.behind_since, is_standby && !node.is_caught_up, input.now);
  }
  for (const NodeId voter : input.voters) {
    if (find(input, voter) != nullptr) continue;  // Nobody speaks of it at all.
    Watched& watched = now[voter] = watched_[voter];
    if (!watched.gone_since) watched.gone_since = input.now;
  }
  watched_ = std::move(now);
  if (!voters_seen_.empty() && voters_seen_ != input.voters) voters_new_at_ = input.now;
  voters_seen_ = input.voters;
}

bool VoterPlan::may_vote(const VoterInput& input, const VoterCandidate& node) const {
  const bool is_able = node.is_fit && node.is_alive && node.is_caught_up && node.is_member;
  if (!is_able || is_told_to_go(&node)) return false;
  const auto& since = watched_.at(node.id).well_since;
  return since && (input.is_forming || node.wants_vote || input.now - *since >= timings_.settle);
}

/// For good, as far as one can tell.
bool VoterPlan::is_lost(const VoterInput& input, const VoterCandidate* node, NodeId id) const {
  if (id == input.self || (node != nullptr && (node->is_alive || node->is_heard))) return false;
  const auto live = static_cast<std::size_t>(std::ranges::count_if(input.voters, [&](NodeId voter) {
    const auto* other = find(input, voter);
    return voter == input.self || (other != nullptr && (other->is_alive || other->is_heard));
  }));
  const bool is_edge = live <= quorum_of(input.voters.size());
  const auto& since = watched_.at(id).gone_since;
  return since && input.now - *since >= (is_edge ? timings_.grace_at_edge : timings_.grace);
}

/// Each is swapped for one that is ready, in one change; without one it stays, because to take it
/// away would not help.
void VoterPlan::replace_lost(Draft& draft) const {
  for (const NodeId voter : draft.input.voters) {
    if (voter == draft.input.self) continue;  // It hands over first; its successor replaces it.
    const auto* node = find(draft.input, voter);
    const bool must_go = is_told_to_go(node) || (node != nullptr && !node->is_member);
    if (!must_go && !is_lost(draft.input, node, voter)) continue;
    if (draft.ready.empty()) continue;
    draft.voters.erase(voter);
    const auto* next = draft.take_best();
    draft.reasons.push_back(fmt::format("{} votes instead of {}, which {}",
                                        name_of(draft.input, next->id),
                                        name_of(draft.input, voter),
                                        why_gone(node)));
  }
}

/// Only where a person said that someone shall go, and nobody takes the place.
void VoterPlan::shrink(Draft& draft) const {
  std::set<NodeId> going;
  for (const NodeId voter : draft.voters)
    if (voter != draft.input.self && is_told_to_go(find(draft.input, voter))) going.insert(voter);
  if (going.empty()) return;
  std::vector<NodeId> staying;
  for (const NodeId voter : draft.voters)
    if (!going.contains(voter)) staying.push_back(voter);
  if (staying.empty()) return;
  // The leader stays if it may, then whoever is heard.
  std::ranges::stable_sort(staying, std::ranges::greater{}, [&](NodeId voter) {
    const auto* node = find(draft.input, voter);
    const bool leads_on = voter == draft.input.self && !is_told_to_go(node);
    return std::tuple{leads_on, voter != draft.input.self, node != nullptr && node->is_heard};
  });
  const std::size_t odd = staying.size() % 2 == 1 ? staying.size() : staying.size() - 1;
  staying.resize(odd);
  draft.voters = {staying.begin(), staying.end()};
  for (const NodeId voter : going)
    draft.reasons.push_back(fmt::format("{} votes no more, because it {}",
                                        name_of(draft.input, voter),
                                        why_gone(find(draft.input, voter))));
}

/// A leader that drains and votes alone needs someone to hand over to.
void VoterPlan::find_successor(Draft& draft) const {
  const NodeId self = draft.input.self;
  const bool needs_one = is_told_to_go(find(draft.input, self)) && draft.voters.size() == 1;
  if (!needs_one || draft.ready.empty()) return;
  const auto* next = draft.take_best();
  draft.reasons.push_back(fmt::format("{} is to take over from {}, which is draining",
                                      name_of(draft.input, next->id),
                                      name_of(draft.input, self)));
}

/// Only to an odd number: four voters tolerate no more failures than three.
void VoterPlan::grow(Draft& draft) const {
  std::set<std::string> domains;
  std::size_t alive = 0;
  for (const VoterCandidate& node : draft.input.nodes) {
    if (!node.is_alive || !node.is_fit || !node.is_member || is_told_to_go(&node)) continue;
    ++alive;
    domains.insert(domain_of(node));
  }
  const std::size_t wanted = voters_wanted(alive, domains.size());
  const std::size_t next = std::min(wanted, draft.voters.size() + kStandbys);
  const bool is_enough = draft.voters.size() >= wanted;
  if (is_enough || draft.voters.size() + draft.ready.size() < next) return;
  while (draft.voters.size() < next)
    draft.take_best();
  draft.reasons.push_back(fmt::format("{} of {} nodes vote now", next, alive));
}

/// Gossip calls it alive, and yet it is of no use as a standby.
bool VoterPlan::is_stuck(const VoterInput& input, const VoterCandidate& node) const {
  const Watched& watched = watched_.at(node.id);
  const auto lasts = [&](const std::optional<MonoTime>& since, MonoTime patience) {
    return since && input.now - *since >= patience;
  };
  return lasts(watched.silent_since, timings_.grace) ||
         lasts(watched.behind_since, timings_.catch_up);
}

/// Who holds the whole log to take a voter's place at once: two, preferably whom a person wants to
/// vote, who brings a failure domain and whose disk is quick; among equals those that are it
/// already. All others are leaves.
std::set<NodeId> VoterPlan::standbys(const Draft& draft) const {
  const VoterInput& input = draft.input;
  std::vector<const VoterCandidate*> candidates;
  for (const VoterCandidate& node : input.nodes) {
    const bool is_able = node.is_member && node.is_fit && !is_told_to_go(&node);
    if (!is_able || draft.voters.contains(node.id)) continue;
    const auto& gone = watched_.at(node.id).gone_since;
    const bool is_lost = gone && input.now - *gone >= timings_.grace;
    if (node.is_alive || (input.learners.contains(node.id) && !is_lost))
      candidates.push_back(&node);
  }
  const auto taken = draft.domains();
  std::ranges::sort(candidates, std::ranges::greater{}, [&](const VoterCandidate* node) {
    return std::tuple{!is_stuck(input, *node),
                      node->wants_vote,
                      !taken.contains(domain_of(*node)),
                      !is_slow(*node),
                      input.learners.contains(node->id),
                      node->id};
  });
  std::set<NodeId> chosen;
  for (const VoterCandidate* node : candidates)
    if (chosen.size() < kStandbys) chosen.insert(node->id);
  return chosen;
}

/// Why `node` should vote in the place of `voter`, which is well; empty: it should not.
std::string VoterPlan::why_better(const Draft& draft,
                                  const VoterCandidate& node,
                                  const VoterCandidate& voter) const {
  if (voter.id == draft.input.self || voter.wants_vote) return {};
  if (node.wants_vote) return "a person prefers it";
  const auto sharing = std::ranges::count_if(draft.voters, [&](NodeId id) {
    const auto* other = find(draft.input, id);
    return other != nullptr && domain_of(*other) == domain_of(voter);
  });
  const bool is_new_domain = !draft.domains().contains(domain_of(node));
  if (is_new_domain && sharing > 1) return "it is in another failure domain";
  const bool keeps_domains = is_new_domain || domain_of(node) == domain_of(voter) || sharing > 1;
  const bool is_known = node.write_time.count() > 0 && is_slow(voter);
  // 30 % less: a difference that is no chance.
  if (keeps_domains && is_known && node.write_time * 10 <= voter.write_time * 7)
    return fmt::format("a write through it takes {} ms and not {} ms",
                       node.write_time / std::chrono::milliseconds{1},
                       voter.write_time / std::chrono::milliseconds{1});
  return {};
}

/// A healthy voter makes room for a learner that a person prefers, or that is better for a long
/// time already.
void VoterPlan::improve(Draft& draft) {
  const MonoTime now = draft.input.now;
  const bool is_quiet = !voters_new_at_ || now - *voters_new_at_ >= timings_.quiet_for;
  for (auto& [id, watched] : watched_) {
    const auto ready = std::ranges::find(draft.ready, id, &VoterCandidate::id);
    const VoterCandidate* worst =
        ready == draft.ready.end() ? nullptr : worst_beside(draft, **ready);
    note_since(watched.better_since, worst != nullptr, now);
    if (worst == nullptr || !draft.reasons.empty()) continue;
    const VoterCandidate& node = **ready;
    const bool is_time = is_quiet && now - *watched.better_since >= timings_.better_for;
    if (!node.wants_vote && !is_time) continue;
    draft.reasons.push_back(fmt::format("{} votes instead of {}: {}",
                                        name_of(draft.input, node.id),
                                        name_of(draft.input, worst->id),
                                        why_better(draft, node, *worst)));
    draft.voters.erase(worst->id);
    draft.voters.insert(node.id);
  }
}

/// The slowest voter that `node` would be better than; null if there is none.
const VoterCandidate* VoterPlan::worst_beside(const Draft& draft,
                                              const VoterCandidate& node) const {
  const VoterCandidate* worst = nullptr;
  for (const NodeId voter : draft.voters) {
    const auto* other = find(draft.input, voter);
    if (other == nullptr || why_better(draft, node, *other).empty()) continue;
    if (worst == nullptr || worst->write_time < other->write_time) worst = other;
  }
  return worst;
}

std::optional<VoterChange> VoterPlan::next(const VoterInput& input) {
  watch(input);
  Draft draft{.input = input, .voters = input.voters, .ready = {}, .reasons = {}, .well_since = {}};
  for (const VoterCandidate& node : input.nodes) {
    const bool is_standby = input.learners.contains(node.id) && !input.voters.contains(node.id);
    if (!is_standby || !may_vote(input, node)) continue;
    draft.ready.push_back(&node);
    draft.well_since[node.id] = *watched_.at(node.id).well_since;
  }
  const bool may_change =
      input.is_forming || !changed_at_ || input.now - *changed_at_ >= timings_.pause;
  if (may_change) {
    replace_lost(draft);
    shrink(draft);
    find_successor(draft);
    if (draft.reasons.empty()) grow(draft);
    if (draft.reasons.empty()) improve(draft);
  }
  VoterChange change{.voters = draft.voters, .learners = standbys(draft), .why = {}};
  if (change.voters == input.voters && change.learners == input.learners) return std::nullopt;
  if (change.voters != input.voters) changed_at_ = input.now;
  change.why = fmt::format("{}", fmt::join(draft.reasons, "; "));
  return change;
}

}  // namespace starling::bootstrap
