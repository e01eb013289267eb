// The half of SwimCore that weighs claims: (incarnation, state) decides, with
// alive < suspect < dead < left at the same incarnation.
#include "node/base/assert.h"
#include "node/gossip/swim_core.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace starling::node {
namespace {

constexpr std::size_t kFewMembers = 32;
constexpr std::uint64_t kGoneSecondsMax = 365UL * 24 * 3600;

/// Whatever the time since it is gone.
bool is_same(Member theirs, const Member& ours) {
  theirs.gone_s = ours.gone_s;
  return theirs == ours;
}

constexpr std::size_t kDrawsEach = 8;
constexpr std::chrono::seconds kElsewherePause{
    1};  // between calls of where this node is said to be

bool is_live(MemberState state) {
  return state <= MemberState::suspect;
}

// A claim against someone needs to say whom and where, not how much memory it has.
Member without_details(const Member& member) {
  Member brief = member;
  brief.key = NodeKey{};
  brief.facts = MemberFacts{};
  brief.facts.name = member.facts.name;
  brief.facts.address = member.facts.address;
  return brief;
}

}  // namespace

SwimEffects SwimCore::merge(MonoTime now, const std::vector<Member>& theirs) {
  SwimEffects out;
  advance(now);
  for (const Member& member : theirs) {
    const auto known = members_.find(member.id);
    const bool is_news = known != members_.end() && member.state == MemberState::dead &&
                         known->second.member.state <= MemberState::suspect;
    SwimUpdate update{.member = member, .accuser = {}};
    if (is_news || member.state == MemberState::suspect) {
      update.member.state = MemberState::suspect;
      update.accuser = self_;
    }
    take(update, out);
  }
  return out;
}

SwimEffects SwimCore::expel(MonoTime now, NodeId id) {
  SwimEffects out;
  advance(now);
  const auto found = members_.find(id);
  if (id == self_ || !expelled_.insert(id).second || found == members_.end()) return out;
  set_state(found->second, MemberState::left);
  set_suspicion(found->second, std::nullopt);
  changed(found->second, {}, out);
  return out;
}

void SwimCore::take(const SwimUpdate& update, SwimEffects& out) {
  if (expelled_.contains(update.member.id)) return;
  if (update.member.id == self_) return take_about_self(update, out);
  switch (update.member.state) {
    case MemberState::alive: return take_alive(update.member, out);
    case MemberState::suspect: return take_suspect(update, out);
    case MemberState::dead:
    case MemberState::left: return take_gone(update.member, out);
  }
}

void SwimCore::take_about_self(const SwimUpdate& update, SwimEffects& out) {
  Record& own = members_.at(self_);
  const std::uint64_t claimed = update.member.incarnation;
  const bool is_alive = update.member.state == MemberState::alive;
  if (update.member.state != MemberState::left) look_elsewhere(update.member, out);
  if (claimed < own.member.incarnation) return;
  if (is_alive && claimed == own.member.incarnation) return;
  own.member.incarnation = claimed + 1;
  if (update.member.state == MemberState::suspect) worsen(1);
  changed(own, {}, out);
}

/// Where this node lived before, or where another process runs as this node: they must meet.
void SwimCore::look_elsewhere(const Member& claim, SwimEffects& out) {
  const std::string& address = claim.facts.address;
  if (address.empty() || address == self().facts.address || now_ < elsewhere_at_) return;
  elsewhere_at_ = now_ + kElsewherePause;
  out.push_pull.push_back(address);
}

void SwimCore::take_alive(const Member& theirs, SwimEffects& out) {
  // A copy of this node's directory that lost its state is another node with the same key.
  const bool has_own_key = !theirs.key.is_none() && theirs.key.public_key == self().key.public_key;
  if (has_own_key) look_elsewhere(theirs, out);
  const auto found = members_.find(theirs.id);
  if (found != members_.end() && theirs.incarnation <= found->second.member.incarnation) {
    Member& known = found->second.member;
    const bool tells_more =
        known.key.is_none() && !theirs.key.is_none() && theirs.incarnation == known.incarnation;
    if (!tells_more) return;
    known.key = theirs.key;  // Until now there was only a claim against it.
    known.facts = theirs.facts;
    out.changed.push_back(known);
    return;
  }
  Record& record = found == members_.end() ? add(theirs) : found->second;
  set_member(record, theirs);
  set_suspicion(record, std::nullopt);
  changed(record, {}, out);
}

void SwimCore::take_suspect(const SwimUpdate& update, SwimEffects& out) {
  const Member& theirs = update.member;
  const NodeId accuser = update.accuser.is_none() ? self_ : update.accuser;
  const auto found = members_.find(theirs.id);
  Record& record = found == members_.end() ? add(theirs) : found->second;
  if (found != members_.end()) {
    const Member& known = record.member;
    if (theirs.incarnation < known.incarnation) return;
    if (known.state > MemberState::suspect && theirs.incarnation == known.incarnation) return;
    if (record.suspicion && theirs.incarnation == known.incarnation) {
      if (!record.suspicion->confirm(accuser)) return;
      broadcast_.push(SwimUpdate{.member = without_details(known), .accuser = accuser});
      return;
    }
  }
  record.member.incarnation = theirs.incarnation;
  set_state(record, MemberState::suspect);
  set_suspicion(record, suspicion_by(accuser));
  changed(record, accuser, out);
  // It hears of it at once, and its ack carries the refutation straight back.
  const std::string address = record.member.facts.address;
  send(address, theirs.id, make(SwimKind::ping, next_sequence_++, theirs.id), out);
}

void SwimCore::take_gone(const Member& theirs, SwimEffects& out) {
  const auto found = members_.find(theirs.id);
  if (found != members_.end()) {
    const Member& known = found->second.member;
    if (theirs.incarnation < known.incarnation) return;
    if (theirs.incarnation == known.incarnation && theirs.state <= known.state) return;
  }
  const MonoTime gone_for = std::chrono::seconds{std::min(theirs.gone_s, kGoneSecondsMax)};
  const std::size_t remembered = members_.size() - live_;
  const bool is_forgotten = gone_for >= timings_.reap_after || remembered >= timings_.dead_max;
  // Else whom one forgets another would bring back, for ever.
  if (found == members_.end() && is_forgotten) return;
  Record& record = found == members_.end() ? add(theirs) : found->second;
  record.member.incarnation = theirs.incarnation;
  set_state(record, theirs.state);
  set_suspicion(record, std::nullopt);
  changed(record, {}, out);
  record.changed_at = now_ - gone_for;
}

SwimCore::Record& SwimCore::add(const Member& member) {
  Record& record = members_[member.id];
  record.member = member;
  record.member.gone_s = 0;
  live_ += is_live(member.state) ? 1 : 0;
  const auto offset = static_cast<std::ptrdiff_t>(random_.below(probe_order_.size() + 1));
  probe_order_.insert(probe_order_.begin() + offset, member.id);
  return record;
}

void SwimCore::set_member(Record& record, const Member& member) {
  set_state(record, member.state);
  record.member = member;
  record.member.gone_s = 0;
}

void SwimCore::set_state(Record& record, MemberState state) {
  live_ -= is_live(record.member.state) ? 1 : 0;
  live_ += is_live(state) ? 1 : 0;
  record.member.state = state;
}

void SwimCore::set_suspicion(Record& record, std::optional<Suspicion> suspicion) {
  record.suspicion = std::move(suspicion);
  if (record.suspicion)
    suspected_.insert(record.member.id);
  else
    suspected_.erase(record.member.id);
}

void SwimCore::changed(Record& record, NodeId accuser, SwimEffects& out) {
  record.changed_at = now_;
  const bool is_alive = record.member.state == MemberState::alive;
  SwimUpdate update{.member = is_alive ? record.member : without_details(record.member),
                    .accuser = accuser};
  broadcast_.push(std::move(update));
  out.changed.push_back(record.member);
}

void SwimCore::bury_expired(SwimEffects& out) {
  const std::vector<NodeId> suspected{suspected_.begin(), suspected_.end()};
  for (const NodeId id : suspected) {
    Record& record = members_.at(id);
    if (now_ < record.suspicion->deadline()) continue;
    set_state(record, MemberState::dead);
    set_suspicion(record, std::nullopt);
    changed(record, {}, out);
  }
}

/// Forgets whom it lost long ago, and of too many those that it lost first.
void SwimCore::reap() {
  std::vector<std::pair<MonoTime, NodeId>> gone;
  for (const auto& [id, record] : members_)
    if (!is_live(record.member.state)) gone.emplace_back(record.changed_at, id);
  std::ranges::sort(gone);
  const std::size_t above = gone.size() - std::min(gone.size(), timings_.dead_max);
  for (std::size_t i = 0; i < gone.size(); ++i) {
    const bool is_old = now_ - gone[i].first >= timings_.reap_after;
    if (is_old || i < above) members_.erase(gone[i].second);
  }
}

// A shuffled round bounds how long one member can go without being probed.
std::optional<NodeId> SwimCore::next_to_probe() {
  for (int rounds = 0; rounds < 2; ++rounds) {
    while (probe_position_ < probe_order_.size()) {
      const NodeId id = probe_order_[probe_position_++];
      const auto found = members_.find(id);
      if (found == members_.end() || id == self_) continue;
      if (found->second.member.state <= MemberState::suspect) return id;
    }
    probe_order_.clear();
    probe_position_ = 0;
    for (const auto& [id, record] : members_)
      if (id != self_) probe_order_.push_back(id);
    for (std::size_t i = probe_order_.size(); i > 1; --i)
      std::swap(probe_order_[i - 1], probe_order_[random_.below(i)]);
  }
  return std::nullopt;
}

bool SwimCore::may_choose(NodeId id, NodeId except, bool with_recently_dead) const {
  const auto found = members_.find(id);
  if (found == members_.end() || id == self_ || id == except) return false;
  const Record& record = found->second;
  const bool is_recent = with_recently_dead && record.member.state == MemberState::dead &&
                         now_ - record.changed_at < timings_.gossip_to_dead;
  return is_live(record.member.state) || is_recent;
}

std::vector<const Member*> SwimCore::choose(std::size_t count,
                                            NodeId except,
                                            bool with_recently_dead) {
  std::vector<const Member*> chosen;
  // Of many, most are likely to do: a few draws find them without a look at all.
  const std::size_t draws = members_.size() > kFewMembers ? kDrawsEach * count : 0;
  for (std::size_t draw = 0; draw < draws && chosen.size() < count; ++draw) {
    const NodeId id =
        probe_order_.empty() ? self_ : probe_order_[random_.below(probe_order_.size())];
    const bool is_new = std::ranges::find(chosen, id, &Member::id) == chosen.end();
    if (is_new && may_choose(id, except, with_recently_dead))
      chosen.push_back(&members_.at(id).member);
  }
  if (chosen.size() == count) return chosen;
  chosen.clear();
  for (const auto& [id, record] : members_)
    if (may_choose(id, except, with_recently_dead)) chosen.push_back(&record.member);
  const std::size_t wanted = std::min(count, chosen.size());
  for (std::size_t i = 0; i < wanted; ++i)
    std::swap(chosen[i], chosen[i + random_.below(chosen.size() - i)]);
  chosen.resize(wanted);
  return chosen;
}

Suspicion SwimCore::suspicion_by(NodeId accuser) const {
  const std::size_t live = live_;
  const double scale = std::max(1.0, std::log10(static_cast<double>(live)));
  const double min_ns = timings_.suspicion_mult * scale *
                        static_cast<double>(MonoTime{timings_.probe_interval}.count());
  // Whoever seems slow gives others longer to defend themselves.
  const MonoTime min = MonoTime{static_cast<MonoTime::rep>(min_ns)} * (health_ + 1);
  const auto wanted = static_cast<std::size_t>(std::max(0, timings_.suspicion_mult - 2));
  const bool are_enough = live >= wanted + 2;
  return {now_, min, min * timings_.suspicion_max_mult, are_enough ? wanted : 0, accuser};
}

int SwimCore::transmits_max() const {
  const double members = static_cast<double>(live_);
  return timings_.retransmit_mult * static_cast<int>(std::ceil(std::log10(members + 1.0)));
}

SwimState SwimCore::page(NodeId after) const {
  SwimState whole;
  whole.after = after;
  return answer_to(whole);
}

SwimState SwimCore::answer_to(const SwimState& theirs) const {
  SwimState page{.swarm = swarm_,
                 .from = self_,
                 .from_address = self().facts.address,
                 .after = theirs.after,
                 .upto = theirs.upto,
                 .members = {}};
  std::map<NodeId, const Member*> said;
  for (const Member& member : theirs.members)
    said.emplace(member.id, &member);
  for (auto at = members_.upper_bound(theirs.after); at != members_.end(); ++at) {
    if (!theirs.upto.is_none() && theirs.upto < at->first) break;
    const auto found = said.find(at->first);
    if (found != said.end() && is_same(*found->second, at->second.member)) continue;
    if (page.members.size() == kPageMembersMax) {
      page.upto = page.members.back().id;
      break;
    }
    page.members.push_back(at->second.member);
    if (is_live(at->second.member.state)) continue;
    const auto gone_for =
        std::chrono::duration_cast<std::chrono::seconds>(now_ - at->second.changed_at);
    page.members.back().gone_s = static_cast<std::uint64_t>(gone_for.count());
  }
  return page;
}

bool SwimCore::is_alive(NodeId id) const {
  const auto found = members_.find(id);
  return found != members_.end() && found->second.member.state == MemberState::alive;
}

std::vector<Member> SwimCore::members() const {
  std::vector<Member> all;
  for (const auto& [id, record] : members_)
    all.push_back(record.member);
  return all;
}

std::optional<MonoTime> SwimCore::round_trip(NodeId id) const {
  const auto found = members_.find(id);
  return found == members_.end() ? std::nullopt : found->second.round_trip;
}

std::optional<Member> SwimCore::member(NodeId id) const {
  const auto found = members_.find(id);
  if (found == members_.end()) return std::nullopt;
  return found->second.member;
}

}  // namespace starling::node
