/// What an artifact says of its model for people and programs that read JSON.
#pragma once

#include "ml/table/encoder.h"
#include "ml/table/metrics.h"
#include "ml/table/split.h"
#include "ml/work/work_protocol.h"

#include <map>
#include <string>

namespace starling::ml {

std::string schema_text(const Encoder& encoder);

/// `test`: its scores on the test rows; empty: it was not tested.
std::string metrics_text(const WorkTask& task,
                         Metric metric,
                         const Split& split,
                         const std::map<std::string, double>& test);

/// How many rows are what, and which, as a result says it.
WorkSplit counted(const Split& split);

}  // namespace starling::ml
