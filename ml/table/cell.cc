#include "ml/table/cell.h"

#include "ml/table/csv_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace starling::ml {
namespace {

constexpr std::array<std::string_view, 13> kMissing{
    "NA", "N/A", "n/a", "na", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "none", "NONE"};

constexpr std::array<double, 16> kPowersOfTen{
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/// Digits with at most one point, at most 15 in all: exact with one division (Clinger's fast path).
std::optional<double> parse_short_decimal(std::string_view text) {
  std::uint64_t mantissa = 0;
  std::size_t digits = 0;
  std::size_t after_point = 0;
  bool has_point = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      mantissa = mantissa * 10 + static_cast<std::uint64_t>(c - '0');
      ++digits;
      after_point += has_point ? 1 : 0;
    } else if (c == '.' && !has_point) {
      has_point = true;
    } else {
      return std::nullopt;
    }
  }
  if (digits == 0) return std::nullopt;
  return static_cast<double>(mantissa) / kPowersOfTen[after_point];
}

}  // namespace

bool is_missing(std::string_view cell) {
  const std::string_view text = trimmed(cell);
  if (text.empty()) return true;
  if (text.size() == 1) return text[0] == '?' || text[0] == '-';
  if (text.size() > 4) return false;
  const char first = text[0];
  if (first != 'N' && first != 'n') return false;
  return std::find(kMissing.begin(), kMissing.end(), text) != kMissing.end();
}

std::optional<double> parse_number(std::string_view cell) {
  std::string_view text = trimmed(cell);
  bool is_negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    is_negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || !((text[0] >= '0' && text[0] <= '9') || text[0] == '.')) return std::nullopt;

  if (text.size() <= 15) {
    if (const auto number = parse_short_decimal(text)) return is_negative ? -*number : *number;
  }
  double number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(number)) return std::nullopt;
  return is_negative ? -number : number;
}

std::string number_text(double number) {
  if (number == 0) return "0";  // not "-0"
  if (std::abs(number) < 1e15 && number == std::trunc(number)) {
    return fmt::format("{}", static_cast<std::int64_t>(number));
  }
  return fmt::format("{}", number);
}

}  // namespace starling::ml
