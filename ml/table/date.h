/// Dates as people write them.
///
/// 2014-01-31, 2014-01 (its first day), 2014/1/31, 31.01.2014, 31/1/14, 1/31/2014, 31 Jan 2014,
/// Jan 31, 2014, 31-Jan-14 and, only if asked, 20140131; each may be followed by T or a space and
/// 14:05, 14:05:09.5, 2:05 PM, and by Z or an offset (+01:00). Two-digit years are 1970 to 2069.
/// Years 1 to 9999.
///
/// Source: ISO 8601; the calendar is the proleptic Gregorian. Threads: none. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling::ml {

/// How 3/4/2014 is meant.
enum class DateOrder : std::uint8_t { day_first, month_first };

/// One cell's date in seconds since 1970-01-01 (UTC; without an offset the time is taken as UTC).
struct DateReading {
  std::optional<double> day_first;    ///< nothing if the cell makes no sense that way
  std::optional<double> month_first;  ///< equal to `day_first` where the order is written
  bool has_time = false;

  bool is_ordered() const { return day_first == month_first; }

  /// As `order` says where both make sense.
  double seconds(DateOrder order) const;
};

/// Nothing if the cell is no date. Never for plain digits such as 20140131 (see `read_basic_date`).
std::optional<DateReading> read_date(std::string_view cell);

/// 20140131, for columns that somebody says are dates.
std::optional<DateReading> read_basic_date(std::string_view cell);

/// Seconds since 1970 of a date in any of these forms; nothing if the cell is none.
std::optional<double> parse_date(std::string_view cell, DateOrder order);

/// The parts of a point in time.
struct CalendarTime {
  int year = 1970;
  unsigned month = 1;      ///< 1-12
  unsigned day = 1;        ///< 1-31
  unsigned weekday = 4;    ///< 0 is Sunday
  double day_seconds = 0;  ///< since midnight
};

CalendarTime calendar_time(double seconds);

/// 2014-01-31, or 2014-01-31T14:05:09 if there is a time of day.
std::string date_text(double seconds);

}  // namespace starling::ml
