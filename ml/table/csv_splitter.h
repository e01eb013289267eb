/// UTF-8 text in, records of fields out: the grammar of CSV and nothing of what it means.
///
/// RFC 4180 quotes, newlines inside quotes, LF, CRLF or CR. Spaces around a quoted field are
/// dropped; a quote inside an unquoted field is a character like others. Lines with nothing on them
/// are no records. Delimiters and line ends are looked for 64 bytes at a time.
///
/// Source: RFC 4180. Threads: none. Pure.
#pragma once

#include "node/base/error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kCsvRecordBytesMax = 1 << 20;

/// Records one after the other. The views point into the text that was split.
struct CsvRecords {
  std::vector<std::string_view> fields;
  std::vector<std::size_t> ends;     ///< per record, the index after its last field
  std::vector<std::uint64_t> lines;  ///< per record, where it starts

  std::size_t size() const { return ends.size(); }

  std::span<const std::string_view> record(std::size_t i) const {
    const std::size_t from = i == 0 ? 0 : ends[i - 1];
    return std::span{fields}.subspan(from, ends[i] - from);
  }

  void clear();
};

class CsvSplitter {
 public:
  /// `delimiter` is none of quote, CR and LF.
  explicit CsvSplitter(char delimiter) : delimiter_(delimiter) {}

  /// Adds the whole records at the beginning of `text`; with `is_last` also one without a line end.
  /// Doubled quotes are made one in place, so `text` is changed within these records. Returns how
  /// many bytes they took; the next call begins there.
  /// Errors: `invalid_argument` with the line: text after a closing quote, an unclosed quote;
  ///         `too_large` for a record over `kCsvRecordBytesMax`. Records before it were added.
  [[nodiscard]] Result<std::size_t> split(std::span<char> text, bool is_last, CsvRecords& out);

  /// Of the next record to be split; the first line is 1.
  std::uint64_t line() const { return line_; }

 private:
  class Run;

  char delimiter_;
  bool skip_newline_ = false;  ///< a CR ended the text; an LF at the next beginning belongs to it
  std::uint64_t line_ = 1;
};

}  // namespace starling::ml
