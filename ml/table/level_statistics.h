/// A category with more levels than have columns of their own: how often each level is, and what
/// the target was where it was.
///
/// A level's mean of the target is drawn to that of all rows as if ten more rows had it. Training
/// rows get the means of the other folds only (a fifth of the rows each, by their content), so that
/// no row is told its own target.
///
/// Source:  Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes in
///          classification and prediction problems", 2001; cross-fitting as in scikit-learn's
///          TargetEncoder. Threads: none. Pure.
#pragma once

#include "ml/table/table.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kStatisticLevelsMax = 10'000;  ///< the most frequent; others: unknown
inline constexpr std::size_t kStatisticTargetsMax = 10;

/// What the rows to learn from have to tell: `width` numbers each, of mean 0 and deviation 1.
struct RowTargets {
  std::size_t width = 0;
  std::vector<float> values;  ///< [rows][width]
};

struct LevelStatistics {
  std::size_t targets = 0;
  std::vector<std::string> levels;  ///< sorted
  std::vector<float> values;        ///< [levels][width()]: means of the targets, then frequency

  /// None: there are no statistics.
  std::size_t width() const { return levels.empty() ? 0 : targets + 1; }

  /// By a level's place in `levels`. A level that is not among them has zeros.
  std::span<const float> of(std::size_t level) const {
    return std::span{values}.subspan(level * width(), width());
  }

  friend bool operator==(const LevelStatistics&, const LevelStatistics&) = default;
};

/// `targets` has a row for each of `rows`.
LevelStatistics level_statistics(const TableColumn& column,
                                 std::span<const std::uint32_t> rows,
                                 const RowTargets& targets);

/// The same numbers for each of `rows` itself, from the other folds: [rows][statistics.width()].
std::vector<float> cross_fitted(const Table& table,
                                const TableColumn& column,
                                std::span<const std::uint32_t> rows,
                                const RowTargets& targets,
                                const LevelStatistics& statistics);

}  // namespace starling::ml
