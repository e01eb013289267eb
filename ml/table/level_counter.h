/// Counts the distinct values of one column: exactly up to a limit, by HyperLogLog beyond it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

/// splitmix64's finaliser.
inline std::uint64_t mixed(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xBF58476D1CE4E5B9ULL;
  x ^= x >> 27;
  x *= 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

std::uint64_t hash_text(std::string_view text);

inline std::uint64_t hash_number(double number) {
  return mixed(std::bit_cast<std::uint64_t>(number + 0.0) + 0x9E3779B97F4A7C15ULL);
}

/// Estimates how many different hashes it was given, 2 % off; 2 KiB.
///
/// Source: Flajolet et al., "HyperLogLog" (2007).
class DistinctSketch {
 public:
  DistinctSketch();

  void add(std::uint64_t hash) {
    const std::size_t index = hash >> (64 - kBits);
    const auto rank = static_cast<std::uint8_t>(std::countl_zero(hash << kBits | 1) + 1);
    if (registers_[index] < rank) registers_[index] = rank;
  }

  std::uint64_t estimate() const;

 private:
  static constexpr unsigned kBits = 11;

  std::vector<std::uint8_t> registers_;
};

class LevelCounter {
 public:
  struct Level {
    std::uint64_t count = 0;
    std::string text;
  };

  explicit LevelCounter(std::size_t exact_max) : exact_max_(exact_max) {}

  /// `text` is kept, cut to 128 bytes, when the value is new.
  void add(std::uint64_t hash, std::string_view text) {
    if (sketch_) sketch_->add(hash);
    if (keeps_levels_) count(hash, text);
  }

  bool is_exact() const { return !sketch_.has_value(); }

  std::uint64_t distinct() const;

  /// Levels in no order that matters.
  std::vector<Level> levels() const;

  /// Forgets the levels, not how many there were: numbers past the limit need no names.
  void drop_levels();

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint64_t count = 0;  ///< 0: empty
  };

  void count(std::uint64_t hash, std::string_view text);
  void grow();

  std::size_t exact_max_;
  std::size_t used_ = 0;
  bool keeps_levels_ = true;
  std::vector<Slot> slots_;               ///< open addressing, a power of two
  std::vector<std::string> texts_;        ///< of the slots; apart, for they are seldom looked at
  std::optional<DistinctSketch> sketch_;  ///< from the overflow on
};

}  // namespace starling::ml
