#include "ml/table/csv_dialect.h"

#include "ml/table/cell.h"
#include "ml/table/date.h"
#include "ml/table/text_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace starling::ml {
namespace {

constexpr std::array<char, 4> kDelimiters{',', ';', '\t', '|'};
constexpr std::size_t kSampleRecords = 200;
constexpr double kYearMin = 1900;
constexpr double kYearMax = 2100;

/// The records at the beginning of a text, with the text that they point into.
struct Sample {
  std::string text;
  CsvRecords records;
  bool is_torn = false;  ///< the grammar broke on the way
};

Sample split_sample(std::string_view text, bool is_whole, char delimiter) {
  Sample sample;
  sample.text = text;
  CsvSplitter splitter{delimiter};
  const auto split = splitter.split(sample.text, is_whole, sample.records);
  sample.is_torn = !split;
  if (sample.records.size() == 0 && !is_whole) {
    // One record longer than the sample: its cut end is all there is.
    sample.text = text;
    sample.records.clear();
    sample.is_torn = !CsvSplitter{delimiter}.split(sample.text, true, sample.records);
  }
  return sample;
}

std::size_t looked_at(const CsvRecords& records) {
  return std::min(records.size(), kSampleRecords);
}

/// The number of fields that most records have; of equally frequent ones the largest.
struct Width {
  std::size_t fields = 1;
  double share = 0;  ///< of the records
};

Width usual_width(const CsvRecords& records) {
  std::map<std::size_t, std::size_t> counts;
  for (std::size_t i = 0; i < looked_at(records); ++i)
    ++counts[records.record(i).size()];
  Width width;
  std::size_t most = 0;
  for (const auto& [fields, count] : counts) {
    if (count < most) continue;
    most = count;
    width.fields = fields;
  }
  width.share =
      static_cast<double>(most) / static_cast<double>(std::max<std::size_t>(1, looked_at(records)));
  return width;
}

char detect_delimiter(std::string_view text, bool is_whole) {
  char best = ',';
  double best_score = 0;
  for (const char delimiter : kDelimiters) {
    const Sample sample = split_sample(text, is_whole, delimiter);
    const Width width = usual_width(sample.records);
    if (width.fields < 2) continue;
    const double evenness = sample.is_torn ? width.share / 2 : width.share;
    const double score = evenness * 1e6 + static_cast<double>(width.fields);
    if (score > best_score) {
      best = delimiter;
      best_score = score;
    }
  }
  return best;
}

bool is_empty(std::string_view field) {
  return trimmed(field).empty();
}

/// Titles, units and remarks above the table: one filled field where the table has several, or a
/// line that begins with # and has another width.
std::uint32_t detect_skip(const CsvRecords& records) {
  const std::size_t width = usual_width(records).fields;
  std::uint32_t skip = 0;
  if (width < 2) return 0;
  for (; skip + 1 < looked_at(records) && skip < kCsvSkipMax; ++skip) {
    const auto record = records.record(skip);
    const auto filled = record.size() - static_cast<std::size_t>(
                                            std::count_if(record.begin(), record.end(), is_empty));
    const bool is_remark = trimmed(record[0]).starts_with('#') && record.size() != width;
    if (filled > 1 && !is_remark) break;
  }
  return skip + 1 < looked_at(records) ? skip : 0;
}

/// How a number is written, if its decimal mark can be told: '.', ',' or 0.
char decimal_told_by(std::string_view field) {
  const std::string_view text = trimmed(field);
  if (text.empty() || text.find_first_of(".,") == std::string_view::npos) return 0;
  const bool by_point = parse_number(text, '.').has_value();
  const bool by_comma = parse_number(text, ',').has_value();
  if (by_point == by_comma) {
    // 0,125 and 0.125 have no thousands: a group does not begin with a zero.
    const bool is_small = by_point && text[0] == '0' && text.size() > 1;
    return is_small ? text[1] : '\0';
  }
  return by_point ? '.' : ',';
}

char detect_decimal(const CsvRecords& records) {
  std::size_t points = 0;
  std::size_t commas = 0;
  for (std::size_t i = 0; i < looked_at(records); ++i) {
    for (const std::string_view field : records.record(i)) {
      const char told = decimal_told_by(field);
      points += told == '.' ? 1 : 0;
      commas += told == ',' ? 1 : 0;
    }
  }
  return commas > points ? ',' : '.';
}

bool is_value(std::string_view field, char decimal) {
  return parse_number(field, decimal) || read_date(field);
}

/// 2019, 2020, 2021: a table with one column per year names its columns by numbers.
bool names_years(std::span<const std::string_view> record) {
  std::size_t years = 0;
  double last = 0;
  for (const std::string_view field : record) {
    const auto number = parse_number(field);
    if (!number) continue;
    const bool is_next = *number >= kYearMin && *number <= kYearMax &&
                         (years == 0 || *number == last + 1 || *number == last - 1);
    if (!is_next) return false;
    last = *number;
    ++years;
  }
  return years >= 2;
}

/// Whether the column's cells below the first record are mostly numbers and dates.
bool has_values_below(const CsvRecords& records,
                      std::size_t first,
                      std::size_t column,
                      char decimal) {
  std::size_t values = 0;
  std::size_t words = 0;
  for (std::size_t i = first + 1; i < looked_at(records); ++i) {
    const auto record = records.record(i);
    if (column >= record.size() || is_missing(record[column])) continue;
    (is_value(record[column], decimal) ? values : words) += 1;
  }
  return values > words;
}

bool detect_header(const CsvRecords& records, std::uint32_t skip, char decimal) {
  if (records.size() <= skip) return true;
  const auto first = records.record(skip);
  if (names_years(first)) return true;
  std::size_t for_names = 0;
  std::size_t for_values = 0;
  std::size_t filled = 0;
  for (std::size_t column = 0; column < first.size(); ++column) {
    if (is_empty(first[column])) continue;
    ++filled;
    const bool is_alone = records.size() == skip + 1U;
    const bool above_values = is_alone || has_values_below(records, skip, column, decimal);
    if (is_value(first[column], decimal)) {
      for_values += above_values ? 1 : 0;
    } else if (!is_missing(first[column])) {
      for_names += above_values ? 1 : 0;
    }
  }
  return for_values <= for_names || filled == 0;
}

/// A single column of numbers with a decimal comma is no table of two columns: its first record,
/// the name, has one field, and what would be the header below it holds numbers.
bool splits_one_column(const CsvRecords& records, const CsvDialect& dialect) {
  const bool may_be = dialect.delimiter == ',' && records.size() >= 2;
  if (!may_be || records.record(0).size() != 1) return false;
  const bool is_name_alone = dialect.skip == 0 || !dialect.has_header;
  return is_name_alone && usual_width(records).fields == 2;
}

/// White space and control characters in a row become one space.
std::string clean_name(std::string_view field) {
  std::string name;
  for (const char c : field) {
    const bool is_space = static_cast<unsigned char>(c) <= ' ' || c == '\x7F';
    if (!is_space) name.push_back(c);
    if (is_space && !name.empty() && name.back() != ' ') name.push_back(' ');
  }
  while (name.ends_with(' '))
    name.pop_back();
  return std::string{utf8_prefix(name, kColumnNameBytesMax)};
}

}  // namespace

CsvOptions::CsvOptions(const CsvDialect& dialect)
    : encoding(dialect.encoding),
      delimiter(dialect.delimiter),
      decimal(dialect.decimal),
      has_header(dialect.has_header),
      skip(dialect.skip) {}

Result<> check(const CsvOptions& options) {
  const auto wrong = [](std::string sentence) {
    return Error{Errc::invalid_argument, std::move(sentence)};
  };
  if (options.delimiter) {
    const char c = *options.delimiter;
    const bool is_usable = (c == '\t' || (c >= ' ' && c < '\x7F')) && c != '"';
    if (!is_usable)
      return wrong("delimiter: must be one visible character, a space or a tab, no quote");
  }
  if (options.decimal && *options.decimal != '.' && *options.decimal != ',')
    return wrong(fmt::format("decimal: must be \".\" or \",\", not \"{}\"", *options.decimal));
  if (options.skip && *options.skip > kCsvSkipMax)
    return wrong(fmt::format("skip: {} is not from 0 to {}", *options.skip, kCsvSkipMax));
  return {};
}

CsvDialect detect_dialect(std::string_view text, bool is_whole, const CsvOptions& options) {
  CsvDialect dialect;
  dialect.encoding = options.encoding.value_or("utf-8");
  dialect.delimiter = options.delimiter ? *options.delimiter : detect_delimiter(text, is_whole);
  const Sample sample = split_sample(text, is_whole, dialect.delimiter);
  dialect.skip = options.skip ? *options.skip : detect_skip(sample.records);
  dialect.decimal = options.decimal ? *options.decimal : detect_decimal(sample.records);
  dialect.has_header = options.has_header
                           ? *options.has_header
                           : detect_header(sample.records, dialect.skip, dialect.decimal);
  if (options.delimiter || !splits_one_column(sample.records, dialect)) return dialect;
  CsvOptions one_column = options;
  one_column.delimiter = ';';
  return detect_dialect(text, is_whole, one_column);
}

std::vector<std::string> column_names(std::span<const std::string_view> header,
                                      std::vector<std::string>& remarks) {
  std::vector<std::string> names;
  std::unordered_set<std::string> taken;  // by a column's own name, here or further on
  for (const std::string_view field : header)
    taken.insert(clean_name(field));
  std::unordered_set<std::string> used;
  std::unordered_map<std::string, std::size_t> next_number;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const std::string wanted = clean_name(header[i]);
    const std::string base = wanted.empty() ? fmt::format("column_{}", i + 1) : wanted;
    std::string name = base;
    std::size_t& number = next_number.try_emplace(base, 2).first->second;
    while (used.contains(name) || (name != wanted && taken.contains(name)))
      name = fmt::format("{}_{}", base, number++);
    if (!wanted.empty() && name != wanted) {
      remarks.push_back(
          fmt::format("column {} is named \"{}\", as another is; it is called \"{}\" here",
                      i + 1,
                      wanted,
                      name));
    }
    used.insert(name);
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace starling::ml
