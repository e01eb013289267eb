/// The candidates of a bag, and the bag itself, beside each other: what they score on rows that
/// they did not learn from, and which differences are more than chance.
///
/// Deterministic: what is drawn follows from the seed. Threads: none. Pure.
#pragma once

#include "ml/report/evidence.h"
#include "ml/table/metrics.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace starling::ml {

struct Standing {
  ScoreInterval held_out;  ///< 19 of 20 samples of rows score within it
  double error = 0;        ///< standard error of the score
  bool ties = false;       ///< on the same samples, it is as good as the best too often to tell
};

/// One for each, in their order. All are judged on the same rows, of which there is at least one,
/// and may be drawn (`has_independent_rows`); else low and high are the value and nothing ties but
/// the best.
/// Source: the paired bootstrap, Efron and Tibshirani (1993), section 16.
std::vector<Standing> standings_of(const std::vector<Judged>& candidates,
                                   Metric metric,
                                   bool are_independent,
                                   std::uint64_t seed);

/// Which is the smallest whose score is within one standard error of the best: the first of equals.
/// Source: Breiman et al., "Classification and Regression Trees" (1984), section 3.4.3.
std::size_t smallest_within_error(const std::vector<Standing>& standings,
                                  Metric metric,
                                  std::span<const std::uint64_t> bytes);

}  // namespace starling::ml
