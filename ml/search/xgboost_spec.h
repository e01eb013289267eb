/// What a trial's parameters say of gradient-boosted trees.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/param_value.h"
#include "node/base/error.h"

#include <cstdint>

namespace starling::ml {

/// An epoch of a study is so many rounds of boosting: with 100 epochs, 1,000 trees.
inline constexpr std::uint32_t kRoundsPerEpoch = 10;

/// The hyperparameters `xgb.*` of a trial, by XGBoost's own names. Defaults: XGB-TD of Holzmüller
/// et al., "Better by Default" (2024), between those for numbers and those for classes.
struct XgboostSpec {
  double learning_rate = 0.05;
  std::uint32_t max_depth = 6;
  double min_child_weight = 1;
  double subsample = 0.7;
  double colsample_bylevel = 0.9;
  double reg_lambda = 1;
  double reg_alpha = 0;
  std::uint32_t max_bin = 256;
  std::uint32_t epochs = 100;  ///< no parameter

  friend bool operator==(const XgboostSpec&, const XgboostSpec&) = default;
};

/// A parameter that is absent keeps its default. `family` and those of encoding_spec.h are left
/// out.
/// Errors: `invalid_argument` names the parameter, its value and its limits.
Result<XgboostSpec> xgboost_spec_from(const Params& params);

}  // namespace starling::ml
