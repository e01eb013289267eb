/// Numbers of few digits, which most are, as fast as can be: inline, without a loop.
///
/// Source: Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019 (eight digits at
/// once); Clinger, "How to read floating point numbers accurately", 1990 (exact with one division).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace starling::ml {

inline constexpr std::array<double, 16> kPowersOfTen{
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

inline constexpr std::array<double, 2> kSigns{1, -1};  // a product, for a branch would be guessed

/// 1 to 8 bytes in the upper bytes of a word, the first the lowest; what is below is undefined.
inline std::uint64_t load_bytes(std::string_view text) {
  const std::size_t n = text.size();
  if (n >= 4) {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::memcpy(&first, text.data(), 4);
    std::memcpy(&last, text.data() + n - 4, 4);
    return (first | std::uint64_t{last} << (8 * (n - 4))) << (64 - 8 * n);
  }
  const auto byte = [text](std::size_t i) {
    return std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
  };
  return (byte(0) | byte(n / 2) | byte(n - 1)) << (64 - 8 * n);
}

/// The same where the 8 bytes before the text's end can be read, whatever its size.
inline std::uint64_t load_bytes_before(const char* end) {
  std::uint64_t word = 0;
  std::memcpy(&word, end - 8, 8);
  return word;
}

/// An optional sign, then 1 to 8 digits with at most one decimal mark among them, and nothing else.
/// False for all that is not of this form; `number` is then as it was.
///
/// `Room::before`: at least 8 bytes before the text's end can be read (see `CsvBatch`).
enum class Room { none, before };

template <Room kRoom = Room::none>
inline bool parse_short_number(std::string_view text, char decimal, double& number) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  if (text.empty()) return false;
  // Where half of a column is negative, branches would be guessed wrong: sums of conditions.
  const auto is_negative = static_cast<std::size_t>(text[0] == '-');
  text.remove_prefix(is_negative + static_cast<std::size_t>(text[0] == '+'));
  const std::size_t n = text.size();
  if (n - 1 > 7) return false;
  std::uint64_t word = kRoom == Room::none ? load_bytes(text) : load_bytes_before(text.data() + n);
  const std::uint64_t text_bytes = ~std::uint64_t{0} << (64 - 8 * n);
  word = (word & text_bytes) | (kOnes * '0' & ~text_bytes);  // leading zeros
  const std::uint64_t off = word ^ (kOnes * static_cast<unsigned char>(decimal));
  const std::uint64_t marks = (off - kOnes) & ~off & (kOnes << 7);
  std::size_t after_mark = 0;
  if (marks != 0) {
    const auto at = static_cast<unsigned>(std::countr_zero(marks)) / 8 * 8;
    const std::uint64_t before = word & ((std::uint64_t{1} << at) - 1);
    const std::uint64_t behind = word & ((~std::uint64_t{0} << at) << 8);
    word = behind | before << 8 | '0';
    after_mark = 7 - at / 8;
  }
  const std::uint64_t digits = word ^ (kOnes * '0');
  const bool are_digits = (((digits + kOnes * 0x76) | digits) & (kOnes << 7)) == 0;
  if (!are_digits || (n == 1 && marks != 0)) return false;
  std::uint64_t value = digits * 2561 >> 8;
  value = (value & 0x00FF00FF00FF00FFULL) * 6553601 >> 16;
  value = (value & 0x0000FFFF0000FFFFULL) * 42949672960001 >> 32;
  auto size = static_cast<double>(value);
  if (after_mark > 0) size /= kPowersOfTen[after_mark];
  number = kSigns[is_negative] * size;
  return true;
}

}  // namespace starling::ml
