#include "ml/engine/mlp.h"

#include "node/base/assert.h"
#include "node/base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <istream>
#include <limits>
#include <ostream>
#include <utility>

namespace starling::ml {
namespace {

static_assert(std::endian::native == std::endian::little, "state is kept as it lies");

/// `visit(place, columns)` for each row of each tensor, in their order.
template <class Visit>
void each_row(const TensorPlan& plan, const Visit& visit) {
  for (const Tensor& tensor : plan.tensors)
    for (std::size_t row = 0; row < tensor.blocks * tensor.rows; ++row)
      visit(tensor.offset + row * tensor.stride(), tensor.columns);
}

}  // namespace

Mlp::Layer Mlp::layer_of(const MlpShape& shape, const TensorPlan& tensors, std::size_t index) {
  const NetworkShape& net = shape.net;
  const auto place = [&](const char* name) {
    const Tensor* tensor = tensors.find(fmt::format("{}{}", name, index));
    return tensor == nullptr ? 0 : tensor->offset;
  };
  Layer layer{};
  layer.is_hidden = index < net.hidden.size();
  layer.inputs = net.width_before(index);
  if (layer.is_hidden) layer.says = net.hidden[index];
  layer.outputs = layer.is_hidden ? layer.says.width : net.outputs;
  layer.stride = padded(layer.outputs);
  layer.blocks = layer.is_hidden ? 1 : net.members;
  layer.weight = place("weight");
  layer.bias = place("bias");
  layer.gain = place("gain");
  layer.shift = place("shift");
  layer.mean = place("mean");
  layer.variance = place("variance");
  layer.adds = layer.is_hidden && net.adds(index);
  return layer;
}

Mlp::Plan Mlp::plan_of(const MlpShape& shape, MlpUse use) {
  const NetworkShape& net = shape.net;
  const bool is_training = use == MlpUse::train;
  const std::size_t rows = shape.batch * net.members;
  Plan plan;
  plan.tensors = tensors_of(net);
  const auto take = [&plan](std::size_t floats) {
    return std::exchange(plan.floats, plan.floats + floats);
  };
  static_cast<void>(take(plan.tensors.total));  // the weights
  if (is_training) {
    for (auto* copy : {&plan.gradients, &plan.first, &plan.second, &plan.average, &plan.best})
      *copy = take(plan.tensors.total);
  }
  std::size_t widest = 0;
  std::size_t transposed = 0;
  for (std::size_t i = 0; i <= net.hidden.size(); ++i) {
    const Layer& layer = plan.layers.emplace_back(layer_of(shape, plan.tensors, i));
    widest = std::max(widest, layer.stride);
    if (!is_training || (i == 0 && net.takes_inputs())) continue;
    widest = std::max(widest, padded(layer.inputs));
    transposed = std::max(transposed, layer.outputs * padded(layer.inputs));
  }
  const std::size_t widest_floats = rows * widest;
  const std::size_t turns[] = {is_training ? 0 : take(widest_floats),
                               is_training ? 0 : take(widest_floats)};
  for (Layer& layer : plan.layers) {
    const std::size_t floats = rows * layer.stride;
    const auto index = static_cast<std::size_t>(&layer - plan.layers.data());
    layer.activation = is_training ? take(floats) : turns[index % 2];
    if (!layer.is_hidden) continue;
    const HiddenLayer& says = layer.says;
    const bool has_norm = says.norm != Norm::none;
    if (has_norm) layer.inverse = take(says.norm == Norm::layer ? padded(rows) : layer.stride);
    if (!is_training) continue;
    if (has_norm) layer.normal = take(floats);
    if (says.activation != Activation::relu || net.is_residual) layer.slope = take(floats);
    if (says.activation == Activation::softmax) layer.chances = take(floats);
  }
  if (is_training) {
    plan.delta = take(widest_floats);
    plan.next_delta = take(widest_floats);
    plan.skipped = net.is_residual ? take(widest_floats) : 0;
    plan.transposed = take(transposed);
  }
  plan.stage =
      take(InputStage{net, plan.tensors, best_kernels(), shape.batch, is_training}.floats());
  return plan;
}

std::size_t Mlp::slab_bytes(const MlpShape& shape, MlpUse use) {
  return plan_of(shape, use).floats * sizeof(float);
}

Mlp::Mlp(MlpShape shape, const Kernels& kernels, std::uint64_t seed, MlpUse use)
    : shape_(std::move(shape)),
      kernels_(kernels),
      seed_(seed),
      plan_(plan_of(shape_, use)),
      runs_(runs_of(shape_, plan_.tensors)),
      stage_(shape_.net, plan_.tensors, kernels, shape_.batch, use == MlpUse::train),
      slab_(plan_.floats),
      weights_(slab_.data()),
      average_(at(plan_.average)),
      delta_(at(plan_.delta)),
      next_delta_(at(plan_.next_delta)) {
  STARLING_ASSERT(shape_.batch > 0 && shape_.net.outputs > 0, "a network has outputs and a batch");
  stage_.place(at(plan_.stage));
  if (use == MlpUse::predict) return;
  set_first_values(plan_.tensors, shape_.init, seed, weights_);
  std::copy_n(weights_, plan_.tensors.total, average_);
}

const float* Mlp::forward(std::span<const float> features,
                          std::size_t rows,
                          const float* parameters,
                          bool is_training) {
  const NetworkShape& net = shape_.net;
  given_ = stage_.forward(features.data(), rows, parameters);
  const float* in = given_;
  std::size_t in_stride = stage_.is_empty() ? net.inputs : padded(net.embedded());
  rows *= net.members;
  for (std::size_t i = 0; i < plan_.layers.size(); ++i) {
    const Layer& layer = plan_.layers[i];
    float* out = at(layer.activation);
    linear(layer, in, in_stride, rows, parameters);
    if (layer.is_hidden) {
      normalise(layer, rows, parameters, is_training);
      activate(i, rows, is_training);
      if (layer.adds) kernels_.add(out, in, rows * layer.stride);
    }
    in = out;
    in_stride = layer.stride;
  }
  return in;
}

/// With its ReLU, if nothing comes between.
void Mlp::linear(const Layer& layer,
                 const float* in,
                 std::size_t in_stride,
                 std::size_t rows,
                 const float* parameters) {
  const std::size_t own = rows / layer.blocks;
  for (std::size_t block = 0; block < layer.blocks; ++block) {
    Product product;
    product.rows = own;
    product.columns = layer.stride;
    product.depth = layer.inputs;
    product.a = in + block * own * in_stride;
    product.a_row = in_stride;
    product.a_depth = 1;
    product.b = parameters + layer.weight + block * layer.inputs * layer.stride;
    product.bias = parameters + layer.bias + block * layer.stride;
    product.relu = has_plain_relu(layer);
    product.out = at(layer.activation) + block * own * layer.stride;
    kernels_.multiply(product);
  }
}

void Mlp::normalise(const Layer& layer,
                    std::size_t rows,
                    const float* parameters,
                    bool is_training) {
  if (layer.says.norm == Norm::layer) {
    kernels_.normalise_rows({.rows = rows,
                             .columns = layer.outputs,
                             .values = at(layer.activation),
                             .gain = parameters + layer.gain,
                             .shift = parameters + layer.shift,
                             .normal = is_training ? at(layer.normal) : nullptr,
                             .inverse = at(layer.inverse)});
  }
  if (layer.says.norm != Norm::batch) return;
  // What a batch says of the moments is kept where the gradient would be: they have none.
  const float* known = parameters;
  float* const found = is_training ? at(plan_.gradients) : nullptr;
  kernels_.normalise_columns({.rows = rows,
                              .stride = layer.stride,
                              .values = at(layer.activation),
                              .gain = parameters + layer.gain,
                              .shift = parameters + layer.shift,
                              .given_mean = is_training ? nullptr : known + layer.mean,
                              .given_variance = is_training ? nullptr : known + layer.variance,
                              .mean = is_training ? found + layer.mean : nullptr,
                              .variance = is_training ? found + layer.variance : nullptr,
                              .normal = is_training ? at(layer.normal) : nullptr,
                              .inverse = at(layer.inverse)});
}

void Mlp::activate(std::size_t index, std::size_t rows, bool is_training) {
  const Layer& layer = plan_.layers[index];
  const std::size_t count = rows * layer.stride;
  const bool drops = is_training && layer.says.dropout > 0;
  float* const slope = is_training && layer.slope != 0 ? at(layer.slope) : nullptr;
  if (layer.says.activation == Activation::softmax) {
    apply_softmax(layer, rows, is_training);
  } else if (!has_plain_relu(layer)) {
    kernels_.activate({.kind = layer.says.activation,
                       .count = count,
                       .values = at(layer.activation),
                       .slopes = slope});
  }
  if (drops && slope != nullptr) drop(slope, count, index);
  if (drops) drop(at(layer.activation), count, index);
}

/// Its slopes are in `softmax_back`: those of the layer hold the dropout only.
void Mlp::apply_softmax(const Layer& layer, std::size_t rows, bool is_training) {
  float* const values = at(layer.activation);
  kernels_.softmax(values, rows, layer.outputs, layer.stride);
  if (!is_training) return;
  std::copy_n(values, rows * layer.stride, at(layer.chances));
  std::fill_n(at(layer.slope), rows * layer.stride, 1.0F);
}

/// The same units whatever the values: those of a layer and their slopes are dropped together.
void Mlp::drop(float* values, std::size_t count, std::size_t layer) {
  const std::uint64_t place = progress_.steps * plan_.layers.size() + layer;
  const double dropout = shape_.net.hidden[layer].dropout;
  kernels_.dropout({.count = count,
                    .values = values,
                    .key = static_cast<std::uint32_t>(mix_seeds(seed_, place)),
                    .threshold = static_cast<std::uint32_t>(dropout * 4294967296.0),
                    .scale = static_cast<float>(1 / (1 - dropout))});
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
  const std::size_t classes = shape_.net.outputs;
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
  const std::size_t rows = batch.rows * last.blocks;
  const auto share = static_cast<float>(1 / static_cast<double>(rows));
  float* const outputs = at(last.activation);
  std::fill_n(delta_, rows * last.stride, 0.0F);
  const bool has_classes = shape_.loss == MlpLoss::cross_entropy;
  if (has_classes) kernels_.softmax(outputs, rows, last.outputs, last.stride);
  double sum = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t truth = row % batch.rows;
    const float* said = outputs + row * last.stride;
    float* delta = delta_ + row * last.stride;
    const float weight = batch.weights.empty() ? 1 : batch.weights[truth];
    const double own = has_classes
                           ? class_loss(said, static_cast<std::size_t>(batch.classes[truth]), delta)
                           : number_loss(said[0] - batch.numbers[truth], delta[0]);
    sum += own * static_cast<double>(weight);
    for (std::size_t c = 0; c < last.outputs; ++c)
      delta[c] *= weight * share;
  }
  return sum / static_cast<double>(last.blocks);
}

void Mlp::softmax_back(const Layer& layer, std::size_t rows) {
  if (layer.says.activation != Activation::softmax) return;
  kernels_.softmax_back(
      {.rows = rows, .columns = layer.outputs, .delta = delta_, .chances = at(layer.chances)});
}

void Mlp::normalise_back(const Layer& layer, std::size_t rows) {
  float* const gradients = at(plan_.gradients);
  const NormSlope slope{.rows = rows,
                        .columns = layer.outputs,
                        .delta = delta_,
                        .normal = at(layer.normal),
                        .inverse = at(layer.inverse),
                        .gain = weights_ + layer.gain,
                        .gain_slope = gradients + layer.gain,
                        .shift_slope = gradients + layer.shift};
  if (layer.says.norm == Norm::layer) kernels_.normalise_rows_back(slope);
  if (layer.says.norm == Norm::batch) kernels_.normalise_columns_back(slope);
}

/// What the layer was given, transposed, times delta: a sum over the rows of the batch.
void Mlp::weights_back(const Layer& layer,
                       const float* in,
                       std::size_t in_stride,
                       std::size_t rows) {
  const std::size_t own = rows / layer.blocks;
  for (std::size_t block = 0; block < layer.blocks; ++block) {
    const float* delta = delta_ + block * own * layer.stride;
    Product product;
    product.rows = layer.inputs;
    product.columns = layer.stride;
    product.depth = own;
    product.a = in + block * own * in_stride;
    product.a_row = 1;
    product.a_depth = in_stride;
    product.b = delta;
    product.out = at(plan_.gradients) + layer.weight + block * layer.inputs * layer.stride;
    kernels_.multiply(product);
    kernels_.sum_rows(
        delta, own, layer.stride, at(plan_.gradients) + layer.bias + block * layer.stride);
  }
}

/// From the gradient by the sums of a layer to that by what the layer before makes of its sums; for
/// the first, to that by what it was given.
void Mlp::propagate(std::size_t index, std::size_t rows) {
  const Layer& layer = plan_.layers[index];
  const Layer* before = index > 0 ? &plan_.layers[index - 1] : nullptr;
  const std::size_t stride = padded(layer.inputs);
  const std::size_t own = rows / layer.blocks;
  const bool is_fused = before != nullptr && !shape_.net.is_residual;
  for (std::size_t block = 0; block < layer.blocks; ++block) {
    kernels_.transpose(weights_ + layer.weight + block * layer.inputs * layer.stride,
                       layer.inputs,
                       layer.outputs,
                       layer.stride,
                       at(plan_.transposed));
    const std::size_t from = block * own * stride;
    Product product;
    product.rows = own;
    product.columns = stride;
    product.depth = layer.outputs;
    product.a = delta_ + block * own * layer.stride;
    product.a_row = layer.stride;
    product.a_depth = 1;
    product.b = at(plan_.transposed);
    if (is_fused && before->slope == 0) {
      product.gate = at(before->activation) + from;
      product.gate_scale = static_cast<float>(1 / (1 - before->says.dropout));
    }
    if (is_fused && before->slope != 0) product.slope = at(before->slope) + from;
    product.out = next_delta_ + from;
    kernels_.multiply(product);
  }
  std::swap(delta_, next_delta_);
  if (before == nullptr || is_fused) return;
  const std::size_t count = rows * stride;
  if (layer.adds) kernels_.add(delta_, at(plan_.skipped), count);
  if (before->adds) std::copy_n(delta_, count, at(plan_.skipped));
  kernels_.scale(delta_, at(before->slope), count);
}

void Mlp::backward(const MlpBatch& batch) {
  const NetworkShape& net = shape_.net;
  const std::size_t rows = batch.rows * net.members;
  for (std::size_t i = plan_.layers.size(); i-- > 0;) {
    const Layer& layer = plan_.layers[i];
    if (layer.is_hidden) softmax_back(layer, rows);
    if (layer.is_hidden) normalise_back(layer, rows);
    const bool is_first = i == 0;
    const float* in = is_first ? given_ : at(plan_.layers[i - 1].activation);
    const std::size_t in_stride = is_first && stage_.is_empty() ? net.inputs : padded(layer.inputs);
    weights_back(layer, in, in_stride, rows);
    if (!is_first || !stage_.is_empty()) propagate(i, rows);
  }
  if (!stage_.is_empty())
    stage_.backward(batch.features.data(), delta_, batch.rows, weights_, at(plan_.gradients));
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
  ++progress_.steps;
  progress_.beta1_power *= shape_.beta1;
  progress_.beta2_power *= shape_.beta2;
  const double norm = std::sqrt(kernels_.sum_squares(at(plan_.gradients), plan_.tensors.trained));
  if (!std::isfinite(norm)) return std::numeric_limits<double>::quiet_NaN();
  move(norm, rates);
  average_moments(batch.rows, rates.moment_rate);
  return sum;
}

/// The moments of the last batch become the weights' part of them, and of their average the more
/// the more rows it had. One row has no variance and says nothing.
void Mlp::average_moments(std::size_t rows, double average_rate) {
  if (rows * shape_.net.members < 2) return;
  const float* found = at(plan_.gradients);
  const double share = static_cast<double>(rows) / static_cast<double>(shape_.batch);
  const auto rate = static_cast<float>(average_rate * share);
  for (std::size_t i = plan_.tensors.fixed; i < plan_.tensors.total; ++i) {
    weights_[i] = found[i];
    average_[i] = average_[i] + rate * (found[i] - average_[i]);
  }
}

std::vector<float> Mlp::predict(std::span<const float> features, std::size_t rows) {
  std::vector<float> out;
  out.reserve(rows * shape_.net.outputs);
  predict(features, rows, out);
  return out;
}

void Mlp::predict(std::span<const float> features, std::size_t rows, std::vector<float>& out) {
  const Layer& last = plan_.layers.back();
  const std::size_t inputs = shape_.net.inputs;
  for (std::size_t from = 0; from < rows; from += shape_.batch) {
    const std::size_t count = std::min(shape_.batch, rows - from);
    forward(features.subspan(from * inputs, count * inputs), count, average_, false);
    float* const said = at(last.activation);
    add_adjustment(said, count * last.blocks);
    if (shape_.loss == MlpLoss::cross_entropy)
      kernels_.softmax(said, count * last.blocks, last.outputs, last.stride);
    average_members(said, count);
    for (std::size_t row = 0; row < count; ++row)
      out.insert(out.end(), said + row * last.stride, said + row * last.stride + last.outputs);
  }
}

void Mlp::adjust_outputs(std::span<const double> by) {
  STARLING_ASSERT(by.empty() || by.size() == shape_.net.outputs, "a number for each output");
  adjustment_.assign(by.begin(), by.end());
}

void Mlp::add_adjustment(float* said, std::size_t rows) const {
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t k = 0; k < adjustment_.size(); ++k)
      said[row * plan_.layers.back().stride + k] += adjustment_[k];
}

/// The first block becomes the mean of all.
void Mlp::average_members(float* said, std::size_t rows) {
  const Layer& last = plan_.layers.back();
  if (last.blocks == 1) return;
  const auto share = 1 / static_cast<float>(last.blocks);
  const std::size_t count = rows * last.stride;
  for (std::size_t block = 1; block < last.blocks; ++block)
    kernels_.add(said, said + block * count, count);
  for (std::size_t i = 0; i < count; ++i)
    said[i] *= share;
}

void Mlp::remember() {
  std::copy_n(average_, plan_.tensors.total, at(plan_.best));
}

void Mlp::recall() {
  std::copy_n(at(plan_.best), plan_.tensors.total, weights_);
  std::copy_n(at(plan_.best), plan_.tensors.total, average_);
}

std::vector<float> Mlp::compact(const float* parameters) const {
  std::vector<float> all;
  all.reserve(plan_.tensors.values());
  each_row(plan_.tensors, [&](std::size_t place, std::size_t columns) {
    all.insert(all.end(), parameters + place, parameters + place + columns);
  });
  return all;
}

std::vector<float> Mlp::weights() const {
  return compact(weights_);
}

std::vector<float> Mlp::averaged_weights() const {
  std::vector<float> average(average_, average_ + plan_.tensors.total);
  const Layer& last = plan_.layers.back();
  add_adjustment(average.data() + last.bias, last.blocks);
  return compact(average.data());
}

std::vector<float> Mlp::gradient() const {
  return compact(slab_.data() + plan_.gradients);
}

void Mlp::spread(std::span<const float> values, float* parameters) const {
  STARLING_ASSERT(values.size() == plan_.tensors.values(), "as many values as the shape has");
  each_row(plan_.tensors, [&](std::size_t place, std::size_t columns) {
    std::copy_n(values.begin(), columns, parameters + place);
    values = values.subspan(columns);
  });
}

void Mlp::set_weights(std::span<const float> weights) {
  spread(weights, weights_);
  if (average_ != weights_) std::copy_n(weights_, plan_.tensors.total, average_);
}

void Mlp::save(std::ostream& out) const {
  out.write(reinterpret_cast<const char*>(&progress_), sizeof(Progress));
  for (const std::size_t copy : kept_copies())
    each_row(plan_.tensors, [&](std::size_t place, std::size_t columns) {
      out.write(reinterpret_cast<const char*>(slab_.data() + copy + place),
                static_cast<std::streamsize>(columns * sizeof(float)));
    });
}

std::size_t Mlp::state_bytes() const {
  return sizeof(Progress) + kept_copies().size() * plan_.tensors.values() * sizeof(float);
}

bool Mlp::restore(std::istream& in) {
  in.read(reinterpret_cast<char*>(&progress_), sizeof(Progress));
  for (const std::size_t copy : kept_copies())
    each_row(plan_.tensors, [&](std::size_t place, std::size_t columns) {
      in.read(reinterpret_cast<char*>(at(copy + place)),
              static_cast<std::streamsize>(columns * sizeof(float)));
    });
  return static_cast<bool>(in);
}

void Mlp::set_bins(std::span<const float> low, std::span<const float> inverse) {
  const Tensor* lows = plan_.tensors.find("bin_low");
  const Tensor* inverses = plan_.tensors.find("bin_inverse");
  STARLING_ASSERT(lows != nullptr && low.size() == lows->values() && inverse.size() == low.size(),
                  "as many bins as the shape has");
  for (std::size_t row = 0; row < lows->rows; ++row) {
    for (float* parameters : {weights_, average_}) {
      const std::size_t from = row * lows->columns;
      const std::size_t to = row * lows->stride();
      std::copy_n(low.begin() + static_cast<std::ptrdiff_t>(from),
                  lows->columns,
                  parameters + lows->offset + to);
      std::copy_n(inverse.begin() + static_cast<std::ptrdiff_t>(from),
                  lows->columns,
                  parameters + inverses->offset + to);
    }
  }
}

}  // namespace starling::ml
