#include "ml/train/fold_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace starling::ml {

static_assert(std::endian::native == std::endian::little);

std::string to_bytes(const FoldAnswers& answers) {
  std::string bytes;
  for (const auto* some : {&answers.held_out, &answers.test})
    bytes.append(reinterpret_cast<const char*>(some->data()), some->size() * sizeof(float));
  return bytes;
}

Result<FoldAnswers> fold_answers_from(std::string_view bytes,
                                      std::size_t held_out,
                                      std::size_t test) {
  if (bytes.size() != (held_out + test) * sizeof(float)) {
    return Error{Errc::corrupt,
                 fmt::format("the answers of a fold have {} bytes, not {}",
                             bytes.size(),
                             (held_out + test) * sizeof(float))};
  }
  FoldAnswers answers{std::vector<float>(held_out), std::vector<float>(test)};
  const std::size_t first = held_out * sizeof(float);
  if (held_out > 0) std::memcpy(answers.held_out.data(), bytes.data(), first);
  if (test > 0) std::memcpy(answers.test.data(), bytes.data() + first, bytes.size() - first);
  const auto is_finite = [](float value) { return std::isfinite(value); };
  if (std::ranges::all_of(answers.held_out, is_finite) &&
      std::ranges::all_of(answers.test, is_finite))
    return answers;
  return Error{Errc::corrupt, "an answer of a fold is no number"};
}

}  // namespace starling::ml
