/// CSV as bytes in, records out, in bounded memory. Pure: it never reads itself.
///
/// RFC 4180 quotes, newlines inside quotes, LF, CRLF or CR, a UTF-8 byte order mark; the delimiter
/// is found among comma, semicolon, tab and bar. The first record is the header. Lines with nothing
/// on them are skipped. What cannot be a table of text is refused with the line in words.
///
/// Source: RFC 4180. Threads: none.
#pragma once

#include "node/base/error.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kCsvPieceBytes = 64 << 10;  ///< how much is read at a time
inline constexpr std::size_t kCsvRecordBytesMax = 1 << 20;
inline constexpr std::size_t kCsvColumnsMax = 4096;

/// One data record. The views live until the visitor returns.
struct CsvRow {
  std::uint64_t line = 0;  ///< where the record starts; the header is on line 1
  std::span<const std::string_view> fields;
};

/// The delimiter that splits the first lines of a table most evenly. Comma if none does.
char detect_delimiter(std::string_view sample);

/// Without the spaces and tabs around it.
std::string_view trimmed(std::string_view cell);

class CsvParser {
 public:
  /// Called once per data record, in order. An error stops the parser and is what `feed` returns.
  using Visit = std::function<Result<>(const CsvRow&)>;

  explicit CsvParser(Visit visit) : visit_(std::move(visit)) {}

  /// Errors: `invalid_argument` with the line and what to do; `too_large` names the limit.
  [[nodiscard]] Result<> feed(std::string_view bytes);

  /// The input has ended. Errors: as `feed`; also an empty input and an unclosed quote.
  [[nodiscard]] Result<> finish();

  /// Empty until the header has been read.
  const std::vector<std::string>& header() const { return header_; }

  char delimiter() const { return delimiter_; }

  std::uint64_t rows() const { return rows_; }

 private:
  enum class Place { field_start, plain, quoted, quote_in_quoted };

  Result<> start(bool is_whole);
  Result<> parse(std::string_view bytes);
  Result<> parse_some(const char*& at, const char* end);
  Result<> after_quote(const char*& at);
  Result<> end_record();
  Result<> take_header();
  Result<> check_text() const;

  void end_field() { ends_.push_back(text_.size()); }

  void append(const char* from, const char* to) { text_.append(from, to); }

  Visit visit_;
  bool is_started_ = false;
  std::string waiting_;  ///< the first piece, until the delimiter is known
  char delimiter_ = ',';
  bool stops_plain_[256] = {};  ///< bytes that end an unquoted field
  Place place_ = Place::field_start;
  bool skip_newline_ = false;  ///< a CR was just taken; an LF after it belongs to it
  bool was_quoted_ = false;
  std::uint64_t line_ = 1;
  std::uint64_t record_line_ = 1;
  std::uint64_t quote_line_ = 1;
  std::string text_;               ///< the fields of the current record, one after the other
  std::vector<std::size_t> ends_;  ///< where each field ends in `text_`
  std::vector<std::string_view> fields_;
  std::vector<std::string> header_;
  std::uint64_t rows_ = 0;
};

}  // namespace starling::ml
