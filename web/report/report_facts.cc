#include "web/report/report_facts.h"

#include <cmath>

namespace starling::web {

namespace {

// Beyond, a double is no whole number any more, nor does it always fit.
constexpr double kCountMax = 9007199254740992.0;

const Json& no_list() {
  static const Json kNothing = Json::array();
  return kNothing;
}

}  // namespace

const Json& no_part() {
  static const Json kNothing = nullptr;
  return kNothing;
}

const Json& part_at(const Json& json, JsonPath path) {
  const Json* at = &json;
  for (const std::string_view name : path) {
    if (!at->is_object()) return no_part();
    const auto found = at->find(std::string{name});
    if (found == at->end()) return no_part();
    at = &*found;
  }
  return *at;
}

std::optional<double> number_at(const Json& json, JsonPath path) {
  const Json& found = part_at(json, path);
  if (!found.is_number()) return std::nullopt;
  const double value = found.get<double>();
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> count_at(const Json& json, JsonPath path) {
  const auto value = number_at(json, path);
  if (!value || *value < 0 || *value > kCountMax) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

std::string text_at(const Json& json, JsonPath path) {
  const Json& found = part_at(json, path);
  return found.is_string() ? found.get<std::string>() : std::string{};
}

bool flag_at(const Json& json, JsonPath path) {
  const Json& found = part_at(json, path);
  return found.is_boolean() && found.get<bool>();
}

const Json& list_at(const Json& json, JsonPath path) {
  const Json& found = part_at(json, path);
  return found.is_array() ? found : no_list();
}

const Json& trial_at(const ReportFacts& facts, std::uint64_t number) {
  for (const Json& trial : list_at(facts.trials, {})) {
    if (count_at(trial, {"number"}) == number) return trial;
  }
  return no_part();
}

}  // namespace starling::web
