/// How one CSV file is written: delimiter, decimal mark, encoding, where its header is. Given by
/// its owner or found out from its beginning.
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/csv_splitter.h"
#include "node/base/error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kCsvColumnsMax = 4096;
inline constexpr std::uint32_t kCsvSkipMax = 1000;
inline constexpr std::size_t kColumnNameBytesMax = 200;

/// Complete: two readers with the same dialect see the same records.
struct CsvDialect {
  std::string encoding = "utf-8";
  char delimiter = ',';
  char decimal = '.';      ///< of numbers: point or comma
  bool has_header = true;  ///< else the columns are column_1, column_2, ...
  std::uint32_t skip = 0;  ///< records before the header (or the first row): titles, remarks

  friend bool operator==(const CsvDialect&, const CsvDialect&) = default;
};

/// What an owner knows about the file; the rest is found out.
struct CsvOptions {
  std::optional<std::string> encoding;
  std::optional<char> delimiter;
  std::optional<char> decimal;
  std::optional<bool> has_header;
  std::optional<std::uint32_t> skip;

  CsvOptions() = default;
  /// Nothing is left to be found out.
  explicit CsvOptions(const CsvDialect& dialect);

  friend bool operator==(const CsvOptions&, const CsvOptions&) = default;
};

/// Errors: `invalid_argument` names the option, its value and what it may be.
Result<> check(const CsvOptions& options);

/// `sample` is the beginning of the file as UTF-8; if it is not the whole, its last record may be
/// cut and is not looked at. The encoding is the caller's to fill in.
///
/// Delimiter: of comma, semicolon, tab and bar the one that gives most records the same number of
/// fields. Header: the first record with more than one filled field, unless it holds numbers or
/// dates above columns of such. Decimal mark: what most numbers with a fraction are written with.
CsvDialect detect_dialect(std::string_view sample, bool is_whole, const CsvOptions& options);

/// One name per column: white space and control characters become single spaces; a column without
/// a name is column_N, a second one of the same name gets _2. What was changed is added to
/// `remarks`, one sentence each.
std::vector<std::string> column_names(std::span<const std::string_view> header,
                                      std::vector<std::string>& remarks);

}  // namespace starling::ml
