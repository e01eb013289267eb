/// Numbers, shares, times and sizes as people read them. What is no finite number is a dash. A unit
/// follows its number after a space at which no line breaks (U+00A0).
///
/// Threads: none. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace starling::web {

/// Four digits that count, thousands separated: 4,587  0.8626  3.2e-05. Whole digits are never
/// rounded away: 123,457. Tiny and huge ones in powers of ten.
std::string number_text(std::optional<double> value);

/// As `number_text`, and zeros behind the point stay: 0.4100. Scores in a column line up so.
std::string score_text(std::optional<double> value);

/// With as many digits behind the point as `like` has, which stands in the same column.
std::string aligned_text(double value, double like);

/// "3,786 to 5,379", with as many digits behind the point as `value` has that lies between.
std::string range_text(double value, double low, double high);

std::string count_text(std::uint64_t count);

/// "1 row", "1,338 rows"; the plural has an s.
std::string count_text(std::uint64_t count, const char* noun);

/// "61.7 %": one digit behind the point, none if it is 0. What is nearly nothing or nearly all is
/// not said to be that.
std::string share_text(std::optional<double> share);

/// "62 %": as `share_text`, without a fraction from 10 % on.
std::string rough_share_text(double share);

/// 850 ms, 12.5 s, 3 min 05 s, 2 h 10 min, 3 d 4 h
std::string seconds_text(std::optional<double> seconds);

/// 12 µs, 350 µs, 8.2 ms, 1.3 s
std::string milliseconds_text(std::optional<double> milliseconds);

/// 3 MB, 1.8 GB
std::string megabytes_text(std::optional<double> megabytes);

/// 512 B, 48 kB, 5.6 MB
std::string bytes_text(std::optional<double> bytes);

}  // namespace starling::web
