#include "ml/engine/mlp.h"

#include "node/base/assert.h"
#include "node/base/random.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace starling::ml {
namespace {

constexpr double kMomentum = 0.9;
constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr std::size_t kParameterCopies = 6;  // weights, gradients, two moments, average, best

}  // namespace

Mlp::Plan Mlp::plan_of(const MlpShape& shape) {
  Plan plan;
  std::vector<std::size_t> widths{shape.inputs};
  widths.insert(widths.end(), shape.hidden.begin(), shape.hidden.end());
  widths.push_back(shape.outputs);
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    Layer layer{};
    layer.inputs = widths[i];
    layer.outputs = widths[i + 1];
    layer.stride = padded(layer.outputs);
    layer.weight = plan.parameters;
    layer.bias = layer.weight + layer.inputs * layer.stride;
    plan.parameters = layer.bias + layer.stride;
    const bool has_slope = i + 2 < widths.size() && shape.activation != Activation::relu;
    plan.activations += (has_slope ? 2 : 1) * shape.batch * layer.stride;
    plan.widest = std::max(plan.widest, layer.stride);
    if (i > 0) plan.transposed = std::max(plan.transposed, layer.outputs * padded(layer.inputs));
    plan.layers.push_back(layer);
  }
  return plan;
}

std::size_t Mlp::floats_of(const Plan& plan, std::size_t batch) {
  return kParameterCopies * plan.parameters + plan.activations + 2 * batch * plan.widest +
         plan.transposed;
}

std::size_t Mlp::slab_bytes(const MlpShape& shape) {
  return floats_of(plan_of(shape), shape.batch) * sizeof(float);
}

Mlp::Mlp(MlpShape shape, const Kernels& kernels, std::uint64_t seed)
    : shape_(std::move(shape)),
      kernels_(kernels),
      seed_(seed),
      plan_(plan_of(shape_)),
      slab_(floats_of(plan_, shape_.batch)) {
  STARLING_ASSERT(shape_.batch > 0 && shape_.outputs > 0, "a network has outputs and a batch");
  float* at = slab_.data();
  const auto take = [&at](std::size_t floats) { return std::exchange(at, at + floats); };
  for (float** copy : {&weights_, &gradients_, &first_, &second_, &average_, &best_})
    *copy = take(plan_.parameters);
  for (Layer& layer : plan_.layers) {
    layer.activation = take(shape_.batch * layer.stride);
    const bool has_slope = &layer != &plan_.layers.back() && shape_.activation != Activation::relu;
    layer.slope = has_slope ? take(shape_.batch * layer.stride) : nullptr;
  }
  delta_ = take(shape_.batch * plan_.widest);
  next_delta_ = take(shape_.batch * plan_.widest);
  transposed_ = take(plan_.transposed);

  Random random{seed};
  for (const Layer& layer : plan_.layers) {
    const double bound = 1 / std::sqrt(static_cast<double>(std::max<std::size_t>(layer.inputs, 1)));
    for (std::size_t row = 0; row <= layer.inputs; ++row)  // the last row is the bias
      for (std::size_t c = 0; c < layer.outputs; ++c)
        weights_[layer.weight + row * layer.stride + c] =
            static_cast<float>((2 * random.unit() - 1) * bound);
  }
  std::copy_n(weights_, plan_.parameters, average_);
}

void Mlp::forward(std::span<const float> features,
                  std::size_t rows,
                  const float* parameters,
                  bool is_training) {
  const float* in = features.data();
  std::size_t in_stride = shape_.inputs;
  const bool drops = is_training && shape_.dropout > 0;
  for (std::size_t i = 0; i < plan_.layers.size(); ++i) {
    const Layer& layer = plan_.layers[i];
    const bool is_hidden = i + 1 < plan_.layers.size();
    Product product;
    product.rows = rows;
    product.columns = layer.stride;
    product.depth = layer.inputs;
    product.a = in;
    product.a_row = in_stride;
    product.a_depth = 1;
    product.b = parameters + layer.weight;
    product.bias = parameters + layer.bias;
    product.relu = is_hidden && shape_.activation == Activation::relu;
    product.out = layer.activation;
    kernels_.multiply(product);
    const std::size_t count = rows * layer.stride;
    if (layer.slope != nullptr) {
      kernels_.activate({.kind = shape_.activation,
                         .count = count,
                         .values = layer.activation,
                         .slopes = is_training ? layer.slope : nullptr});
      if (drops) drop(layer.slope, count, i);
    }
    if (is_hidden && drops) drop(layer.activation, count, i);
    in = layer.activation;
    in_stride = layer.stride;
  }
}

/// The same units whatever the values: those of a layer and their slopes are dropped together.
void Mlp::drop(float* values, std::size_t count, std::size_t layer) {
  const std::uint64_t place = steps_ * plan_.layers.size() + layer;
  kernels_.dropout({.count = count,
                    .values = values,
                    .key = static_cast<std::uint32_t>(mix_seeds(seed_, place)),
                    .threshold = static_cast<std::uint32_t>(shape_.dropout * 4294967296.0),
                    .scale = static_cast<float>(1 / (1 - shape_.dropout))});
}

double Mlp::number_loss(float error, float& slope) const {
  const auto e = static_cast<double>(error);
  if (shape_.loss == MlpLoss::squared) {
    slope = 2 * error;
    return e * e;
  }
  if (shape_.loss == MlpLoss::huber) {
    slope = error > 1 ? 1.0F : error < -1 ? -1.0F : error;
    return std::abs(e) > 1 ? std::abs(e) - 0.5 : e * e / 2;
  }
  const double weight = error > 0 ? 1 - shape_.quantile : -shape_.quantile;
  slope = error == 0 ? 0 : error == error ? static_cast<float>(weight) : error;
  return weight * e;
}

/// `slopes` are by the scores that the chances came from.
double Mlp::class_loss(const float* chances, std::size_t truth, float* slopes) const {
  const std::size_t classes = plan_.layers.back().outputs;
  const double shared = shape_.label_smoothing / static_cast<double>(classes);
  const double own = 1 - shape_.label_smoothing + shared;
  const auto log_of = [&](std::size_t c) {
    return std::log(std::max(static_cast<double>(chances[c]), 1e-30));
  };
  double sum = -own * log_of(truth);
  for (std::size_t c = 0; c < classes; ++c) {
    if (shared > 0 && c != truth) sum -= shared * log_of(c);
    slopes[c] = chances[c] - static_cast<float>(c == truth ? own : shared);
  }
  return sum;
}

/// The sum of the losses; `delta_` becomes the gradient of their mean by the last layer's outputs.
double Mlp::loss(const MlpBatch& batch) {
  const Layer& last = plan_.layers.back();
  const auto share = static_cast<float>(1 / static_cast<double>(batch.rows));
  std::fill_n(delta_, batch.rows * last.stride, 0.0F);
  const bool has_classes = shape_.loss == MlpLoss::cross_entropy;
  if (has_classes) kernels_.softmax(last.activation, batch.rows, last.outputs, last.stride);
  double sum = 0;
  for (std::size_t row = 0; row < batch.rows; ++row) {
    const float* said = last.activation + row * last.stride;
    float* delta = delta_ + row * last.stride;
    sum += has_classes ? class_loss(said, static_cast<std::size_t>(batch.classes[row]), delta)
                       : number_loss(said[0] - batch.numbers[row], delta[0]);
    for (std::size_t c = 0; c < last.outputs; ++c)
      delta[c] *= share;
  }
  return sum;
}

/// From the gradient by the outputs of `layer` to that by those of the layer before.
void Mlp::propagate(std::size_t index, std::size_t rows) {
  const Layer& layer = plan_.layers[index];
  const Layer& before = plan_.layers[index - 1];
  const float* weight = weights_ + layer.weight;
  for (std::size_t c = 0; c < layer.outputs; ++c) {
    float* row = transposed_ + c * before.stride;
    for (std::size_t r = 0; r < layer.inputs; ++r)
      row[r] = weight[r * layer.stride + c];
    std::fill(row + layer.inputs, row + before.stride, 0.0F);
  }
  Product product;
  product.rows = rows;
  product.columns = before.stride;
  product.depth = layer.outputs;
  product.a = delta_;
  product.a_row = layer.stride;
  product.a_depth = 1;
  product.b = transposed_;
  if (before.slope == nullptr) {
    product.gate = before.activation;
    product.gate_scale = static_cast<float>(1 / (1 - shape_.dropout));
  }
  product.slope = before.slope;
  product.out = next_delta_;
  kernels_.multiply(product);
  std::swap(delta_, next_delta_);
}

void Mlp::backward(const MlpBatch& batch) {
  for (std::size_t i = plan_.layers.size(); i-- > 0;) {
    const Layer& layer = plan_.layers[i];
    Product product;  // inputs, transposed, times delta: a sum over the rows of the batch
    product.rows = layer.inputs;
    product.columns = layer.stride;
    product.depth = batch.rows;
    product.a = i > 0 ? plan_.layers[i - 1].activation : batch.features.data();
    product.a_row = 1;
    product.a_depth = i > 0 ? plan_.layers[i - 1].stride : shape_.inputs;
    product.b = delta_;
    product.out = gradients_ + layer.weight;
    kernels_.multiply(product);
    kernels_.sum_rows(delta_, batch.rows, layer.stride, gradients_ + layer.bias);
    if (i > 0) propagate(i, batch.rows);
  }
}

double Mlp::find_gradient(const MlpBatch& batch) {
  STARLING_ASSERT(batch.rows > 0 && batch.rows <= shape_.batch,
                  "a step has rows, and not too many");
  forward(batch.features, batch.rows, weights_, true);
  const double sum = loss(batch);
  backward(batch);
  return sum;
}

double Mlp::step(const MlpBatch& batch, const MlpRates& rates) {
  const double sum = find_gradient(batch);
  ++steps_;
  beta1_power_ *= kBeta1;
  beta2_power_ *= kBeta2;
  const double norm = std::sqrt(kernels_.sum_squares(gradients_, plan_.parameters));
  if (!std::isfinite(norm)) return std::numeric_limits<double>::quiet_NaN();
  move(norm, rates);
  return sum;
}

void Mlp::move(double norm, const MlpRates& rates) {
  const double most = rates.gradient_norm_max;
  const auto scale = static_cast<float>(norm > most ? most / norm : 1);
  const bool is_decoupled = shape_.optimizer == MlpOptimizer::adamw;
  const auto decay = static_cast<float>(is_decoupled ? 0 : rates.weight_decay);
  if (shape_.optimizer == MlpOptimizer::momentum) {
    kernels_.momentum({.count = plan_.parameters,
                       .weights = weights_,
                       .gradients = gradients_,
                       .velocity = first_,
                       .average = average_,
                       .gradient_scale = scale,
                       .decay = decay,
                       .momentum = static_cast<float>(kMomentum),
                       .rate = static_cast<float>(rates.learning_rate),
                       .average_rate = static_cast<float>(rates.average_rate)});
    return;
  }
  const double kept = is_decoupled ? rates.learning_rate * rates.weight_decay : 0;
  kernels_.adam({.count = plan_.parameters,
                 .weights = weights_,
                 .gradients = gradients_,
                 .first = first_,
                 .second = second_,
                 .average = average_,
                 .gradient_scale = scale,
                 .keep = static_cast<float>(1 - kept),
                 .decay = decay,
                 .beta1 = static_cast<float>(kBeta1),
                 .beta2 = static_cast<float>(kBeta2),
                 .rate = static_cast<float>(rates.learning_rate / (1 - beta1_power_)),
                 .correction = static_cast<float>(1 / std::sqrt(1 - beta2_power_)),
                 .epsilon = 1e-8F,
                 .average_rate = static_cast<float>(rates.average_rate)});
}

std::vector<float> Mlp::predict(std::span<const float> features, std::size_t rows) {
  std::vector<float> out;
  out.reserve(rows * shape_.outputs);
  predict(features, rows, out);
  return out;
}

void Mlp::predict(std::span<const float> features, std::size_t rows, std::vector<float>& out) {
  const Layer& last = plan_.layers.back();
  for (std::size_t from = 0; from < rows; from += shape_.batch) {
    const std::size_t count = std::min(shape_.batch, rows - from);
    forward(features.subspan(from * shape_.inputs, count * shape_.inputs), count, average_, false);
    if (shape_.loss == MlpLoss::cross_entropy)
      kernels_.softmax(last.activation, count, last.outputs, last.stride);
    for (std::size_t row = 0; row < count; ++row) {
      const float* values = last.activation + row * last.stride;
      out.insert(out.end(), values, values + last.outputs);
    }
  }
}

void Mlp::remember() {
  std::copy_n(average_, plan_.parameters, best_);
}

void Mlp::recall() {
  std::copy_n(best_, plan_.parameters, weights_);
  std::copy_n(best_, plan_.parameters, average_);
}

std::vector<float> Mlp::compact(const float* parameters) const {
  std::vector<float> all;
  for (const Layer& layer : plan_.layers)
    for (std::size_t row = 0; row <= layer.inputs; ++row) {
      const float* from = parameters + layer.weight + row * layer.stride;
      all.insert(all.end(), from, from + layer.outputs);
    }
  return all;
}

std::vector<float> Mlp::weights() const {
  return compact(weights_);
}

std::vector<float> Mlp::averaged_weights() const {
  return compact(average_);
}

std::vector<float> Mlp::gradient() const {
  return compact(gradients_);
}

void Mlp::set_weights(std::span<const float> weights) {
  for (const Layer& layer : plan_.layers)
    for (std::size_t row = 0; row <= layer.inputs; ++row) {
      STARLING_ASSERT(weights.size() >= layer.outputs, "as many weights as the shape has");
      std::copy_n(weights.begin(), layer.outputs, weights_ + layer.weight + row * layer.stride);
      weights = weights.subspan(layer.outputs);
    }
  STARLING_ASSERT(weights.empty(), "as many weights as the shape has");
  std::copy_n(weights_, plan_.parameters, average_);
}

}  // namespace starling::ml
