/// How far a predicted number may be off: intervals that hold the truth as often as they promise.
///
/// All deterministic. Threads: none. Pure.
/// Source: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, "Distribution-free predictive inference
///         for regression" (2018), section 5.2: locally weighted residuals.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace starling::ml {

/// Fewer rows cannot say what is rare.
constexpr std::size_t kConformalRowsMin = 20;

/// The usual size of a residual, by what was said, and how many times it an interval reaches.
struct Conformal {
  double level = 0.9;        ///< share of truths within
  double quantile = 0;       ///< of |residual| / size, not negative
  std::vector<double> at;    ///< said, strictly rising; there is one
  std::vector<double> size;  ///< of the residual there, positive; straight between, level outside

  friend bool operator==(const Conformal&, const Conformal&) = default;
};

/// Learnt from rows that the model did not learn from: what it said of them and what was true, in
/// the target's units. All finite, as many of each, at least kConformalRowsMin; `level` in (0, 1).
///
/// The knots are the mean |residual| of bins of as many rows each, in the order of what was said,
/// each at the mean of what was said; rows of which the same was said share one. None is below a
/// thousandth of the mean over all rows. A size that was learnt from a residual would flatter it,
/// so every other row in that order is judged by the knots of the others: up to 20, of 25 rows each
/// at least, or one. The knots that are kept are those of all rows, and as many.
Conformal fit_conformal(const std::vector<double>& said,
                        const std::vector<double>& truth,
                        double level = 0.9);

/// From where to where the truth lies, with a chance of `level`.
std::pair<double, double> interval_of(const Conformal& conformal, double said);

}  // namespace starling::ml
