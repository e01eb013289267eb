/// Rows drawn again from those that there are, to see how far a score is chance.
///
/// Deterministic. Threads: none. Pure.
/// Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 6 and 13.
#pragma once

#include "ml/table/metrics.h"
#include "node/base/random.h"

#include <cstddef>
#include <span>
#include <vector>

namespace starling::ml {

/// As many as there are, with replacement.
std::vector<std::size_t> drawn_rows(std::size_t rows, Random& random);

/// What was said of those rows, and what was true.
Judged rows_of(const Judged& judged, std::span<const std::size_t> rows);

/// How often to draw where a draw costs that many numbers: 200 times, 20 at least.
std::size_t draws_for(std::size_t numbers);

/// Of sorted values, linear between two; `share` from 0 to 1.
double quantile(std::span<const double> sorted, double share);

}  // namespace starling::ml
