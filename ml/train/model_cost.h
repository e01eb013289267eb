/// How long a model takes to answer.
///
/// Threads: one.
#pragma once

#include "ml/search/constraints.h"
#include "ml/train/learner.h"

#include <functional>

namespace starling::ml {

inline constexpr std::size_t kCostRowsMax = 32;  ///< that are asked about

/// Milliseconds for one encoded row, asked alone: the median of 64 asks, or of as many, at least
/// five, as a tenth of a second holds, after two that are not counted (a model that takes seconds
/// is asked less often); 0 without rows. What brings a row to it (network, JSON, encoding) is
/// not in it. `seconds_now` never goes back.
/// Throws what the model does.
double predict_ms(ServedModel& model,
                  const EncodedRows& rows,
                  const std::function<double()>& seconds_now);

}  // namespace starling::ml
