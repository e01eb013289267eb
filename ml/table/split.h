/// Which rows train, which validate, which test.
///
/// The test rows belong to the dataset: they follow from the rows' content alone, so every study,
/// seed and node tests on the same ones. Below 5,000 rows the last 15 % of each group in hash order
/// are test; from 5,000 on every row whose hash is above 85 % of the range, so appended rows move
/// none. Equal rows always stay together. The seed moves only train and validation (80 : 20).
///
/// Where a person said how to divide (split_spec.h), `split_table` (table_split.h) calls the other
/// functions here.
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
  RowHash hash{};            ///< rows with the same one stay together
  std::int32_t stratum = 0;  ///< class, or bin of a number; -1: no target, the row is dropped
};

using RowNumbers = std::vector<std::uint32_t>;

struct Split {
  RowNumbers train, validation, test;  ///< rising
  /// Cross-validation: these validate in turn, while the others train; `train` and `validation`
  /// both hold them all then, and `train` those that only train. Empty: `train` trains and
  /// `validation` validates.
  std::vector<RowNumbers> folds;
  RowNumbers between;         ///< in a gap before validation: only the final model learns from them
  std::uint64_t dropped = 0;  ///< no target
  std::uint64_t unused = 0;   ///< rows that the split leaves out
  ContentHash hash;           ///< set by `split_table`: of which row is what
};

/// Hold-out, or `folds` that validate in turn. Rows of a stratum that has fewer than `least` train,
/// whatever turn it is.
Split split_rows(std::span<const SplitRow> rows,
                 std::uint64_t seed,
                 std::uint32_t folds = 1,
                 std::size_t least = 0);

enum class RowPart : std::uint8_t { none, train, validation, test };

/// Where the rows that validate are said, or are drawn from those that train (20 %, or all of them
/// in turn), by the seed.
enum class Validation : std::uint8_t { given, drawn };

/// Each row's part is given; those of `none` are left out.
Split split_by_parts(std::span<const SplitRow> rows,
                     std::span<const RowPart> parts,
                     Validation validation,
                     std::uint64_t seed,
                     std::uint32_t folds = 1);

/// As `split_rows`, for few rows with the same hash or many: whole groups are taken in the order of
/// their hashes until 15 % of the rows test (from 5,000 groups on by the threshold), 20 % of the
/// rest by the seed validate, or folds are filled up evenly. A group that is too large for a part
/// trains.
Split split_groups(std::span<const SplitRow> rows, std::uint64_t seed, std::uint32_t folds = 1);

/// The last 15 % test, the last 20 % of what is before validate; equal times stay together. Rows
/// less than `gap` before a part are left out of the parts before it, as are rows without a time
/// (NaN).
Split split_by_time(std::span<const SplitRow> rows, std::span<const double> times, double gap);

/// What one network of a trial learns from and is judged on.
struct SplitRound {
  RowNumbers train, validation;
};

/// One, or one per fold.
std::vector<SplitRound> rounds_of(const Split& split);

/// All but the test rows, rising.
RowNumbers final_rows(const Split& split);

/// Equal iff the same rows do the same, whatever their order. `hashes` name the rows.
ContentHash hash_of_split(std::span<const RowHash> hashes, const Split& split);

}  // namespace starling::ml
