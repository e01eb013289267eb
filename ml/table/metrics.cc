#include "ml/table/metrics.h"

#include "node/base/assert.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace starling::ml {
namespace {

constexpr std::array kMetrics{Metric::rmse,
                              Metric::mae,
                              Metric::r2,
                              Metric::log_loss,
                              Metric::accuracy,
                              Metric::f1,
                              Metric::f1_macro,
                              Metric::balanced_accuracy,
                              Metric::roc_auc,
                              Metric::rmsle,
                              Metric::mape,
                              Metric::pinball,
                              Metric::pr_auc,
                              Metric::brier,
                              Metric::mcc};
constexpr std::array kOfNumbers{
    Metric::rmse, Metric::mae, Metric::r2, Metric::rmsle, Metric::mape, Metric::pinball};
constexpr std::array kErrors{Metric::rmse,
                             Metric::mae,
                             Metric::log_loss,
                             Metric::rmsle,
                             Metric::mape,
                             Metric::pinball,
                             Metric::brier};
constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kProbabilityMin = 1e-15;  // scikit-learn's clip: no mistake costs infinitely much

template <std::size_t kCount>
bool is_among(const std::array<Metric, kCount>& metrics, Metric metric) {
  return std::ranges::find(metrics, metric) != metrics.end();
}

bool are_numbers(const std::vector<double>& predictions) {
  return std::ranges::none_of(predictions, [](double value) { return std::isnan(value); });
}

double squared_error(const Judged& judged) {
  double sum = 0;
  for (std::size_t i = 0; i < judged.values.size(); ++i) {
    const double error = judged.values[i] - judged.truth_values[i];
    sum += error * error;
  }
  return sum;
}

double mean_absolute_error(const Judged& judged) {
  double sum = 0;
  for (std::size_t i = 0; i < judged.values.size(); ++i) {
    sum += std::abs(judged.values[i] - judged.truth_values[i]);
  }
  return sum / static_cast<double>(judged.rows());
}

double r_squared(const Judged& judged) {
  const auto& truth = judged.truth_values;
  const double mean =
      std::accumulate(truth.begin(), truth.end(), 0.0) / static_cast<double>(truth.size());
  double spread = 0;
  for (const double value : truth)
    spread += (value - mean) * (value - mean);
  return spread == 0 ? 0 : 1 - squared_error(judged) / spread;
}

double log_error(const Judged& judged) {
  double sum = 0;
  for (std::size_t i = 0; i < judged.values.size(); ++i) {
    const double error =
        std::log1p(std::max(judged.values[i], 0.0)) - std::log1p(judged.truth_values[i]);
    sum += error * error;
  }
  return std::sqrt(sum / static_cast<double>(judged.rows()));
}

double mean_share_of_truth(const Judged& judged) {
  constexpr double kLeastTruth = std::numeric_limits<double>::epsilon();  // as scikit-learn's
  double sum = 0;
  for (std::size_t i = 0; i < judged.values.size(); ++i) {
    const double truth = judged.truth_values[i];
    sum += std::abs(judged.values[i] - truth) / std::max(std::abs(truth), kLeastTruth);
  }
  return sum / static_cast<double>(judged.rows());
}

std::span<const double> row_of(const Judged& judged, std::size_t row) {
  return std::span{judged.probabilities}.subspan(row * judged.class_count, judged.class_count);
}

double log_loss(const Judged& judged) {
  double sum = 0;
  for (std::size_t i = 0; i < judged.rows(); ++i) {
    const double p = row_of(judged, i)[static_cast<std::size_t>(judged.truth_classes[i])];
    sum -= std::log(std::clamp(p, kProbabilityMin, 1 - kProbabilityMin));
  }
  return sum / static_cast<double>(judged.rows());
}

double squared(double value) {
  return value * value;
}

double brier_of(std::span<const double> chances, std::size_t truth) {
  if (chances.size() == 2) return squared(chances[1] - (truth == 1 ? 1 : 0));
  double sum = 0;
  for (std::size_t k = 0; k < chances.size(); ++k)
    sum += squared(chances[k] - (k == truth ? 1 : 0));
  return sum / 2;
}

double brier(const Judged& judged) {
  double sum = 0;
  for (std::size_t i = 0; i < judged.rows(); ++i)
    sum += brier_of(row_of(judged, i), static_cast<std::size_t>(judged.truth_classes[i]));
  return sum / static_cast<double>(judged.rows());
}

/// How often each class was meant, said, and said rightly.
struct Counts {
  std::vector<double> truth, said, right;
};

Counts count_classes(const Judged& judged) {
  Counts counts;
  for (auto* list : {&counts.truth, &counts.said, &counts.right}) {
    list->resize(judged.class_count);
  }
  for (std::size_t i = 0; i < judged.rows(); ++i) {
    const auto truth = static_cast<std::size_t>(judged.truth_classes[i]);
    const std::size_t said = said_class(judged, i);
    counts.truth[truth] += 1;
    counts.said[said] += 1;
    counts.right[truth] += truth == said ? 1 : 0;
  }
  return counts;
}

double accuracy(const Judged& judged) {
  const Counts counts = count_classes(judged);
  return std::accumulate(counts.right.begin(), counts.right.end(), 0.0) /
         static_cast<double>(judged.rows());
}

double f1_of(const Counts& counts, std::size_t k) {
  const double either = counts.truth[k] + counts.said[k];
  return either == 0 ? 0 : 2 * counts.right[k] / either;
}

/// Over the classes that were meant or said.
double f1_macro(const Judged& judged) {
  const Counts counts = count_classes(judged);
  double sum = 0;
  double classes = 0;
  for (std::size_t k = 0; k < judged.class_count; ++k) {
    if (counts.truth[k] + counts.said[k] == 0) continue;
    sum += f1_of(counts, k);
    classes += 1;
  }
  return sum / classes;
}

/// Mean recall over the classes that occur.
double balanced_accuracy(const Judged& judged) {
  const Counts counts = count_classes(judged);
  double sum = 0;
  double classes = 0;
  for (std::size_t k = 0; k < judged.class_count; ++k) {
    if (counts.truth[k] == 0) continue;
    sum += counts.right[k] / counts.truth[k];
    classes += 1;
  }
  return sum / classes;
}

/// Source: Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient"
/// (2004).
double matthews(const Judged& judged) {
  const Counts counts = count_classes(judged);
  const auto rows = static_cast<double>(judged.rows());
  double shared = rows * std::accumulate(counts.right.begin(), counts.right.end(), 0.0);
  double truth = rows * rows;
  double said = rows * rows;
  for (std::size_t k = 0; k < judged.class_count; ++k) {
    shared -= counts.truth[k] * counts.said[k];
    truth -= squared(counts.truth[k]);
    said -= squared(counts.said[k]);
  }
  return truth == 0 || said == 0 ? 0 : shared / std::sqrt(truth * said);
}

/// A row: the chance of class `k`, and whether it is of it.
using Chance = std::pair<double, bool>;

std::vector<Chance> chances_of(const Judged& judged, std::size_t k) {
  std::vector<Chance> rows;
  for (std::size_t i = 0; i < judged.rows(); ++i) {
    rows.emplace_back(row_of(judged, i)[k], static_cast<std::size_t>(judged.truth_classes[i]) == k);
  }
  return rows;
}

/// The chance that a row of class `k` gets a higher probability of `k` than a row that is not; ties
/// count half (Mann-Whitney). Nothing if one of the two kinds is absent.
std::optional<double> auc_of(const Judged& judged, std::size_t k) {
  std::vector<Chance> rows = chances_of(judged, k);
  std::sort(rows.begin(), rows.end());
  double rank_sum = 0;
  double positives = 0;
  for (std::size_t from = 0; from < rows.size();) {
    std::size_t to = from;
    while (to < rows.size() && rows[to].first == rows[from].first)
      ++to;
    const double rank = static_cast<double>(from + to + 1) / 2;  // mean of ranks from+1 .. to
    for (std::size_t i = from; i < to; ++i) {
      rank_sum += rows[i].second ? rank : 0;
      positives += rows[i].second ? 1 : 0;
    }
    from = to;
  }
  const double negatives = static_cast<double>(rows.size()) - positives;
  if (positives == 0 || negatives == 0) return std::nullopt;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

/// The precision at each threshold, weighted by the recall that it gains; rows of one chance are
/// found at one threshold. Nothing if the class is absent.
std::optional<double> average_precision_of(const Judged& judged, std::size_t k) {
  std::vector<Chance> rows = chances_of(judged, k);
  std::sort(rows.begin(), rows.end(), std::greater{});
  double hits = 0;
  double area = 0;
  for (std::size_t from = 0; from < rows.size();) {
    const double before = hits;
    std::size_t to = from;
    for (; to < rows.size() && rows[to].first == rows[from].first; ++to)
      hits += rows[to].second ? 1 : 0;
    area += (hits - before) * hits / static_cast<double>(to);
    from = to;
  }
  if (hits == 0) return std::nullopt;
  return area / hits;
}

/// Of two classes that of the second, of more the mean of those that have one.
template <class OfClass>
std::optional<double> of_one_against_rest(const Judged& judged, OfClass of_class) {
  if (judged.task == TaskKind::binary) return of_class(judged, 1);
  double sum = 0;
  double classes = 0;
  for (std::size_t k = 0; k < judged.class_count; ++k) {
    const std::optional<double> one = of_class(judged, k);
    sum += one.value_or(0);
    classes += one ? 1 : 0;
  }
  if (classes == 0) return std::nullopt;
  return sum / classes;
}

}  // namespace

std::string_view to_string(TaskKind task) {
  switch (task) {
    case TaskKind::regression: return "regression";
    case TaskKind::binary: return "binary";
    case TaskKind::multiclass: return "multiclass";
  }
  return "";
}

std::string_view to_string(Metric metric) {
  switch (metric) {
    case Metric::rmse: return "rmse";
    case Metric::mae: return "mae";
    case Metric::r2: return "r2";
    case Metric::log_loss: return "log_loss";
    case Metric::accuracy: return "accuracy";
    case Metric::f1: return "f1";
    case Metric::f1_macro: return "f1_macro";
    case Metric::balanced_accuracy: return "balanced_accuracy";
    case Metric::roc_auc: return "roc_auc";
    case Metric::rmsle: return "rmsle";
    case Metric::mape: return "mape";
    case Metric::pinball: return "pinball";
    case Metric::pr_auc: return "pr_auc";
    case Metric::brier: return "brier";
    case Metric::mcc: return "mcc";
  }
  return "";
}

std::optional<TaskKind> task_from_name(std::string_view name) {
  for (const auto task : {TaskKind::regression, TaskKind::binary, TaskKind::multiclass}) {
    if (to_string(task) == name) return task;
  }
  return std::nullopt;
}

std::optional<Metric> metric_from_name(std::string_view name) {
  for (const Metric metric : kMetrics) {
    if (to_string(metric) == name) return metric;
  }
  return std::nullopt;
}

std::vector<std::string_view> metric_names() {
  std::vector<std::string_view> names;
  for (const Metric metric : kMetrics)
    names.push_back(to_string(metric));
  return names;
}

MetricDirection direction_of(Metric metric) {
  return is_among(kErrors, metric) ? MetricDirection::minimize : MetricDirection::maximize;
}

Metric default_metric(TaskKind task) {
  return task == TaskKind::regression ? Metric::rmse : Metric::log_loss;
}

bool fits(Metric metric, TaskKind task) {
  const bool is_of_numbers = is_among(kOfNumbers, metric);
  if (task == TaskKind::regression) return is_of_numbers;
  if (metric == Metric::f1) return task == TaskKind::binary;
  return !is_of_numbers;
}

std::vector<Metric> metrics_of(TaskKind task) {
  std::vector<Metric> fitting;
  std::copy_if(kMetrics.begin(), kMetrics.end(), std::back_inserter(fitting), [&](Metric metric) {
    return fits(metric, task);
  });
  return fitting;
}

bool is_defined(Metric metric, const Judged& judged) {
  if (metric != Metric::rmsle) return true;
  return std::ranges::none_of(judged.truth_values, [](double value) { return value < 0; });
}

double score(Metric metric, const Judged& judged) {
  STARLING_ASSERT(fits(metric, judged.task), "a metric judges only tasks that it fits");
  STARLING_ASSERT(judged.rows() > 0, "there is a row to judge");
  if (!is_defined(metric, judged)) return kNoNumber;
  if (!are_numbers(judged.values) || !are_numbers(judged.probabilities)) return kNoNumber;
  switch (metric) {
    case Metric::rmse: return std::sqrt(squared_error(judged) / static_cast<double>(judged.rows()));
    case Metric::mae: return mean_absolute_error(judged);
    case Metric::r2: return r_squared(judged);
    case Metric::log_loss: return log_loss(judged);
    case Metric::accuracy: return accuracy(judged);
    case Metric::f1: return f1_of(count_classes(judged), 1);
    case Metric::f1_macro: return f1_macro(judged);
    case Metric::balanced_accuracy: return balanced_accuracy(judged);
    case Metric::roc_auc: return of_one_against_rest(judged, auc_of).value_or(0.5);
    case Metric::rmsle: return log_error(judged);
    case Metric::mape: return mean_share_of_truth(judged);
    case Metric::pinball: return mean_absolute_error(judged) / 2;
    case Metric::pr_auc: return of_one_against_rest(judged, average_precision_of).value_or(0);
    case Metric::brier: return brier(judged);
    case Metric::mcc: return matthews(judged);
  }
  return 0;
}

std::map<std::string, double> all_scores(const Judged& judged) {
  std::map<std::string, double> scores;
  for (const Metric metric : metrics_of(judged.task)) {
    const double value = score(metric, judged);
    if (std::isfinite(value)) scores.emplace(to_string(metric), value);
  }
  return scores;
}

bool is_of_said(Metric metric) {
  switch (metric) {
    case Metric::accuracy:
    case Metric::f1:
    case Metric::f1_macro:
    case Metric::balanced_accuracy:
    case Metric::mcc: return true;
    default: return false;
  }
}

std::size_t most_likely(std::span<const double> probabilities) {
  const auto best = std::max_element(probabilities.begin(), probabilities.end());
  return static_cast<std::size_t>(best - probabilities.begin());
}

std::size_t said_class(std::span<const double> probabilities, const ClassRule& rule) {
  if (probabilities.size() == 2 && rule.threshold != 0.5)
    return probabilities[1] >= rule.threshold ? 1 : 0;
  if (probabilities.size() < 3 || rule.factors.size() != probabilities.size())
    return most_likely(probabilities);
  std::size_t best = 0;
  for (std::size_t k = 1; k < probabilities.size(); ++k)
    if (probabilities[k] * rule.factors[k] > probabilities[best] * rule.factors[best]) best = k;
  return best;
}

std::size_t said_class(const Judged& judged, std::size_t row) {
  return said_class(row_of(judged, row), judged.rule);
}

}  // namespace starling::ml
