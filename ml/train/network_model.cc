#include "ml/train/network_model.h"

#include "ml/train/native_model.h"

#include <algorithm>
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

std::string script_of(const Mlp& network, const TargetCoding& target) {
  NativeModel model;
  model.net = network.shape().net;
  model.is_regression = target.task == TaskKind::regression;
  model.scale = model.is_regression ? target.std : 1;
  model.shift = model.is_regression ? target.mean : 0;
  model.is_log = target.is_log;
  model.weights = network.averaged_weights();
  auto bytes = to_torchscript(model);
  if (!bytes) throw std::runtime_error(bytes.error().detail);
  return std::move(*bytes);
}

}  // namespace starling::ml
