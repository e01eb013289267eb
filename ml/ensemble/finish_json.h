/// What is done to a model's answers once it is trained (finish.h), as JSON.
///
///     {"temperature": 1.3, "threshold": 0.42, "class_factors": [...],
///      "conformal": {"level": 0.9, "quantile": 2.1, "at": [...], "size": [...]}}
///
/// Threads: none. Pure.
#pragma once

#include "ml/ensemble/finish.h"
#include "node/base/error.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace starling::ml {

constexpr std::size_t kFinishKnotsMax = 64;

/// Every number must be finite. `finish_from_json` gives back the same bits.
std::string to_json(const Finish& finish);

/// Fields that it does not know are passed over. Errors: `corrupt`, naming the field, its value and
/// its limit: temperature from kTemperatureMin to kTemperatureMax, threshold from 0 to 1, level
/// between 0 and 1, quantile not negative, 1 to kFinishKnotsMax knots with `at` strictly rising and
/// `size` positive; class_factors absent, or 3 to kClassesMax (ml/table/task_inference.h) of them,
/// positive.
Result<Finish> finish_from_json(std::string_view text);

}  // namespace starling::ml
