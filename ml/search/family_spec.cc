#include "ml/search/family_spec.h"

#include "ml/search/encoding_spec.h"
#include "ml/search/param_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {
namespace {

constexpr std::string_view kFamily = "family";
constexpr double kSomewhereInside = 0.381966;  // of a range: no whole number is likely there

std::vector<ParamValue> values_to_check(const Distribution& parameter) {
  switch (parameter.kind) {
    case Distribution::Kind::fixed: return {parameter.value};
    case Distribution::Kind::categorical: return parameter.choices;
    case Distribution::Kind::real:
    case Distribution::Kind::integer: break;
  }
  const double range = parameter.high - parameter.low;
  const double second = parameter.step > 0 ? parameter.step : range * kSomewhereInside;
  return {from_number(parameter, parameter.low),
          from_number(parameter, parameter.low + second),
          from_number(parameter, parameter.high)};
}

template <auto read>
Result<FamilySpec> read_as(const Params& params) {
  auto spec = read(params);
  return spec ? Result<FamilySpec>{*spec} : spec.error();
}

struct Family {
  std::string_view name;
  std::string_view prefix;  ///< of its parameters
  Result<FamilySpec> (*read)(const Params& params);
};

constexpr std::array<Family, kFamilyNames.size()> kFamilies{
    {{kFamilyNames[0], "baseline.", &read_as<baseline_spec_from>},
     {kFamilyNames[1], "linear.", &read_as<linear_spec_from>},
     {kFamilyNames[2], "xgb.", &read_as<xgboost_spec_from>},
     {kFamilyNames[3], "mlp.", &read_as<mlp_spec_from>},
     {kFamilyNames[4], "realmlp.", &read_as<realmlp_spec_from>},
     {kFamilyNames[5], "resnet.", &read_as<resnet_spec_from>},
     {kFamilyNames[6], "tabm.", &read_as<tabm_spec_from>}}};

/// Nothing for a parameter of every family.
std::optional<std::string> family_named_by(std::string_view name) {
  const auto owns = [name](const Family& family) { return name.starts_with(family.prefix); };
  const auto* found = std::ranges::find_if(kFamilies, owns);
  return found == kFamilies.end() ? std::nullopt : std::optional<std::string>{found->name};
}

Result<> check_value(const std::string& name, const ParamValue& value) {
  Params alone{{name, value}};
  if (is_encoding_param(name)) {
    const auto encoding = encoding_spec_from(alone);
    return encoding ? Result<>{} : encoding.error();
  }
  if (const auto family = family_named_by(name)) alone[std::string{kFamily}] = *family;
  const auto spec = family_spec_from(alone);
  return spec ? Result<>{} : spec.error();
}

/// Whether trials of that family may have the parameter.
bool may_be_active(const SearchSpace& space,
                   const Distribution& parameter,
                   const ParamValue& family) {
  return std::ranges::all_of(parameter.when, [&](const auto& condition) {
    const auto& [parent, values] = condition;
    if (parent == kFamily) return std::ranges::find(values, family) != values.end();
    const Distribution* above = space.find(parent);
    return above != nullptr && may_be_active(space, *above, family);
  });
}

/// A parameter of one family would make the trials of another fail.
Result<> check_family(const SearchSpace& space,
                      const std::string& name,
                      const Distribution& parameter) {
  const auto own = family_named_by(name);
  if (!own) return {};
  const Distribution* chosen = space.find(kFamily);
  const auto families =
      chosen == nullptr ? std::vector<ParamValue>{"mlp"} : values_to_check(*chosen);
  for (const ParamValue& family : families) {
    if (family == ParamValue{*own} || !may_be_active(space, parameter, family)) continue;
    const std::string advice =
        chosen == nullptr ? fmt::format(R"(add "family": {{"type": "fixed", "value": "{}"}})", *own)
                          : fmt::format(R"(give it "when": {{"family": ["{}"]}})", *own);
    return Error{Errc::invalid_argument,
                 fmt::format("{} is no parameter of family {}: {}", name, to_text(family), advice)};
  }
  return {};
}

bool may_be(const SearchSpace& space, std::string_view name, const ParamValue& value) {
  const Distribution* parameter = space.find(name);
  if (parameter == nullptr) return false;
  const auto values = values_to_check(*parameter);
  return std::ranges::find(values, value) != values.end();
}

bool may_have_batch_norm(const SearchSpace& space) {
  return std::ranges::any_of(space.parameters, [&space](const auto& parameter) {
    const std::string& name = parameter.first;
    return (name == "mlp.norm" || name.starts_with("mlp.norm_")) && may_be(space, name, "batch");
  });
}

/// Whether all its values are above 1.
bool is_many(const SearchSpace& space, std::string_view name) {
  const Distribution* parameter = space.find(name);
  if (parameter == nullptr) return false;
  const auto values = values_to_check(*parameter);
  return std::ranges::all_of(values, [](const ParamValue& value) { return number_of(value) > 1; });
}

}  // namespace

Result<FamilySpec> family_spec_from(const Params& params) {
  const auto wanted = params.find(std::string{kFamily});
  if (wanted == params.end()) return read_as<mlp_spec_from>(params);
  const auto is_it = [&](const Family& family) {
    return wanted->second == ParamValue{std::string{family.name}};
  };
  const auto* found = std::ranges::find_if(kFamilies, is_it);
  if (found != kFamilies.end()) return found->read(params);
  return Error{Errc::invalid_argument,
               fmt::format("family must be one of {}, not {}",
                           fmt::join(kFamilyNames, ", "),
                           to_text(wanted->second))};
}

std::string family_of(const Params& params) {
  const auto found = params.find(std::string{kFamily});
  const auto* named = found == params.end() ? nullptr : std::get_if<std::string>(&found->second);
  return named == nullptr ? "mlp" : *named;
}

std::string family_told_by(const Params& params) {
  for (const auto& [name, value] : params)
    if (const auto family = family_named_by(name)) return *family;
  return "mlp";
}

TrainingEngine engine_of(const Params& params) {
  const auto spec = family_spec_from(params);
  const auto* network = spec ? std::get_if<MlpSpec>(&*spec) : nullptr;
  return network == nullptr ? TrainingEngine::native : network->engine;
}

Result<> check_values(const SearchSpace& space) {
  if (may_have_batch_norm(space) && may_be(space, "mlp.batch_size", std::int64_t{1}) &&
      !is_many(space, "mlp.members")) {
    return Error{Errc::invalid_argument, "mlp.norm batch needs mlp.batch_size to be 2 or more"};
  }
  for (const auto& [name, parameter] : space.parameters) {
    for (const ParamValue& value : values_to_check(parameter))
      if (auto ok = check_value(name, value); !ok) return ok;
    if (auto ok = check_family(space, name, parameter); !ok) return ok;
  }
  return {};
}

}  // namespace starling::ml
