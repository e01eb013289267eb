#include "ml/search/constraints.h"

#include <algorithm>

namespace starling::ml {
namespace {

constexpr double kBytesOfMb = 1e6;

double excess(double limit, double value) {
  return limit > 0 ? std::max(0.0, value / limit - 1) : 0;
}

}  // namespace

double violation_of(const Constraints& constraints, const ModelCost& cost) {
  return excess(constraints.predict_ms, cost.predict_ms) +
         excess(constraints.model_mb, static_cast<double>(cost.bytes) / kBytesOfMb);
}

}  // namespace starling::ml
