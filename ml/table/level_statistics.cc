#include "ml/table/level_statistics.h"

#include "ml/table/column_store.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace starling::ml {
namespace {

constexpr double kPriorRows = 10;
constexpr std::size_t kFolds = 5;

/// By content: equal rows are in one fold, whatever their order.
std::size_t fold_of(const RowHash& hash) {
  return hash[sizeof(RowHash) - 1] % kFolds;
}

/// Rows and sums of the targets, per level of the column.
struct Sums {
  Sums(std::size_t levels, std::size_t targets)
      : width(targets), counts(levels), totals(levels * targets) {}

  void add(std::size_t level, std::span<const float> targets) {
    counts[level] += 1;
    for (std::size_t k = 0; k < width; ++k)
      totals[level * width + k] += static_cast<double>(targets[k]);
  }

  std::size_t width;
  std::vector<double> counts;
  std::vector<double> totals;
};

std::span<const float> targets_of(const RowTargets& targets, std::size_t row) {
  return std::span{targets.values}.subspan(row * targets.width, targets.width);
}

float drawn_mean(double total, double count) {
  return static_cast<float>(total / (count + kPriorRows));
}

float frequency(double count, std::size_t rows) {
  return static_cast<float>(std::log1p(count) / std::log1p(static_cast<double>(rows)));
}

/// The levels that are met, the most frequent first; then in the order of their words.
std::vector<std::size_t> chosen_levels(const TableColumn& column, const Sums& sums) {
  std::vector<std::size_t> chosen;
  for (std::size_t level = 0; level < column.levels.size(); ++level)
    if (sums.counts[level] > 0 && column.levels[level] != kSharedLevel) chosen.push_back(level);
  const auto by_word = [&](std::size_t a, std::size_t b) {
    return column.levels[a] < column.levels[b];
  };
  std::ranges::sort(chosen, [&](std::size_t a, std::size_t b) {
    return sums.counts[a] != sums.counts[b] ? sums.counts[a] > sums.counts[b] : by_word(a, b);
  });
  if (chosen.size() > kStatisticLevelsMax) chosen.resize(kStatisticLevelsMax);
  std::ranges::sort(chosen, by_word);
  return chosen;
}

}  // namespace

LevelStatistics level_statistics(const TableColumn& column,
                                 std::span<const std::uint32_t> rows,
                                 const RowTargets& targets) {
  Sums sums{column.levels.size(), targets.width};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int32_t code = column.codes[rows[i]];
    if (code >= 0) sums.add(static_cast<std::size_t>(code), targets_of(targets, i));
  }
  LevelStatistics statistics;
  statistics.targets = targets.width;
  for (const std::size_t level : chosen_levels(column, sums)) {
    statistics.levels.push_back(column.levels[level]);
    for (std::size_t k = 0; k < targets.width; ++k)
      statistics.values.push_back(
          drawn_mean(sums.totals[level * targets.width + k], sums.counts[level]));
    statistics.values.push_back(frequency(sums.counts[level], rows.size()));
  }
  return statistics;
}

std::vector<float> cross_fitted(const Table& table,
                                const TableColumn& column,
                                std::span<const std::uint32_t> rows,
                                const RowTargets& targets,
                                const LevelStatistics& statistics) {
  const std::size_t levels = column.levels.size();
  Sums all{levels, targets.width};
  Sums own{levels * kFolds, targets.width};
  const auto place_in_own = [&](std::size_t level, std::uint32_t row) {
    return level * kFolds + fold_of(table.row_hashes[row]);
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (column.codes[rows[i]] < 0) continue;
    const auto level = static_cast<std::size_t>(column.codes[rows[i]]);
    all.add(level, targets_of(targets, i));
    own.add(place_in_own(level, rows[i]), targets_of(targets, i));
  }
  std::vector<bool> is_known(levels);
  for (std::size_t level = 0; level < levels; ++level)
    is_known[level] = std::ranges::binary_search(statistics.levels, column.levels[level]);
  std::vector<float> values(rows.size() * statistics.width());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (column.codes[rows[i]] < 0) continue;
    const auto level = static_cast<std::size_t>(column.codes[rows[i]]);
    if (!is_known[level]) continue;
    const std::size_t left_out = place_in_own(level, rows[i]);
    float* out = values.data() + i * statistics.width();
    for (std::size_t k = 0; k < targets.width; ++k) {
      const double total =
          all.totals[level * targets.width + k] - own.totals[left_out * targets.width + k];
      *out++ = drawn_mean(total, all.counts[level] - own.counts[left_out]);
    }
    *out = frequency(all.counts[level], rows.size());
  }
  return values;
}

}  // namespace starling::ml
