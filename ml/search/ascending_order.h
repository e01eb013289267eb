/// Indices of values in ascending order, with equal values in the order numpy 1.24 leaves them in.
///
/// Equal values get different kernel widths depending on their order, so equality with Optuna's
/// golden vectors needs the very same algorithm, not just any sort.
///
/// Source: Sedgewick, "Implementing quicksort programs" (1978): median of three, insertion sort
///         for 16 or fewer.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace starling::ml {

/// `values` must not hold NaN.
std::vector<std::size_t> ascending_order(std::span<const double> values);

}  // namespace starling::ml
