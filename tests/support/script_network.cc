#include "tests/support/script_network.h"

#include <algorithm>
#include <utility>

namespace starling::tests {

using consensus::Message;

void ScriptNetwork::send(Message message) {
  for (const MessageFilter& rule : rules_) {
    if (!rule.matches(message)) continue;
    held_.push_back({rule, std::move(message)});
    return;
  }
  under_way_.push_back(std::move(message));
}

std::optional<Message> ScriptNetwork::take(const Test& passes) {
  const auto found = std::find_if(under_way_.begin(), under_way_.end(), passes);
  if (found == under_way_.end()) return std::nullopt;
  Message message = std::move(*found);
  under_way_.erase(found);
  return message;
}

std::vector<Message> ScriptNetwork::take_all(const Test& passes) {
  std::vector<Message> taken;
  while (auto message = take(passes))
    taken.push_back(std::move(*message));
  return taken;
}

void ScriptNetwork::hold(const MessageFilter& filter) {
  rules_.push_back(filter);
  for (Message& message : take_all([&](const Message& each) { return filter.matches(each); }))
    held_.push_back({filter, std::move(message)});
}

void ScriptNetwork::release(const MessageFilter& filter) {
  const auto is_meant = [&](const MessageFilter& rule) {
    return filter.is_open() || rule == filter;
  };
  std::erase_if(rules_, is_meant);
  std::vector<Held> kept;
  for (Held& each : std::exchange(held_, {})) {
    if (is_meant(each.rule))
      under_way_.push_back(std::move(each.message));
    else
      kept.push_back(std::move(each));
  }
  held_ = std::move(kept);
}

void ScriptNetwork::copy(const MessageFilter& filter) {
  for (const Message& message : under_way_)
    if (filter.matches(message)) held_.push_back({filter, message});
}

bool ScriptNetwork::is_held(NodeId from, NodeId to, const std::string& kind) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const MessageFilter& rule) {
    return rule.matches(from, to, kind);
  });
}

void ScriptNetwork::clear() {
  under_way_.clear();
  rules_.clear();
  held_.clear();
}

}  // namespace starling::tests
