/// What a reader must beware of, each a sentence worked out from the facts. The gravest first.
///
/// Threads: none. Pure.
#pragma once

#include "web/report/report_facts.h"

#include <cstdint>
#include <string>
#include <vector>

namespace starling::web {

inline constexpr std::uint64_t kFewTestRows = 200;  ///< below, scores are said to be uncertain
inline constexpr std::uint64_t kManyLooks = 10;     ///< studies judged on the same test rows
inline constexpr double kDominantShare = 0.8;       ///< of all importance in one column
inline constexpr double kRareShare = 0.4;           ///< of the share that all classes would have
inline constexpr double kPoorCalibration = 0.05;    ///< expected calibration error
inline constexpr double kNearlyPerfect = 0.995;     ///< of R² or accuracy

std::vector<std::string> cautions_of(const ReportFacts& facts);

}  // namespace starling::web
