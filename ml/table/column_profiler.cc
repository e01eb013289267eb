#include "ml/table/column_profiler.h"

#include "ml/table/cell.h"
#include "ml/table/short_number.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace starling::ml {
namespace {

constexpr std::uint64_t kTextLevelsMin = 50;  // more than so many different words may be text
constexpr double kTextShare = 0.1;            // ... if they are more than this share of the rows
constexpr double kSentenceBytes = 40;         // words of this mean length are sentences
constexpr double kIdShare = 0.95;             // so many different values and it names the row
constexpr double kEstimateOff = 0.05;         // what an estimated count may lack
constexpr std::uint64_t kIdRowsMin = 20;      // fewer rows say nothing about a column
constexpr double kReadableShare = 0.95;       // so many numbers make a column of numbers
constexpr std::uint64_t kDateTries = 200;     // words that are no dates, after which none is sought

/// Beyond 2^52 there is nothing but whole numbers; below it, adding it rounds to one.
bool are_whole(std::span<const double> block) {
  constexpr double kWholeFrom = 4503599627370496;
  std::uint64_t parts = 0;
  for (const double number : block) {
    const double size = std::abs(number);
    const double rounded = (size + kWholeFrom) - kWholeFrom;
    parts +=
        static_cast<std::uint64_t>(size < kWholeFrom) & static_cast<std::uint64_t>(rounded != size);
  }
  return parts == 0;
}

/// How often a number is that before it plus one.
std::uint64_t successors(std::span<const double> block) {
  std::uint64_t count = 0;
  for (std::size_t i = 1; i < block.size(); ++i)
    count += static_cast<std::uint64_t>(block[i] == block[i - 1] + 1);
  return count;
}

bool is_most(std::uint64_t part, std::uint64_t whole, double share) {
  return whole > 0 && static_cast<double>(part) >= share * static_cast<double>(whole);
}

}  // namespace

void NumberStats::add(std::span<const double> block) {
  if (block.empty()) return;
  constexpr std::size_t kLanes = 4;  // that do not wait for each other
  std::array<double, kLanes> sums{}, squares{}, least{}, most{};
  least.fill(min_);
  most.fill(max_);
  const double shift = block[0];
  const auto add_one = [&](std::size_t lane, double number) {
    const double off = number - shift;
    sums[lane] += off;
    squares[lane] += off * off;
    least[lane] = number < least[lane] ? number : least[lane];
    most[lane] = number > most[lane] ? number : most[lane];
  };
  const std::size_t whole = block.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      add_one(lane, block[i + lane]);
  for (std::size_t i = whole; i < block.size(); ++i)
    add_one(i - whole, block[i]);
  min_ = *std::ranges::min_element(least);
  max_ = *std::ranges::max_element(most);
  const auto n = static_cast<double>(block.size());
  const double sum = sums[0] + sums[1] + sums[2] + sums[3];
  const double all_squares = squares[0] + squares[1] + squares[2] + squares[3];
  const double within = all_squares - sum * sum / n;  // NaN where both are infinite
  const auto before = static_cast<double>(count_);
  const double delta = shift + sum / n - mean_;
  mean_ += delta * (n / (before + n));
  squares_ += std::isnan(within) ? HUGE_VAL : std::max(0.0, within);
  if (count_ > 0) squares_ += delta * delta * (before * n / (before + n));
  count_ += block.size();
}

double NumberStats::std() const {
  if (count_ < 2) return 0;
  return std::min(std::sqrt(squares_ / static_cast<double>(count_ - 1)), kNumberMax);
}

ColumnProfiler::ColumnProfiler(std::string name,
                               char decimal,
                               ColumnChoice choice,
                               std::size_t levels_max)
    : name_(std::move(name)),
      decimal_(decimal),
      choice_(choice),
      reads_numbers_(choice.type != ColumnType::category && choice.type != ColumnType::text &&
                     choice.type != ColumnType::boolean),
      number_levels_(levels_max),
      word_levels_(levels_max) {}

void ColumnProfiler::add(const CsvBatch& batch, std::size_t column) {
  const bool is_quick = reads_numbers_ && choice_.type != ColumnType::date;
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    if (is_quick) row = add_numbers(batch, column, row);
    if (row < batch.rows()) add_other(trimmed(batch.fields[row * batch.columns + column]));
  }
  end_block();
}

/// Cells that are numbers of few digits, up to the first that is none. What the loop changes is in
/// registers.
std::size_t ColumnProfiler::add_numbers(const CsvBatch& batch,
                                        std::size_t column,
                                        std::size_t row) {
  const char decimal = decimal_;
  std::size_t size = block_size_;
  std::uint64_t leading_zeros = 0;
  double number = 0;
  for (; row < batch.rows(); ++row) {
    const std::string_view cell = batch.fields[row * batch.columns + column];
    if (!parse_short_number<Room::before>(cell, decimal, number)) break;
    if (size == kBlockMax) {
      block_size_ = size;
      end_block();
      size = 0;
    }
    if (cell.front() == '0') leading_zeros += has_leading_zero(cell) ? 1 : 0;
    block_[size] = number;
    block_texts_[size] = cell;
    ++size;
  }
  block_size_ = size;
  leading_zeros_ += leading_zeros;
  return row;
}

/// All that is no number of few digits.
void ColumnProfiler::add_other(std::string_view text) {
  if (text.empty() || is_missing(text)) {
    ++missing_;
  } else if (!reads_numbers_) {
    add_word(text);
  } else if (const auto number = parse_number(text, decimal_)) {
    add_number(*number, text);
  } else if (is_infinite(text, decimal_)) {
    ++infinite_;
  } else {
    add_word(text);
  }
}

void ColumnProfiler::add_number(double number, std::string_view text) {
  leading_zeros_ += text[0] == '0' && has_leading_zero(text) ? 1 : 0;
  if (choice_.type == ColumnType::date) note_date(text);
  if (block_size_ == kBlockMax) end_block();
  block_[block_size_] = number;
  block_texts_[block_size_] = text;
  ++block_size_;
}

void ColumnProfiler::end_block() {
  if (block_size_ == 0) return;
  const std::span<const double> block{block_.data(), block_size_};
  successors_ += successors(block) + (block.front() == last_ + 1 ? 1 : 0);
  last_ = block.back();
  is_whole_ = is_whole_ && are_whole(block);
  const bool was_exact = number_levels_.is_exact();
  for (std::size_t i = 0; i < block.size(); ++i)
    number_levels_.add(hash_number(block[i]), block_texts_[i]);
  if (was_exact && !number_levels_.is_exact()) number_levels_.drop_levels();
  numbers_.add(block);
  block_size_ = 0;
}

void ColumnProfiler::add_word(std::string_view text) {
  ++words_;
  word_bytes_ += text.size();
  word_levels_.add(hash_text(text), text);
  if (words_ < kDateTries || dates_seen() > 0) note_date(text);
  if (yes_ + no_ + 1 < words_) return;  // a word before was neither
  if (const auto boolean = parse_boolean(text)) ++(*boolean ? yes_ : no_);
}

void ColumnProfiler::note_date(std::string_view text) {
  auto reading = read_date(text);
  if (!reading && choice_.type == ColumnType::date) reading = read_basic_date(text);
  if (!reading) return;
  if (reading->day_first && !reading->month_first) ++day_first_;
  if (reading->month_first && !reading->day_first) ++month_first_;
  with_slash_ += text.find('/') != std::string_view::npos ? 1 : 0;
  const std::array<double, 2> both{reading->seconds(DateOrder::day_first),
                                   reading->seconds(DateOrder::month_first)};
  dates_by_day_.add(std::span{both}.first(1));
  dates_by_month_.add(std::span{both}.last(1));
}

bool ColumnProfiler::are_dates() const {
  return is_most(dates_seen(), present(), kReadableShare);
}

bool ColumnProfiler::are_booleans() const {
  const bool has_two = word_levels_.distinct() == 2;
  return has_two && yes_ > 0 && no_ > 0 && yes_ + no_ == words_ && words_ == present();
}

ColumnType ColumnProfiler::word_type(std::uint64_t distinct) const {
  const auto cells = static_cast<double>(std::max<std::uint64_t>(1, present()));
  const double share = static_cast<double>(distinct) / cells;
  const bool has_sentences =
      words_ > 0 && static_cast<double>(word_bytes_) > kSentenceBytes * static_cast<double>(words_);
  if (present() >= kIdRowsMin && share > kIdShare)
    return has_sentences ? ColumnType::text : ColumnType::id;
  if (distinct > kTextLevelsMin && share > kTextShare) return ColumnType::text;
  return ColumnType::category;
}

ColumnType ColumnProfiler::type(std::uint64_t distinct) const {
  if (is_most(numbers_.count() + infinite_, present(), kReadableShare) && numbers_.count() > 0) {
    const bool are_codes = leading_zeros_ > 0 && is_whole_ && distinct > 1;
    if (are_codes) return word_type(distinct);
    if (!is_whole_) return ColumnType::number;
    const bool is_sequence = present() >= kIdRowsMin &&
                             is_most(successors_ + 1, present(), kIdShare) &&
                             is_most(distinct, present(), kIdShare - kEstimateOff);
    return is_sequence ? ColumnType::id : ColumnType::integer;
  }
  if (are_dates()) return ColumnType::date;
  if (are_booleans()) return ColumnType::boolean;
  return word_type(distinct);
}

Result<> ColumnProfiler::check_choice(ColumnType wanted) const {
  if (wanted == ColumnType::id && choice_.role == ColumnRole::feature) {
    return Error{Errc::invalid_argument,
                 fmt::format("columns: \"{}\" cannot be a feature as {}; say category or number",
                             name_,
                             to_string(wanted))};
  }
  const bool needs_numbers = is_numeric(wanted) && numbers_.count() == 0;
  const bool needs_dates = wanted == ColumnType::date && dates_seen() == 0;
  const bool needs_booleans =
      wanted == ColumnType::boolean && number_levels_.distinct() + word_levels_.distinct() > 2;
  if (present() == 0 || (!needs_numbers && !needs_dates && !needs_booleans)) return {};
  return Error{Errc::invalid_argument,
               fmt::format("columns: \"{}\" cannot be {}: {}",
                           name_,
                           to_string(wanted),
                           needs_booleans ? "it has more than two values"
                                          : "none of its cells can be read so")};
}

/// What a model can learn from, of a column that would not be used.
ColumnType ColumnProfiler::usable(ColumnType found) const {
  if (found != ColumnType::id) return found;
  return words_ == 0 && leading_zeros_ == 0 ? ColumnType::integer : ColumnType::category;
}

/// Every row must count something, or nothing: by a number that is there.
Result<> ColumnProfiler::check_weight(const ColumnProfile& column) const {
  const auto refused = [this](std::string_view why) {
    return Error{Errc::invalid_argument,
                 fmt::format("columns: \"{}\" cannot say what rows count: {}", name_, why)};
  };
  if (!is_numeric(column.type))
    return refused(fmt::format("it is {}, not number", to_string(column.type)));
  const std::uint64_t without = column.missing + column.unreadable + column.infinite;
  if (without > 0) return refused(fmt::format("{} of its cells are no number", without));
  if (column.min < 0) return refused(fmt::format("it holds {}, and 0 is the least", column.min));
  if (column.max <= 0) return refused("it says 0 of every row");
  return {};
}

Result<ColumnProfile> ColumnProfiler::finish(std::uint64_t rows) const {
  ColumnProfile out;
  out.name = name_;
  out.role = choice_.role;
  out.missing = rows - present();
  out.is_distinct_exact = number_levels_.is_exact() && word_levels_.is_exact();
  out.distinct = std::min(number_levels_.distinct() + word_levels_.distinct(), present());
  out.type = choice_.type.value_or(type(out.distinct));
  const bool is_used = out.role == ColumnRole::feature || out.role == ColumnRole::time ||
                       out.role == ColumnRole::weight;
  if (is_used && !choice_.type) out.type = usable(out.type);
  if (out.role == ColumnRole::time && !holds_numbers(out.type)) {
    return Error{Errc::invalid_argument,
                 fmt::format("columns: \"{}\" cannot tell the time: it is {}, not date or number",
                             name_,
                             to_string(out.type))};
  }
  if (choice_.type) {
    if (auto ok = check_choice(out.type); !ok) return ok.error();
  }
  const bool has_number_id = out.type == ColumnType::id && words_ == 0;
  if (is_numeric(out.type) || has_number_id) set_numbers(out);
  if (out.type == ColumnType::date) set_dates(out);
  if (out.type != ColumnType::date) set_levels(out);
  if (out.role == ColumnRole::weight) {
    if (auto ok = check_weight(out); !ok) return ok.error();
  }
  return out;
}

void ColumnProfiler::set_numbers(ColumnProfile& out) const {
  if (numbers_.count() == 0) return;
  out.is_whole = is_whole_;
  out.min = numbers_.min();
  out.max = numbers_.max();
  out.mean = numbers_.mean();
  out.std = numbers_.std();
  out.unreadable = words_;
  out.infinite = infinite_;
  out.is_distinct_exact = number_levels_.is_exact();
  out.distinct = std::min(number_levels_.distinct(), numbers_.count());
}

void ColumnProfiler::set_dates(ColumnProfile& out) const {
  const bool is_unsaid = day_first_ == 0 && month_first_ == 0;
  const bool is_day_first = is_unsaid ? with_slash_ == 0 : day_first_ >= month_first_;
  out.date_order = is_day_first ? DateOrder::day_first : DateOrder::month_first;
  out.is_date_order_sure = !is_unsaid;
  out.unreadable = present() - dates_seen();
  const NumberStats& dates = is_day_first ? dates_by_day_ : dates_by_month_;
  out.min = dates.min();
  out.max = dates.max();
}

void ColumnProfiler::set_levels(ColumnProfile& out) const {
  const bool keeps_numbers = is_numeric(out.type) || out.is_whole;
  for (LevelCounter::Level& level : number_levels_.levels()) {
    const auto number = keeps_numbers ? parse_number(level.text, decimal_) : std::nullopt;
    out.levels.push_back({number ? number_text(*number) : level.text, level.count});
  }
  if (!keeps_numbers) {
    for (LevelCounter::Level& level : word_levels_.levels())
      out.levels.push_back({level.text, level.count});
  }
  std::sort(out.levels.begin(), out.levels.end(), [](const auto& a, const auto& b) {
    return a.count != b.count ? a.count > b.count : a.value < b.value;
  });
  const std::size_t shown = out.levels.size() <= kLevelsKeptMax ? kLevelsKeptMax : kLevelsShownMax;
  if (out.levels.size() > shown) out.levels.resize(shown);
}

namespace {

/// What its type means for learning, where that may surprise.
std::optional<std::string> meaning_of_type(const ColumnProfile& column) {
  switch (column.type) {
    case ColumnType::id:
      return column.is_whole ? "looks like a row number and is not used"
                             : "differs in nearly every row, like a name, and is not used";
    case ColumnType::text:
      return fmt::format("is text with {}{} different values, of which the words count",
                         column.is_distinct_exact ? "" : "about ",
                         column.distinct);
    default: return std::nullopt;
  }
}

std::vector<std::string> findings(const ColumnProfile& column, std::uint64_t rows) {
  std::vector<std::string> found;
  if (column.missing == rows) return {"has no values and is not used"};
  if (column.distinct == 1 && column.missing == 0) return {"holds a single value and is not used"};
  if (const auto meaning = meaning_of_type(column)) found.push_back(*meaning);
  if (column.missing * 2 > rows)
    found.push_back(fmt::format("is missing in {} of {} rows", column.missing, rows));
  if (column.unreadable > 0) {
    found.push_back(
        fmt::format("is a {}, but {} cell{} can not be read as one and {} taken as "
                    "missing",
                    to_string(column.type),
                    column.unreadable,
                    column.unreadable == 1 ? "" : "s",
                    column.unreadable == 1 ? "is" : "are"));
  }
  if (column.infinite > 0) {
    found.push_back(fmt::format("is infinite in {} row{}; these are taken as missing",
                                column.infinite,
                                column.infinite == 1 ? "" : "s"));
  }
  return found;
}

}  // namespace

std::vector<std::string> ColumnProfiler::warnings(const ColumnProfile& column,
                                                  std::uint64_t rows) const {
  std::vector<std::string> sentences;
  if (is_set_aside(column.role)) return sentences;
  for (const std::string& finding : findings(column, rows))
    sentences.push_back(fmt::format("column \"{}\" {}", column.name, finding));
  if (column.type == ColumnType::date && day_first_ > 0 && month_first_ > 0) {
    sentences.push_back(fmt::format(
        "column \"{}\" has dates in two orders: {} only with the day first, {} only with the month "
        "first; those that allow both are read with the {} first",
        column.name,
        day_first_,
        month_first_,
        column.date_order == DateOrder::day_first ? "day" : "month"));
  }
  return sentences;
}

}  // namespace starling::ml
