/// How good a model is on parts of the rows: by the levels of a column, or by quarters of a number.
///
/// Deterministic. Threads: none. Pure.
#pragma once

#include "ml/table/metrics.h"
#include "ml/table/table.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kSlicesMax = 8;  ///< levels of a column, the most frequent
inline constexpr std::size_t kSliceRowsMin = 5;

/// A share of rows, and within what the share of all such rows lies at 95 %.
/// Source: Wilson (1927); Brown, Cai and DasGupta (2001) on why not the usual one.
struct ShareInterval {
  double share = 0, low = 0, high = 1;
};

ShareInterval wilson_interval(std::size_t hits, std::size_t rows);

struct Slice {
  std::string level;               ///< of a category; empty of a number
  std::optional<double> from, to;  ///< of a number: all its rows lie within
  std::size_t rows = 0;
  double error = 0;                   ///< of numbers: mean absolute error
  std::optional<ShareInterval> hits;  ///< of classes: rows that were said right
};

/// Of `judged`, whose rows are `rows` of the table. Rows without a value, and levels or quarters of
/// fewer than `kSliceRowsMin` rows, are left aside. Nothing of texts, ids and dates.
std::vector<Slice> slices_by(const TableColumn& column,
                             std::span<const std::uint32_t> rows,
                             const Judged& judged);

}  // namespace starling::ml
