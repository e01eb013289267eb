/// Pieces of the report's sentences. What comes of data is cut to a length that can be read.
///
/// Threads: none. Pure.
#pragma once

#include "web/report/findings.h"

#include <string>
#include <string_view>
#include <vector>

namespace starling::web {

inline constexpr std::size_t kNameMax = 60;  ///< code points of a name in a sentence

/// “charges”
std::string in_quotes(std::string_view name);

/// "a", "a and b", "a, b and c"
std::string joined(const std::vector<std::string>& parts);

/// What the baseline does: "saying the mean every time", "saying how often each class occurs".
std::string baseline_words(const ReportFacts& facts);

/// Of two classes that whose chance is said, in quotes.
std::string second_class(const ReportFacts& facts);

/// A metric's label as it stands within a sentence: "log loss", but "RMSE" and "F1".
std::string label_within(std::string_view metric);

/// "2.4 percentage points"
std::string points_text(double share);

/// "trials 3, 7 and 9"; more than six: the first six "and 4 more".
std::string trials_text(const std::vector<std::uint64_t>& numbers);

/// Its first letter in upper case.
std::string capital(std::string text);

}  // namespace starling::web
