#include "ml/search/search_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Distribution::Kind;

/// A parameter, a condition and a list of values are three levels; more is a mistake.
constexpr int kDepthMax = 8;
constexpr double kRealMax = 1e300;                // Half a step beyond it is still finite.
constexpr double kWholeMax = 9007199254740992.0;  // 2^53: above it a double skips whole numbers.

/// Long or odd values are cut, so that an error stays one line.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

/// Speaks about one parameter, so that every error names it.
class Complaint {
 public:
  explicit Complaint(std::string name) : name_(std::move(name)) {}

  Error operator()(std::string_view sentence) const {
    return Error{Errc::invalid_argument, fmt::format("search_space '{}': {}", name_, sentence)};
  }

  Error about(std::string_view field, const Json& value, std::string_view limit) const {
    return (*this)(fmt::format("field '{}' is {}, but must be {}", field, shown(value), limit));
  }

 private:
  std::string name_;
};

Result<ParamValue> read_value(const Json& json, std::string_view field, const Complaint& complain) {
  if (json.is_string() && json.get_ref<const std::string&>().size() <= 1000)
    return ParamValue{json.get<std::string>()};
  if (json.is_number_float()) return ParamValue{json.get<double>()};
  const bool fits = !json.is_number_unsigned() ||
                    json.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max();
  if (json.is_number_integer() && fits) return ParamValue{json.get<std::int64_t>()};
  return complain.about(field, json, "a number or a word of at most 1000 bytes");
}

Result<std::vector<ParamValue>> read_values(const Json& json,
                                            std::string_view field,
                                            const Complaint& complain) {
  const std::string limit =
      fmt::format("a list of 1 to {} different values", kSearchSpaceChoicesMax);
  if (!json.is_array() || json.empty() || json.size() > kSearchSpaceChoicesMax)
    return complain.about(field, json, limit);
  std::vector<ParamValue> values;
  for (const Json& item : json) {
    auto value = read_value(item, field, complain);
    if (!value) return value.error();
    for (const ParamValue& known : values) {
      if (same_value(known, *value))
        return complain(fmt::format("field '{}' has {} twice", field, shown(item)));
    }
    values.push_back(std::move(*value));
  }
  return values;
}

Result<double> read_number(const Json& json,
                           std::string_view field,
                           Kind kind,
                           const Complaint& complain) {
  const auto found = json.find(field);
  if (found == json.end()) return complain(fmt::format("field '{}' is missing", field));
  const bool is_whole = kind == Kind::integer;
  const double number = found->is_number() ? found->get<double>() : 0;
  const bool in_range = std::abs(number) <= (is_whole ? kWholeMax : kRealMax);
  if (is_whole && (!found->is_number_integer() || !in_range))
    return complain.about(field, *found, "a whole number between -2^53 and 2^53");
  if (!found->is_number() || !in_range)
    return complain.about(field, *found, "a number between -1e300 and 1e300");
  return number;
}

Result<> read_step(const Json& json, Distribution& parameter, const Complaint& complain) {
  if (parameter.kind == Kind::integer) parameter.step = 1;
  if (!json.contains("step")) return {};
  const auto step = read_number(json, "step", parameter.kind, complain);
  if (!step) return step.error();
  const double smallest = parameter.kind == Kind::integer ? 1 : 1e-12;
  if (!(*step >= smallest))
    return complain.about("step", json["step"], fmt::format("at least {}", smallest));
  if (parameter.log && !(parameter.kind == Kind::integer && *step == 1))
    return complain.about("step", json["step"], "left out when 'log' is true");
  parameter.step = *step;
  return {};
}

Result<> read_range(const Json& json, Distribution& parameter, const Complaint& complain) {
  const auto low = read_number(json, "low", parameter.kind, complain);
  if (!low) return low.error();
  const auto high = read_number(json, "high", parameter.kind, complain);
  if (!high) return high.error();
  if (*low > *high)
    return complain.about("low", json["low"], fmt::format("at most 'high', which is {}", *high));
  if (json.contains("log")) {
    if (!json["log"].is_boolean()) return complain.about("log", json["log"], "true or false");
    parameter.log = json["log"].get<bool>();
  }
  if (parameter.log && *low <= 0)
    return complain.about("low", json["low"], "greater than 0 when 'log' is true");
  const auto step = read_step(json, parameter, complain);
  if (!step) return step.error();
  parameter.low = *low;
  parameter.high = *high;
  if (parameter.step > 0) {
    const double steps = std::floor((*high - *low) / parameter.step + 1e-9);
    if (steps > 1e9)
      return complain.about(
          "step", json.value("step", Json(1)), "at least a billionth of the range");
    parameter.high = std::min(*high, *low + steps * parameter.step);
  }
  return {};
}

Result<> read_when(const Json& json,
                   const SearchSpace& before,
                   Distribution& parameter,
                   const Complaint& complain) {
  if (!json.is_object() || json.empty())
    return complain.about("when", json, "an object of parent: [values]");
  for (const auto& [parent, allowed] : json.items()) {
    const std::string field = "when." + parent;
    const Distribution* known = before.find(parent);
    if (known == nullptr)
      return complain.about(field, allowed, "about a parameter named before this one");
    if (known->kind == Kind::real)
      return complain.about(field, allowed, "about a parent of type int, categorical or fixed");
    auto values = read_values(allowed, field, complain);
    if (!values) return values.error();
    for (const ParamValue& value : *values) {
      const bool possible = known->kind == Kind::fixed ? same_value(known->value, value)
                                                       : to_number(*known, value).has_value();
      if (!possible)
        return complain(
            fmt::format("field '{}' names {}, which '{}' never is", field, to_text(value), parent));
    }
    parameter.when.emplace(parent, std::move(*values));
  }
  return {};
}

struct TypeRule {
  std::string_view name;
  Kind kind;
  std::set<std::string_view> fields;
};

const std::vector<TypeRule>& type_rules() {
  static const std::vector<TypeRule> rules = {
      {"float", Kind::real, {"type", "low", "high", "log", "step", "when"}},
      {"int", Kind::integer, {"type", "low", "high", "log", "step", "when"}},
      {"categorical", Kind::categorical, {"type", "choices", "when"}},
      {"fixed", Kind::fixed, {"type", "value", "when"}}};
  return rules;
}

Result<const TypeRule*> read_type(const Json& json, const Complaint& complain) {
  constexpr std::string_view limit = "float, int, categorical or fixed";
  if (!json.is_object()) return complain(fmt::format("is {}, but must be an object", shown(json)));
  const auto type = json.find("type");
  if (type == json.end()) return complain(fmt::format("field 'type' is missing; give {}", limit));
  const auto rule = std::ranges::find_if(type_rules(), [&](const TypeRule& candidate) {
    return type->is_string() && candidate.name == type->get_ref<const std::string&>();
  });
  if (rule == type_rules().end()) return complain.about("type", *type, limit);
  for (const auto& [field, value] : json.items()) {
    if (rule->fields.count(field) == 0)
      return complain(
          fmt::format("field '{}' (given as {}) does not belong to type '{}'; remove it",
                      field,
                      shown(value),
                      rule->name));
  }
  return &*rule;
}

Result<> read_body(const Json& json, Distribution& parameter, const Complaint& complain) {
  if (parameter.kind == Kind::categorical) {
    auto choices = read_values(json.value("choices", Json()), "choices", complain);
    if (!choices) return choices.error();
    parameter.choices = std::move(*choices);
    return {};
  }
  if (parameter.kind == Kind::fixed) {
    auto value = read_value(json.value("value", Json()), "value", complain);
    if (!value) return value.error();
    parameter.value = std::move(*value);
    return {};
  }
  return read_range(json, parameter, complain);
}

Result<Distribution> read_parameter(const std::string& name,
                                    const Json& json,
                                    const SearchSpace& before) {
  const bool is_long = name.size() > kSearchSpaceNameBytesMax;
  const Complaint complain{is_long ? shown(Json(name)) : name};
  if (name.empty() || is_long)
    return complain(fmt::format(
        "a name has 1 to {} bytes, this one {}", kSearchSpaceNameBytesMax, name.size()));
  const auto rule = read_type(json, complain);
  if (!rule) return rule.error();
  Distribution parameter;
  parameter.kind = (*rule)->kind;
  const auto body = read_body(json, parameter, complain);
  if (!body) return body.error();
  if (json.contains("when")) {
    const auto when = read_when(json["when"], before, parameter, complain);
    if (!when) return when.error();
  }
  return parameter;
}

/// JSON text to a tree, refusing what a tree would hide: a key given twice, and absurd depth.
Result<> read_tree(std::string_view text, Json& tree) {
  std::vector<std::set<std::string>> keys;
  std::string fault;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (depth > kDepthMax) fault = fmt::format("is nested deeper than {} levels", kDepthMax);
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      fault = fmt::format("names {} twice", shown(value));
    return true;
  };
  tree = Json::parse(text, watch, false);
  if (tree.is_discarded())
    return Error{Errc::invalid_argument, "search_space is not valid JSON in UTF-8"};
  if (!fault.empty()) return Error{Errc::invalid_argument, "search_space " + fault};
  return {};
}

Json to_tree(const ParamValue& value) {
  return std::visit([](const auto& held) { return Json(held); }, value);
}

Json to_tree(const std::vector<ParamValue>& values) {
  Json tree = Json::array();
  for (const ParamValue& value : values)
    tree.push_back(to_tree(value));
  return tree;
}

Json to_tree(double number, Kind kind) {
  return kind == Kind::integer ? Json(static_cast<std::int64_t>(number)) : Json(number);
}

Json to_tree(const Distribution& parameter) {
  Json tree;
  for (const TypeRule& rule : type_rules()) {
    if (rule.kind == parameter.kind) tree["type"] = rule.name;
  }
  if (parameter.kind == Kind::categorical) tree["choices"] = to_tree(parameter.choices);
  if (parameter.kind == Kind::fixed) tree["value"] = to_tree(parameter.value);
  if (parameter.kind == Kind::real || parameter.kind == Kind::integer) {
    tree["low"] = to_tree(parameter.low, parameter.kind);
    tree["high"] = to_tree(parameter.high, parameter.kind);
    if (parameter.log) tree["log"] = true;
    const bool is_usual = parameter.step == (parameter.kind == Kind::integer ? 1 : 0);
    if (!is_usual) tree["step"] = to_tree(parameter.step, parameter.kind);
  }
  for (const auto& [parent, allowed] : parameter.when)
    tree["when"][parent] = to_tree(allowed);
  return tree;
}

}  // namespace

Result<SearchSpace> parse_search_space(std::string_view json) {
  if (json.size() > kSearchSpaceTextBytesMax) {
    return Error{Errc::too_large,
                 fmt::format("search_space has {} bytes, above the limit of {}",
                             json.size(),
                             kSearchSpaceTextBytesMax)};
  }
  Json tree;
  const auto is_read = read_tree(json, tree);
  if (!is_read) return is_read.error();
  if (!tree.is_object() || tree.empty() || tree.size() > kSearchSpaceParametersMax) {
    return Error{
        Errc::invalid_argument,
        fmt::format("search_space must be an object of 1 to {} parameters, but is {}",
                    kSearchSpaceParametersMax,
                    tree.is_object() ? fmt::format("one of {}", tree.size()) : shown(tree))};
  }
  SearchSpace space;
  for (const auto& [name, value] : tree.items()) {
    auto parameter = read_parameter(name, value, space);
    if (!parameter) return parameter.error();
    space.parameters.emplace_back(name, std::move(*parameter));
  }
  return space;
}

std::string to_json(const SearchSpace& space) {
  Json tree = Json::object();
  for (const auto& [name, parameter] : space.parameters)
    tree[name] = to_tree(parameter);
  return tree.dump();
}

}  // namespace starling::ml
