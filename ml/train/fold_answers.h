/// What the fit of one fold says of rows that it did not learn from: those of its fold, and the
/// test rows, whose targets it does not look at.
///
/// Threads: none. Pure.
#pragma once

#include "node/base/error.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

/// Row by row, in the order of the split: one number each, or the chance of each class.
struct FoldAnswers {
  std::vector<float> held_out;
  std::vector<float> test;

  friend bool operator==(const FoldAnswers&, const FoldAnswers&) = default;
};

/// Little-endian floats, one after the other.
std::string to_bytes(const FoldAnswers& answers);

/// `held_out` and `test`: how many numbers there must be of each.
/// Errors: `corrupt`: there are more or fewer, or one is not finite.
Result<FoldAnswers> fold_answers_from(std::string_view bytes,
                                      std::size_t held_out,
                                      std::size_t test);

}  // namespace starling::ml
