#include "tools/gossip_world/gossip_world.h"

#include "node/gossip/swim_wire.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::bench {

using namespace std::chrono_literals;
using node::MemberState;

GossipWorld::GossipWorld(std::size_t size, std::uint64_t seed, double loss)
    : random_(seed),
      loss_(loss),
      cores_(size),
      incarnations_(size, 1),
      frozen_until_(size),
      due_(size) {
  for (std::size_t node = 0; node < size; ++node)
    start(node);
}

NodeId GossipWorld::id_of(std::size_t node) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>((node + 1) >> 8);
  id.bytes[1] = static_cast<std::uint8_t>(node + 1);
  return id;
}

std::size_t GossipWorld::number_of(const NodeId& id) {
  return (std::size_t{id.bytes[0]} << 8 | id.bytes[1]) - 1;
}

std::string GossipWorld::address_of(std::size_t node) const {
  return fmt::format("n{}", node);
}

// Everyone joins through node 0 (node 0 through node 1, when it comes back).
void GossipWorld::start(std::size_t node) {
  node::SwimConfig config;
  config.self = id_of(node);
  config.swarm.bytes[0] = 1;
  config.facts.name = fmt::format("node-{}", node);
  config.facts.address = address_of(node);
  config.facts.http = "http://" + address_of(node);
  const std::size_t seed_node = node == 0 ? 1 : 0;
  config.seeds = {address_of(seed_node)};
  config.incarnation = incarnations_[node];
  config.seed = random_.next();
  cores_[node] = std::make_unique<node::SwimCore>(std::move(config), now_);
  frozen_until_[node] = MonoTime{0};
  set_timer(node);
  if (cores_[seed_node]) push_pull(node, seed_node);
}

void GossipWorld::crash(std::size_t node) {
  incarnations_[node] = cores_[node]->incarnation() + 1;
  cores_[node].reset();
  timers_.erase({due_[node], node});
}

void GossipWorld::restart(std::size_t node) {
  start(node);
}

void GossipWorld::freeze(std::size_t node, std::chrono::milliseconds duration) {
  frozen_until_[node] = now_ + duration;
  set_timer(node);
}

void GossipWorld::set_timer(std::size_t node) {
  timers_.erase({due_[node], node});
  due_[node] = std::max(cores_[node]->next_deadline(), frozen_until_[node]);
  timers_.emplace(due_[node], node);
}

void GossipWorld::acquaint() {
  std::vector<node::Member> all;
  for (std::size_t node = 0; node < cores_.size(); ++node)
    if (cores_[node]) all.push_back(*cores_[node]->member(id_of(node)));
  for (std::size_t node = 0; node < cores_.size(); ++node)
    if (cores_[node]) carry_out(node, cores_[node]->merge(now_, all));
}

std::uint64_t GossipWorld::change_facts(std::size_t node) {
  auto facts = cores_[node]->member(id_of(node))->facts;
  ++facts.trials_running;
  cores_[node]->set_facts(std::move(facts));
  set_timer(node);
  return cores_[node]->incarnation() + 1;
}

std::size_t GossipWorld::count_informed(std::size_t node, std::uint64_t incarnation) const {
  return static_cast<std::size_t>(std::ranges::count_if(cores_, [&](const auto& core) {
    const auto known = core ? core->member(id_of(node)) : std::nullopt;
    return known && known->incarnation >= incarnation;
  }));
}

bool GossipWorld::can_hear(std::size_t a, std::size_t b) const {
  return split_ == 0 || (a < split_) == (b < split_);
}

void GossipWorld::carry_out(std::size_t node, const node::SwimEffects& effects) {
  set_timer(node);
  for (const auto& [addressee, address, message] : effects.send) {
    const std::size_t size = encode_swim_message(message).size();
    largest_datagram_ = std::max(largest_datagram_, size);
    bytes_sent_ += size;
    ++datagrams_sent_;
    news_sent_ += message.kind == node::SwimKind::gossip ? 1 : 0;
    const auto to = static_cast<std::size_t>(std::stoul(address.substr(1)));
    if (random_.chance(loss_) || !can_hear(node, to) || lost_.contains({node, to})) continue;
    const MonoTime delay = 200us + std::chrono::microseconds{random_.below(2000)};
    events_.push(Event{.at = now_ + delay,
                       .order = next_order_++,
                       .to = to,
                       .message = message,
                       .push_pull_from = 0});
  }
  for (const auto& call : effects.call) {
    const auto to = static_cast<std::size_t>(std::stoul(call.address.substr(1)));
    if (can_hear(node, to))
      events_.push(Event{.at = now_ + 2ms,
                         .order = next_order_++,
                         .to = to,
                         .message = {},
                         .push_pull_from = node,
                         .call = call});
  }
  for (const auto& address : effects.push_pull)
    push_pull(node, static_cast<std::size_t>(std::stoul(address.substr(1))));
  for (const auto& member : effects.changed)
    if (member.state == MemberState::dead && cores_[number_of(member.id)]) ++false_deaths_;
}

void GossipWorld::replay(const node::SwimMessage& message, std::size_t to) {
  carry_out(to, cores_[to]->receive(now_, message));
}

void GossipWorld::push_pull(std::size_t from, std::size_t to) {
  events_.push(Event{
      .at = now_ + 2ms, .order = next_order_++, .to = to, .message = {}, .push_pull_from = from});
}

bool GossipWorld::step(MonoTime until) {
  const MonoTime due = timers_.empty() ? until : std::min(until, timers_.begin()->first);
  if (!events_.empty() && events_.top().at <= due) {
    Event event = events_.top();
    events_.pop();
    now_ = std::max(now_, event.at);
    deliver(std::move(event));
    return true;
  }
  now_ = std::max(now_, due);
  if (timers_.empty() || timers_.begin()->first >= until) return false;
  const std::size_t node = timers_.begin()->second;
  carry_out(node, cores_[node]->tick(now_));
  return true;
}

void GossipWorld::deliver(Event event) {
  if (!cores_[event.to]) return;
  if (frozen_until_[event.to] > now_) {
    event.at = frozen_until_[event.to];
    events_.push(std::move(event));
    return;
  }
  if (event.message) {
    carry_out(event.to, cores_[event.to]->receive(now_, *event.message));
    return;
  }
  const std::size_t from = event.push_pull_from;
  if (!cores_[from] || !can_hear(from, event.to)) return;
  if (event.call) {
    carry_out(from, cores_[from]->take_call_answer(now_, *event.call));
    return;
  }
  NodeId after;
  for (bool is_last = false; !is_last;) {
    const auto asked = cores_[from]->page(after);
    bytes_sent_ += encode_swim_state(asked).size();
    const auto answered = cores_[event.to]->answer_to(asked);
    carry_out(event.to, cores_[event.to]->merge(now_, asked.members));
    bytes_sent_ += encode_swim_state(answered).size();
    carry_out(from, cores_[from]->merge(now_, answered.members));
    is_last = answered.upto <= after;
    after = answered.upto;
  }
}

void GossipWorld::run_for(std::chrono::milliseconds duration) {
  const MonoTime until = now_ + duration;
  while (now_ < until && step(until)) {
  }
}

std::optional<std::chrono::milliseconds> GossipWorld::run_until(
    const std::function<bool()>& is_true, std::chrono::milliseconds most) {
  const MonoTime start_at = now_;
  while (!is_true()) {
    if (now_ - start_at >= most) return std::nullopt;
    run_for(50ms);
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(now_ - start_at);
}

MemberState GossipWorld::seen(std::size_t by, std::size_t node) const {
  const auto member = cores_[by]->member(id_of(node));
  return member ? member->state : MemberState::left;
}

bool GossipWorld::all_see(std::size_t node, MemberState state) const {
  for (std::size_t by = 0; by < cores_.size(); ++by)
    if (by != node && cores_[by] && seen(by, node) != state) return false;
  return true;
}

bool GossipWorld::all_know_restarted(std::size_t node) const {
  for (const auto& core : cores_) {
    if (core && core->member(id_of(node))->incarnation < incarnations_[node]) return false;
  }
  return all_see(node, MemberState::alive);
}

bool GossipWorld::all_see_all_alive() const {
  for (std::size_t node = 0; node < cores_.size(); ++node)
    if (!all_see(node, MemberState::alive)) return false;
  return true;
}

}  // namespace starling::bench
