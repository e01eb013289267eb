/// What a state machine remembers of the state, so that a register that is written all the time,
/// and a key that is new, cost no look into the store.
///
/// Threads: none of its own.
#pragma once

#include "node/base/ids.h"
#include "node/base/state_view.h"

#include <boost/unordered/unordered_flat_set.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace starling::bootstrap {

/// The values that commands read or wrote last, in two generations: when the younger one is full it
/// becomes the older, and what was in the older one and not asked for since is forgotten.
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

/// The internal idempotency keys (ml/study/answer_table.h) of the entries since one of them. That
/// a key was never used is what is asked nearly always, and the dearest question to a store.
///
/// A hash stands for a key: if it is here the store is asked, if it is not the key was not used.
class RecentKeys {
 public:
  /// Entries that each of the two generations covers.
  explicit RecentKeys(std::uint64_t entries) : entries_(entries) {}

  /// From `first` on, every entry with an internal key is told by `note`.
  void restart(LogIndex first);

  void note(LogIndex index, std::string_view key);

  /// Such a key lies behind the entry that it names, so it would have been noted.
  bool is_surely_unused(std::string_view key) const;

 private:
  std::uint64_t entries_;
  LogIndex first_;        ///< of the older generation
  LogIndex young_first_;  ///< of the younger one
  boost::unordered_flat_set<std::uint64_t> old_;
  boost::unordered_flat_set<std::uint64_t> young_;
};

/// What a command sees: `base`, with what is known already answered from memory. Nothing may be
/// known that `base` denies.
class RecentView : public StateView {
 public:
  RecentView(const StateView& base, RecentValues& recent, const RecentKeys& used)
      : base_(base), recent_(recent), used_(used) {}

  std::optional<std::string> get(std::string_view key) const override;
  void scan(std::string_view from, std::string_view until, const Visit& visit) const override;

  /// Idempotency keys, trials and the like are asked for once or twice, and would push the others
  /// out.
  static bool is_hot(std::string_view key);

 private:
  const StateView& base_;
  RecentValues& recent_;
  const RecentKeys& used_;
};

}  // namespace starling::bootstrap
