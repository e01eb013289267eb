// How a step moves the weights of a network.
#include "ml/engine/mlp.h"

#include <algorithm>
#include <cmath>

namespace starling::ml {

std::vector<Mlp::Run> Mlp::runs_of(const MlpShape& shape, const TensorPlan& tensors) {
  std::vector<Run> runs;
  for (const Tensor& tensor : tensors.tensors) {
    if (tensor.offset >= tensors.trained) break;
    Run run{.from = tensor.offset, .count = tensor.floats()};
    if (tensor.init == Init::bias) run.decay = shape.bias_rate;
    if (tensor.name == "member_scale") run.decay = shape.scale_rate;
    run.rate = run.decay;
    const bool is_tangent = shape.init == WeightInit::tangent && tensor.init == Init::weight;
    if (is_tangent)
      run.rate /= std::sqrt(static_cast<double>(std::max<std::size_t>(tensor.rows, 1)));
    const bool goes_on =
        !runs.empty() && runs.back().rate == run.rate && runs.back().decay == run.decay;
    if (goes_on)
      runs.back().count += run.count;
    else
      runs.push_back(run);
  }
  return runs;
}

void Mlp::move(double norm, const MlpRates& rates) {
  const double most = rates.gradient_norm_max;
  const auto scale = static_cast<float>(norm > most ? most / norm : 1);
  for (const Run& run : runs_)
    move(run, scale, rates);
}

void Mlp::move(const Run& run, float scale, const MlpRates& rates) {
  const bool is_decoupled = shape_.optimizer == MlpOptimizer::adamw;
  const auto decay = static_cast<float>(is_decoupled ? 0 : rates.weight_decay);
  const double rate = rates.learning_rate * run.rate;
  if (shape_.optimizer == MlpOptimizer::momentum) {
    kernels_.momentum({.count = run.count,
                       .weights = weights_ + run.from,
                       .gradients = at(plan_.gradients) + run.from,
                       .velocity = at(plan_.first) + run.from,
                       .average = average_ + run.from,
                       .gradient_scale = scale,
                       .decay = decay,
                       .momentum = static_cast<float>(shape_.beta1),
                       .rate = static_cast<float>(rate),
                       .average_rate = static_cast<float>(rates.average_rate)});
    return;
  }
  const double kept = is_decoupled ? rates.learning_rate * run.decay * rates.weight_decay : 0;
  kernels_.adam({.count = run.count,
                 .weights = weights_ + run.from,
                 .gradients = at(plan_.gradients) + run.from,
                 .first = at(plan_.first) + run.from,
                 .second = at(plan_.second) + run.from,
                 .average = average_ + run.from,
                 .gradient_scale = scale,
                 .keep = static_cast<float>(1 - kept),
                 .decay = decay,
                 .beta1 = static_cast<float>(shape_.beta1),
                 .beta2 = static_cast<float>(shape_.beta2),
                 .rate = static_cast<float>(rate / (1 - progress_.beta1_power)),
                 .correction = static_cast<float>(1 / std::sqrt(1 - progress_.beta2_power)),
                 .epsilon = 1e-8F,
                 .average_rate = static_cast<float>(rates.average_rate)});
}

}  // namespace starling::ml
