#include "ml/report/attribution.h"

#include "node/base/random.h"

#include <algorithm>
#include <numeric>

namespace starling::ml {
namespace {

constexpr std::size_t kPredictionsMax = 40'000;  // of single models
constexpr std::size_t kPairsMin = 2;
constexpr std::size_t kPairsMax = 25;

using Order = std::vector<std::size_t>;  // of columns, or of rows

void copy_row(const Matrix& from, std::size_t row, Matrix& to, std::size_t into) {
  std::copy_n(
      from.values.data() + row * from.columns, from.columns, to.values.data() + into * to.columns);
}

/// The background row, then with one column more of the row each time.
Matrix path_of(const AttributionTask& task,
               std::size_t row,
               std::size_t background,
               const Order& order) {
  const std::size_t width = task.rows.columns;
  Matrix path{order.size() + 1, width, std::vector<float>((order.size() + 1) * width)};
  copy_row(task.background, background, path, 0);
  for (std::size_t step = 0; step < order.size(); ++step) {
    copy_row(path, step, path, step + 1);
    for (const auto& [offset, count] : task.columns[order[step]].spans) {
      const float* own = task.rows.values.data() + row * width + offset;
      std::copy_n(own, count, path.values.data() + (step + 1) * width + offset);
    }
  }
  return path;
}

/// Adds what each step of a path changes.
void add_path(const AttributionTask& task,
              const Matrix& path,
              const Order& order,
              Attribution& sum) {
  const auto said = task.predict(path);
  const auto at = [&](std::size_t step) {
    return static_cast<double>(said[step * task.outputs + sum.output]);
  };
  sum.base += at(0);
  for (std::size_t step = 0; step < order.size(); ++step)
    sum.effects[order[step]] += at(step + 1) - at(step);
}

Order drawn_order(std::size_t columns, Random& random) {
  Order order(columns);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = order.size(); i-- > 1;)
    std::swap(order[i], order[random.below(i + 1)]);
  return order;
}

Attribution begun(const AttributionTask& task, std::size_t row) {
  Matrix alone{1, task.rows.columns, std::vector<float>(task.rows.columns)};
  copy_row(task.rows, row, alone, 0);
  const auto said = task.predict(alone);
  Attribution one;
  const auto greatest = std::ranges::max_element(said) - said.begin();
  one.output = task.outputs == 2 ? 1 : task.outputs > 2 ? static_cast<std::size_t>(greatest) : 0;
  one.said = said[one.output];
  one.effects.assign(task.columns.size(), 0);
  return one;
}

}  // namespace

std::size_t attribution_pairs(const AttributionTask& task) {
  const std::size_t of_a_pair =
      2 * (task.columns.size() + 1) * std::max<std::size_t>(task.models, 1);
  const std::size_t all = of_a_pair * std::max<std::size_t>(task.rows.rows, 1);
  return std::clamp(kPredictionsMax / all, kPairsMin, kPairsMax);
}

AttributionFound attributions_of(const AttributionTask& task) {
  Random random{task.seed};
  Order background;
  for (std::size_t pair = 0; pair < attribution_pairs(task); ++pair)
    background.push_back(random.below(task.background.rows));
  AttributionFound found{background.size(), {}};
  for (std::size_t row = 0; row < task.rows.rows; ++row) {
    Attribution one = begun(task, row);
    for (const std::size_t from : background) {
      Order order = drawn_order(task.columns.size(), random);
      add_path(task, path_of(task, row, from, order), order, one);
      std::ranges::reverse(order);
      add_path(task, path_of(task, row, from, order), order, one);
    }
    const auto paths = static_cast<double>(2 * background.size());
    one.base /= paths;
    for (double& effect : one.effects)
      effect /= paths;
    found.rows.push_back(std::move(one));
  }
  return found;
}

}  // namespace starling::ml
