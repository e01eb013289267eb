/// From what a person said of a split to what a study does: columns, values and data sets are
/// looked up once, before the study enters the log.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/study.h"
#include "ml/table/profile.h"
#include "ml/table/split_spec.h"
#include "node/base/error.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace starling::ml {

/// A data set by its id. Errors: `not_found`.
using FindDataset = std::function<Result<Dataset>(std::string_view id)>;

/// Nothing asked: by the column whose role is group or time, else hold-out. A method without its
/// column takes the one with that role; `column` without values knows train, val, valid,
/// validation, dev and test, in any case. `profile` is that of `dataset`.
/// Errors: `invalid_argument`, "split: ..." with what the table holds instead.
Result<SplitSpec> complete_split(const std::optional<SplitSpec>& asked,
                                 const Dataset& dataset,
                                 const TableProfile& profile,
                                 std::string_view target,
                                 const FindDataset& find);

}  // namespace starling::ml
