/// The network that a trial's parameters choose for rows of a given kind: the same for whoever
/// trains it and whoever predicts its memory.
///
/// Threads: none. Pure.
#pragma once

#include "ml/engine/mlp.h"
#include "ml/search/mlp_spec.h"
#include "ml/table/encoded_rows.h"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace starling::ml {

/// `features`: of the encoded rows. `outputs`: the number of classes, or 1.
/// A category is embedded if it has more levels than the embedding has floats.
NetworkShape network_of(const MlpSpec& spec,
                        std::span<const EncodedRows::Feature> features,
                        std::size_t outputs);

/// With all that training needs; `rows` are there to learn from.
MlpShape shape_of(const MlpSpec& spec,
                  std::span<const EncodedRows::Feature> features,
                  std::size_t outputs,
                  bool is_regression,
                  std::size_t rows);

/// A network without hidden layers: linear or logistic regression.
MlpShape plain_shape(std::span<const EncodedRows::Feature> features,
                     std::size_t outputs,
                     bool is_regression,
                     std::size_t rows);

/// Whether so many rows make a batch: a norm over them needs two. The last batch of an epoch that
/// is too small is left out.
inline bool can_learn_from(const NetworkShape& net, std::size_t rows) {
  return !net.has_batch_norm() || rows * net.members > 1;
}

/// Networks are judged and kept by the running average of their weights, which reaches so many
/// epochs back: at a constant learning rate the last step is noise.
/// Source: Polyak and Juditsky (1992); bias correction as in Morales-Brotons et al., "Exponential
///         Moving Average of Weights in Deep Learning" (2024).
inline constexpr double kAverageEpochs = 2;

/// [numbers][bins]: where each begins, and 1 / its width, or 0 for one that holds nothing.
struct NumberBins {
  std::vector<float> low, inverse;
};

/// Of the rows to learn from; nothing for numbers that are not embedded piecewise.
std::optional<NumberBins> bins_of(const InputEmbedding& embedding, const EncodedRows& rows);

}  // namespace starling::ml
