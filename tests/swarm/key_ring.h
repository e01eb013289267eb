/// Which keys clients work on now. A key gets a bounded number of operations and of unknown
/// outcomes, or judging it would take for ever; then another takes its place.
///
/// Threads: any.
#pragma once

#include "node/base/random.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace starling::tests {

inline constexpr std::size_t kOperationsPerKey = 190;
inline constexpr std::size_t kUnknownPerKey = 8;

/// What was last seen of a key, by anyone: a hint, perhaps old.
struct Sight {
  std::uint64_t version = 0;
  std::string value;
};

class KeyRing {
 public:
  /// `width` keys named PREFIX-1, PREFIX-2, ... are in use at a time.
  KeyRing(std::string prefix, std::size_t width);

  /// A key for one operation, which must be given back.
  std::string take(Random& random);

  void give_back(const std::string& key, bool is_unknown);

  /// No operation begins on it any more.
  void retire(const std::string& key);

  Sight sight(const std::string& key) const;
  void note(const std::string& key, Sight sight);

  /// All that were ever in use.
  std::vector<std::string> all() const;

 private:
  struct Use {
    std::size_t operations = 0;
    std::size_t unknown = 0;
    std::size_t under_way = 0;
    bool is_retired = false;
    Sight sight;
  };

  bool is_free(const Use& use) const;

  const std::string prefix_;
  const std::size_t width_;
  mutable std::mutex mutex_;
  std::map<std::string, Use> uses_;
  std::vector<std::string> current_;
};

}  // namespace starling::tests
