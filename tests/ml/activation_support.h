/// Activations in double, from their definitions.
#pragma once

#include "ml/engine/kernels.h"

#include <algorithm>
#include <cmath>

namespace starling::ml {

/// As the papers define them. Not softmax.
inline double defined_activation(Activation kind, double x) {
  switch (kind) {
    case Activation::relu: return std::max(x, 0.0);
    case Activation::gelu:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::selu:
      return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x));
    case Activation::mish: return x * std::tanh(std::log1p(std::exp(x)));
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::identity: return x;
    case Activation::softmax: break;  // of a row, not of a number
  }
  return 0;
}

}  // namespace starling::ml
