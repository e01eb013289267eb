#include "ml/table/cell.h"

#include "ml/table/short_number.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace starling::ml {
namespace {

constexpr std::array<std::string_view, 26> kMissing{
    "NA",   "N/A",  "n/a",  "na",   "NaN",  "nan",   "NAN",      "null",   "NULL",
    "Null", "None", "none", "NONE", "<NA>", "#N/A",  "#N/A N/A", "#NA",    "#NV",
    "\\N",  "--",   ".",    "?",    "-",    "#REF!", "#DIV/0!",  "#VALUE!"};
constexpr std::size_t kMissingBytesMax = 8;

constexpr std::array<std::string_view, 9> kCurrencies{
    "$", "€", "£", "¥", "₹", "USD", "EUR", "GBP", "CHF"};

constexpr std::array<std::string_view, 4> kGroupMarks{" ", "'", "\xC2\xA0", "\xE2\x80\xAF"};

constexpr std::size_t kNumberBytesMax = 64;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Digits with at most one decimal mark, at most 15 in all: exact with one division (Clinger's fast
/// path).
std::optional<double> parse_short_decimal(std::string_view text, char decimal) {
  std::uint64_t mantissa = 0;
  std::size_t digits = 0;
  std::size_t after_mark = 0;
  bool has_mark = false;
  for (const char c : text) {
    if (is_digit(c)) {
      mantissa = mantissa * 10 + static_cast<std::uint64_t>(c - '0');
      ++digits;
      after_mark += has_mark ? 1 : 0;
    } else if (c == decimal && !has_mark) {
      has_mark = true;
    } else {
      return std::nullopt;
    }
  }
  if (digits == 0) return std::nullopt;
  return static_cast<double>(mantissa) / kPowersOfTen[after_mark];
}

bool drop_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool drop_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

bool drop_sign(std::string_view& text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return false;
  const bool is_minus = text[0] == '-';
  text.remove_prefix(1);
  return is_minus;
}

/// At most one of a currency before, one behind, or a percent sign behind.
void drop_unit(std::string_view& text) {
  const auto is_before = [&](std::string_view unit) { return drop_prefix(text, unit); };
  const auto is_behind = [&](std::string_view unit) { return drop_suffix(text, unit); };
  const bool had_unit = std::any_of(kCurrencies.begin(), kCurrencies.end(), is_before) ||
                        std::any_of(kCurrencies.begin(), kCurrencies.end(), is_behind) ||
                        drop_suffix(text, "%");
  if (had_unit) text = trimmed(text);
}

/// The mark between groups of digits at the beginning of `text`: its size, or 0.
std::size_t group_mark(std::string_view text, char decimal) {
  if (text[0] == (decimal == '.' ? ',' : '.')) return 1;
  for (const std::string_view mark : kGroupMarks) {
    if (text.starts_with(mark)) return mark.size();
  }
  return 0;
}

/// `text` as std::from_chars wants it: no groups, a point. Nothing if its groups are not those of a
/// number (1-3 digits, then 2 or 3 each, the last one 3).
std::optional<std::string_view> plain_decimal(std::string_view text,
                                              char decimal,
                                              std::array<char, kNumberBytesMax>& room) {
  if (text.empty() || text.size() > room.size()) return std::nullopt;
  std::size_t size = 0;
  std::size_t in_group = 0;
  std::size_t groups = 0;
  std::size_t mark = 0;
  while (!text.empty() && (is_digit(text[0]) || (mark = group_mark(text, decimal)) != 0)) {
    if (is_digit(text[0])) {
      room[size++] = text[0];
      ++in_group;
      text.remove_prefix(1);
      continue;
    }
    const bool is_group =
        groups == 0 ? in_group >= 1 && in_group <= 3 : in_group == 2 || in_group == 3;
    if (!is_group) return std::nullopt;
    ++groups;
    in_group = 0;
    text.remove_prefix(mark);
  }
  if (groups > 0 && in_group != 3) return std::nullopt;
  for (const char c : text)
    room[size++] = c == decimal ? '.' : c;
  return std::string_view{room.data(), size};
}

std::optional<double> parse_plain(std::string_view text) {
  if (text.empty() || !(is_digit(text[0]) || text[0] == '.')) return std::nullopt;
  double number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size()) return std::nullopt;
  if (ec == std::errc::result_out_of_range) {
    // Too small is 0; too large is infinite, which the caller tells from words.
    const bool is_small = text.find("e-") != text.npos || text.find("E-") != text.npos;
    return is_small ? 0.0 : HUGE_VAL;
  }
  return ec == std::errc{} ? std::optional{number} : std::nullopt;
}

/// Also infinite for what is beyond a double.
std::optional<double> parse_any_number(std::string_view text, char decimal) {
  const bool is_bracketed = text.size() > 2 && text.front() == '(' && text.back() == ')';
  if (is_bracketed) {
    text = trimmed(text.substr(1, text.size() - 2));
    if (text.starts_with('-') || text.starts_with('+')) return std::nullopt;
  }
  bool is_negative = drop_sign(text);
  const bool was_signed = is_negative;
  drop_unit(text);
  if (!was_signed) is_negative = drop_sign(text);
  std::array<char, kNumberBytesMax> room;
  const auto plain = plain_decimal(text, decimal, room);
  if (!plain) return std::nullopt;
  const auto number = parse_plain(*plain);
  if (!number) return std::nullopt;
  return is_negative != is_bracketed ? -*number : *number;
}

bool is_word(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

}  // namespace

bool is_missing(std::string_view cell) {
  const std::string_view text = trimmed(cell);
  if (text.empty()) return true;
  if (text.size() > kMissingBytesMax) return false;
  if (std::string_view{"Nn#<\\-.?"}.find(text[0]) == std::string_view::npos) return false;
  return std::find(kMissing.begin(), kMissing.end(), text) != kMissing.end();
}

std::optional<double> parse_number(std::string_view cell, char decimal) {
  std::string_view text = trimmed(cell);
  double short_number = 0;
  if (parse_short_number(text, decimal, short_number)) return short_number;
  std::string_view digits = text;
  const bool is_negative = drop_sign(digits);
  if (!digits.empty() && digits.size() <= 15) {
    if (const auto number = parse_short_decimal(digits, decimal))
      return is_negative ? -*number : *number;
  }
  // Words, the common case of what is no number, end here.
  if (text.empty() || (text[0] >= 'a' && text[0] <= 'z')) return std::nullopt;
  const auto number = parse_any_number(text, decimal);
  if (!number || std::abs(*number) > kNumberMax) return std::nullopt;
  return number;
}

bool is_infinite(std::string_view cell, char decimal) {
  std::string_view text = trimmed(cell);
  if (text.empty()) return false;
  if (is_digit(text.back())) {
    const auto number = parse_any_number(text, decimal);
    return number && std::abs(*number) > kNumberMax;
  }
  drop_sign(text);
  return is_word(text, "inf") || is_word(text, "infinity");
}

std::optional<bool> parse_boolean(std::string_view cell) {
  const std::string_view text = trimmed(cell);
  if (text.size() > 5) return std::nullopt;
  for (const std::string_view yes : {"true", "yes", "y", "t", "on"}) {
    if (is_word(text, yes)) return true;
  }
  for (const std::string_view no : {"false", "no", "n", "f", "off"}) {
    if (is_word(text, no)) return false;
  }
  return std::nullopt;
}

bool has_leading_zero(std::string_view cell) {
  const std::string_view text = trimmed(cell);
  return text.size() > 1 && text[0] == '0' && std::all_of(text.begin(), text.end(), is_digit);
}

std::string number_text(double number) {
  if (number == 0) return "0";  // not "-0"
  if (std::abs(number) < 1e15 && number == std::trunc(number)) {
    return fmt::format("{}", static_cast<std::int64_t>(number));
  }
  return fmt::format("{}", number);
}

}  // namespace starling::ml
