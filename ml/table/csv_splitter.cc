#include "ml/table/csv_splitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace starling::ml {
namespace {

constexpr std::size_t kBlock = 64;

/// Bit i: `block[i]` is `delimiter`, CR or LF. `block` has 64 bytes.
std::uint64_t stops_in(const char* block, char delimiter) {
  std::uint64_t stops = 0;
#ifdef __SSE2__
  const __m128i wanted = _mm_set1_epi8(delimiter);
  const __m128i cr = _mm_set1_epi8('\r');
  const __m128i lf = _mm_set1_epi8('\n');
  for (unsigned part = 0; part < 4; ++part) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * part));
    const __m128i line = _mm_or_si128(_mm_cmpeq_epi8(bytes, cr), _mm_cmpeq_epi8(bytes, lf));
    const int bits = _mm_movemask_epi8(_mm_or_si128(line, _mm_cmpeq_epi8(bytes, wanted)));
    stops |= static_cast<std::uint64_t>(static_cast<unsigned>(bits)) << (16 * part);
  }
#else
  for (unsigned i = 0; i < kBlock; ++i) {
    const char c = block[i];
    const bool is_stop = c == delimiter || c == '\r' || c == '\n';
    stops |= static_cast<std::uint64_t>(is_stop) << i;
  }
#endif
  return stops;
}

/// Walks over the delimiters and line ends of a text.
class Stops {
 public:
  Stops(const char* begin, const char* end, char delimiter) : end_(end), delimiter_(delimiter) {
    look_at(begin);
  }

  /// The first stop that was not taken yet; `end` if there is none.
  char* take() {
    while (mask_ == 0) {
      if (end_ - block_ <= static_cast<std::ptrdiff_t>(kBlock)) return to_char(end_);
      look_at(block_ + kBlock);
    }
    const char* const stop = block_ + std::countr_zero(mask_);
    mask_ &= mask_ - 1;
    return to_char(stop);
  }

  /// The next stop is at `from` or behind it.
  void go_on_at(const char* from) { look_at(from); }

 private:
  // The text is the caller's to change; this class only reads it.
  static char* to_char(const char* at) { return const_cast<char*>(at); }

  void look_at(const char* from) {
    block_ = from;
    const auto left = static_cast<std::size_t>(end_ - from);
    if (left >= kBlock) {
      mask_ = stops_in(from, delimiter_);
      return;
    }
    char padded[kBlock] = {};
    std::memcpy(padded, from, left);
    mask_ = stops_in(padded, delimiter_) & ((std::uint64_t{1} << left) - 1);
  }

  const char* end_;
  char delimiter_;
  const char* block_ = nullptr;
  std::uint64_t mask_ = 0;
};

/// A quoted field's content with each doubled quote made one, in place.
std::string_view unescaped(std::string_view field) {
  char* const begin = const_cast<char*>(field.data());
  char* to = begin;
  for (std::size_t i = 0; i < field.size(); ++i) {
    *to++ = field[i];
    if (field[i] == '"') ++i;  // its twin
  }
  return {begin, static_cast<std::size_t>(to - begin)};
}

}  // namespace

void CsvRecords::clear() {
  fields.clear();
  ends.clear();
  lines.clear();
}

/// One call of `split`.
class CsvSplitter::Run {
 public:
  Run(CsvSplitter& splitter, std::span<char> text, bool is_last, CsvRecords& out)
      : splitter_(splitter),
        is_last_(is_last),
        out_(out),
        begin_(text.data()),
        end_(text.data() + text.size()),
        at_(begin_),
        record_(begin_),
        stops_(begin_, end_, splitter.delimiter_),
        line_(splitter.line_) {}

  Result<std::size_t> all() {
    if (splitter_.skip_newline_ && at_ < end_) {
      splitter_.skip_newline_ = false;
      if (*at_ == '\n') start_at(at_ + 1);
      record_ = at_;
    }
    while ((at_ < end_ || is_inside_) && take_field()) {
    }
    take_back_unfinished();
    if (failure_) return std::move(*failure_);
    return static_cast<std::size_t>(record_ - begin_);
  }

 private:
  void start_at(char* place) {
    at_ = place;
    stops_.go_on_at(place);
  }

  /// False when the text ends before the field does, or on a failure.
  bool take_field() {
    char* const quote = quote_ahead();
    if (quote != nullptr) return take_quoted(quote);
    char* const stop = stops_.take();
    if (stop == end_ && !is_last_) return false;
    out_.fields.emplace_back(at_, static_cast<std::size_t>(stop - at_));
    return stop < end_ && *stop == splitter_.delimiter_ ? go_on_behind(stop) : end_line(stop);
  }

  /// At the delimiter behind a field that was added.
  bool go_on_behind(char* delimiter) {
    at_ = delimiter + 1;
    is_inside_ = true;
    return at_ < end_ || is_last_;
  }

  bool is_blank(char c) const { return (c == ' ' || c == '\t') && c != splitter_.delimiter_; }

  /// The quote that opens the field at `at_`, with or without spaces before it.
  char* quote_ahead() const {
    if (at_ == end_) return nullptr;
    const auto first = static_cast<unsigned char>(*at_);
    if (first > '"') return nullptr;  // as most fields
    char* at = at_;
    while (at < end_ && is_blank(*at))
      ++at;
    return at < end_ && *at == '"' ? at : nullptr;
  }

  bool take_quoted(char* opening) {
    char* const from = opening + 1;
    bool has_twins = false;
    char* closing = nullptr;
    for (char* at = from; closing == nullptr;) {
      auto* quote = static_cast<char*>(std::memchr(at, '"', static_cast<std::size_t>(end_ - at)));
      if (quote == nullptr || (quote + 1 == end_ && !is_last_)) return never_closed();
      const bool is_twin = quote + 1 < end_ && quote[1] == '"';
      has_twins = has_twins || is_twin;
      if (!is_twin) closing = quote;
      at = quote + 2;
    }
    line_ += static_cast<std::uint64_t>(std::count(from, closing, '\n'));
    if (has_twins) twins_.push_back(out_.fields.size());
    out_.fields.emplace_back(from, static_cast<std::size_t>(closing - from));
    is_quoted_ = true;
    return after_closing(closing + 1);
  }

  bool after_closing(char* at) {
    while (at < end_ && is_blank(*at))
      ++at;
    if (at == end_) return is_last_ && end_line(end_);
    if (*at != splitter_.delimiter_ && *at != '\n' && *at != '\r') {
      return fail(Errc::invalid_argument,
                  fmt::format("line {} has text after a closing quote; write a quote inside "
                              "quotes as two",
                              line_));
    }
    start_at(at);
    char* const stop = stops_.take();
    return *stop == splitter_.delimiter_ ? go_on_behind(stop) : end_line(stop);
  }

  /// At the line end or end of text behind a field that was added.
  bool end_line(char* stop) {
    at_ = stop < end_ ? stop + 1 : end_;
    if (stop - record_ > static_cast<std::ptrdiff_t>(kCsvRecordBytesMax)) return too_long();
    end_record();
    if (stop < end_ && *stop == '\r') take_line_feed();
    record_ = at_;
    splitter_.line_ = ++line_;
    return true;
  }

  void take_line_feed() {
    splitter_.skip_newline_ = at_ == end_;
    if (at_ < end_ && *at_ == '\n') at_ = stops_.take() + 1;
  }

  void end_record() {
    const std::size_t first = out_.ends.empty() ? 0 : out_.ends.back();
    const bool is_nothing =
        out_.fields.size() == first + 1 && out_.fields.back().empty() && !is_quoted_;
    for (const std::size_t i : twins_)
      out_.fields[i] = unescaped(out_.fields[i]);
    if (is_nothing) {
      out_.fields.pop_back();
    } else {
      out_.ends.push_back(out_.fields.size());
      out_.lines.push_back(splitter_.line_);
    }
    is_inside_ = false;
    is_quoted_ = false;
    twins_.clear();
  }

  void take_back_unfinished() {
    if (at_ == end_ && record_ == end_) return;
    out_.fields.resize(out_.ends.empty() ? 0 : out_.ends.back());
    const bool waits_too_long = end_ - record_ > static_cast<std::ptrdiff_t>(kCsvRecordBytesMax);
    if (waits_too_long && !failure_) too_long();
  }

  bool fail(Errc code, std::string detail) {
    failure_ = Error{code, std::move(detail)};
    return false;
  }

  bool too_long() {
    return fail(Errc::too_large,
                fmt::format("the record on line {} is over {} bytes; is a quote unclosed, or is "
                            "this no table?",
                            splitter_.line_,
                            kCsvRecordBytesMax));
  }

  /// A field whose closing quote has not come; perhaps it still will.
  bool never_closed() {
    if (!is_last_) return false;
    return fail(Errc::invalid_argument,
                fmt::format("the quote opened on line {} is never closed", line_));
  }

  CsvSplitter& splitter_;
  bool is_last_;
  CsvRecords& out_;
  char* begin_;
  char* end_;
  char* at_;      ///< where the next field begins
  char* record_;  ///< where its record begins
  Stops stops_;
  std::uint64_t line_;
  bool is_inside_ = false;  ///< a delimiter was the last: a field follows, even at the end
  bool is_quoted_ = false;
  std::vector<std::size_t> twins_;  ///< fields of this record with doubled quotes
  std::optional<Error> failure_;
};

Result<std::size_t> CsvSplitter::split(std::span<char> text, bool is_last, CsvRecords& out) {
  return Run{*this, text, is_last, out}.all();
}

}  // namespace starling::ml
