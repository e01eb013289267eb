#include "bootstrap/recent_values.h"

#include "ml/study/answer_table.h"
#include "ml/study/state_keys.h"

#include <utility>

namespace starling::bootstrap {
namespace {

constexpr std::size_t kEntryBytes = 128;  // of the map, about

std::size_t size_of(std::string_view key, const RecentValues::Value& value) {
  return kEntryBytes + key.size() + (value ? value->size() : 0);
}

std::uint64_t hash_of_key(std::string_view key) {
  return std::hash<std::string_view>{}(key);
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

void RecentKeys::restart(LogIndex first) {
  first_ = first;
  young_first_ = first;
  old_.clear();
  young_.clear();
}

void RecentKeys::note(LogIndex index, std::string_view key) {
  if (index.value >= young_first_.value + entries_) {
    old_ = std::exchange(young_, {});
    first_ = std::exchange(young_first_, index);
  }
  young_.insert(hash_of_key(key));
}

bool RecentKeys::is_surely_unused(std::string_view key) const {
  const auto applied = ml::applied_before(key);
  if (!applied || applied->next() < first_) return false;
  const std::uint64_t hash = hash_of_key(key);
  return !young_.contains(hash) && !old_.contains(hash);
}

bool RecentView::is_hot(std::string_view key) {
  return key.starts_with(ml::keys::kRegisters) || key.starts_with(ml::keys::kMeta);
}

std::optional<std::string> RecentView::get(std::string_view key) const {
  constexpr std::size_t kSkipped = ml::keys::kIdempotency.size();
  const bool is_idempotency_key = key.starts_with(ml::keys::kIdempotency);
  if (is_idempotency_key && used_.is_surely_unused(key.substr(kSkipped))) return std::nullopt;
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
