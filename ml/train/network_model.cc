#include "ml/train/network_model.h"

#include "ml/train/native_model.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>

namespace starling::ml {

std::vector<float> answers_of(Mlp& network,
                              RowBatches& batches,
                              const EncodedRows& features,
                              const TargetCoding& target) {
  const std::size_t batch = network.shape().batch;
  std::vector<float> out;
  out.reserve(features.rows() * network.shape().net.outputs);
  for (std::size_t from = 0; from < features.rows(); from += batch) {
    const std::size_t count = std::min(batch, features.rows() - from);
    network.predict(batches.features_of(features, from, count), count, out);
  }
  if (target.task == TaskKind::regression)
    scale_outputs(out, target.std, target.mean, target.is_log);
  return out;
}

namespace {

/// The factors of inputs become the first layer's own: who loads the model needs not know of them.
void fold_scales(NativeModel& model) {
  if (!model.net.scales_inputs || model.net.members > 1) return;
  std::size_t scale = 0;
  std::size_t weight = 0;
  std::size_t at = 0;
  for (const Tensor& tensor : tensors_of(model.net).tensors) {
    if (tensor.name == "member_scale") scale = at;
    if (tensor.name == "weight0") weight = at;
    at += tensor.values();
  }
  const std::size_t inputs = model.net.embedded();
  const std::size_t outputs =
      model.net.hidden.empty() ? model.net.outputs : model.net.hidden.front().width;
  for (std::size_t i = 0; i < inputs; ++i)
    for (std::size_t k = 0; k < outputs; ++k)
      model.weights[weight + i * outputs + k] *= model.weights[scale + i];
  const auto begin = model.weights.begin() + static_cast<std::ptrdiff_t>(scale);
  model.weights.erase(begin, begin + static_cast<std::ptrdiff_t>(inputs));
  model.net.scales_inputs = false;
}

}  // namespace

std::string script_of(const Mlp& network, const TargetCoding& target) {
  NativeModel model;
  model.net = network.shape().net;
  model.is_regression = target.task == TaskKind::regression;
  model.scale = model.is_regression ? target.std : 1;
  model.shift = model.is_regression ? target.mean : 0;
  model.is_log = target.is_log;
  model.weights = network.averaged_weights();
  fold_scales(model);
  auto bytes = to_torchscript(model);
  if (!bytes) throw std::runtime_error(bytes.error().detail);
  return std::move(*bytes);
}

}  // namespace starling::ml
