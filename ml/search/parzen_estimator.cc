#include "ml/search/parzen_estimator.h"

#include "ml/search/ascending_order.h"
#include "ml/search/normal_distribution.h"
#include "node/base/assert.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace starling::ml {
namespace {

using Kind = Distribution::Kind;

constexpr double kPriorWeight = 1.0;
constexpr std::size_t kFullWeightTrials = 25;
constexpr double kLogSqrt2Pi = 0.91893853320467274178;

/// Widths of kernels at `means`: the larger distance to a neighbour, where the ends of the range
/// are neighbours too, except for the outermost of two or more.
std::vector<double> neighbour_widths(const std::vector<double>& means, double low, double high) {
  const std::size_t count = means.size();
  const std::vector<std::size_t> order = ascending_order(means);
  std::vector<double> widths(count);
  for (std::size_t rank = 0; rank < count; ++rank) {
    const double mean = means[order[rank]];
    const bool is_first = rank == 0;
    const bool is_last = rank + 1 == count;
    double to_left = mean - (is_first ? low : means[order[rank - 1]]);
    double to_right = (is_last ? high : means[order[rank + 1]]) - mean;
    if (count >= 2 && is_first) to_left = 0;
    if (count >= 2 && is_last) to_right = 0;
    widths[order[rank]] = std::max(to_left, to_right);
  }
  return widths;
}

NumericKernels numeric_kernels(const Distribution& parameter, const std::vector<double>& values) {
  NumericKernels kernels;
  const double margin = parameter.step / 2;
  kernels.low = parameter.low - margin;
  kernels.high = parameter.high + margin;
  kernels.step = parameter.step;
  kernels.log = parameter.log;
  kernels.means = values;
  if (parameter.log) {
    kernels.low = std::log(kernels.low);
    kernels.high = std::log(kernels.high);
    for (double& mean : kernels.means)
      mean = std::log(mean);
  }
  const double range = kernels.high - kernels.low;
  kernels.widths = neighbour_widths(kernels.means, kernels.low, kernels.high);
  const double narrowest = range / std::min(100.0, 2.0 + static_cast<double>(values.size()));
  for (double& width : kernels.widths)
    width = std::clamp(width, narrowest, range);
  kernels.means.push_back(0.5 * (kernels.low + kernels.high));
  kernels.widths.push_back(range);
  return kernels;
}

CategoricalKernels categorical_kernels(const Distribution& parameter,
                                       const std::vector<double>& values) {
  const std::size_t choices = parameter.choices.size();
  const double floor = kPriorWeight / static_cast<double>(values.size() + 1);
  const double sum = 1 + floor * static_cast<double>(choices);
  CategoricalKernels kernels;
  for (const double value : values) {
    std::vector<double> row(choices, floor / sum);
    row[static_cast<std::size_t>(value)] = (1 + floor) / sum;
    kernels.probabilities.push_back(std::move(row));
  }
  kernels.probabilities.emplace_back(choices, 1 / static_cast<double>(choices));
  return kernels;
}

/// Every log term of one value: what each kernel says of it.
using LogTerms = std::vector<double>;

/// What does not depend on the value: log of each kernel's width and of its mass in the range.
LogTerms log_scales(const NumericKernels& kernels) {
  LogTerms scales(kernels.means.size());
  for (std::size_t k = 0; k < scales.size(); ++k) {
    const double a = (kernels.low - kernels.means[k]) / kernels.widths[k];
    const double b = (kernels.high - kernels.means[k]) / kernels.widths[k];
    scales[k] = log_normal_mass(a, b);
    if (kernels.step == 0) scales[k] += std::log(kernels.widths[k]) + kLogSqrt2Pi;
  }
  return scales;
}

void add_continuous(const NumericKernels& kernels,
                    const LogTerms& scales,
                    double value,
                    LogTerms& terms) {
  const double x = kernels.log ? std::log(value) : value;
  for (std::size_t k = 0; k < terms.size(); ++k) {
    const double z = (x - kernels.means[k]) / kernels.widths[k];
    terms[k] += -0.5 * z * z - scales[k];
  }
}

LogTerms step_terms(const NumericKernels& kernels, const LogTerms& scales, double value) {
  const double margin = kernels.step / 2;
  const double left = kernels.log ? std::log(value - margin) : value - margin;
  const double right = kernels.log ? std::log(value + margin) : value + margin;
  LogTerms terms(kernels.means.size());
  for (std::size_t k = 0; k < terms.size(); ++k) {
    const double a = (left - kernels.means[k]) / kernels.widths[k];
    const double b = (right - kernels.means[k]) / kernels.widths[k];
    terms[k] = log_normal_mass(a, b) - scales[k];
  }
  return terms;
}

LogTerms choice_terms(const CategoricalKernels& kernels, double value) {
  LogTerms terms(kernels.probabilities.size());
  for (std::size_t k = 0; k < terms.size(); ++k)
    terms[k] = std::log(kernels.probabilities[k][static_cast<std::size_t>(value)]);
  return terms;
}

/// Adds parameter p to every point's terms. Equal values of steps and choices are computed once.
void add_parameter(const Kernels& kernels,
                   std::span<const Point> points,
                   std::size_t p,
                   std::vector<LogTerms>& terms) {
  const auto* numeric = std::get_if<NumericKernels>(&kernels);
  const LogTerms scales = numeric != nullptr ? log_scales(*numeric) : LogTerms{};
  std::map<double, LogTerms> known;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double value = points[i][p];
    if (numeric != nullptr && numeric->step == 0) {
      add_continuous(*numeric, scales, value, terms[i]);
      continue;
    }
    auto found = known.find(value);
    if (found == known.end()) {
      found = known
                  .emplace(value,
                           numeric != nullptr
                               ? step_terms(*numeric, scales, value)
                               : choice_terms(std::get<CategoricalKernels>(kernels), value))
                  .first;
    }
    std::ranges::transform(terms[i], found->second, terms[i].begin(), std::plus<>{});
  }
}

double log_sum_exp(const LogTerms& terms) {
  const double largest = *std::ranges::max_element(terms);
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (const double term : terms)
    sum += std::exp(term - largest);
  return largest + std::log(sum);
}

/// The index whose share of [0, 1) holds `unit`.
std::size_t pick(std::span<const double> probabilities, double unit) {
  double sum = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    sum += probabilities[i];
    if (unit < sum) return i;
  }
  return probabilities.size() - 1;
}

double sample_numeric(const NumericKernels& kernels, std::size_t kernel, Random& random) {
  const double mean = kernels.means[kernel];
  const double width = kernels.widths[kernel];
  const double a = (kernels.low - mean) / width;
  const double b = (kernels.high - mean) / width;
  const double x = mean + width * truncated_normal(a, b, random.unit());
  return kernels.log ? std::exp(x) : x;
}

/// Onto the grid and into the range, still a number.
double settled(const Distribution& parameter, double number) {
  if (parameter.step > 0) {
    const double steps = std::round((number - parameter.low) / parameter.step);
    number = parameter.low + steps * parameter.step;
  }
  return std::clamp(number, parameter.low, parameter.high);
}

}  // namespace

ParzenEstimator::ParzenEstimator(std::vector<Distribution> parameters,
                                 const std::vector<std::vector<double>>& history)
    : parameters_(std::move(parameters)) {
  STARLING_ASSERT(parameters_.size() == history.size() && !history.empty(),
                  "a Parzen estimator has one column of history per parameter, at least one");
  weights_ = weights_by_age(history[0].size());
  weights_.push_back(kPriorWeight);
  const double sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  for (double& weight : weights_)
    weight /= sum;
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    STARLING_ASSERT(history[p].size() == history[0].size(), "every parameter has every trial");
    STARLING_ASSERT(parameters_[p].kind != Kind::fixed, "fixed parameters are not searched");
    if (parameters_[p].kind == Kind::categorical) {
      kernels_.emplace_back(categorical_kernels(parameters_[p], history[p]));
    } else {
      kernels_.emplace_back(numeric_kernels(parameters_[p], history[p]));
    }
  }
}

std::vector<Point> ParzenEstimator::sample(Random& random, std::size_t count) const {
  std::vector<Point> points;
  for (std::size_t i = 0; i < count; ++i)
    points.push_back(sample_one(random));
  return points;
}

std::vector<double> ParzenEstimator::log_density(std::span<const Point> points) const {
  LogTerms log_weights(weights_.size());
  std::ranges::transform(weights_, log_weights.begin(), [](double w) { return std::log(w); });
  std::vector<LogTerms> terms(points.size(), log_weights);
  for (std::size_t p = 0; p < kernels_.size(); ++p)
    add_parameter(kernels_[p], points, p, terms);
  std::vector<double> densities;
  for (const LogTerms& row : terms)
    densities.push_back(log_sum_exp(row));
  return densities;
}

Point ParzenEstimator::sample_one(Random& random) const {
  const std::size_t kernel = pick(weights_, random.unit());
  Point point;
  for (std::size_t p = 0; p < kernels_.size(); ++p) {
    if (const auto* numeric = std::get_if<NumericKernels>(&kernels_[p])) {
      point.push_back(settled(parameters_[p], sample_numeric(*numeric, kernel, random)));
    } else {
      const auto& rows = std::get<CategoricalKernels>(kernels_[p]).probabilities;
      point.push_back(static_cast<double>(pick(rows[kernel], random.unit())));
    }
  }
  return point;
}

std::vector<double> weights_by_age(std::size_t count) {
  std::vector<double> weights(count, 1.0);
  if (count < kFullWeightTrials) return weights;
  const std::size_t old = count - kFullWeightTrials;
  const double lightest = 1.0 / static_cast<double>(count);
  for (std::size_t i = 0; i < old; ++i) {
    const double part = old > 1 ? static_cast<double>(i) / static_cast<double>(old - 1) : 0;
    weights[i] = lightest + part * (1 - lightest);
  }
  return weights;
}

}  // namespace starling::ml
