#include "ml/search/use_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <span>
#include <string>

namespace starling::ml {
namespace {

constexpr std::size_t kQuotedMax = 40;  // bytes of somebody's words in a reason

bool is_letter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

constexpr std::array<std::string_view, 4> kDenials{"not", "no", "never", "without"};

/// Whether one of the three words before `at` denies it.
bool is_denied(std::string_view text, std::size_t at) {
  std::size_t end = at;
  for (int words = 0; words < 3 && end > 0; ++words) {
    while (end > 0 && text[end - 1] == ' ')
      --end;
    std::size_t begin = end;
    while (begin > 0 && (is_letter(text[begin - 1]) || text[begin - 1] == '\''))
      --begin;
    const std::string_view word = text.substr(begin, end - begin);
    if (word.ends_with("n't") || std::ranges::find(kDenials, word) != kDenials.end()) return true;
    if (begin == end) return false;  // a stop: another sentence
    end = begin;
  }
  return false;
}

bool is_whole(std::string_view text, std::size_t at, std::size_t size) {
  return (at == 0 || !is_letter(text[at - 1])) &&
         (at + size == text.size() || !is_letter(text[at + size]));
}

bool has_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    if (is_whole(text, at, word.size()) && !is_denied(text, at)) return true;
  return false;
}

std::optional<std::string_view> first_word(std::string_view text,
                                           std::span<const std::string_view> words) {
  const auto found =
      std::ranges::find_if(words, [text](std::string_view word) { return has_word(text, word); });
  if (found == words.end()) return std::nullopt;
  return *found;
}

struct Unit {
  std::string_view name;
  double factor;  ///< to what the constraint is in
};

struct Quantity {
  double value = 0;
  std::string words;  ///< as they were said
};

constexpr std::array<std::string_view, 16> kLimitWords{"within",
                                                       "under",
                                                       "below",
                                                       "at most",
                                                       "less than",
                                                       "fewer than",
                                                       "smaller than",
                                                       "faster than",
                                                       "no more than",
                                                       "not more than",
                                                       "no larger than",
                                                       "up to",
                                                       "max",
                                                       "maximum",
                                                       "<",
                                                       "<="};

bool ends_with_limit(std::string_view text) {
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return std::ranges::any_of(kLimitWords, [text](std::string_view word) {
    return text.ends_with(word) &&
           (!is_letter(word.front()) || is_whole(text, text.size() - word.size(), word.size()));
  });
}

bool is_of_number(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.' || c == ',';
}

/// The number that ends before `end`, blanks between, if words before it make it a limit. Nothing
/// of numbers with commas, which mean this here and that there.
std::optional<double> limit_before(std::string_view text, std::size_t end, std::size_t& begin) {
  while (end > 0 && text[end - 1] == ' ')
    --end;
  begin = end;
  while (begin > 0 && is_of_number(text[begin - 1]))
    --begin;
  if (begin > 0 && is_letter(text[begin - 1])) return std::nullopt;
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data() + begin, text.data() + end, value);
  if (error != std::errc{} || rest != text.data() + end || value <= 0) return std::nullopt;
  return ends_with_limit(text.substr(0, begin)) ? std::optional{value} : std::nullopt;
}

/// The least "within NUMBER UNIT" in the text that is no more than `most`.
std::optional<Quantity> least_quantity(std::string_view text,
                                       std::span<const Unit> units,
                                       double most) {
  std::optional<Quantity> least;
  for (const Unit& unit : units) {
    for (auto at = text.find(unit.name); at != std::string_view::npos;
         at = text.find(unit.name, at + 1)) {
      const auto end = at + unit.name.size();
      std::size_t begin = 0;
      const auto number = limit_before(text, at, begin);
      if (!number || (end < text.size() && is_letter(text[end]))) continue;
      const double value = *number * unit.factor;
      if (value <= most && (!least || value < least->value))
        least = Quantity{value, std::string{text.substr(begin, std::min(end - begin, kQuotedMax))}};
    }
  }
  return least;
}

constexpr std::array<Unit, 6> kTimes{{{"ms", 1},
                                      {"millisecond", 1},
                                      {"milliseconds", 1},
                                      {"microseconds", 1e-3},
                                      {"\xc2\xb5s", 1e-3},    // micro sign
                                      {"\xce\xbcs", 1e-3}}};  // Greek mu
constexpr std::array<Unit, 4> kSizes{
    {{"kb", 1e-3}, {"mb", 1}, {"megabytes", 1}, {"kilobytes", 1e-3}}};

constexpr std::array<std::string_view, 7> kQuickWords{"real time",
                                                      "real-time",
                                                      "realtime",
                                                      "low latency",
                                                      "low-latency",
                                                      "high frequency",
                                                      "high-frequency"};
constexpr std::array<std::string_view, 11> kSmallWords{"embedded",
                                                       "edge device",
                                                       "edge devices",
                                                       "microcontrollers",
                                                       "on the edge",
                                                       "microcontroller",
                                                       "firmware",
                                                       "small model",
                                                       "tiny model",
                                                       "small footprint",
                                                       "on-device"};
constexpr std::array<std::string_view, 14> kReadableWords{"interpretable",
                                                          "interpretability",
                                                          "explainable",
                                                          "explainability",
                                                          "transparent",
                                                          "transparency",
                                                          "audit",
                                                          "audits",
                                                          "auditor",
                                                          "auditors",
                                                          "regulators",
                                                          "white box",
                                                          "white-box",
                                                          "understandable"};

Decision told(std::string_view what, std::string choice, std::string_view words) {
  return {std::string{what}, std::move(choice), fmt::format("the use case says \"{}\"", words)};
}

}  // namespace

Constraints constraints_told_by(std::string_view use_case, std::vector<Decision>& decisions) {
  const std::string text = lower(use_case);
  Constraints asked;
  if (const auto time = least_quantity(text, kTimes, kPredictMsMax)) {
    asked.predict_ms = time->value;
    decisions.push_back(
        told("constraints", fmt::format("predict_ms {:g}", time->value), time->words));
  } else if (const auto words = first_word(text, kQuickWords)) {
    asked.predict_ms = kQuickMs;
    decisions.push_back(told("constraints", fmt::format("predict_ms {:g}", kQuickMs), *words));
  }
  if (const auto size = least_quantity(text, kSizes, kModelMbMax)) {
    asked.model_mb = size->value;
    decisions.push_back(
        told("constraints", fmt::format("model_mb {:g}", size->value), size->words));
  } else if (const auto words = first_word(text, kSmallWords)) {
    asked.model_mb = kSmallMb;
    decisions.push_back(told("constraints", fmt::format("model_mb {:g}", kSmallMb), *words));
  }
  if (const auto words = first_word(text, kReadableWords)) {
    asked.is_interpretable = true;
    decisions.push_back(told("constraints", "interpretable", *words));
  }
  return asked;
}

}  // namespace starling::ml
