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

/// [numbers][bins]: where each begins, and 1 / its width, or 0 for one that holds nothing.
struct NumberBins {
  std::vector<float> low, inverse;
};

/// Of the rows to learn from; nothing for numbers that are not embedded piecewise.
std::optional<NumberBins> bins_of(const InputEmbedding& embedding, const EncodedRows& rows);

}  // namespace starling::ml
