/// A density over some parameters together: one kernel per past trial, and one for no trial.
///
/// A candidate picks one kernel for all its parameters, so what went well together stays together.
/// Numbers are kept as `to_number` gives them: a categorical value is its index.
///
/// Source: Bergstra et al., "Algorithms for hyper-parameter optimization" (2011); Watanabe,
///         "Tree-structured Parzen estimator" (2023); the choices of Optuna 5, whose weights,
///         means, widths and log densities it reproduces within 1e-9.
/// Threads: none of its own; const members may be called from any.
#pragma once

#include "ml/search/search_space.h"
#include "node/base/random.h"

#include <span>
#include <variant>
#include <vector>

namespace starling::ml {

/// One number per parameter, in the order the estimator was given.
using Point = std::vector<double>;

/// Truncated normals, one per kernel, over [low, high]: in logarithms if `log`, and half a step
/// wider than the range if it has steps.
struct NumericKernels {
  double low = 0;
  double high = 0;
  double step = 0;
  bool log = false;
  std::vector<double> means;
  std::vector<double> widths;
};

/// For each kernel, the probability of each choice.
struct CategoricalKernels {
  std::vector<std::vector<double>> probabilities;
};

using Kernels = std::variant<NumericKernels, CategoricalKernels>;

class ParzenEstimator {
 public:
  /// `history[p][t]` is the value of parameter p in trial t, oldest trial first; every parameter
  /// has as many. Parameters of one value do not belong here.
  ParzenEstimator(std::vector<Distribution> parameters,
                  const std::vector<std::vector<double>>& history);

  /// Of the kernels; the prior is the last one. They sum to 1.
  const std::vector<double>& weights() const { return weights_; }

  const Kernels& kernels(std::size_t parameter) const { return kernels_[parameter]; }

  std::vector<Point> sample(Random& random, std::size_t count) const;

  /// One log density per point (for steps and choices: the log of the probability).
  std::vector<double> log_density(std::span<const Point> points) const;

 private:
  Point sample_one(Random& random) const;

  std::vector<Distribution> parameters_;
  std::vector<double> weights_;
  std::vector<Kernels> kernels_;
};

/// Weights of `count` trials by age, oldest first: the last 25 count fully, older ones ever less.
std::vector<double> weights_by_age(std::size_t count);

}  // namespace starling::ml
