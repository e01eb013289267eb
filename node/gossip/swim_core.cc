#include "node/gossip/swim_core.h"

#include "node/base/assert.h"

#include <algorithm>
#include <utility>

namespace starling::node {
namespace {

constexpr std::size_t kRelaysMax = 256;
constexpr std::chrono::seconds kStrangerPause{1};  // between push/pulls with unknown senders
constexpr std::chrono::seconds kDeafPause{5};      // between push/pulls in the place of datagrams
constexpr int kSmoothing = 8;  // a round trip counts so much less than all before it

}  // namespace

SwimCore::SwimCore(SwimConfig config, MonoTime now)
    : self_(config.self),
      swarm_(config.swarm),
      seeds_(std::move(config.seeds)),
      timings_(config.timings),
      random_(config.seed),
      now_(now),
      probe_at_(now + timings_.probe_interval),
      gossip_at_(now + timings_.gossip_interval),
      rejoin_at_(now + timings_.rejoin_interval),
      seeds_at_(now + timings_.seed_interval),
      push_pull_at_(now + timings_.push_pull_interval),
      facts_at_(now),
      stranger_at_(now),
      elsewhere_at_(now),
      deaf_at_(now) {
  STARLING_ASSERT(!self_.is_none(), "a member has an id");
  STARLING_ASSERT(fault_of(config.facts).empty(), "own facts are within their limits");
  Record own;
  own.member = Member{.id = self_,
                      .key = config.key,
                      .incarnation = config.incarnation,
                      .state = MemberState::alive,
                      .facts = std::move(config.facts)};
  own.changed_at = now;
  broadcast_.push(SwimUpdate{.member = own.member, .accuser = {}});
  members_[self_] = std::move(own);
  live_ = 1;
}

// A gap means that this node was asleep or starved. What was due meanwhile proves nothing about
// others: their answers may be waiting unread.
void SwimCore::advance(MonoTime now) {
  const MonoTime gap = now - now_;
  const bool is_late =
      gap >= timings_.probe_interval && now >= next_deadline() + timings_.probe_interval;
  now_ = std::max(now_, now);
  if (!is_late) return;
  worsen(1);
  for (const NodeId id : suspected_)
    members_.at(id).suspicion->postpone(gap);
  probe_.reset();
  probe_at_ = now_ + timings_.probe_timeout;
}

SwimEffects SwimCore::tick(MonoTime now) {
  SwimEffects out;
  advance(now);
  if (probe_ && !probe_->acked && !probe_->asked_others && now_ >= probe_->indirect_at)
    ask_others(out);
  if (now_ >= probe_at_) {
    end_probe(out);
    start_probe(out);
  }
  answer_relays(out);
  bury_expired(out);
  publish_facts(out);
  if (now_ >= push_pull_at_) push_pull(out);
  if (now_ >= rejoin_at_) rejoin(out);
  if (now_ >= seeds_at_) call_seeds(out);
  if (now_ >= gossip_at_) gossip(out);
  return out;
}

void SwimCore::end_probe(SwimEffects& out) {
  if (!probe_) return;
  const Probe probe = *std::exchange(probe_, std::nullopt);
  if (probe.acked) return;
  worsen(missing_nacks(probe));
  const auto found = members_.find(probe.target);
  if (found == members_.end() || found->second.member.state > MemberState::suspect) return;
  Member accused = found->second.member;
  accused.state = MemberState::suspect;
  take_suspect(SwimUpdate{.member = std::move(accused), .accuser = self_}, out);
}

// How much this node should doubt itself. A helper that is dead could say nothing.
int SwimCore::missing_nacks(const Probe& probe) const {
  if (probe.helpers.empty()) return 1;
  const auto expected = static_cast<std::size_t>(
      std::ranges::count_if(probe.helpers, [this](NodeId id) { return is_alive(id); }));
  return expected > probe.nacks ? static_cast<int>(expected - probe.nacks) : 0;
}

void SwimCore::start_probe(SwimEffects& out) {
  const MonoTime period = timings_.probe_interval * (health_ + 1);
  probe_at_ = now_ + period;
  const auto target = next_to_probe();
  if (!target) return;
  probe_ = Probe{.target = *target,
                 .sequence = next_sequence_++,
                 .started = now_,
                 .indirect_at = now_ + timings_.probe_timeout,
                 .end_at = now_ + period};
  const std::string address = members_.at(*target).member.facts.address;
  send(address, *target, make(SwimKind::ping, probe_->sequence, *target), out);
}

void SwimCore::ask_others(SwimEffects& out) {
  probe_->asked_others = true;
  const std::string target_address = members_.at(probe_->target).member.facts.address;
  const auto helpers = choose(timings_.indirect_probes, probe_->target, false);
  out.call.push_back({probe_->target, target_address, probe_->sequence});
  for (const Member* helper : helpers) {
    probe_->helpers.push_back(helper->id);
    SwimMessage request = make(SwimKind::ping_request, probe_->sequence, probe_->target);
    request.target_address = target_address;
    send(helper->facts.address, helper->id, std::move(request), out);
  }
}

void SwimCore::answer_relays(SwimEffects& out) {
  for (Relay& relay : relays_) {
    if (relay.nacked || now_ < relay.nack_at) continue;
    relay.nacked = true;
    send(relay.origin_address,
         relay.origin,
         make(SwimKind::nack, relay.origin_sequence, relay.target),
         out);
  }
  std::erase_if(relays_, [this](const Relay& relay) { return now_ >= relay.until; });
}

void SwimCore::gossip(SwimEffects& out) {
  gossip_at_ = now_ + timings_.gossip_interval;
  for (const Member* member : choose(timings_.gossip_fanout, self_, true)) {
    if (broadcast_.is_empty()) return;
    send(member->facts.address, member->id, make(SwimKind::gossip, 0, {}), out);
  }
}

// Without this a partition longer than `gossip_to_dead` would never heal.
void SwimCore::rejoin(SwimEffects& out) {
  rejoin_at_ = now_ + timings_.rejoin_interval;
  reap();
  std::vector<std::string> lost;
  for (const auto& [id, record] : members_)
    if (record.member.state == MemberState::dead) lost.push_back(record.member.facts.address);
  if (!lost.empty()) out.push_pull.push_back(lost[random_.below(lost.size())]);
}

// A node that comes up at a seed's address with an empty disk would found a swarm if nobody called.
void SwimCore::call_seeds(SwimEffects& out) {
  seeds_at_ = now_ + timings_.seed_interval;
  const double share = static_cast<double>(timings_.seed_callers) / static_cast<double>(live_);
  for (const auto& seed : seeds_) {
    const bool is_there = std::any_of(members_.begin(), members_.end(), [&](const auto& known) {
      const Member& member = known.second.member;
      return member.facts.address == seed && member.state == MemberState::alive;
    });
    if (!is_there && random_.chance(share)) out.push_pull.push_back(seed);
  }
}

void SwimCore::push_pull(SwimEffects& out) {
  push_pull_at_ = now_ + timings_.push_pull_interval;
  for (const Member* member : choose(1, self_, false))
    out.push_pull.push_back(member->facts.address);
}

void SwimCore::set_facts(MemberFacts facts) {
  STARLING_ASSERT(fault_of(facts).empty(), "own facts are within their limits");
  if (facts == self().facts)
    new_facts_.reset();
  else
    new_facts_ = std::move(facts);
}

void SwimCore::publish_facts(SwimEffects& out) {
  if (!new_facts_ || now_ < facts_at_) return;
  facts_at_ = now_ + timings_.facts_interval;
  Record& own = members_.at(self_);
  own.member.facts = *std::exchange(new_facts_, std::nullopt);
  ++own.member.incarnation;
  changed(own, {}, out);
}

SwimEffects SwimCore::receive(MonoTime now, const SwimMessage& message) {
  SwimEffects out;
  advance(now);
  if (message.swarm != swarm_ || swarm_.is_none() || message.from == self_) return out;
  for (const auto& update : message.updates)
    take(update, out);
  if (!members_.contains(message.from) && now_ >= stranger_at_) {
    stranger_at_ = now_ + kStrangerPause;
    out.push_pull.push_back(message.from_address);
  }
  switch (message.kind) {
    case SwimKind::ping:
      if (message.target != self_) break;
      send(message.from_address, message.from, make(SwimKind::ack, message.sequence, self_), out);
      break;
    case SwimKind::ping_request: take_ping_request(message, out); break;
    case SwimKind::ack: take_ack(message, out); break;
    case SwimKind::nack: take_nack(message); break;
    case SwimKind::gossip: break;
  }
  return out;
}

void SwimCore::take_ping_request(const SwimMessage& message, SwimEffects& out) {
  if (message.target == self_ || message.target.is_none() || relays_.size() >= kRelaysMax) return;
  const std::uint64_t sequence = next_sequence_++;
  relays_.push_back(Relay{.sequence = sequence,
                          .origin = message.from,
                          .origin_address = message.from_address,
                          .origin_sequence = message.sequence,
                          .target = message.target,
                          .nack_at = now_ + timings_.probe_timeout * 4 / 5,
                          .until = now_ + timings_.probe_interval});
  send(message.target_address, message.target, make(SwimKind::ping, sequence, message.target), out);
}

bool SwimCore::take_probe_answer(NodeId target, std::uint64_t sequence) {
  if (!probe_ || probe_->sequence != sequence || probe_->target != target) return false;
  if (std::exchange(probe_->acked, true)) return true;
  health_ = std::max(0, health_ - 1);
  return true;
}

// Only of a ping that was answered directly, however late.
void SwimCore::note_round_trip(const SwimMessage& ack) {
  const bool is_direct = probe_ && ack.from == probe_->target && ack.target == probe_->target &&
                         ack.sequence == probe_->sequence;
  if (!is_direct || std::exchange(probe_->is_timed, true)) return;
  const auto found = members_.find(probe_->target);
  if (found == members_.end()) return;
  const MonoTime taken = now_ - probe_->started;
  auto& smoothed = found->second.round_trip;
  smoothed = smoothed ? *smoothed + (taken - *smoothed) / kSmoothing : taken;
}

SwimEffects SwimCore::take_call_answer(MonoTime now, const SwimCall& call) {
  SwimEffects out;
  advance(now);
  if (!take_probe_answer(call.to, call.sequence) || now_ < deaf_at_) return out;
  deaf_at_ = now_ + kDeafPause;
  out.push_pull.push_back(call.address);
  return out;
}

void SwimCore::take_ack(const SwimMessage& message, SwimEffects& out) {
  note_round_trip(message);
  if (take_probe_answer(message.target, message.sequence)) return;
  const auto relay = std::find_if(relays_.begin(), relays_.end(), [&](const Relay& candidate) {
    return candidate.sequence == message.sequence && candidate.target == message.target;
  });
  if (relay == relays_.end()) return;
  const Relay done = *relay;
  relays_.erase(relay);
  send(done.origin_address,
       done.origin,
       make(SwimKind::ack, done.origin_sequence, done.target),
       out);
}

void SwimCore::take_nack(const SwimMessage& message) {
  if (!probe_ || probe_->sequence != message.sequence) return;
  probe_->nacks = std::min(probe_->nacks + 1, probe_->helpers.size());
}

SwimMessage SwimCore::make(SwimKind kind, std::uint64_t sequence, NodeId target) const {
  return SwimMessage{.kind = kind,
                     .swarm = swarm_,
                     .from = self_,
                     .from_address = self().facts.address,
                     .sequence = sequence,
                     .target = target,
                     .target_address = {},
                     .updates = {}};
}

// Whoever is suspected or taken for dead hears of it first, so that it can refute at once; so does
// who is said to live elsewhere.
void SwimCore::send(const std::string& address, NodeId to, SwimMessage message, SwimEffects& out) {
  const auto found = members_.find(to);
  const bool is_as_known =
      found == members_.end() || (found->second.member.state == MemberState::alive &&
                                  found->second.member.facts.address == address);
  if (!is_as_known) {
    const bool is_suspect = found->second.member.state == MemberState::suspect;
    SwimUpdate claim{.member = found->second.member, .accuser = is_suspect ? self_ : NodeId{}};
    message.updates.push_back(std::move(claim));
  }
  broadcast_.fill(message, transmits_max());
  out.send.push_back(SwimDatagram{.to = to, .address = address, .message = std::move(message)});
}

void SwimCore::worsen(int by) {
  health_ = std::clamp(health_ + by, 0, timings_.health_max);
}

MonoTime SwimCore::next_deadline() const {
  MonoTime next = std::min({probe_at_, rejoin_at_, seeds_at_, push_pull_at_});
  if (!broadcast_.is_empty()) next = std::min(next, gossip_at_);
  if (new_facts_) next = std::min(next, facts_at_);
  if (probe_ && !probe_->acked && !probe_->asked_others) next = std::min(next, probe_->indirect_at);
  for (const Relay& relay : relays_)
    next = std::min(next, relay.nacked ? relay.until : relay.nack_at);
  for (const NodeId id : suspected_)
    next = std::min(next, members_.at(id).suspicion->deadline());
  return next;
}

}  // namespace starling::node
