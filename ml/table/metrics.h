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
};

enum class MetricDirection : std::uint8_t { minimize, maximize };

std::string_view to_string(TaskKind task);
std::string_view to_string(Metric metric);
std::optional<TaskKind> task_from_name(std::string_view name);
std::optional<Metric> metric_from_name(std::string_view name);

MetricDirection direction_of(Metric metric);

/// rmse for regression, log_loss for classes.
Metric default_metric(TaskKind task);

/// Whether the metric can judge this task.
bool fits(Metric metric, TaskKind task);

/// The metrics that fit, in the order of the enumeration.
std::vector<Metric> metrics_of(TaskKind task);

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

  std::size_t rows() const {
    return task == TaskKind::regression ? truth_values.size() : truth_classes.size();
  }
};

/// `metric` must fit the task, and there must be a row. A score that is not defined is 0 (R2 of a
/// constant), or 0.5 (AUC of one class).
double score(Metric metric, const Judged& judged);

/// Every metric that fits, by name.
std::map<std::string, double> all_scores(const Judged& judged);

/// Index of the largest probability of one row; the first of equals.
std::size_t most_likely(std::span<const double> probabilities);

}  // namespace starling::ml
