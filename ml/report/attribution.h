/// Why a model says what it says of a row: what each column adds to what it says on average, on the
/// scale of its answer. All families and bags of them alike, since only answers are asked for.
///
/// Shapley values by sampling: columns of a background row become the row's own, one by one, in
/// orders drawn by chance, each order once forwards and once backwards. However few orders, the
/// effects and the base sum to the answer. Source: Štrumbelj and Kononenko (2014); Mitchell et al.,
/// "Sampling Permutations for Shapley Value Estimation" (2022), for the pairs of orders.
///
/// Deterministic: what is drawn follows from the seed. Threads: none. Pure.
#pragma once

#include "ml/report/importance.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace starling::ml {

struct AttributionTask {
  Matrix rows;              ///< spread; those that are explained
  Matrix background;        ///< of the same width; at least one
  std::size_t outputs = 1;  ///< that `predict` says of a row
  std::size_t models = 1;   ///< that answer together: the more, the fewer orders
  std::vector<ColumnPlace> columns = {};
  std::function<std::vector<float>(const Matrix& rows)> predict = {};
  std::uint64_t seed = 0;
};

/// Of one row. `said` = `base` + the sum of `effects`, but for the last places of floats.
struct Attribution {
  std::size_t output = 0;       ///< of several: the second of two, else the greatest
  double said = 0, base = 0;    ///< of the row; on average of the background rows
  std::vector<double> effects;  ///< by column
};

/// Pairs of orders for each row: 2 to 25, as many as some ten thousand predictions allow.
std::size_t attribution_pairs(const AttributionTask& task);

struct AttributionFound {
  std::size_t background = 0;  ///< how many rows were drawn: one for each pair, the same for all
  std::vector<Attribution> rows;
};

AttributionFound attributions_of(const AttributionTask& task);

}  // namespace starling::ml
