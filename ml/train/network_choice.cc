#include "ml/train/network_choice.h"

#include <algorithm>
#include <cmath>

namespace starling::ml {
namespace {

/// The absolute error is twice the loss of its median.
MlpLoss loss_of(NumberLoss loss) {
  switch (loss) {
    case NumberLoss::squared: break;
    case NumberLoss::huber: return MlpLoss::huber;
    case NumberLoss::absolute: return MlpLoss::pinball;
  }
  return MlpLoss::squared;
}

MlpOptimizer optimizer_of(OptimizerKind optimizer) {
  switch (optimizer) {
    case OptimizerKind::adamw: break;
    case OptimizerKind::adam: return MlpOptimizer::adam;
    case OptimizerKind::sgd: return MlpOptimizer::momentum;
  }
  return MlpOptimizer::adamw;
}

InputEmbedding embedding_of(const MlpSpec& spec, std::span<const EncodedRows::Feature> features) {
  InputEmbedding embedding;
  embedding.kind = spec.embedding;
  embedding.width = spec.embedding_width;
  embedding.bins = spec.embedding_bins;
  embedding.frequency_scale = spec.embedding_scale;
  embedding.level_width = std::max<std::size_t>(spec.level_width, kLanes);
  for (const EncodedRows::Feature& feature : features) {
    for (std::size_t i = 0; i < feature.numbers && spec.embedding != NumberEmbedding::none; ++i)
      embedding.numbers.push_back(feature.offset + i);
    if (feature.is_category && spec.level_width > 0 && feature.width > spec.level_width)
      embedding.levels.push_back({feature.offset, feature.width});
  }
  if (embedding.numbers.empty()) embedding.kind = NumberEmbedding::none;
  return embedding;
}

constexpr std::size_t kPlainBatch = 1024;  // rows that a linear model looks at at once

constexpr std::size_t kBinRowsMax = 20'000;  // that bins are found from

/// Quantiles of a number in the rows to learn from, the edges of its bins: bins of one width hold
/// as many rows, or nothing where one value fills several.
void find_bins(std::vector<float>& values, std::size_t bins, float* low, float* inverse) {
  std::sort(values.begin(), values.end());
  const auto edge = [&](std::size_t k) { return values[k * (values.size() - 1) / bins]; };
  for (std::size_t k = 0; k < bins; ++k) {
    const float width = edge(k + 1) - edge(k);
    low[k] = edge(k);
    inverse[k] = width > 0 ? 1 / width : 0;
    if (!std::isfinite(inverse[k])) inverse[k] = 0;
  }
}

}  // namespace

NetworkShape network_of(const MlpSpec& spec,
                        std::span<const EncodedRows::Feature> features,
                        std::size_t outputs) {
  NetworkShape net;
  if (!features.empty()) net.inputs = features.back().offset + features.back().width;
  net.outputs = outputs;
  net.hidden = layers_of(spec);
  net.is_residual = spec.is_residual;
  net.members = spec.members;
  net.scales_inputs = spec.scale_rate > 0;
  net.embedding = embedding_of(spec, features);
  return net;
}

MlpShape shape_of(const MlpSpec& spec,
                  std::span<const EncodedRows::Feature> features,
                  std::size_t outputs,
                  bool is_regression,
                  std::size_t rows) {
  return {.net = network_of(spec, features, outputs),
          .batch = std::clamp<std::size_t>(rows, 1, spec.batch_size),
          .loss = is_regression ? loss_of(spec.loss) : MlpLoss::cross_entropy,
          .label_smoothing = spec.label_smoothing,
          .optimizer = optimizer_of(spec.optimizer),
          .beta1 = spec.optimizer == OptimizerKind::sgd ? spec.momentum : spec.beta1,
          .init = spec.init,
          .beta2 = spec.beta2,
          .bias_rate = spec.bias_rate,
          .scale_rate = spec.scale_rate > 0 ? spec.scale_rate : 1};
}

MlpShape plain_shape(std::span<const EncodedRows::Feature> features,
                     std::size_t outputs,
                     bool is_regression,
                     std::size_t rows) {
  MlpShape shape;
  if (!features.empty()) shape.net.inputs = features.back().offset + features.back().width;
  shape.net.outputs = outputs;
  shape.batch = std::clamp<std::size_t>(rows, 1, kPlainBatch);
  shape.loss = is_regression ? MlpLoss::squared : MlpLoss::cross_entropy;
  return shape;
}

std::optional<NumberBins> bins_of(const InputEmbedding& embedding, const EncodedRows& rows) {
  if (embedding.kind != NumberEmbedding::piecewise || rows.rows() == 0) return std::nullopt;
  NumberBins bins;
  bins.low.resize(embedding.numbers.size() * embedding.bins);
  bins.inverse.resize(bins.low.size());
  const std::size_t step = (rows.rows() - 1) / kBinRowsMax + 1;
  std::size_t at = 0;
  std::vector<float> values;
  for (std::size_t f = 0; f < rows.features().size(); ++f) {
    for (std::size_t k = 0; k < rows.features()[f].numbers; ++k, at += embedding.bins) {
      values.clear();
      for (std::size_t row = 0; row < rows.rows(); row += step)
        values.push_back(rows.numbers(row, f)[k]);
      find_bins(values, embedding.bins, bins.low.data() + at, bins.inverse.data() + at);
    }
  }
  return bins;
}

}  // namespace starling::ml
