/// What a prediction is worth, in the metric's natural sign and the target's own units.
///
/// Source: scikit-learn's definitions (sklearn.metrics), which the tests' worked values follow.
/// Threads: none. Pure.
#pragma once

#include "node/base/error.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

/// What is predicted. Named as in the API: regression, binary, multiclass.
enum class TaskKind : std::uint8_t { regression = 1, binary = 2, multiclass = 3 };

/// Values are stored: append only.
enum class Metric : std::uint8_t {
  rmse = 1,
  mae = 2,
  r2 = 3,
  log_loss = 4,
  accuracy = 5,
  f1 = 6,  ///< of the second class in sorted order; binary only
  f1_macro = 7,
  balanced_accuracy = 8,
  roc_auc = 9,  ///< of the second class; more classes: mean of one against the rest
  /// Root of the mean squared difference of log(1 + y). A prediction below 0 counts as 0; not
  /// defined where a truth is below 0.
  rmsle = 10,
  mape = 11,     ///< mean of |error| / |truth|, a share; a truth of 0 counts as 2.2e-16
  pinball = 12,  ///< at the level 0.5: half of mae
  /// Average precision of the second class: its mean over the rows of the class, each at the
  /// threshold at which it is found. More classes: mean of one against the rest.
  pr_auc = 13,
  /// Mean squared error of the chance of the second class; more classes: half the sum of those of
  /// all.
  brier = 14,
  mcc = 15,  ///< Matthews correlation of said and true; more classes: R_K
};

enum class MetricDirection : std::uint8_t { minimize, maximize };

std::string_view to_string(TaskKind task);
std::string_view to_string(Metric metric);
std::optional<TaskKind> task_from_name(std::string_view name);
std::optional<Metric> metric_from_name(std::string_view name);

/// Of all, in the order of the enumeration.
std::vector<std::string_view> metric_names();

MetricDirection direction_of(Metric metric);

/// rmse for regression, log_loss for classes.
Metric default_metric(TaskKind task);

/// Whether the metric can judge this task.
bool fits(Metric metric, TaskKind task);

/// The metrics that fit, in the order of the enumeration.
std::vector<Metric> metrics_of(TaskKind task);

/// Whether it judges which class is said, and not the chances of all.
bool is_of_said(Metric metric);

/// Which class is said.
struct ClassRule {
  double threshold = 0.5;  ///< of two classes: the chance of the second from which on it is said
  /// Of more: what the chance of each is multiplied by before the largest is said; empty: all the
  /// same.
  std::vector<double> factors = {};

  friend bool operator==(const ClassRule&, const ClassRule&) = default;
};

/// What a model said about some rows, and what was true.
///
/// Regression: `values` and `truth_values`, original units. Classes: `probabilities` is
/// [rows x class_count], row by row; `truth_classes` in [0, class_count).
struct Judged {
  TaskKind task = TaskKind::regression;
  std::vector<double> values;
  std::vector<double> truth_values;
  std::size_t class_count = 0;
  std::vector<double> probabilities;
  std::vector<int> truth_classes;
  ClassRule rule = {};

  std::size_t rows() const {
    return task == TaskKind::regression ? truth_values.size() : truth_classes.size();
  }
};

/// Whether the true values allow it, whatever is predicted: only rmsle asks for more than numbers.
bool is_defined(Metric metric, const Judged& judged);

/// `metric` must fit the task, and there must be a row. No number if the metric is not defined on
/// these rows or if a prediction is no number. What has no meaning is 0 (R2 of a constant, average
/// precision without the class, correlation with a constant), or 0.5 (AUC of one class). Classes
/// that do not occur are left out of a mean over classes.
double score(Metric metric, const Judged& judged);

/// Every metric that fits and whose score is finite, by name.
std::map<std::string, double> all_scores(const Judged& judged);

/// Index of the largest probability of one row; the first of equals.
std::size_t most_likely(std::span<const double> probabilities);

/// Index of the class that is said. Of two the second from the threshold on (at 0.5 only if it is
/// the more likely one), of more the first with the largest product of chance and factor. Factors
/// of another number of classes do not count.
std::size_t said_class(std::span<const double> probabilities, const ClassRule& rule);
std::size_t said_class(const Judged& judged, std::size_t row);

}  // namespace starling::ml
