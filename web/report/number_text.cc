#include "web/report/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace starling::web {

namespace {

constexpr const char* kDash = "–";
constexpr const char* kMinus = "−";
constexpr double kPlainMin = 1e-3;
constexpr double kPlainMax = 1e15;
constexpr int kDigits = 4;

bool is_plain(double value) {
  const double size = std::abs(value);
  return size == 0 || (size >= kPlainMin && size < kPlainMax);
}

/// Behind the point, for four digits that count.
int decimals_of(double value) {
  if (value == 0) return 0;
  const int whole = static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  return std::max(0, kDigits - whole);
}

std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// Digits with a point, or none, without a sign.
std::string separated(const std::string& digits) {
  const std::size_t whole = std::min(digits.find('.'), digits.size());
  std::string text;
  for (std::size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text + digits.substr(whole);
}

std::string signed_text(double value, const std::string& size) {
  const bool is_zero = size.find_first_not_of("0.,") == std::string::npos;
  return value < 0 && !is_zero ? kMinus + size : size;
}

std::string power_text(double value) {
  if (!std::isfinite(value)) return kDash;  // of what was finite before it got a unit
  const std::string text = fmt::format("{:.2e}", std::abs(value));
  const std::size_t at = text.find('e');
  return signed_text(value, without_trailing_zeros(text.substr(0, at)) + text.substr(at));
}

std::string fixed_text(double value, int decimals) {
  if (!is_plain(value) && std::abs(value) >= kPlainMax) return power_text(value);
  return signed_text(value, separated(fmt::format("{:.{}f}", std::abs(value), decimals)));
}

struct Unit {
  const char* name;
  double size;
};

template <std::size_t kUnits>
std::string in_units(double value, const std::array<Unit, kUnits>& units) {
  std::size_t unit = 0;
  while (unit + 1 < units.size() && value >= units[unit + 1].size)
    ++unit;
  const double shown = value / units[unit].size;
  if (shown >= kPlainMax) return fmt::format("{}\u00A0{}", power_text(shown), units[unit].name);
  const int decimals = unit > 0 && shown < 10 ? 1 : 0;
  const std::string digits = separated(fmt::format("{:.{}f}", shown, decimals));
  return fmt::format("{}\u00A0{}", digits, units[unit].name);
}

}  // namespace

std::string number_text(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return kDash;
  if (!is_plain(*value)) return power_text(*value);
  const std::string digits = fmt::format("{:.{}f}", std::abs(*value), decimals_of(*value));
  return signed_text(*value, separated(without_trailing_zeros(digits)));
}

std::string score_text(std::optional<double> value) {
  if (!value || !std::isfinite(*value) || !is_plain(*value)) return number_text(value);
  return fixed_text(*value, decimals_of(*value));
}

std::string aligned_text(double value, double like) {
  if (!std::isfinite(value) || !is_plain(like) || like == 0) return number_text(value);
  return fixed_text(value, decimals_of(like));
}

std::string range_text(double value, double low, double high) {
  if (!is_plain(value) || value == 0)
    return fmt::format("{} to {}", number_text(low), number_text(high));
  const int decimals = decimals_of(value);
  return fmt::format("{} to {}", fixed_text(low, decimals), fixed_text(high, decimals));
}

std::string count_text(std::uint64_t count) {
  return separated(fmt::format("{}", count));
}

std::string count_text(std::uint64_t count, const char* noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

std::string share_text(std::optional<double> share) {
  if (!share || !std::isfinite(*share)) return kDash;
  if (*share > 0 && *share < 0.001) return "< 0.1\u00A0%";
  if (*share < 1 && *share > 0.999) return "> 99.9\u00A0%";
  const double percent = 100 * *share;
  if (!is_plain(percent)) return power_text(percent) + "\u00A0%";
  const std::string digits = without_trailing_zeros(fmt::format("{:.1f}", std::abs(percent)));
  return signed_text(percent, separated(digits)) + "\u00A0%";
}

std::string rough_share_text(double share) {
  const bool is_far_from_ends = std::abs(share) >= 0.1 && share < 0.99;
  return share_text(is_far_from_ends ? std::round(100 * share) / 100 : share);
}

std::string seconds_text(std::optional<double> seconds) {
  if (!seconds || !std::isfinite(*seconds) || *seconds < 0) return kDash;
  if (*seconds < 0.95) return fmt::format("{:.0f}\u00A0ms", 1000 * *seconds);
  if (*seconds < 59.95) return fmt::format("{:.1f}\u00A0s", *seconds);
  if (*seconds >= kPlainMax) return power_text(*seconds) + "\u00A0s";
  const auto whole = static_cast<std::uint64_t>(std::round(*seconds));
  const std::uint64_t minutes = whole / 60;
  const std::uint64_t hours = minutes / 60;
  if (hours == 0) return fmt::format("{}\u00A0min {:02}\u00A0s", minutes, whole % 60);
  if (hours < 48) return fmt::format("{}\u00A0h {:02}\u00A0min", hours, minutes % 60);
  return fmt::format("{}\u00A0d {}\u00A0h", count_text(hours / 24), hours % 24);
}

std::string milliseconds_text(std::optional<double> milliseconds) {
  if (!milliseconds || !std::isfinite(*milliseconds) || *milliseconds < 0) return kDash;
  constexpr std::array<Unit, 3> kUnits{{{"µs", 1}, {"ms", 1e3}, {"s", 1e6}}};
  return in_units(*milliseconds * 1000, kUnits);
}

std::string megabytes_text(std::optional<double> megabytes) {
  if (!megabytes || !std::isfinite(*megabytes) || *megabytes < 0) return kDash;
  constexpr std::array<Unit, 3> kUnits{{{"MB", 1}, {"GB", 1024}, {"TB", 1024.0 * 1024}}};
  return in_units(*megabytes, kUnits);
}

std::string bytes_text(std::optional<double> bytes) {
  if (!bytes || !std::isfinite(*bytes) || *bytes < 0) return kDash;
  constexpr std::array<Unit, 5> kUnits{
      {{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}}};
  return in_units(*bytes, kUnits);
}

}  // namespace starling::web
