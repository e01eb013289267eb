/// Which rows train, which validate, which test.
///
/// The test rows belong to the dataset: they follow from the rows' content alone, so every study,
/// seed and node tests on the same ones. Below 5,000 rows the last 15 % of each group in hash order
/// are test; from 5,000 on every row whose hash is above 85 % of the range, so appended rows move
/// none. Equal rows always stay together. The seed moves only train and validation (80 : 20).
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/table.h"
#include "node/base/hash.h"

#include <cstdint>
#include <span>
#include <vector>

namespace starling::ml {

inline constexpr double kTestShare = 0.15;
inline constexpr double kValidationShare = 0.20;  ///< of what is not test
inline constexpr std::size_t kThresholdSplitRows = 5000;

struct SplitRow {
  RowHash hash{};
  std::int32_t group = 0;  ///< class, or bin of a number; -1: no target, the row is dropped
};

struct Split {
  std::vector<std::uint32_t> train, validation, test;  ///< row numbers, rising
  std::uint64_t dropped = 0;
  ContentHash hash;  ///< of the sorted (row, part) pairs: equal iff the same rows do the same
};

Split split_rows(std::span<const SplitRow> rows, std::uint64_t seed);

}  // namespace starling::ml
