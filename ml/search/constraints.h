/// What a finished model has to keep to, what one costs those who use it, and what was decided for
/// a study with the reason why.
///
/// Threads: none. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace starling::ml {

/// Zero or false: nothing is asked.
struct Constraints {
  double predict_ms = 0;  ///< for one row, at most
  double model_mb = 0;    ///< of the model's file, at most
  bool is_interpretable = false;

  friend bool operator==(const Constraints&, const Constraints&) = default;
};

/// What those pay who use a model; zero: not measured.
struct ModelCost {
  std::uint64_t bytes = 0;  ///< of its file, without report and what is there for use elsewhere
  double predict_ms = 0;    ///< for one row that is encoded, the median of many

  friend bool operator==(const ModelCost&, const ModelCost&) = default;
};

/// One of a bag's candidates, all its models together.
struct CandidateCost {
  std::uint32_t number = 0;  ///< of its trial
  ModelCost cost;

  friend bool operator==(const CandidateCost&, const CandidateCost&) = default;
};

inline bool has_limits(const Constraints& constraints) {
  return constraints.predict_ms > 0 || constraints.model_mb > 0;
}

/// By what share each limit is exceeded, summed; 0: the model keeps to all of them, or was not
/// measured.
/// Source: Watanabe and Hutter, "c-TPE" (2023): what breaks a limit counts as worse than what does
///         not, the more so the further it is from it.
double violation_of(const Constraints& constraints, const ModelCost& cost);

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
