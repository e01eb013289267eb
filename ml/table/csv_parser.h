/// A CSV file as bytes in, rows of a table out, in bounded memory. Pure: it never reads itself.
///
/// Encoding and dialect are found out from the beginning unless they are given (text_decoder.h,
/// csv_dialect.h). Rows shorter than the header are filled with empty cells and counted; longer
/// ones are refused unless what is too much is empty. What cannot be a table of text is refused
/// with its line and a reason.
///
/// Threads: none.
#pragma once

#include "ml/table/csv_dialect.h"
#include "ml/table/csv_splitter.h"
#include "ml/table/text_decoder.h"
#include "node/base/error.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kCsvPieceBytes = 64 << 10;  ///< how much is read at a time
inline constexpr std::size_t kCsvBatchBytes = 16 << 10;  ///< ... and split: fields stay in a cache

/// How many bytes before a field can be read, so that numbers are loaded in one go.
inline constexpr std::size_t kCsvBytesBefore = 8;

/// Some rows, one after the other, each with as many fields as the header has names. The views live
/// until the visitor returns. The fields of a row lie one behind the other in one text, with
/// `kCsvBytesBefore` readable bytes before it; what a short row lacks is empty and points nowhere.
struct CsvBatch {
  std::span<const std::string_view> fields;
  std::span<const std::uint64_t> lines;  ///< where each row starts in the file, from 1
  std::size_t columns = 0;

  std::size_t rows() const { return lines.size(); }

  std::span<const std::string_view> row(std::size_t i) const {
    return fields.subspan(i * columns, columns);
  }
};

class CsvParser {
 public:
  /// Called with the rows in order. An error stops the parser and is what `feed` returns.
  using Visit = std::function<Result<>(const CsvBatch&)>;

  explicit CsvParser(Visit visit, CsvOptions options = {});

  /// Errors: `invalid_argument` with the line and what to do, or with the option that is wrong;
  ///         `too_large` names the limit.
  [[nodiscard]] Result<> feed(std::string_view bytes);

  /// The input has ended. Errors: as `feed`; also an empty input and an unclosed quote.
  [[nodiscard]] Result<> finish();

  /// Empty until it has been read.
  const std::vector<std::string>& header() const { return header_; }

  /// Complete once the header has been read.
  const CsvDialect& dialect() const { return dialect_; }

  std::uint64_t rows() const { return rows_; }

  /// What was done to the file so that it is a table, one sentence each. Complete at the end.
  std::vector<std::string> remarks() const;

 private:
  Result<> take(std::string_view bytes);
  Result<> start(bool is_whole);
  Result<> check_text(std::size_t from) const;
  std::span<char> unsplit();
  Result<> split(bool is_last);
  Result<> take_records();
  Result<> take_header(std::span<const std::string_view> record);
  Result<> visit(std::size_t first);
  Result<> even(std::size_t record);
  Error at_text_end(const Error& error) const;

  Visit visit_;
  CsvOptions options_;
  CsvDialect dialect_;
  std::unique_ptr<TextDecoder> decoder_;
  std::optional<CsvSplitter> splitter_;
  bool is_started_ = false;
  std::string waiting_;  ///< the first bytes, until the dialect is known
  std::string text_;     ///< `kCsvBytesBefore` spaces, then what is decoded and not yet split
  CsvRecords records_;
  std::vector<std::string_view> evened_;  ///< rows, where not all have the header's width
  std::uint32_t skip_left_ = 0;
  std::vector<std::string> header_;
  std::vector<std::string> name_remarks_;
  std::uint64_t rows_ = 0;
  std::uint64_t short_rows_ = 0;
  std::uint64_t first_short_line_ = 0;
};

}  // namespace starling::ml
