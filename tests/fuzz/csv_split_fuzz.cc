// The grammar of CSV against a reading of it that goes from character to character. The first byte
// says where the text is cut into pieces, and which delimiter it has.
#include "ml/table/csv_splitter.h"
#include "tests/fuzz/fuzz_target.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace starling {
namespace {

struct Records {
  std::vector<std::vector<std::string>> rows;
  bool has_error = false;

  friend bool operator==(const Records&, const Records&) = default;
};

/// One field after the other, as the grammar says.
class SlowReader {
 public:
  SlowReader(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {}

  Records all() {
    while (at_ < text_.size() && !out_.has_error)
      take_record();
    return out_;
  }

 private:
  bool is_at(std::size_t place, char c) const { return place < text_.size() && text_[place] == c; }

  bool is_blank(std::size_t place) const {
    return (is_at(place, ' ') || is_at(place, '\t')) && !is_at(place, delimiter_);
  }

  bool is_stop(std::size_t place) const {
    return place == text_.size() || is_at(place, delimiter_) || is_at(place, '\r') ||
           is_at(place, '\n');
  }

  std::size_t behind_blanks(std::size_t place) const {
    while (is_blank(place))
      ++place;
    return place;
  }

  void take_record() {
    std::vector<std::string> record;
    bool has_quotes = false;
    do {
      if (!record.empty()) ++at_;  // over the delimiter
      const std::size_t first = behind_blanks(at_);
      const bool is_quoted = is_at(first, '"');
      has_quotes = has_quotes || is_quoted;
      record.push_back(is_quoted ? quoted(first + 1) : plain());
    } while (!out_.has_error && is_at(at_, delimiter_));
    if (out_.has_error) return;
    at_ += is_at(at_, '\r') && is_at(at_ + 1, '\n') ? 2 : 1;
    const bool is_nothing = record.size() == 1 && record[0].empty() && !has_quotes;
    if (!is_nothing) out_.rows.push_back(std::move(record));
  }

  std::string plain() {
    const std::size_t from = at_;
    while (!is_stop(at_))
      ++at_;
    return std::string{text_.substr(from, at_ - from)};
  }

  std::string quoted(std::size_t at) {
    std::string field;
    bool is_closed = false;
    for (; at < text_.size() && !is_closed; ++at) {
      if (text_[at] == '"') {
        is_closed = !is_at(at + 1, '"');
        if (is_closed) continue;
        ++at;  // its twin
      }
      field += text_[at];
    }
    at_ = behind_blanks(at);
    out_.has_error = !is_closed || !is_stop(at_);
    return field;
  }

  std::string_view text_;
  char delimiter_;
  std::size_t at_ = 0;
  Records out_;
};

Records split(std::string_view text, char delimiter, std::size_t piece) {
  ml::CsvSplitter splitter{delimiter};
  Records out;
  std::string waiting;
  for (std::size_t at = 0;; at += piece) {
    const bool is_last = at + piece >= text.size();
    waiting += text.substr(std::min(at, text.size()), piece);
    ml::CsvRecords records;
    const auto taken = splitter.split(waiting, is_last, records);
    for (std::size_t i = 0; i < records.size(); ++i)
      out.rows.emplace_back(records.record(i).begin(), records.record(i).end());
    out.has_error = !taken;
    if (!taken || is_last) return out;
    waiting.erase(0, *taken);
  }
}

}  // namespace
}  // namespace starling

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  if (size == 0) return 0;
  constexpr char kDelimiters[] = {',', ';', '\t', ' '};
  const std::string_view text = as_text(fuzz::as_bytes_view(data + 1, size - 1));
  const char delimiter = kDelimiters[data[0] / 64];
  const Records right = SlowReader{text, delimiter}.all();
  if (!right.has_error) fuzz::count_accepted();
  fuzz::require(split(text, delimiter, text.size() + 1) == right, "read as the grammar says");
  fuzz::require(split(text, delimiter, data[0] % 64 + 1U) == right, "wherever the text is cut");
  return 0;
}
