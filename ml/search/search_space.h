/// What a study may try: parameters in order, each with its range and when it exists at all.
///
///     {"family":     {"type": "categorical", "choices": ["mlp", "xgboost"]},
///      "mlp.width":  {"type": "int", "low": 32, "high": 256, "log": true,
///                     "when": {"family": ["mlp"]}},
///      "mlp.dropout": {"type": "fixed", "value": 0.1, "when": {"family": ["mlp"]}}}
///
/// Threads: none; plain values and functions of their arguments.
#pragma once

#include "ml/search/param_value.h"
#include "node/base/error.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kSearchSpaceParametersMax = 100;
inline constexpr std::size_t kSearchSpaceChoicesMax = 1000;
inline constexpr std::size_t kSearchSpaceNameBytesMax = 128;
inline constexpr std::size_t kSearchSpaceTextBytesMax = 1 << 20;

/// One parameter. Which fields mean something depends on `kind`.
struct Distribution {
  enum class Kind { real, integer, categorical, fixed };

  Kind kind = Kind::real;
  double low = 0;    ///< real, integer: the smallest value.
  double high = 0;   ///< real, integer: the largest value, a whole number of steps above `low`.
  bool log = false;  ///< real, integer: search evenly in the logarithm. `low` > 0, no step.
  double step = 0;   ///< real: 0 is continuous. integer: at least 1.
  std::vector<ParamValue> choices;  ///< categorical: at least one, all different.
  ParamValue value = 0.0;           ///< fixed: what every trial gets.

  /// The parameter exists in a trial iff each of these parents exists there with one of the values.
  std::map<std::string, std::vector<ParamValue>> when;

  friend bool operator==(const Distribution&, const Distribution&) = default;
};

struct SearchSpace {
  std::vector<std::pair<std::string, Distribution>> parameters;  ///< Parents before children.

  /// Nothing if no parameter has that name.
  const Distribution* find(std::string_view name) const;

  friend bool operator==(const SearchSpace&, const SearchSpace&) = default;
};

/// Reads the JSON form, strictly. A `high` that no step reaches is lowered to the last step.
/// Errors: `invalid_argument` names parameter, field, value and limit; `too_large` above 1 MiB.
Result<SearchSpace> parse_search_space(std::string_view json);

/// The inverse: `parse_search_space(to_json(space))` is `space`.
std::string to_json(const SearchSpace& space);

/// Whether `params` could have been drawn from `space`: every parameter that exists is there and
/// in its range, and nothing else is. A fixed one may be left out; a whole number may stand for a
/// real one.
/// Errors: `invalid_argument` names parameter, value and limit.
Result<> check_params(const SearchSpace& space, const Params& params);

/// `params` that passed `check_params`, in the form draws have: fixed values filled in, and real
/// parameters as double.
Params conform(const SearchSpace& space, Params params);

/// Whether a parameter exists in a trial whose earlier parameters are `so_far`.
bool is_active(const Distribution& parameter, const Params& so_far);

/// Equal as a person reads them: 1 is 1.0.
bool same_value(const ParamValue& a, const ParamValue& b);

/// What a person reads: words in quotes, numbers as short as they can be.
std::string to_text(const ParamValue& value);

/// The value as a number that samplers compute with (the index of a categorical one), or nothing
/// if it is not in the range.
std::optional<double> to_number(const Distribution& parameter, const ParamValue& value);

/// The inverse: rounds to the nearest step, stays within the range, and keeps 10 significant
/// digits of a real, so that a draw reads well and does not depend on the last bit of a logarithm.
ParamValue from_number(const Distribution& parameter, double number);

}  // namespace starling::ml
