/// The values that commands read or wrote last, so that a register that is written all the time
/// costs no look into the store.
///
/// Kept in two generations: when the younger one is full it becomes the older, and what was in the
/// older one and not asked for since is forgotten.
///
/// Threads: none of its own.
#pragma once

#include "node/base/state_view.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace starling::bootstrap {

class RecentValues {
 public:
  using Value = std::optional<std::string>;  ///< nothing: there is no such key

  /// `bytes_max` of keys and values for each generation.
  explicit RecentValues(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Null if it is not known here. Valid until the next call.
  const Value* find(std::string_view key);

  void put(std::string_view key, Value value);

  void clear();

 private:
  struct Hash {
    using is_transparent = void;

    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  using Map = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;

  std::size_t bytes_max_;
  std::size_t young_bytes_ = 0;
  Map young_;
  Map old_;
};

/// `base`, with the hot keys answered from `recent`, which must know nothing that `base` denies.
class RecentView : public StateView {
 public:
  RecentView(const StateView& base, RecentValues& recent) : base_(base), recent_(recent) {}

  std::optional<std::string> get(std::string_view key) const override;
  void scan(std::string_view from, std::string_view until, const Visit& visit) const override;

  /// Idempotency keys, trials and the like are asked for once or twice, and would push the others
  /// out.
  static bool is_hot(std::string_view key);

 private:
  const StateView& base_;
  RecentValues& recent_;
};

}  // namespace starling::bootstrap
