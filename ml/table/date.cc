#include "ml/table/date.h"

#include "ml/table/cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace starling::ml {
namespace {

namespace chrono = std::chrono;

constexpr double kSecondsADay = 86'400;
constexpr double kFirstSecond = -62'135'596'800;  // 0001-01-01
constexpr double kEndSecond = 253'402'300'800;    // 10000-01-01
constexpr std::array<std::string_view, 12> kMonths{"january",
                                                   "february",
                                                   "march",
                                                   "april",
                                                   "may",
                                                   "june",
                                                   "july",
                                                   "august",
                                                   "september",
                                                   "october",
                                                   "november",
                                                   "december"};

/// Takes a text apart from its beginning; what does not fit is left standing.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool at_end() const { return text_.empty(); }

  char next() const { return text_.empty() ? '\0' : text_[0]; }

  bool take(char c) {
    if (next() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  void skip_spaces() {
    while (take(' ')) {
    }
  }

  struct Digits {
    unsigned value = 0;
    std::size_t count = 0;
  };

  /// At most `most` digits; `count` 0 if there is none.
  Digits digits(std::size_t most) {
    Digits out;
    while (out.count < most && next() >= '0' && next() <= '9') {
      out.value = out.value * 10 + static_cast<unsigned>(next() - '0');
      ++out.count;
      text_.remove_prefix(1);
    }
    return out;
  }

  /// In lower case.
  std::string letters() {
    std::string out;
    while ((next() | 0x20) >= 'a' && (next() | 0x20) <= 'z' && out.size() < 10) {
      out.push_back(static_cast<char>(next() | 0x20));
      text_.remove_prefix(1);
    }
    return out;
  }

 private:
  std::string_view text_;
};

struct Parts {
  Cursor::Digits year, month, day;
};

std::optional<double> midnight(const Parts& parts) {
  const bool has_digits = (parts.year.count == 4 || parts.year.count == 2) &&
                          parts.month.count >= 1 && parts.month.count <= 2 &&
                          parts.day.count >= 1 && parts.day.count <= 2;
  if (!has_digits) return std::nullopt;
  auto year = static_cast<int>(parts.year.value);
  if (parts.year.count == 2) year += year < 70 ? 2000 : 1900;
  const chrono::year_month_day date{
      chrono::year{year}, chrono::month{parts.month.value}, chrono::day{parts.day.value}};
  if (!date.ok() || year < 1) return std::nullopt;
  return static_cast<double>(chrono::sys_days{date}.time_since_epoch().count()) * kSecondsADay;
}

std::optional<Cursor::Digits> month_named(const std::string& word) {
  if (word.size() < 3) return std::nullopt;
  for (unsigned i = 0; i < kMonths.size(); ++i) {
    const bool is_it = kMonths[i].starts_with(word) || (i == 8 && word == "sept");
    if (is_it) return Cursor::Digits{i + 1, 2};
  }
  return std::nullopt;
}

DateReading ordered(std::optional<double> day) {
  return {day, day, false};
}

/// 2014-01-31, 31.01.2014, 1/31/14: three numbers with the same mark between them.
std::optional<DateReading> read_numbers(Cursor& cursor, Cursor::Digits first) {
  const char mark = cursor.next();
  if (mark != '-' && mark != '/' && mark != '.') return std::nullopt;
  cursor.take(mark);
  const auto second = cursor.digits(2);
  const bool is_month = first.count == 4 && second.count == 2 && mark != '.' && cursor.at_end();
  if (is_month) return ordered(midnight({first, second, {1, 1}}));
  if (second.count == 0 || !cursor.take(mark)) return std::nullopt;
  const auto third = cursor.digits(4);
  if (first.count == 4) return ordered(midnight({first, second, third}));
  return DateReading{midnight({third, second, first}), midnight({third, first, second}), false};
}

/// 31 Jan 2014, 31-Jan-14, 31. January 2014.
std::optional<DateReading> read_day_name_year(Cursor& cursor, Cursor::Digits day) {
  cursor.take('.');
  const bool has_dash = cursor.take('-');
  cursor.skip_spaces();
  const auto month = month_named(cursor.letters());
  if (!month) return std::nullopt;
  if (has_dash ? !cursor.take('-') : (cursor.take('.'), cursor.take(','), cursor.next() != ' '))
    return std::nullopt;
  cursor.skip_spaces();
  return ordered(midnight({cursor.digits(4), *month, day}));
}

/// Jan 31, 2014.
std::optional<DateReading> read_name_day_year(Cursor& cursor) {
  const auto month = month_named(cursor.letters());
  if (!month) return std::nullopt;
  cursor.take('.');
  cursor.skip_spaces();
  const auto day = cursor.digits(2);
  cursor.take(',');
  if (cursor.next() != ' ') return std::nullopt;
  cursor.skip_spaces();
  return ordered(midnight({cursor.digits(4), *month, day}));
}

std::optional<DateReading> read_day(Cursor& cursor) {
  if (cursor.next() < '0' || cursor.next() > '9') return read_name_day_year(cursor);
  const auto first = cursor.digits(4);
  if (first.count == 3) return std::nullopt;
  Cursor named = cursor;
  if (const auto reading = read_numbers(cursor, first)) return reading;
  cursor = named;
  return read_day_name_year(cursor, first);
}

/// Of a second, behind its point.
double read_fraction(Cursor& cursor) {
  double fraction = 0;
  for (double unit = 0.1; cursor.next() >= '0' && cursor.next() <= '9'; unit /= 10)
    fraction += unit * cursor.digits(1).value;
  return fraction;
}

/// Behind hours, minutes, seconds; changes `hours`.
bool read_half_of_day(Cursor& cursor, unsigned& hours) {
  Cursor behind = cursor;
  behind.skip_spaces();
  const std::string word = behind.letters();
  if (word != "am" && word != "pm") return true;
  cursor = behind;
  if (hours < 1 || hours > 12) return false;
  hours = hours % 12 + (word == "pm" ? 12 : 0);
  return true;
}

/// Z, +01:00, +0100 or nothing: seconds to take off.
std::optional<double> read_offset(Cursor& cursor) {
  cursor.skip_spaces();
  if (cursor.at_end() || cursor.take('Z')) return 0.0;
  const bool is_minus = cursor.next() == '-';
  if (!cursor.take('-') && !cursor.take('+')) return std::nullopt;
  const auto hours = cursor.digits(2);
  cursor.take(':');
  const auto minutes = cursor.digits(2);
  if (hours.count != 2 || hours.value > 14 || minutes.value > 59) return std::nullopt;
  const double offset = hours.value * 3600.0 + minutes.value * 60.0;
  return is_minus ? -offset : offset;
}

/// Seconds since midnight, the offset taken off. Nothing if it is no time of day.
std::optional<double> read_time(Cursor& cursor) {
  auto hours = cursor.digits(2);
  if (hours.count == 0 || !cursor.take(':')) return std::nullopt;
  const auto minutes = cursor.digits(2);
  double seconds = 0;
  if (cursor.take(':')) {
    const auto whole = cursor.digits(2);
    if (whole.count != 2 || whole.value > 60) return std::nullopt;
    seconds = whole.value;
    if (cursor.take('.')) seconds += read_fraction(cursor);
  }
  if (minutes.count != 2 || minutes.value > 59) return std::nullopt;
  if (!read_half_of_day(cursor, hours.value) || hours.value > 24) return std::nullopt;
  const auto offset = read_offset(cursor);
  if (!offset) return std::nullopt;
  return hours.value * 3600.0 + minutes.value * 60.0 + seconds - *offset;
}

std::optional<DateReading> with_time(Cursor& cursor, DateReading reading) {
  if (!reading.day_first && !reading.month_first) return std::nullopt;
  if (cursor.at_end()) return reading;
  if (!cursor.take('T') && !cursor.take(' ')) return std::nullopt;
  cursor.skip_spaces();
  const auto time = read_time(cursor);
  if (!time || !cursor.at_end()) return std::nullopt;
  for (auto* day : {&reading.day_first, &reading.month_first}) {
    if (*day) **day += *time;
  }
  reading.has_time = true;
  // An offset may lead out of the years that can be written.
  for (const auto& day : {reading.day_first, reading.month_first}) {
    if (day && (*day < kFirstSecond || *day >= kEndSecond)) return std::nullopt;
  }
  return reading;
}

}  // namespace

double DateReading::seconds(DateOrder order) const {
  const auto& wanted = order == DateOrder::day_first ? day_first : month_first;
  const auto& other = order == DateOrder::day_first ? month_first : day_first;
  return wanted ? *wanted : other.value_or(0);
}

std::optional<DateReading> read_date(std::string_view cell) {
  const std::string_view text = trimmed(cell);
  if (text.size() < 6 || text.size() > 40) return std::nullopt;
  Cursor cursor{text};
  const auto reading = read_day(cursor);
  if (!reading) return std::nullopt;
  return with_time(cursor, *reading);
}

std::optional<DateReading> read_basic_date(std::string_view cell) {
  Cursor cursor{trimmed(cell)};
  Parts parts;
  parts.year = cursor.digits(4);
  parts.month = cursor.digits(2);
  parts.day = cursor.digits(2);
  const auto day = midnight(parts);
  if (!day || !cursor.at_end() || parts.month.count != 2 || parts.day.count != 2)
    return std::nullopt;
  return ordered(day);
}

std::optional<double> parse_date(std::string_view cell, DateOrder order) {
  auto reading = read_date(cell);
  if (!reading) reading = read_basic_date(cell);
  if (!reading) return std::nullopt;
  return reading->seconds(order);
}

CalendarTime calendar_time(double seconds) {
  const double days = std::floor(seconds / kSecondsADay);
  const chrono::sys_days day{chrono::days{static_cast<std::int64_t>(days)}};
  const chrono::year_month_day date{day};
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          chrono::weekday{day}.c_encoding(),
          seconds - days * kSecondsADay};
}

std::string date_text(double seconds) {
  const CalendarTime time = calendar_time(seconds);
  const auto date = fmt::format("{:04}-{:02}-{:02}", time.year, time.month, time.day);
  if (time.day_seconds == 0) return date;
  const auto whole = static_cast<unsigned>(time.day_seconds);
  return fmt::format("{}T{:02}:{:02}:{:02}", date, whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace starling::ml
