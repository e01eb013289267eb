#include "ml/table/csv_parser.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <unordered_map>

namespace starling::ml {
namespace {

constexpr std::array<char, 4> kDelimiters{',', ';', '\t', '|'};
constexpr std::size_t kSampleRecords = 50;

Error refusal(std::string sentence) {
  return {Errc::invalid_argument, std::move(sentence)};
}

/// Fields per record of `sample`; the last, perhaps cut, record counts only if it is the only one.
std::vector<std::size_t> field_counts(std::string_view sample, char delimiter) {
  std::vector<std::size_t> counts;
  std::size_t fields = 1;
  bool in_quotes = false;
  bool is_blank = true;
  for (const char c : sample) {
    if (c == '"') in_quotes = !in_quotes;
    if (in_quotes || (c != '\n' && c != '\r')) {
      is_blank = false;
      if (!in_quotes && c == delimiter) ++fields;
      continue;
    }
    if (!is_blank) counts.push_back(fields);
    if (counts.size() == kSampleRecords) return counts;
    fields = 1;
    is_blank = true;
  }
  if (counts.empty()) counts.push_back(fields);
  return counts;
}

/// Length of the UTF-8 sequence at `at`, or 0 if there is none. Overlong forms and surrogates are
/// refused (Unicode 15, table 3-7).
std::size_t utf8_length(const unsigned char* at, const unsigned char* end) {
  const auto follows = [&](std::size_t i, unsigned char low, unsigned char high) {
    return at + i < end && at[i] >= low && at[i] <= high;
  };
  const unsigned char c = *at;
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    const unsigned char low = c == 0xE0 ? 0xA0 : 0x80;
    const unsigned char high = c == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    const unsigned char low = c == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = c == 0xF4 ? 0x8F : 0xBF;
    const bool fits = follows(1, low, high) && follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF);
    return fits ? 4 : 0;
  }
  return 0;
}

/// The first byte that is not part of valid UTF-8, or nothing.
const unsigned char* find_bad_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = at + text.size();
  while (at < end) {
    std::uint64_t word = 0;
    if (end - at >= 8) {
      std::memcpy(&word, at, 8);
      if ((word & 0x8080808080808080ULL) == 0) {
        at += 8;
        continue;
      }
    }
    const std::size_t length = utf8_length(at, end);
    if (length == 0) return at;
    at += length;
  }
  return nullptr;
}

}  // namespace

char detect_delimiter(std::string_view sample) {
  char best = ',';
  double best_score = 0;
  for (const char delimiter : kDelimiters) {
    const auto counts = field_counts(sample, delimiter);
    if (counts[0] < 2) continue;
    std::size_t alike = 0;
    for (const std::size_t count : counts)
      alike += count == counts[0] ? 1 : 0;
    const double evenness = static_cast<double>(alike) / static_cast<double>(counts.size());
    const double score = evenness * 1e6 + static_cast<double>(counts[0]);
    if (score > best_score) {
      best = delimiter;
      best_score = score;
    }
  }
  return best;
}

std::string_view trimmed(std::string_view cell) {
  while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t'))
    cell.remove_prefix(1);
  while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t'))
    cell.remove_suffix(1);
  return cell;
}

Result<> CsvParser::feed(std::string_view bytes) {
  if (is_started_) return parse(bytes);
  waiting_.append(bytes);
  if (waiting_.size() < kCsvPieceBytes) return {};
  return start(false);
}

Result<> CsvParser::start(bool is_whole) {
  is_started_ = true;
  const std::string first = std::move(waiting_);
  std::string_view bytes = first;
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) {
    return refusal("the file is UTF-16; save it as UTF-8");
  }
  if (bytes.starts_with("PK\x03\x04")) {
    return refusal("the file is a zip or Excel workbook; export the sheet as CSV");
  }
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (is_whole && bytes.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return refusal("the file is empty: a header line and rows are needed");
  }
  delimiter_ = detect_delimiter(bytes);
  for (const char c : {delimiter_, '\n', '\r'})
    stops_plain_[static_cast<unsigned char>(c)] = true;
  return parse(bytes);
}

Result<> CsvParser::parse(std::string_view bytes) {
  if (std::memchr(bytes.data(), 0, bytes.size()) != nullptr) {
    return refusal(
        fmt::format("there is a NUL byte on or after line {}: this is not a text file", line_));
  }
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  while (at < end) {
    auto parsed = parse_some(at, end);
    if (!parsed) return parsed;
    if (text_.size() > kCsvRecordBytesMax || ends_.size() > kCsvRecordBytesMax) {
      return Error{Errc::too_large,
                   fmt::format("the record on line {} is over {} bytes; is a quote unclosed?",
                               record_line_,
                               kCsvRecordBytesMax)};
    }
  }
  return {};
}

Result<> CsvParser::parse_some(const char*& at, const char* end) {
  if (skip_newline_) {
    skip_newline_ = false;
    if (*at == '\n') {
      ++at;
      return {};
    }
  }
  if (place_ == Place::quote_in_quoted) return after_quote(at);
  if (place_ == Place::quoted) {
    const auto* quote =
        static_cast<const char*>(std::memchr(at, '"', static_cast<std::size_t>(end - at)));
    const char* stop = quote != nullptr ? quote : end;
    for (const char* c = at; c < stop; ++c)
      line_ += *c == '\n' ? 1 : 0;
    append(at, stop);
    at = quote != nullptr ? quote + 1 : end;
    if (quote != nullptr) place_ = Place::quote_in_quoted;
    return {};
  }
  if (place_ == Place::field_start && *at == '"') {
    place_ = Place::quoted;
    was_quoted_ = true;
    quote_line_ = line_;
    ++at;
    return {};
  }
  place_ = Place::plain;
  const char* stop = at;
  while (stop < end && !stops_plain_[static_cast<unsigned char>(*stop)])
    ++stop;
  append(at, stop);
  at = stop;
  if (stop == end) return {};
  return after_quote(at);
}

/// At a delimiter or a line end; after a closing quote also at a doubled one.
Result<> CsvParser::after_quote(const char*& at) {
  const char c = *at;
  ++at;
  if (c == '"' && place_ == Place::quote_in_quoted) {
    text_.push_back('"');
    place_ = Place::quoted;
    return {};
  }
  if (c == delimiter_) {
    end_field();
    place_ = Place::field_start;
    return {};
  }
  if (c == '\n' || c == '\r') {
    skip_newline_ = c == '\r';
    auto ended = end_record();
    record_line_ = ++line_;
    return ended;
  }
  return refusal(fmt::format(
      "line {} has text after a closing quote; write a quote inside quotes as two", line_));
}

Result<> CsvParser::end_record() {
  const bool is_blank = text_.empty() && ends_.empty() && !was_quoted_;
  place_ = Place::field_start;
  was_quoted_ = false;
  if (is_blank) return {};

  end_field();
  fields_.clear();
  std::size_t from = 0;
  for (const std::size_t to : ends_) {
    fields_.emplace_back(text_.data() + from, to - from);
    from = to;
  }
  auto checked = check_text();
  if (checked && header_.empty()) {
    checked = take_header();
  } else if (checked && fields_.size() != header_.size()) {
    checked = refusal(fmt::format("line {} has {} field{}, the header has {}",
                                  record_line_,
                                  fields_.size(),
                                  fields_.size() == 1 ? "" : "s",
                                  header_.size()));
  } else if (checked) {
    ++rows_;
    checked = visit_(CsvRow{record_line_, fields_});
  }
  text_.clear();
  ends_.clear();
  return checked;
}

Result<> CsvParser::check_text() const {
  const auto* bad = find_bad_utf8(text_);
  if (bad == nullptr) return {};
  return refusal(fmt::format(
      "line {} is not UTF-8 (byte 0x{:02X}); save the file as UTF-8", record_line_, *bad));
}

Result<> CsvParser::take_header() {
  if (fields_.size() > kCsvColumnsMax) {
    return Error{
        Errc::too_large,
        fmt::format(
            "the header has {} columns; at most {} are supported", fields_.size(), kCsvColumnsMax)};
  }
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const std::string name{trimmed(fields_[i])};
    if (name.empty()) {
      return refusal(
          fmt::format("column {} of {} has no name in the header", i + 1, fields_.size()));
    }
    const auto [first, is_new] = seen.emplace(name, i + 1);
    if (!is_new) {
      return refusal(
          fmt::format("columns {} and {} are both named \"{}\"", first->second, i + 1, name));
    }
    header_.push_back(name);
  }
  return {};
}

Result<> CsvParser::finish() {
  if (!is_started_) {
    auto started = start(true);
    if (!started) return started;
  }
  if (place_ == Place::quoted) {
    return refusal(fmt::format("the quote opened on line {} is never closed", quote_line_));
  }
  auto ended = end_record();
  if (!ended) return ended;
  if (header_.empty()) return refusal("the file is empty: a header line and rows are needed");
  if (rows_ == 0) return refusal("the file has a header but no rows");
  return {};
}

}  // namespace starling::ml
