/// What a trial's parameters say of the plain models: one that knows nothing of the columns, and a
/// weighted sum of them.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/param_value.h"
#include "node/base/error.h"

#include <cstdint>

namespace starling::ml {

/// Says the mean of the target, or the shares of the classes, whatever the row: what every model
/// has to beat.
struct BaselineSpec {
  std::uint32_t epochs = 1;  ///< no parameter

  friend bool operator==(const BaselineSpec&, const BaselineSpec&) = default;
};

/// Ridge regression, or (multinomial) logistic regression. An epoch is one step of L-BFGS.
/// Parameter: `linear.l2`.
struct LinearSpec {
  double l2 = 1e-3;  ///< times the squares of all weights but the biases, added to the mean loss of
                     ///< a row: the squared error of a standardised target, or the cross-entropy
  std::uint32_t epochs = 100;  ///< no parameter

  friend bool operator==(const LinearSpec&, const LinearSpec&) = default;
};

/// A parameter that is absent keeps its default. `family` and those of encoding_spec.h are left
/// out.
/// Errors: `invalid_argument` names the parameter, its value and its limits.
Result<BaselineSpec> baseline_spec_from(const Params& params);
Result<LinearSpec> linear_spec_from(const Params& params);

}  // namespace starling::ml
