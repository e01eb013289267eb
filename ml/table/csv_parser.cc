#include "ml/table/csv_parser.h"

#include "ml/table/cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace starling::ml {
namespace {

constexpr std::size_t kCsvFewRecords = 64;  // in a batch

Error refusal(std::string sentence) {
  return {Errc::invalid_argument, std::move(sentence)};
}

/// What the first bytes say that no table is.
Result<> check_is_text(std::string_view bytes) {
  if (bytes.starts_with("PK\x03\x04"))
    return refusal("the file is a zip or Excel workbook; export the sheet as CSV");
  if (bytes.starts_with("\x1F\x8B"))
    return refusal("the file is compressed by gzip; unpack it first (gunzip)");
  if (bytes.starts_with("PAR1")) return refusal("the file is Parquet; export it as CSV");
  return {};
}

Error empty_file() {
  return refusal("the file is empty: a header line and rows are needed");
}

}  // namespace

CsvParser::CsvParser(Visit visit, CsvOptions options)
    : visit_(std::move(visit)),
      options_(std::move(options)),
      decoder_(std::make_unique<TextDecoder>(options_.encoding.value_or(""))),
      text_(kCsvBytesBefore, ' ') {}

std::span<char> CsvParser::unsplit() {
  return std::span{text_}.subspan(kCsvBytesBefore);
}

Result<> CsvParser::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    // Of long records a small batch would hold few, and look at the one that is cut once more.
    const std::size_t piece = records_.size() < kCsvFewRecords ? kCsvPieceBytes : kCsvBatchBytes;
    auto taken = take(bytes.substr(0, piece));
    if (!taken) return taken;
    bytes.remove_prefix(std::min(bytes.size(), piece));
  }
  return {};
}

Result<> CsvParser::take(std::string_view bytes) {
  if (!is_started_) {
    waiting_.append(bytes);
    return waiting_.size() < kCsvPieceBytes ? Result<>{} : start(false);
  }
  const std::size_t from = text_.size();
  const auto decoded = decoder_->decode(bytes, text_);
  auto checked = check_text(from);
  if (!checked) return checked;
  auto done = split(false);
  if (done && !decoded) return at_text_end(decoded.error());
  return done;
}

Result<> CsvParser::start(bool is_whole) {
  is_started_ = true;
  if (auto ok = check(options_); !ok) return ok;
  if (auto ok = check_is_text(waiting_); !ok) return ok;
  auto decoded = decoder_->decode(waiting_, text_);
  if (decoded && is_whole) decoded = decoder_->finish(text_);
  waiting_ = {};
  if (auto ok = check_text(kCsvBytesBefore); !ok) return ok;
  const bool is_blank = text_.find_first_not_of(" \t\r\n") == std::string::npos;
  if (is_blank && is_whole && decoded) return empty_file();
  const auto text = unsplit();
  dialect_ = detect_dialect({text.data(), text.size()}, is_whole, options_);
  skip_left_ = dialect_.skip;
  splitter_.emplace(dialect_.delimiter);
  auto done = split(is_whole && decoded);
  if (done && !decoded) return at_text_end(decoded.error());
  return done;
}

/// Of the error at the end of what could be decoded.
Error CsvParser::at_text_end(const Error& error) const {
  if (!splitter_) return error;
  const auto newlines = static_cast<std::uint64_t>(std::count(text_.begin(), text_.end(), '\n'));
  return {error.code,
          error.detail.starts_with("is not")
              ? fmt::format("line {} {}", splitter_->line() + newlines, error.detail)
              : error.detail};
}

Result<> CsvParser::check_text(std::size_t from) const {
  if (std::memchr(text_.data() + from, 0, text_.size() - from) == nullptr) return {};
  const std::size_t at = text_.find('\0', from);
  const auto newlines = static_cast<std::uint64_t>(
      std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
  const std::uint64_t line = (splitter_ ? splitter_->line() : 1) + newlines;
  return refusal(fmt::format("there is a NUL byte on line {}: this is not a text file", line));
}

Result<> CsvParser::split(bool is_last) {
  records_.clear();
  const auto taken = splitter_->split(unsplit(), is_last, records_);
  auto visited = take_records();
  if (!visited) return visited;
  if (!taken) return taken.error();
  text_.erase(kCsvBytesBefore, *taken);
  return {};
}

/// Skips what stands before the table, takes the header and visits the rest.
Result<> CsvParser::take_records() {
  std::size_t first = std::min<std::size_t>(skip_left_, records_.size());
  skip_left_ -= static_cast<std::uint32_t>(first);
  if (first == records_.size()) return {};
  if (header_.empty()) {
    auto taken = take_header(records_.record(first));
    if (!taken) return taken;
    first += dialect_.has_header ? 1 : 0;
  }
  return visit(first);
}

Result<> CsvParser::take_header(std::span<const std::string_view> record) {
  if (record.size() > kCsvColumnsMax) {
    return Error{
        Errc::too_large,
        fmt::format(
            "the header has {} columns; at most {} are supported", record.size(), kCsvColumnsMax)};
  }
  const std::vector<std::string_view> unnamed(record.size());
  header_ = column_names(dialect_.has_header ? record : unnamed, name_remarks_);
  return {};
}

Result<> CsvParser::visit(std::size_t first) {
  const std::size_t rows = records_.size() - first;
  if (rows == 0) return {};
  const std::size_t width = header_.size();
  const std::size_t from = first == 0 ? 0 : records_.ends[first - 1];
  std::span<const std::string_view> fields = std::span{records_.fields}.subspan(from);
  bool is_even = fields.size() == rows * width;
  for (std::size_t i = 0; i < rows && is_even; ++i)
    is_even = records_.ends[first + i] == from + (i + 1) * width;
  if (!is_even) {
    evened_.clear();
    for (std::size_t i = first; i < records_.size(); ++i) {
      auto evened = even(i);
      if (!evened) return evened;
    }
    fields = evened_;
  }
  rows_ += rows;
  return visit_(CsvBatch{fields, std::span{records_.lines}.subspan(first), width});
}

/// Adds the record to `evened_` with as many fields as the header has.
Result<> CsvParser::even(std::size_t i) {
  const auto record = records_.record(i);
  const std::size_t width = header_.size();
  const auto kept = record.first(std::min(record.size(), width));
  const auto is_empty = [](std::string_view field) { return trimmed(field).empty(); };
  const auto extra = record.subspan(kept.size());
  if (!std::all_of(extra.begin(), extra.end(), is_empty)) {
    return refusal(fmt::format(
        "line {} has {} fields, the {} has {}; put a field that holds the "
        "delimiter \"{}\" in quotes, or name another delimiter",
        records_.lines[i],
        record.size(),
        dialect_.has_header ? "header" : "first row",
        width,
        dialect_.delimiter == '\t' ? std::string{"tab"} : std::string(1, dialect_.delimiter)));
  }
  evened_.insert(evened_.end(), kept.begin(), kept.end());
  evened_.resize(evened_.size() + width - kept.size());
  if (kept.size() < width && short_rows_++ == 0) first_short_line_ = records_.lines[i];
  return {};
}

Result<> CsvParser::finish() {
  if (!is_started_) {
    if (auto started = start(true); !started) return started;
  } else {
    const std::size_t from = text_.size();
    if (auto decoded = decoder_->finish(text_); !decoded) return at_text_end(decoded.error());
    if (auto checked = check_text(from); !checked) return checked;
    if (auto done = split(true); !done) return done;
  }
  if (header_.empty()) return empty_file();
  if (rows_ == 0) return refusal("the file has a header but no rows");
  dialect_.encoding = decoder_->encoding();
  return {};
}

std::vector<std::string> CsvParser::remarks() const {
  std::vector<std::string> remarks;
  if (!options_.skip && dialect_.skip > 0) {
    remarks.push_back(fmt::format("{} line{} above the table {} left out",
                                  dialect_.skip,
                                  dialect_.skip == 1 ? "" : "s",
                                  dialect_.skip == 1 ? "is" : "are"));
  }
  if (!options_.has_header && !dialect_.has_header)
    remarks.emplace_back("there is no header: the columns are called column_1, column_2, ...");
  remarks.insert(remarks.end(), name_remarks_.begin(), name_remarks_.end());
  if (short_rows_ > 0) {
    remarks.push_back(
        fmt::format("{} row{} shorter than the header, the first on line {}: what "
                    "lacks is taken as missing",
                    short_rows_,
                    short_rows_ == 1 ? " is" : "s are",
                    first_short_line_));
  }
  return remarks;
}

}  // namespace starling::ml
