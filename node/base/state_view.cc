#include "node/base/state_view.h"

#include <algorithm>

namespace starling {

std::string end_of_prefix(std::string_view prefix) {
  std::string end{prefix};
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff)
    end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

void Changes::erase_range(std::string from, std::string until) {
  if (from >= until) return;
  writes.erase(writes.lower_bound(from), writes.lower_bound(until));
  erased.push_back({std::move(from), std::move(until)});
}

bool Changes::is_erased(std::string_view key) const {
  return std::ranges::any_of(erased, [&](const Range& range) { return range.contains(key); });
}

void Changes::add(Changes later) {
  for (Range& range : later.erased)
    erase_range(std::move(range.from), std::move(range.until));
  for (auto& [key, value] : later.writes)
    writes[key] = std::move(value);
}

std::optional<std::string> MapView::get(std::string_view key) const {
  const auto found = map_.find(key);
  if (found == map_.end()) return std::nullopt;
  return found->second;
}

void MapView::scan(std::string_view from, std::string_view until, const Visit& visit) const {
  for (auto at = map_.lower_bound(from); at != map_.end(); ++at) {
    if (!until.empty() && at->first >= until) return;
    if (!visit(at->first, at->second)) return;
  }
}

void MapView::commit(const Changes& changes) {
  for (const auto& [from, until] : changes.erased)
    map_.erase(map_.lower_bound(from), map_.lower_bound(until));
  for (const auto& [key, value] : changes.writes) {
    if (value)
      map_[key] = *value;
    else
      map_.erase(key);
  }
}

std::optional<std::string> OverlayView::get(std::string_view key) const {
  const auto found = changes_.writes.find(key);
  if (found != changes_.writes.end()) return found->second;
  return changes_.is_erased(key) ? std::nullopt : base_.get(key);
}

void OverlayView::scan(std::string_view from, std::string_view until, const Visit& visit) const {
  auto over = changes_.writes.lower_bound(from);
  bool stopped = false;
  const auto emit_over_before = [&](std::string_view limit, bool to_the_end) {
    for (; !stopped && over != changes_.writes.end(); ++over) {
      if (!until.empty() && over->first >= until) return;
      if (!to_the_end && over->first >= limit) return;
      if (over->second && !visit(over->first, *over->second)) stopped = true;
    }
  };
  base_.scan(from, until, [&](std::string_view key, std::string_view value) {
    emit_over_before(key, false);
    if (stopped) return false;
    if (over != changes_.writes.end() && over->first == key) return true;  // shown by the overlay
    if (changes_.is_erased(key)) return true;
    if (!visit(key, value)) stopped = true;
    return !stopped;
  });
  if (!stopped) emit_over_before({}, true);
}

}  // namespace starling
