#include "ml/search/family_spec.h"

#include "ml/search/encoding_spec.h"

#include <fmt/format.h>

namespace starling::ml {
namespace {

std::vector<ParamValue> values_to_check(const Distribution& parameter) {
  switch (parameter.kind) {
    case Distribution::Kind::fixed: return {parameter.value};
    case Distribution::Kind::categorical: return parameter.choices;
    case Distribution::Kind::real:
    case Distribution::Kind::integer: break;
  }
  const double second = parameter.low + parameter.step;
  return {from_number(parameter, parameter.low),
          from_number(parameter, second),
          from_number(parameter, parameter.high)};
}

Result<> check_value(const std::string& name, const ParamValue& value) {
  Params alone{{name, value}};
  if (is_encoding_param(name)) {
    const auto encoding = encoding_spec_from(alone);
    return encoding ? Result<>{} : encoding.error();
  }
  if (name.starts_with("xgb.")) alone["family"] = "xgboost";
  const auto spec = family_spec_from(alone);
  return spec ? Result<>{} : spec.error();
}

}  // namespace

Result<FamilySpec> family_spec_from(const Params& params) {
  const auto family = params.find("family");
  const bool is_mlp = family == params.end() || family->second == ParamValue{"mlp"};
  if (!is_mlp && family->second != ParamValue{"xgboost"}) {
    return Error{Errc::invalid_argument,
                 fmt::format("family must be mlp or xgboost, not {}", to_text(family->second))};
  }
  if (is_mlp) {
    const auto spec = mlp_spec_from(params);
    return spec ? Result<FamilySpec>{*spec} : spec.error();
  }
  const auto spec = xgboost_spec_from(params);
  return spec ? Result<FamilySpec>{*spec} : spec.error();
}

TrainingEngine engine_of(const Params& params) {
  const auto spec = family_spec_from(params);
  const auto* network = spec ? std::get_if<MlpSpec>(&*spec) : nullptr;
  return network == nullptr ? TrainingEngine::native : network->engine;
}

Result<> check_values(const SearchSpace& space) {
  for (const auto& [name, parameter] : space.parameters) {
    for (const ParamValue& value : values_to_check(parameter))
      if (auto ok = check_value(name, value); !ok) return ok;
  }
  return {};
}

}  // namespace starling::ml
