/// The columns of a table in one block of bytes: written once from its rows, then read by all.
///
/// Numbers are doubles, or floats where the profile says that these hold all of them exactly; dates
/// are doubles; categories are 32-bit codes; a text or id is a 64-bit hash, which tells whether two
/// are equal, and of a text its words are counted. Each row has a hash of its content. Columns
/// without a value are left out.
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/csv_parser.h"
#include "ml/table/profile.h"
#include "ml/table/table.h"
#include "node/base/error.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kStoredLevelsMax = 65'536;  ///< of a column; the others share one

/// What they share. It is no word of a row: nothing is learned of it that a row to predict, which
/// has its own word, would not get.
inline constexpr std::string_view kSharedLevel = "(one of many)";

struct StoredColumn {
  std::string name;
  std::size_t field = 0;   ///< which of the table's columns
  std::size_t offset = 0;  ///< in the block
  std::size_t tokens = 0;  ///< offset of a text's counts
  bool is_single = false;  ///< its numbers are floats
  std::vector<std::string> levels;
};

/// Where everything is in the block.
struct ColumnLayout {
  std::uint64_t rows = 0;
  std::vector<StoredColumn> columns;
  std::size_t hashes = 0;  ///< offset of the row hashes
  std::size_t bytes = 0;   ///< of the block
};

/// Without levels, which only the rows tell.
ColumnLayout layout_of(const TableProfile& profile);

/// Stands for a trimmed cell of text; never 0.
std::uint64_t word_hash(std::string_view word);

/// The levels as they were met, for a layout of the same profile.
std::string levels_to_json(const ColumnLayout& layout);

/// Errors: `corrupt` if it is not that of this layout.
Result<> levels_from_json(std::string_view json, ColumnLayout& layout);

/// Fills a block from the rows of one or more data sets.
class ColumnWriter {
 public:
  /// `block` has `layout_of(profile).bytes`, all zero, and is aligned to 64 bytes.
  ColumnWriter(const TableProfile& profile, std::span<std::byte> block);

  /// The rows that follow are written as `source` says, and have its columns in its order; until
  /// then it is the profile itself. What it lacks is missing. `source` outlives the writer.
  void begin_source(const TableProfile& source);

  /// Errors: `conflict` for more rows than the profile has.
  [[nodiscard]] Result<> add(const CsvBatch& batch);

  /// Errors: `conflict` for fewer rows than the profile has.
  [[nodiscard]] Result<ColumnLayout> finish() &&;

 private:
  static constexpr std::size_t kNoField = SIZE_MAX;

  void add_column(const CsvBatch& batch, std::size_t column);
  void add_hashes(const CsvBatch& batch);
  double number_in(std::string_view cell, std::size_t column) const;
  std::int32_t code_of(std::string_view cell, std::size_t column);

  const TableProfile& profile_;
  const TableProfile* source_;
  std::vector<std::size_t> fields_;     ///< per stored column: which of the source's
  std::vector<DateOrder> date_orders_;  ///< per stored column, in the source
  std::span<std::byte> block_;
  ColumnLayout layout_;
  std::uint64_t rows_ = 0;
  std::vector<std::unordered_map<std::string, std::int32_t>> codes_;  ///< per stored column
  std::string text_;
};

/// The columns of a table that somebody asks for, besides the features of its profile.
struct TableRoles {
  std::string_view target;
  std::string_view key = {};  ///< as in `Table`; empty: none
};

/// The features of the profile, target and key, in a block that was filled. `storage` owns it.
Table table_in(const TableProfile& profile,
               const TableRoles& roles,
               const ColumnLayout& layout,
               std::span<const std::byte> block,
               std::shared_ptr<const void> storage);

}  // namespace starling::ml
