#include "tests/swarm/key_ring.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::tests {

KeyRing::KeyRing(std::string prefix, std::size_t width)
    : prefix_(std::move(prefix)), width_(width) {}

/// Were all that is under way to end unknown, the bound would still hold.
bool KeyRing::is_free(const Use& use) const {
  return use.unknown + use.under_way < kUnknownPerKey;
}

std::string KeyRing::take(Random& random) {
  const std::lock_guard lock{mutex_};
  std::erase_if(current_, [this](const std::string& key) { return uses_[key].is_retired; });
  std::vector<std::string> free;
  for (const auto& key : current_) {
    if (is_free(uses_[key])) free.push_back(key);
  }
  if (current_.size() < width_ || free.empty()) {
    free.push_back(fmt::format("{}-{}", prefix_, uses_.size() + 1));
    current_.push_back(free.back());
  }
  const auto& key = free[random.below(free.size())];
  Use& use = uses_[key];
  ++use.operations;
  ++use.under_way;
  return key;
}

void KeyRing::give_back(const std::string& key, bool is_unknown) {
  const std::lock_guard lock{mutex_};
  Use& use = uses_[key];
  --use.under_way;
  use.unknown += is_unknown ? 1 : 0;
  use.is_retired = use.is_retired || use.operations + use.under_way >= kOperationsPerKey ||
                   use.unknown > kUnknownPerKey / 2;
}

void KeyRing::retire(const std::string& key) {
  const std::lock_guard lock{mutex_};
  uses_[key].is_retired = true;
}

Sight KeyRing::sight(const std::string& key) const {
  const std::lock_guard lock{mutex_};
  return uses_.at(key).sight;
}

void KeyRing::note(const std::string& key, Sight sight) {
  const std::lock_guard lock{mutex_};
  Sight& known = uses_[key].sight;
  if (sight.version > known.version) known = std::move(sight);
}

std::vector<std::string> KeyRing::all() const {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> keys;
  for (const auto& [key, use] : uses_)
    keys.push_back(key);
  return keys;
}

}  // namespace starling::tests
