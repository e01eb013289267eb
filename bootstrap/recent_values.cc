#include "bootstrap/recent_values.h"

#include "ml/study/state_keys.h"

#include <utility>

namespace starling::bootstrap {
namespace {

constexpr std::size_t kEntryBytes = 128;  // of the map, about

std::size_t size_of(std::string_view key, const RecentValues::Value& value) {
  return kEntryBytes + key.size() + (value ? value->size() : 0);
}

}  // namespace

const RecentValues::Value* RecentValues::find(std::string_view key) {
  if (const auto found = young_.find(key); found != young_.end()) return &found->second;
  const auto found = old_.find(key);
  if (found == old_.end()) return nullptr;
  auto kept = old_.extract(found);
  put(kept.key(), std::move(kept.mapped()));
  return &young_.find(key)->second;
}

void RecentValues::put(std::string_view key, Value value) {
  if (young_bytes_ > bytes_max_) {
    old_ = std::exchange(young_, {});
    young_bytes_ = 0;
  }
  const auto found = young_.find(key);
  if (found != young_.end()) {
    young_bytes_ -= size_of(key, found->second);
    young_bytes_ += size_of(key, value);
    found->second = std::move(value);
    return;
  }
  if (const auto stale = old_.find(key); stale != old_.end()) old_.erase(stale);
  young_bytes_ += size_of(key, value);
  young_.emplace(key, std::move(value));
}

void RecentValues::clear() {
  young_.clear();
  old_.clear();
  young_bytes_ = 0;
}

bool RecentView::is_hot(std::string_view key) {
  return key.starts_with(ml::keys::kRegisters) || key.starts_with(ml::keys::kMeta);
}

std::optional<std::string> RecentView::get(std::string_view key) const {
  if (!is_hot(key)) return base_.get(key);
  if (const auto* known = recent_.find(key)) return *known;
  auto value = base_.get(key);
  recent_.put(key, value);
  return value;
}

void RecentView::scan(std::string_view from, std::string_view until, const Visit& visit) const {
  base_.scan(from, until, visit);
}

}  // namespace starling::bootstrap
