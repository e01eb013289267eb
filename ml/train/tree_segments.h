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
/// attributes. Returns the first with the trees of all, in order.
/// Errors: `corrupt`: a segment is no such model.
Result<std::string> joined_trees(std::span<const std::string> segments);

/// `model` with the logarithm of each class's share added to every leaf of the first tree of its
/// group; of two classes, whose only group is the second's, that of their quotient. Its chances are
/// what `apply_shares` (ml/ensemble/calibration.h) makes of them. Each share is above 0.
/// Errors: `corrupt`: it is no such model, or has fewer trees than groups.
Result<std::string> trees_with_shares(std::string model, std::span<const double> shares);

}  // namespace starling::ml
