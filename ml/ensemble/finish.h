/// What is done to a model's answers once it is trained, fitted on rows that it did not learn from.
///
/// All deterministic. Threads: none. Pure.
#pragma once

#include "ml/ensemble/conformal.h"
#include "ml/table/metrics.h"

#include <optional>

namespace starling::ml {

struct Finish {
  double temperature = 1;              ///< of the chances (`apply_temperature`); 1 changes nothing
  ClassRule rule = {};                 ///< `best_rule`
  std::optional<Conformal> conformal;  ///< of numbers (`interval_of`)

  friend bool operator==(const Finish&, const Finish&) = default;
};

/// Of classes the temperature, then the rule of what it leaves; of numbers intervals, from
/// kConformalRowsMin rows on. `held_out` has a row, and all that is said is finite.
Finish fit_finish(const Judged& held_out, Metric metric);

/// `judged` as it is answered.
void apply_finish(const Finish& finish, Judged& judged);

}  // namespace starling::ml
