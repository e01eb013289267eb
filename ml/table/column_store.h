/// The columns of a table in one block of bytes: written once from its rows, then read by all.
///
/// Numbers are doubles, or floats where the profile says that these hold all of them exactly; dates
/// are doubles; categories are 32-bit codes. Each row has a hash of its content. What no study can
/// use (text, ids, columns without a value) is left out.
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

struct StoredColumn {
  std::string name;
  std::size_t field = 0;   ///< which of the table's columns
  std::size_t offset = 0;  ///< in the block
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

/// The levels as they were met, for a layout of the same profile.
std::string levels_to_json(const ColumnLayout& layout);

/// Errors: `corrupt` if it is not that of this layout.
Result<> levels_from_json(std::string_view json, ColumnLayout& layout);

/// Fills a block from rows that have the columns of the profile.
class ColumnWriter {
 public:
  /// `block` has `layout_of(profile).bytes`, all zero, and is aligned to 64 bytes.
  ColumnWriter(const TableProfile& profile, std::span<std::byte> block);

  /// Errors: `conflict` for more rows than the profile has.
  [[nodiscard]] Result<> add(const CsvBatch& batch);

  /// Errors: `conflict` for fewer rows than the profile has.
  [[nodiscard]] Result<ColumnLayout> finish() &&;

 private:
  void add_column(const CsvBatch& batch, std::size_t column);
  void add_hashes(const CsvBatch& batch);
  double number_in(std::string_view cell, const ColumnProfile& column) const;
  std::int32_t code_of(std::string_view cell, std::size_t column);

  const TableProfile& profile_;
  std::span<std::byte> block_;
  ColumnLayout layout_;
  std::uint64_t rows_ = 0;
  std::vector<std::unordered_map<std::string, std::int32_t>> codes_;  ///< per stored column
  std::string text_;
};

/// The features of the profile and `target`, in a block that was filled. `storage` owns the block.
Table table_in(const TableProfile& profile,
               std::string_view target,
               const ColumnLayout& layout,
               std::span<const std::byte> block,
               std::shared_ptr<const void> storage);

}  // namespace starling::ml
