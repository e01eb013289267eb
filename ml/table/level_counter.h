/// Counts the distinct values of one column: exactly up to a limit, by HyperLogLog beyond it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

std::uint64_t hash_text(std::string_view text);
std::uint64_t hash_number(double number);

class LevelCounter {
 public:
  struct Level {
    std::uint64_t hash = 0;
    std::uint64_t count = 0;  ///< 0: an empty slot
    std::string text;
  };

  explicit LevelCounter(std::size_t exact_max) : exact_max_(exact_max) {}

  /// `text` is kept, cut to 128 bytes, when the value is new.
  void add(std::uint64_t hash, std::string_view text);

  bool is_exact() const { return !has_overflowed_; }

  std::uint64_t distinct() const;

  /// Levels in no order that matters.
  std::vector<Level> levels() const;

  /// Forgets the levels, not how many there were: numbers past the limit need no names.
  void drop_levels();

  /// Names each level by its text instead of its number.
  void rehash_as_text();

 private:
  void insert(std::uint64_t hash, std::string_view text, std::uint64_t count);
  void note_in_sketch(std::uint64_t hash);
  void grow();

  std::size_t exact_max_;
  std::size_t used_ = 0;
  bool has_overflowed_ = false;
  bool keeps_levels_ = true;
  std::vector<Level> slots_;          ///< open addressing, a power of two
  std::vector<std::uint8_t> sketch_;  ///< HyperLogLog registers, from the overflow on
};

}  // namespace starling::ml
