#include "ml/search/search_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace starling::ml {
namespace {

using Kind = Distribution::Kind;

std::optional<double> as_number(const ParamValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return std::nullopt;
}

/// `digits` significant digits, by way of text: exact and the same everywhere.
double rounded(double number, int digits) {
  const std::string text = fmt::format("{:.{}g}", number, digits);
  double result = number;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

/// 10 are plenty for a wide continuous range; a step or a narrow range far from 0 needs more.
int digits_of(const Distribution& parameter) {
  const double largest = std::max(std::abs(parameter.low), std::abs(parameter.high));
  return parameter.step == 0 && parameter.high - parameter.low > 1e-3 * largest ? 10 : 15;
}

double nearest_step(const Distribution& parameter, double number) {
  const double steps = std::round((number - parameter.low) / parameter.step);
  return parameter.low + steps * parameter.step;
}

/// Decimal steps are not exact in binary: 0.1 + 2 * 0.1 is still on the grid of 0.3.
bool is_on_grid(const Distribution& parameter, double number) {
  if (parameter.step == 0) return true;
  return std::abs(nearest_step(parameter, number) - number) <= 1e-9 * parameter.step;
}

std::string range_text(const Distribution& parameter) {
  if (parameter.kind == Kind::categorical) {
    std::string text;
    for (const ParamValue& choice : parameter.choices)
      text += (text.empty() ? "" : ", ") + to_text(choice);
    return "one of " + text;
  }
  const std::string_view kind = parameter.kind == Kind::integer ? "a whole number" : "a number";
  std::string text = fmt::format("{} from {} to {}", kind, parameter.low, parameter.high);
  const double usual_step = parameter.kind == Kind::integer ? 1 : 0;
  if (parameter.step != usual_step) text += fmt::format(" in steps of {}", parameter.step);
  return text;
}

Error wrong(std::string detail) {
  return Error{Errc::invalid_argument, std::move(detail)};
}

Result<> check_active(const std::string& name,
                      const Distribution& parameter,
                      const Params& params) {
  const auto found = params.find(name);
  if (parameter.kind == Kind::fixed) {
    if (found == params.end() || same_value(found->second, parameter.value)) return {};
    return wrong(fmt::format("parameter '{}' is {}, but it is fixed at {}; leave it out",
                             name,
                             to_text(found->second),
                             to_text(parameter.value)));
  }
  if (found == params.end()) {
    return wrong(fmt::format("parameter '{}' is missing; give {}", name, range_text(parameter)));
  }
  if (to_number(parameter, found->second)) return {};
  return wrong(fmt::format(
      "parameter '{}' is {}, but must be {}", name, to_text(found->second), range_text(parameter)));
}

}  // namespace

const Distribution* SearchSpace::find(std::string_view name) const {
  for (const auto& [known, parameter] : parameters) {
    if (known == name) return &parameter;
  }
  return nullptr;
}

Result<> check_params(const SearchSpace& space, const Params& params) {
  for (const auto& [name, value] : params) {
    if (space.find(name) == nullptr) {
      return wrong(
          fmt::format("parameter '{}' (given as {}) is not in the search space; "
                      "remove it or add it there",
                      name,
                      to_text(value)));
    }
  }
  Params so_far;
  for (const auto& [name, parameter] : space.parameters) {
    if (is_active(parameter, so_far)) {
      const auto fits = check_active(name, parameter, params);
      if (!fits) return fits.error();
      const auto found = params.find(name);
      so_far[name] = found == params.end() ? parameter.value : found->second;
    } else if (params.count(name) > 0) {
      return wrong(
          fmt::format("parameter '{}' is {}, but its 'when' does not hold in this trial; "
                      "remove it",
                      name,
                      to_text(params.at(name))));
    }
  }
  return {};
}

Params conform(const SearchSpace& space, Params params) {
  Params result;
  for (const auto& [name, parameter] : space.parameters) {
    if (!is_active(parameter, result)) continue;
    const auto found = params.find(name);
    if (parameter.kind == Kind::fixed) {
      result[name] = parameter.value;
    } else if (found != params.end()) {
      const auto number = as_number(found->second);
      const bool becomes_real = parameter.kind == Kind::real && number.has_value();
      result[name] = becomes_real ? ParamValue{*number} : std::move(found->second);
    }
  }
  return result;
}

bool is_active(const Distribution& parameter, const Params& so_far) {
  return std::ranges::all_of(parameter.when, [&](const auto& condition) {
    const auto parent = so_far.find(condition.first);
    if (parent == so_far.end()) return false;
    return std::ranges::any_of(condition.second, [&](const ParamValue& allowed) {
      return same_value(allowed, parent->second);
    });
  });
}

bool same_value(const ParamValue& a, const ParamValue& b) {
  if (a.index() == b.index()) return a == b;
  const auto left = as_number(a);
  const auto right = as_number(b);
  return left && right && *left == *right;
}

std::string to_text(const ParamValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return fmt::format("'{}'", *text);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *whole);
  return fmt::format("{}", std::get<double>(value));
}

std::optional<double> to_number(const Distribution& parameter, const ParamValue& value) {
  if (parameter.kind == Kind::fixed) return std::nullopt;
  if (parameter.kind == Kind::categorical) {
    for (std::size_t i = 0; i < parameter.choices.size(); ++i) {
      if (same_value(parameter.choices[i], value)) return static_cast<double>(i);
    }
    return std::nullopt;
  }
  if (parameter.kind == Kind::integer && !std::holds_alternative<std::int64_t>(value))
    return std::nullopt;
  const auto number = as_number(value);
  if (!number || !(*number >= parameter.low && *number <= parameter.high)) return std::nullopt;
  if (!is_on_grid(parameter, *number)) return std::nullopt;
  return number;
}

ParamValue from_number(const Distribution& parameter, double number) {
  if (parameter.kind == Kind::fixed) return parameter.value;
  if (parameter.kind == Kind::categorical) {
    const double last = static_cast<double>(parameter.choices.size() - 1);
    return parameter.choices[static_cast<std::size_t>(std::clamp(std::round(number), 0.0, last))];
  }
  if (parameter.step > 0) number = nearest_step(parameter, number);
  number = std::clamp(number, parameter.low, parameter.high);
  if (parameter.kind == Kind::integer) return static_cast<std::int64_t>(number);
  return std::clamp(rounded(number, digits_of(parameter)), parameter.low, parameter.high);
}

}  // namespace starling::ml
