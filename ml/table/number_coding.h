/// One number column -> numbers of about one size, fitted on training rows only.
///
/// robust: (x - median) / interquartile range, then x / sqrt(1 + (x/3)^2), which keeps outliers
/// within 3. standard: (x - mean) / standard deviation, within 1,000. quantile: the place of x
/// among the training rows, as a standard normal number; equal numbers have the middle of their
/// places, what is beyond all is 5.2 away.
///
/// Source:  Holzmüller et al., "Better by Default" (RealMLP-TD-S), 2024; Gorishniy et al.,
///          "Revisiting Deep Learning Models for Tabular Data", 2021 (how many quantiles);
///          scikit-learn, QuantileTransformer (ties and ends). Threads: none. Pure.
#pragma once

#include "ml/search/encoding_spec.h"

#include <cstddef>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kQuantilesMin = 10;
inline constexpr std::size_t kQuantilesMax = 1000;

struct NumberCoding {
  NumberScaling scaling = NumberScaling::robust;
  double centre = 0;              ///< median, or mean
  double factor = 0;              ///< 1 / its range; 0 for a column that was constant
  std::vector<double> quantiles;  ///< rising, from the least to the greatest; of `quantile` only
  bool has_flag = false;          ///< a second column says "missing"

  friend bool operator==(const NumberCoding&, const NumberCoding&) = default;
};

/// Without the flag. `present` are the numbers of the training rows, none of them missing; they
/// come into another order.
NumberCoding fit_number(std::vector<double>& present, NumberScaling scaling);

/// `number` is not missing.
float scaled(const NumberCoding& coding, double number);

}  // namespace starling::ml
