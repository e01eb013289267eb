/// What a person's words about a model's purpose ask of it: "a small model for our tills, answers
/// within 5 ms, and the auditors want to see why".
///
/// Rules, not a language model: words that are not known ask for nothing.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/constraints.h"

#include <string_view>
#include <vector>

namespace starling::ml {

/// A limit as a number with its unit ("within 5 ms", "at most 2 MB"; the least one counts), else by
/// words: "real time" and its like mean `kQuickMs` a row, "small model", "embedded" and their like
/// `kSmallMb`; "interpretable", "auditors", "regulators" and their like a model that can be read.
/// Not where "not", "no", "never" or "without" is one of the three words before. Each that is found
/// is also a decision that quotes the words.
Constraints constraints_told_by(std::string_view use_case, std::vector<Decision>& decisions);

inline constexpr double kQuickMs = 1;
inline constexpr double kSmallMb = 1;

}  // namespace starling::ml
