#include "ml/ensemble/finish_json.h"

#include "ml/ensemble/calibration.h"
#include "ml/table/task_inference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;
using ReadJson = nlohmann::json;  // finds a name without looking at all others

/// What a number must be, for a person and for the program.
struct Limit {
  std::string words;
  bool (*holds)(double);
};

const Limit& temperature_limit() {
  static const Limit kLimit{
      fmt::format("a number from {} to {}", kTemperatureMin, kTemperatureMax),
      [](double value) { return value >= kTemperatureMin && value <= kTemperatureMax; }};
  return kLimit;
}

/// One line, and of nested values only the kind: however deep they are, it is not looked at.
std::string shown(const ReadJson& value) {
  if (value.is_structured()) return fmt::format("an {} of {}", value.type_name(), value.size());
  std::string text = value.dump(-1, ' ', true, ReadJson::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

Error corrupt(std::string_view what) {
  return {Errc::corrupt, fmt::format("the finish of a model cannot be read: {}", what)};
}

Error corrupt(std::string_view field, std::string_view value, std::string_view limit) {
  return corrupt(fmt::format("field '{}' is {}, but must be {}", field, value, limit));
}

/// `path` names the field from the outside, "conformal.level"; its last word is the name.
std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

Result<double> number_in(const ReadJson& json, std::string_view path, const Limit& limit) {
  const auto found = json.find(name_of(path));
  if (found == json.end()) return corrupt(path, "missing", limit.words);
  const double value = found->is_number() ? found->get<double>() : 0;
  const bool is_good = found->is_number() && std::isfinite(value) && limit.holds(value);
  if (!is_good) return corrupt(path, shown(*found), limit.words);
  return value;
}

Result<std::vector<double>> numbers_in(const ReadJson& json,
                                       std::string_view path,
                                       std::size_t least,
                                       std::size_t most) {
  const auto limit = fmt::format("a list of {} to {} numbers", least, most);
  const auto found = json.find(name_of(path));
  if (found == json.end()) return corrupt(path, "missing", limit);
  if (!found->is_array() || found->size() < least || found->size() > most)
    return corrupt(path, shown(*found), limit);
  std::vector<double> numbers;
  for (const ReadJson& one : *found) {
    if (!one.is_number())
      return corrupt(fmt::format("{}[{}]", path, numbers.size()), shown(one), "a number");
    numbers.push_back(one.get<double>());
  }
  return numbers;
}

Result<std::vector<double>> knots_in(const ReadJson& json, std::string_view path) {
  return numbers_in(json, path, 1, kFinishKnotsMax);
}

Result<> check_positive(const std::vector<double>& numbers, std::string_view path) {
  const auto fault = std::ranges::find_if(numbers, [](double one) { return !(one > 0); });
  if (fault == numbers.end()) return {};
  return corrupt(
      fmt::format("{}[{}]", path, fault - numbers.begin()), fmt::format("{}", *fault), "above 0");
}

Result<std::vector<double>> factors_in(const ReadJson& json) {
  if (!json.contains("class_factors")) return std::vector<double>{};
  auto factors = numbers_in(json, "class_factors", 3, kClassesMax);
  if (!factors) return factors.error();
  const auto positive = check_positive(*factors, "class_factors");
  return positive ? std::move(factors) : positive.error();
}

Result<std::vector<double>> at_in(const ReadJson& json) {
  auto at = knots_in(json, "conformal.at");
  if (!at) return at.error();
  const auto fault = std::ranges::adjacent_find(*at, std::ranges::greater_equal{});
  if (fault == at->end()) return at;
  const std::size_t place = static_cast<std::size_t>(fault - at->begin()) + 1;
  return corrupt(fmt::format("conformal.at[{}]", place),
                 fmt::format("{}", (*at)[place]),
                 fmt::format("above the one before it, {}", *fault));
}

Result<std::vector<double>> size_in(const ReadJson& json, std::size_t knots) {
  auto size = knots_in(json, "conformal.size");
  if (!size) return size.error();
  if (size->size() != knots) {
    return corrupt("conformal.size",
                   fmt::format("a list of {}", size->size()),
                   fmt::format("as long as 'conformal.at', {}", knots));
  }
  const auto positive = check_positive(*size, "conformal.size");
  return positive ? std::move(size) : positive.error();
}

Result<Conformal> conformal_in(const ReadJson& json) {
  if (!json.is_object()) return corrupt("conformal", shown(json), "an object");
  static const Limit kLevelLimit{"a number above 0 and below 1",
                                 [](double value) { return value > 0 && value < 1; }};
  static const Limit kQuantileLimit{"a number that is not negative",
                                    [](double value) { return value >= 0; }};
  const auto level = number_in(json, "conformal.level", kLevelLimit);
  if (!level) return level.error();
  const auto quantile = number_in(json, "conformal.quantile", kQuantileLimit);
  if (!quantile) return quantile.error();
  auto at = at_in(json);
  if (!at) return at.error();
  auto size = size_in(json, at->size());
  if (!size) return size.error();
  return Conformal{*level, *quantile, std::move(*at), std::move(*size)};
}

}  // namespace

std::string to_json(const Finish& finish) {
  Json out{{"temperature", finish.temperature}, {"threshold", finish.rule.threshold}};
  if (!finish.rule.factors.empty()) out["class_factors"] = finish.rule.factors;
  if (!finish.conformal) return out.dump();
  const Conformal& conformal = *finish.conformal;
  out["conformal"] = {{"level", conformal.level},
                      {"quantile", conformal.quantile},
                      {"at", conformal.at},
                      {"size", conformal.size}};
  return out.dump();
}

Result<Finish> finish_from_json(std::string_view text) {
  static const Limit kThresholdLimit{"a number from 0 to 1",
                                     [](double value) { return value >= 0 && value <= 1; }};
  const ReadJson json = ReadJson::parse(text, nullptr, false);
  if (!json.is_object()) return corrupt("it is no JSON object");
  const auto temperature = number_in(json, "temperature", temperature_limit());
  if (!temperature) return temperature.error();
  const auto threshold = number_in(json, "threshold", kThresholdLimit);
  if (!threshold) return threshold.error();
  auto factors = factors_in(json);
  if (!factors) return factors.error();
  Finish finish{.temperature = *temperature,
                .rule = {.threshold = *threshold, .factors = std::move(*factors)},
                .conformal = {}};
  const auto found = json.find("conformal");
  if (found == json.end()) return finish;
  auto conformal = conformal_in(*found);
  if (!conformal) return conformal.error();
  finish.conformal = std::move(*conformal);
  return finish;
}

}  // namespace starling::ml
