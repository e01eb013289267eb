/// Whether trees in XGBoost's JSON are trees: the library believes what a file says of a node's
/// children, parent and column, and would read what is not there.
///
/// Takes memory for one tree at a time. Threads: none. Pure.
#pragma once

#include "node/base/error.h"

#include <cstdint>
#include <string_view>

namespace starling::ml {

struct TreeLimits {
  std::int64_t columns = 0;  ///< of rows: the largest column that a node asks for, and one more
  std::int64_t groups = 1;   ///< numbers that the library makes of a row
};

/// Every node's children come after it, its parent is there, no tree knows categories; trees are
/// numbered in order, as many as the file says, and each adds to a group that is there; the booster
/// is gbtree, the objective one that boosted_trees.cc trains by; no object has a name twice.
/// Errors: `corrupt` says which tree is none.
Result<TreeLimits> check_trees(std::string_view json);

}  // namespace starling::ml
