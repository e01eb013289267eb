#include "ml/report/importance.h"

#include "node/base/random.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace starling::ml {
namespace {

constexpr std::size_t kPredictionsMax = 200'000;
constexpr std::size_t kRowsMin = 100;
constexpr std::size_t kRepeatsMax = 5;
constexpr std::size_t kRowsMax = 2'000;
constexpr std::size_t kFloatsMax = 4 << 20;

double score_of(ImportanceTask& task, const Matrix& rows) {
  const auto said = task.predict(rows);
  auto& filled =
      task.truth.task == TaskKind::regression ? task.truth.values : task.truth.probabilities;
  filled.assign(said.begin(), said.end());
  return score(task.metric, task.truth);
}

void copy_column(const Matrix& from,
                 std::size_t source,
                 const ColumnPlace& column,
                 std::size_t row,
                 Matrix& to) {
  for (const ColumnPlace::Span& span : column.spans) {
    const float* values = from.values.data() + source * from.columns + span.offset;
    std::copy_n(values, span.width, to.values.data() + row * to.columns + span.offset);
  }
}

/// Deals the values of one column out to other rows.
void deal(const Matrix& from, const ColumnPlace& column, Random& random, Matrix& to) {
  std::vector<std::size_t> order(from.rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = order.size(); i-- > 1;)
    std::swap(order[i], order[random.below(i + 1)]);
  for (std::size_t row = 0; row < from.rows; ++row)
    copy_column(from, order[row], column, row, to);
}

ColumnImportance summary(const std::string& name, const std::vector<double>& losses) {
  const auto count = static_cast<double>(losses.size());
  const double mean = std::accumulate(losses.begin(), losses.end(), 0.0) / count;
  double squares = 0;
  for (const double loss : losses)
    squares += (loss - mean) * (loss - mean);
  return {name, mean, std::sqrt(squares / std::max(count - 1, 1.0))};
}

}  // namespace

std::size_t importance_repeats(std::size_t columns) {
  return std::clamp<std::size_t>(
      kPredictionsMax / (kRowsMin * std::max<std::size_t>(columns, 1)), 1, kRepeatsMax);
}

std::size_t importance_rows(std::size_t rows, std::size_t columns, std::size_t width) {
  const std::size_t by_work =
      kPredictionsMax / (importance_repeats(columns) * std::max<std::size_t>(columns, 1));
  const std::size_t by_memory =
      std::max<std::size_t>(kFloatsMax / std::max<std::size_t>(width, 1), 1);
  return std::min({rows, std::clamp(by_work, kRowsMin, kRowsMax), by_memory});
}

std::vector<ColumnImportance> importance_of(ImportanceTask task) {
  const double sign = direction_of(task.metric) == MetricDirection::minimize ? 1 : -1;
  const double whole = score_of(task, task.rows);
  std::vector<ColumnImportance> all;
  Random random{task.seed};
  Matrix changed = task.rows;
  for (const ColumnPlace& column : task.columns) {
    std::vector<double> losses;
    for (std::size_t i = 0; i < importance_repeats(task.columns.size()); ++i) {
      deal(task.rows, column, random, changed);
      losses.push_back(sign * (score_of(task, changed) - whole));
    }
    all.push_back(summary(column.name, losses));
    for (std::size_t row = 0; row < changed.rows; ++row)
      copy_column(task.rows, row, column, row, changed);
  }
  std::ranges::stable_sort(all, std::ranges::greater{}, &ColumnImportance::mean);
  return all;
}

ImportanceFound importance_found(ImportanceTask task) {
  ImportanceFound found;
  found.metric = task.metric;
  found.rows = task.rows.rows;
  found.repeats = importance_repeats(task.columns.size());
  found.columns = importance_of(std::move(task));
  return found;
}

ImportanceFound mean_over_folds(const std::vector<ImportanceFound>& folds) {
  ImportanceFound mean = folds.front();
  mean.rows = 0;
  mean.is_held_out = true;
  std::map<std::string, ColumnImportance> sums;
  for (const ImportanceFound& fold : folds) {
    mean.rows += fold.rows;
    for (const ColumnImportance& column : fold.columns) {
      sums[column.name].mean += column.mean;
      sums[column.name].spread += column.spread;
    }
  }
  const auto count = static_cast<double>(folds.size());
  for (ColumnImportance& column : mean.columns) {
    column.mean = sums[column.name].mean / count;
    column.spread = sums[column.name].spread / count;
  }
  std::ranges::stable_sort(mean.columns, std::ranges::greater{}, &ColumnImportance::mean);
  return mean;
}

}  // namespace starling::ml
