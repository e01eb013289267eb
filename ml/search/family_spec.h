/// What a trial's parameters say of the model: `family` chooses which of the specs they fill.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/linear_spec.h"
#include "ml/search/mlp_spec.h"
#include "ml/search/search_space.h"
#include "ml/search/xgboost_spec.h"

#include <array>
#include <string>
#include <string_view>
#include <variant>

namespace starling::ml {

using FamilySpec = std::variant<MlpSpec, XgboostSpec, LinearSpec, BaselineSpec>;

/// What `family` may be.
inline constexpr std::array<std::string_view, 7> kFamilyNames{
    "baseline", "linear", "xgboost", "mlp", "realmlp", "resnet", "tabm"};

/// Those that a study tries if it does not say which: what others add for their time is little.
inline constexpr std::array<std::string_view, 4> kUsualFamilies{
    "baseline", "linear", "xgboost", "mlp"};

/// `family`: one of `kFamilyNames`; "mlp" if it is absent.
/// Errors: `invalid_argument` names the parameter, its value and its limits.
Result<FamilySpec> family_spec_from(const Params& params);

/// Its name; "mlp" where the parameters do not say.
std::string family_of(const Params& params);

/// The family whose parameters are named; "mlp" if there are none.
std::string family_told_by(const Params& params);

/// Which program a trial needs. Parameters that are none need the native one, which refuses them.
TrainingEngine engine_of(const Params& params);

/// Whether a trial could take what the space may give: of each parameter the ends of its range and
/// one value inside, each choice, a fixed value; and whether no family is given another's
/// parameter.
/// Errors: as `family_spec_from` and `encoding_spec_from`.
Result<> check_values(const SearchSpace& space);

}  // namespace starling::ml
