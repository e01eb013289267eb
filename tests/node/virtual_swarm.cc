#include "tests/node/virtual_swarm.h"

#include "node/gossip/swim_wire.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::tests {

using namespace std::chrono_literals;
using node::MemberState;

VirtualSwarm::VirtualSwarm(std::size_t size, std::uint64_t seed, double loss)
    : random_(seed),
      loss_(loss),
      cores_(size),
      incarnations_(size, 1),
      frozen_until_(size),
      due_(size) {
  for (std::size_t node = 0; node < size; ++node)
    start(node);
}

NodeId VirtualSwarm::id_of(std::size_t node) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>((node + 1) >> 8);
  id.bytes[1] = static_cast<std::uint8_t>(node + 1);
  return id;
}

std::string VirtualSwarm::address_of(std::size_t node) const {
  return fmt::format("n{}", node);
}

// Everyone joins through node 0 (node 0 through node 1, when it comes back).
void VirtualSwarm::start(std::size_t node) {
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
  due_[node] = cores_[node]->next_deadline();
  if (cores_[seed_node]) push_pull(node, seed_node);
}

void VirtualSwarm::crash(std::size_t node) {
  incarnations_[node] = cores_[node]->incarnation() + 1;
  cores_[node].reset();
}

void VirtualSwarm::restart(std::size_t node) {
  start(node);
}

void VirtualSwarm::freeze(std::size_t node, std::chrono::milliseconds duration) {
  frozen_until_[node] = now_ + duration;
}

bool VirtualSwarm::can_hear(std::size_t a, std::size_t b) const {
  return split_ == 0 || (a < split_) == (b < split_);
}

void VirtualSwarm::carry_out(std::size_t node, const node::SwimEffects& effects) {
  due_[node] = cores_[node]->next_deadline();
  for (const auto& [addressee, address, message] : effects.send) {
    largest_datagram_ = std::max(largest_datagram_, encode_swim_message(message).size());
    const auto to = static_cast<std::size_t>(std::stoul(address.substr(1)));
    if (random_.chance(loss_) || !can_hear(node, to)) continue;
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
  for (const auto& member : effects.changed) {
    for (std::size_t other = 0; other < cores_.size(); ++other)
      if (member.id == id_of(other) && member.state == MemberState::dead && cores_[other])
        ++false_deaths_;
  }
}

void VirtualSwarm::push_pull(std::size_t from, std::size_t to) {
  events_.push(Event{
      .at = now_ + 2ms, .order = next_order_++, .to = to, .message = {}, .push_pull_from = from});
}

bool VirtualSwarm::step(MonoTime until) {
  std::size_t next = cores_.size();
  MonoTime at = until;
  for (std::size_t node = 0; node < cores_.size(); ++node) {
    if (!cores_[node]) continue;
    const MonoTime due = std::max(due_[node], frozen_until_[node]);
    if (due < at) {
      at = due;
      next = node;
    }
  }
  if (!events_.empty() && events_.top().at <= at) {
    Event event = events_.top();
    events_.pop();
    now_ = std::max(now_, event.at);
    if (!cores_[event.to]) return true;
    if (frozen_until_[event.to] > now_) {
      event.at = frozen_until_[event.to];
      events_.push(std::move(event));
      return true;
    }
    if (event.message) {
      carry_out(event.to, cores_[event.to]->receive(now_, *event.message));
      return true;
    }
    const std::size_t from = event.push_pull_from;
    if (!cores_[from] || !can_hear(from, event.to)) return true;
    if (event.call) {
      cores_[from]->take_call_answer(now_, *event.call);
      due_[from] = cores_[from]->next_deadline();
      return true;
    }
    carry_out(event.to, cores_[event.to]->merge(now_, cores_[from]->state().members));
    carry_out(from, cores_[from]->merge(now_, cores_[event.to]->state().members));
    return true;
  }
  now_ = std::max(now_, at);
  if (next == cores_.size()) return false;
  carry_out(next, cores_[next]->tick(now_));
  return true;
}

void VirtualSwarm::run_for(std::chrono::milliseconds duration) {
  const MonoTime until = now_ + duration;
  while (now_ < until && step(until)) {
  }
}

std::optional<std::chrono::milliseconds> VirtualSwarm::run_until(
    const std::function<bool()>& is_true, std::chrono::milliseconds most) {
  const MonoTime start_at = now_;
  while (!is_true()) {
    if (now_ - start_at >= most) return std::nullopt;
    run_for(50ms);
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(now_ - start_at);
}

MemberState VirtualSwarm::seen(std::size_t by, std::size_t node) const {
  const auto member = cores_[by]->member(id_of(node));
  return member ? member->state : MemberState::left;
}

bool VirtualSwarm::all_see(std::size_t node, MemberState state) const {
  for (std::size_t by = 0; by < cores_.size(); ++by)
    if (by != node && cores_[by] && seen(by, node) != state) return false;
  return true;
}

bool VirtualSwarm::all_know_restarted(std::size_t node) const {
  for (const auto& core : cores_) {
    if (core && core->member(id_of(node))->incarnation < incarnations_[node]) return false;
  }
  return all_see(node, MemberState::alive);
}

bool VirtualSwarm::all_see_all_alive() const {
  for (std::size_t node = 0; node < cores_.size(); ++node)
    if (!all_see(node, MemberState::alive)) return false;
  return true;
}

}  // namespace starling::tests
