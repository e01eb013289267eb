/// What a table holds, found in one pass over its rows: types, ranges, levels, and what is odd.
///
/// Memory is bounded whatever the table: at most `kLevelsTrackedMax` values are told apart over all
/// columns (101 of each column if that is more), beyond that distinct values are estimated
/// (HyperLogLog, 2 % off) and counts of levels are those of the values seen first.
///
/// Source: Flajolet et al., "HyperLogLog" (2007). Threads: none. Pure.
#pragma once

#include "ml/table/csv_parser.h"
#include "ml/table/date.h"
#include "ml/table/relations.h"
#include "node/base/error.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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
inline constexpr std::size_t kWarningsMax = 200;

/// Values are stored: append only.
enum class ColumnType : std::uint8_t {
  number = 1,    ///< at least 95 % of the cells that are not missing are numbers
  category = 2,  ///< words that repeat, also numbers with leading zeros
  text = 3,      ///< more than 50 different words, more than a tenth of the rows, or sentences
  id = 4,        ///< a row number, or words that hardly repeat at all
  integer = 5,   ///< a number column in which every number is whole
  date = 6,      ///< at least 95 % are dates
  boolean = 7,   ///< yes and no, in one of their spellings
};

/// What a column is for. `automatic`: its type decides. An id that is made a feature becomes
/// a number or category. Values are stored: append only.
enum class ColumnRole : std::uint8_t {
  automatic = 0,
  feature = 1,
  ignore = 2,
  id = 3,
  group = 4,   ///< rows with the same value belong together, and no feature
  time = 5,    ///< a feature by which studies divide the rows, unless they say otherwise
  weight = 6,  ///< what a row counts where models learn from it; a number of 0 or more, no feature
};

/// Its owner says that no model learns from it.
constexpr bool is_set_aside(ColumnRole role) {
  return role == ColumnRole::ignore || role == ColumnRole::id || role == ColumnRole::group ||
         role == ColumnRole::weight;
}

std::string_view to_string(ColumnType type);
std::string_view to_string(ColumnRole role);
std::optional<ColumnType> type_from_name(std::string_view name);
std::optional<ColumnRole> role_from_name(std::string_view name);

/// number or integer.
constexpr bool is_numeric(ColumnType type) {
  return type == ColumnType::number || type == ColumnType::integer;
}

/// number, integer or date: a cell is a number.
constexpr bool holds_numbers(ColumnType type) {
  return is_numeric(type) || type == ColumnType::date;
}

/// text or id: what the cells say is not told apart by a list of levels.
constexpr bool holds_words(ColumnType type) {
  return type == ColumnType::text || type == ColumnType::id;
}

/// category or boolean: a cell is one of a list of levels.
constexpr bool holds_levels(ColumnType type) {
  return !holds_numbers(type) && !holds_words(type);
}

struct LevelCount {
  std::string value;
  std::uint64_t count = 0;

  friend bool operator==(const LevelCount&, const LevelCount&) = default;
};

struct ColumnProfile {
  std::string name;
  ColumnType type = ColumnType::category;
  ColumnRole role = ColumnRole::automatic;
  std::uint64_t missing = 0;     ///< empty or a word for it; not what cannot be read
  std::uint64_t unreadable = 0;  ///< of numbers and dates: cells that are none; taken as missing
  std::uint64_t infinite = 0;    ///< of numbers; taken as missing
  std::uint64_t distinct = 0;    ///< without missing
  bool is_distinct_exact = true;
  bool is_whole = false;                       ///< a number column of whole numbers
  double min = 0, max = 0, mean = 0, std = 0;  ///< of numbers and dates (seconds since 1970)
  DateOrder date_order = DateOrder::month_first;
  bool is_date_order_sure = false;  ///< a cell allows one only
  std::vector<LevelCount> levels;   ///< most frequent first, then by value; not of dates

  friend bool operator==(const ColumnProfile&, const ColumnProfile&) = default;
};

struct TableProfile {
  CsvDialect dialect;
  std::uint64_t rows = 0;
  bool is_packed = false;            ///< the file is a gzip file
  std::uint64_t duplicate_rows = 0;  ///< rows that an earlier one equals; estimated past a million
  std::vector<ColumnProfile> columns;
  std::vector<Relation> relations;
  std::vector<std::string> warnings;  ///< one sentence each

  /// Nothing if no column has that name.
  const ColumnProfile* find(std::string_view name) const;

  friend bool operator==(const TableProfile&, const TableProfile&) = default;
};

/// Whether `levels` are all there are.
bool has_all_levels(const ColumnProfile& column);

/// Leaves so many levels that they take at most `bytes` in all: complete lists first, of those the
/// words and the short ones, for these may be classes.
void fit_levels(std::vector<ColumnProfile>& columns, std::size_t bytes);

/// Whether a model may learn from it: any type but id, with at least two values, or with one that
/// is missing in some rows, which its owner did not exclude.
bool is_feature(const ColumnProfile& column);

/// What the owner says of a column.
struct ColumnChoice {
  std::optional<ColumnType> type;
  ColumnRole role = ColumnRole::automatic;

  friend bool operator==(const ColumnChoice&, const ColumnChoice&) = default;
};

/// What the owner says of a table.
struct TableOptions {
  CsvOptions csv;
  std::map<std::string, ColumnChoice> columns;

  friend bool operator==(const TableOptions&, const TableOptions&) = default;
};

class ProfileBuilder {
 public:
  /// Errors: `invalid_argument` names a column of `choices` that is not among `names`.
  static Result<ProfileBuilder> make(const std::vector<std::string>& names,
                                     char decimal,
                                     const std::map<std::string, ColumnChoice>& choices = {});
  ~ProfileBuilder();
  ProfileBuilder(ProfileBuilder&&) noexcept;
  ProfileBuilder& operator=(ProfileBuilder&&) noexcept;

  /// As many columns as names.
  void add(const CsvBatch& batch);

  /// `remarks` of the reader become the first warnings.
  /// Errors: `invalid_argument` names a column that cannot have the type that was chosen for it.
  Result<TableProfile> finish(const CsvDialect& dialect, std::vector<std::string> remarks) const;

 private:
  struct Parts;

  explicit ProfileBuilder(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace starling::ml
