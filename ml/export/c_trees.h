/// Boosted trees in XGBoost's JSON (ml/train/boosted_trees.h) as C99 text.
///
/// Threads: none. Pure.
#pragma once

#include "ml/export/c_model.h"

namespace starling::ml {

/// Writes the model's function. `json` is of a model that `is_tree_model`.
/// Errors: `corrupt`: they are no trees, or none for these inputs and outputs.
Result<> write_trees(std::string_view json, const CModel& model, CSource& source);

}  // namespace starling::ml
