/// What one cell of a table says: nothing, a number, or a word. One reading for profile, training
/// and prediction.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace starling::ml {

/// Empty, NA, N/A, NaN, null, None, ? or -, in the usual capitals, with spaces around it or not.
bool is_missing(std::string_view cell);

/// A finite decimal number with optional sign, point and exponent; nothing for anything else.
std::optional<double> parse_number(std::string_view cell);

/// The shortest text that reads back as `number`: 1 for 1.0.
std::string number_text(double number);

}  // namespace starling::ml
