/// Whether two studies searched the same.
///
/// Threads: none. Pure.
#pragma once

#include "bootstrap/client/json_access.h"

#include <cstddef>
#include <string>
#include <vector>

namespace starling::bootstrap {

struct StudyComparison {
  std::size_t trials = 0;                ///< compared
  std::size_t same = 0;                  ///< of them
  std::vector<std::string> differences;  ///< a sentence each
};

/// `first` and `again` as `GET /api/v1/studies/{id}/trials` answers: parameters, state, value, best
/// epoch and epochs of every trial. Those that a person or a limit of time cancelled are left out.
StudyComparison compare_trials(const Json& first, const Json& again);

}  // namespace starling::bootstrap
