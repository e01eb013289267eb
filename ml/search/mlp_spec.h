/// What a trial's parameters say of a multilayer perceptron.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/param_value.h"
#include "node/base/error.h"

#include <cstdint>

namespace starling::ml {

/// The hyperparameters `mlp.*` of a trial.
struct MlpSpec {
  double learning_rate = 1e-3;
  std::uint32_t n_layers = 2;  ///< hidden layers
  std::uint32_t width = 128;
  double dropout = 0.1;
  double weight_decay = 1e-4;
  std::uint32_t batch_size = 64;
};

/// A parameter that is absent keeps its default; `family` may be there and must be "mlp". Those of
/// encoding_spec.h are left to it.
/// Errors: `invalid_argument` names the parameter, its value and its limits.
Result<MlpSpec> mlp_spec_from(const Params& params);

}  // namespace starling::ml
