/// What a table holds, found in one pass over its rows: types, ranges, levels, and what is odd.
///
/// Memory is bounded whatever the table: at most `kLevelsTrackedMax` values are told apart over all
/// columns, beyond that distinct values are estimated (HyperLogLog, 2 % off) and counts of levels
/// are those of the values seen first.
///
/// Source: Flajolet et al., "HyperLogLog" (2007). Threads: none. Pure.
#pragma once

#include "node/base/error.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kDistinctExactMax = 1000;     ///< per column
inline constexpr std::size_t kLevelsTrackedMax = 100'000;  ///< over all columns
inline constexpr std::size_t kLevelsShownMax = 50;         ///< of a column with more levels
inline constexpr std::size_t kLevelsKeptMax = 100;         ///< a column with so few keeps them all
inline constexpr std::size_t kLevelTextBytesMax = 128;

/// Only `number` and `category` columns are features.
enum class ColumnType : std::uint8_t {
  number = 1,    ///< every cell that is not missing is a finite number
  category = 2,  ///< words that repeat
  text = 3,      ///< more than 50 different words, more than a tenth of the rows
  id = 4,        ///< a row number, or words that hardly repeat at all
};

std::string_view to_string(ColumnType type);

struct LevelCount {
  std::string value;
  std::uint64_t count = 0;

  friend bool operator==(const LevelCount&, const LevelCount&) = default;
};

struct ColumnProfile {
  std::string name;
  ColumnType type = ColumnType::category;
  std::uint64_t missing = 0;
  std::uint64_t distinct = 0;  ///< without missing
  bool is_distinct_exact = true;
  bool is_whole = false;                       ///< a number column of whole numbers
  double min = 0, max = 0, mean = 0, std = 0;  ///< of number columns, without missing
  std::vector<LevelCount> levels;              ///< most frequent first, then by value

  friend bool operator==(const ColumnProfile&, const ColumnProfile&) = default;
};

struct TableProfile {
  char delimiter = ',';
  std::uint64_t rows = 0;
  std::vector<ColumnProfile> columns;
  std::vector<std::string> warnings;  ///< one sentence each

  /// Nothing if no column has that name.
  const ColumnProfile* find(std::string_view name) const;

  friend bool operator==(const TableProfile&, const TableProfile&) = default;
};

/// Whether a model may learn from it: a number or category with at least two values.
bool is_feature(const ColumnProfile& column);

class ProfileBuilder {
 public:
  explicit ProfileBuilder(std::vector<std::string> names);
  ~ProfileBuilder();
  ProfileBuilder(ProfileBuilder&&) noexcept;

  /// As many fields as names.
  void add_row(std::span<const std::string_view> fields);

  TableProfile finish(char delimiter) const;

 private:
  struct Column;
  std::vector<Column> columns_;
  std::uint64_t rows_ = 0;
};

}  // namespace starling::ml
