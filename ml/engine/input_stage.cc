#include "ml/engine/input_stage.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace starling::ml {

InputStage::InputStage(const NetworkShape& shape,
                       const TensorPlan& plan,
                       const Kernels& kernels,
                       std::size_t batch,
                       bool is_training)
    : shape_(shape),
      kernels_(kernels),
      plain_(shape.plain_inputs()),
      batch_(batch),
      stride_(padded(shape.embedded())),
      feature_stride_(padded(shape.embedding.features())),
      is_training_(is_training) {
  const auto place_of = [&plan](std::string_view name) {
    const Tensor* tensor = plan.find(name);
    return tensor == nullptr ? 0 : tensor->offset;
  };
  frequencies_ = place_of("frequencies");
  weight_ = place_of("number_weight");
  bias_ = place_of("number_bias");
  bin_low_ = place_of("bin_low");
  bin_inverse_ = place_of("bin_inverse");
  member_scale_ = place_of("member_scale");
  for (const Tensor& tensor : plan.tensors)
    if (tensor.name.starts_with("level_weight")) level_weights_.push_back(tensor.offset);
}

std::array<std::size_t, InputStage::kBuffers> InputStage::buffer_sizes() const {
  std::array<std::size_t, kBuffers> sizes{};
  if (is_empty()) return sizes;
  const InputEmbedding& e = shape_.embedding;
  const std::size_t count = e.numbers.size();
  const bool has_members = shape_.has_scales();
  const bool learns_waves = is_training_ && e.kind == NumberEmbedding::periodic && count > 0;
  sizes[numbers] = batch_ * count;
  sizes[features] = batch_ * count * feature_stride_;
  sizes[feature_deltas] = learns_waves ? sizes[features] : 0;
  sizes[embedded] = batch_ * stride_;
  sizes[expanded] = has_members ? shape_.members * batch_ * stride_ : 0;
  sizes[merged] = is_training_ && has_members && !e.is_empty() ? batch_ * stride_ : 0;
  sizes[transposed] = learns_waves ? e.width * feature_stride_ : 0;
  sizes[sums] = is_training_ ? stride_ : 0;
  return sizes;
}

std::size_t InputStage::floats() const {
  const auto sizes = buffer_sizes();
  return std::accumulate(sizes.begin(), sizes.end(), std::size_t{0});
}

void InputStage::place(float* slab) {
  const auto sizes = buffer_sizes();
  for (std::size_t i = 0; i < kBuffers; ++i)
    at_[i] = std::exchange(slab, slab + sizes[i]);
}

const float* InputStage::forward(const float* inputs, std::size_t rows, const float* parameters) {
  if (is_empty()) return inputs;
  embed_numbers(inputs, rows, parameters);
  embed_levels(inputs, rows, parameters);
  const std::size_t first = shape_.embedded() - plain_.size();
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t i = 0; i < plain_.size(); ++i)
      at_[embedded][row * stride_ + first + i] = inputs[row * shape_.inputs + plain_[i]];
  if (!shape_.has_scales()) return at_[embedded];
  for (std::size_t m = 0; m < shape_.members; ++m)
    kernels_.scale_columns(at_[embedded],
                           parameters + member_scale_ + m * stride_,
                           rows,
                           stride_,
                           at_[expanded] + m * rows * stride_);
  return at_[expanded];
}

void InputStage::embed_numbers(const float* inputs, std::size_t rows, const float* parameters) {
  const InputEmbedding& e = shape_.embedding;
  const std::size_t count = e.numbers.size();
  if (count == 0) return;
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t i = 0; i < count; ++i)
      at_[numbers][row * count + i] = inputs[row * shape_.inputs + e.numbers[i]];
  if (e.kind == NumberEmbedding::periodic) {
    kernels_.waves({.rows = rows,
                    .numbers = count,
                    .frequencies = e.bins,
                    .x = at_[numbers],
                    .c = parameters + frequencies_,
                    .waves = at_[features]});
  } else {
    kernels_.bins({.rows = rows,
                   .numbers = count,
                   .bins = e.bins,
                   .x = at_[numbers],
                   .low = parameters + bin_low_,
                   .inverse = parameters + bin_inverse_,
                   .shares = at_[features]});
  }
  for (std::size_t i = 0; i < count; ++i) {
    Product product;
    product.rows = rows;
    product.columns = e.width;
    product.depth = e.features();
    product.a = at_[features] + i * feature_stride_;
    product.a_row = count * feature_stride_;
    product.a_depth = 1;
    product.b = parameters + weight_ + i * e.features() * e.width;
    product.bias = parameters + bias_ + i * e.width;
    product.relu = true;
    product.out = at_[embedded] + i * e.width;
    product.out_row = stride_;
    kernels_.multiply(product);
  }
}

void InputStage::embed_levels(const float* inputs, std::size_t rows, const float* parameters) {
  const InputEmbedding& e = shape_.embedding;
  for (std::size_t j = 0; j < e.levels.size(); ++j) {
    Product product;
    product.rows = rows;
    product.columns = e.level_width;
    product.depth = e.levels[j].count;
    product.a = inputs + e.levels[j].from;
    product.a_row = shape_.inputs;
    product.a_depth = 1;
    product.b = parameters + level_weights_[j];
    product.out = at_[embedded] + e.numbers.size() * e.width + j * e.level_width;
    product.out_row = stride_;
    kernels_.multiply(product);
  }
}

void InputStage::backward(const float* inputs,
                          float* delta,
                          std::size_t rows,
                          const float* parameters,
                          float* gradients) {
  if (shape_.has_scales()) delta = merge_members(delta, rows, parameters, gradients);
  const InputEmbedding& e = shape_.embedding;
  if (!e.numbers.empty()) numbers_back(delta, rows, parameters, gradients);
  for (std::size_t j = 0; j < e.levels.size(); ++j) {
    Product product;
    product.rows = e.levels[j].count;
    product.columns = e.level_width;
    product.depth = rows;
    product.a = inputs + e.levels[j].from;
    product.a_row = 1;
    product.a_depth = shape_.inputs;
    product.b = delta + e.numbers.size() * e.width + j * e.level_width;
    product.b_row = stride_;
    product.out = gradients + level_weights_[j];
    kernels_.multiply(product);
  }
}

/// The gradient by what the members were copied from; nothing if nobody needs it.
float* InputStage::merge_members(float* delta,
                                 std::size_t rows,
                                 const float* parameters,
                                 float* gradients) {
  const bool has_embedding = !shape_.embedding.is_empty();
  if (has_embedding) std::fill_n(at_[merged], rows * stride_, 0.0F);
  for (std::size_t m = 0; m < shape_.members; ++m) {
    const float* own = delta + m * rows * stride_;
    const std::size_t scales = member_scale_ + m * stride_;
    kernels_.sum_products(own, at_[embedded], rows, stride_, gradients + scales);
    if (has_embedding)
      kernels_.add_scaled_columns(own, parameters + scales, rows, stride_, at_[merged]);
  }
  return at_[merged];
}

void InputStage::numbers_back(float* delta,
                              std::size_t rows,
                              const float* parameters,
                              float* gradients) {
  const InputEmbedding& e = shape_.embedding;
  const std::size_t count = e.numbers.size();
  for (std::size_t row = 0; row < rows; ++row) {
    const float* said = at_[embedded] + row * stride_;
    float* slope = delta + row * stride_;
    for (std::size_t c = 0; c < count * e.width; ++c)
      slope[c] = said[c] <= 0 ? 0.0F : slope[c];
  }
  kernels_.sum_rows(delta, rows, stride_, at_[sums]);
  std::copy_n(at_[sums], count * e.width, gradients + bias_);
  for (std::size_t i = 0; i < count; ++i) {
    Product product;
    product.rows = e.features();
    product.columns = e.width;
    product.depth = rows;
    product.a = at_[features] + i * feature_stride_;
    product.a_row = 1;
    product.a_depth = count * feature_stride_;
    product.b = delta + i * e.width;
    product.b_row = stride_;
    product.out = gradients + weight_ + i * e.features() * e.width;
    kernels_.multiply(product);
  }
  if (e.kind == NumberEmbedding::periodic) frequencies_back(delta, rows, parameters, gradients);
}

void InputStage::frequencies_back(const float* delta,
                                  std::size_t rows,
                                  const float* parameters,
                                  float* gradients) {
  const InputEmbedding& e = shape_.embedding;
  const std::size_t count = e.numbers.size();
  for (std::size_t i = 0; i < count; ++i) {
    const float* weight = parameters + weight_ + i * e.features() * e.width;
    kernels_.transpose(weight, e.features(), e.width, e.width, at_[transposed]);
    Product product;
    product.rows = rows;
    product.columns = feature_stride_;
    product.depth = e.width;
    product.a = delta + i * e.width;
    product.a_row = stride_;
    product.a_depth = 1;
    product.b = at_[transposed];
    product.out = at_[feature_deltas] + i * feature_stride_;
    product.out_row = count * feature_stride_;
    kernels_.multiply(product);
  }
  std::fill_n(gradients + frequencies_, count * padded(e.bins), 0.0F);
  kernels_.waves_back({.rows = rows,
                       .numbers = count,
                       .frequencies = e.bins,
                       .x = at_[numbers],
                       .c = parameters + frequencies_,
                       .waves = at_[features],
                       .delta = at_[feature_deltas],
                       .slope = gradients + frequencies_});
}

}  // namespace starling::ml
