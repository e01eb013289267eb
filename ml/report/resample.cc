#include "ml/report/resample.h"

#include <algorithm>

namespace starling::ml {
namespace {

constexpr std::size_t kNumbersMax = 4'000'000;  // over all draws
constexpr std::size_t kDrawsMin = 20;
constexpr std::size_t kDrawsMax = 200;

void add_row(const Judged& from, std::size_t row, Judged& to) {
  if (from.task == TaskKind::regression) {
    to.values.push_back(from.values[row]);
    to.truth_values.push_back(from.truth_values[row]);
    return;
  }
  const auto begin =
      from.probabilities.begin() + static_cast<std::ptrdiff_t>(row * from.class_count);
  to.probabilities.insert(
      to.probabilities.end(), begin, begin + static_cast<std::ptrdiff_t>(from.class_count));
  to.truth_classes.push_back(from.truth_classes[row]);
}

}  // namespace

std::vector<std::size_t> drawn_rows(std::size_t rows, Random& random) {
  std::vector<std::size_t> drawn;
  drawn.reserve(rows);
  for (std::size_t i = 0; i < rows; ++i)
    drawn.push_back(random.below(rows));
  return drawn;
}

Judged rows_of(const Judged& judged, std::span<const std::size_t> rows) {
  Judged some;
  some.task = judged.task;
  some.class_count = judged.class_count;
  some.rule = judged.rule;
  some.probabilities.reserve(rows.size() * judged.class_count);
  for (const std::size_t row : rows)
    add_row(judged, row, some);
  return some;
}

std::size_t draws_for(std::size_t numbers) {
  return std::clamp(kNumbersMax / std::max<std::size_t>(numbers, 1), kDrawsMin, kDrawsMax);
}

double quantile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = place - static_cast<double>(below);
  return sorted[below] * (1 - part) + sorted[above] * part;
}

}  // namespace starling::ml
