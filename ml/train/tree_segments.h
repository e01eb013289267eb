/// Trees that were boosted in segments, each by a booster of its own that began at the margins that
/// those before it had left: together they are one model.
///
/// Threads: none. Pure.
#pragma once

#include "node/base/error.h"

#include <span>
#include <string>

namespace starling::ml {

/// `segments`: models in XGBoost's JSON, at least one, of the same columns, objective and
/// attributes. Returns the first with the trees of all, in order. `adjustment`, a number for each
/// group or none, is what their margins gain: it is added to all leaves of the group's first tree.
/// Errors: `corrupt`: a segment is no such model.
Result<std::string> joined_trees(std::span<const std::string> segments,
                                 std::span<const double> adjustment = {});

}  // namespace starling::ml
