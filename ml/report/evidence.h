/// What a model's answers on the test rows show, beyond its scores.
///
/// All deterministic: what is drawn follows from the seed. Threads: none. Pure.
#pragma once

#include "ml/table/metrics.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace starling::ml {

/// Nine in ten such samples of rows score within it.
struct ScoreInterval {
  double value = 0, low = 0, high = 0;
};

/// `all_scores`, each with the fifth and the ninety-fifth percentile over rows drawn with
/// replacement, as often as there are: 200 times, less often of more than 10,000 rows or of many
/// classes, 20 times at least. There must be a row; rows must not lean on each other.
/// Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
std::map<std::string, ScoreInterval> score_intervals(const Judged& judged, std::uint64_t seed);

/// Of regression: said - true.
struct Residuals {
  std::array<double, 5> quantiles = {};           ///< at 5, 25, 50, 75 and 95 %
  double from = 0, to = 0;                        ///< of the histogram: all of them lie within
  std::vector<std::size_t> counts;                ///< of bins of the same width
  std::vector<std::pair<double, double>> points;  ///< (true, said) of at most 300 rows
};

Residuals residuals_of(const Judged& judged);

/// Of classes: rows by true class, columns by what was said (`said_class`).
std::vector<std::vector<std::size_t>> confusion_of(const Judged& judged);

struct CalibrationBin {
  std::size_t rows = 0;
  double said = 0;  ///< mean chance
  double hits = 0;  ///< share of rows for which it came true
};

/// Of two classes the chance of the second; of more that of the most likely one. Ten bins of equal
/// width; those without rows are left out.
/// Source: Guo et al., "On Calibration of Modern Neural Networks" (2017), expected calibration
/// error.
struct Calibration {
  double error = 0;
  std::vector<CalibrationBin> bins;
};

Calibration calibration_of(const Judged& judged);

/// Of two classes, the second against the first, at falling thresholds; at most 101 points each.
struct Curves {
  std::vector<std::pair<double, double>> roc;  ///< (false positives, true positives), shares
  std::vector<std::pair<double, double>> pr;   ///< (recall, precision)
};

Curves curves_of(const Judged& judged);

}  // namespace starling::ml
