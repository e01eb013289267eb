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
  std::int64_t groups = 0;   ///< of outputs: the largest that a tree adds to, and one more
};

/// Every node's children come after it, its parent is there, no tree knows categories, and all are
/// of the booster gbtree.
/// Errors: `corrupt` says which tree is none.
Result<TreeLimits> check_trees(std::string_view json);

}  // namespace starling::ml
