/// What one cell of a table says: nothing, a number, yes or no, or a word. One reading for profile,
/// training and prediction.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace starling::ml {

inline constexpr double kNumberMax = 1e300;  ///< larger ones are infinite: squares would overflow

/// Without the spaces and tabs around it.
inline std::string_view trimmed(std::string_view cell) {
  while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t'))
    cell.remove_prefix(1);
  while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t'))
    cell.remove_suffix(1);
  return cell;
}

/// Empty, NA, N/A, NaN, null, None, <NA>, #N/A, \N, ?, -, --, . or a spreadsheet's error, in the
/// usual capitals, with spaces around it or not.
bool is_missing(std::string_view cell);

/// inf, infinity or a number beyond `kNumberMax`, with a sign or not.
bool is_infinite(std::string_view cell, char decimal = '.');

/// A decimal number of at most `kNumberMax`, as people write it: optional sign, fraction and
/// exponent; thousands set apart by spaces, apostrophes or the one of point and comma that is not
/// `decimal`; a currency sign or a percent sign (12 % is 12); in brackets if negative. Nothing for
/// anything else.
std::optional<double> parse_number(std::string_view cell, char decimal = '.');

/// true, yes, y, t, on and their opposites, in any capitals. 1 and 0 are numbers.
std::optional<bool> parse_boolean(std::string_view cell);

/// A whole number whose first digit is a superfluous 0, as in codes: 007.
bool has_leading_zero(std::string_view cell);

/// The shortest text that reads back as `number`: 1 for 1.0.
std::string number_text(double number);

}  // namespace starling::ml
