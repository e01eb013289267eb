/// What a finished model has to keep to, and what was decided for a study with the reason why.
#pragma once

#include <string>

namespace starling::ml {

/// Zero or false: nothing is asked.
struct Constraints {
  double predict_ms = 0;  ///< for one row, at most
  double model_mb = 0;    ///< of the model's file, at most
  bool is_interpretable = false;

  friend bool operator==(const Constraints&, const Constraints&) = default;
};

inline constexpr double kPredictMsMax = 60'000;
inline constexpr double kModelMbMax = 1'000'000;

/// One thing that nobody asked for in so many words.
struct Decision {
  std::string what;    ///< a field of the study, as in docs/api.md: families, split, final, ...
  std::string choice;  ///< what it became
  std::string reason;  ///< one sentence, with the numbers that led to it

  friend bool operator==(const Decision&, const Decision&) = default;
};

}  // namespace starling::ml
