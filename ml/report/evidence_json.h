/// The evidence of a final model as a part of its artifact (report.json):
///
///     {"format": 1, "metric", "rows",
///      "scores": {NAME: {"value", "low", "high"}},  the last two may be absent
///      "importance": {"metric", "rows", "repeats", "columns": [{"name", "mean", "spread"}, ...]},
///      of numbers: "residuals": {"quantiles", "from", "to", "counts"}, "points": [[true, said]]
///      of classes: "calibration": {"error", "bins": [{"rows", "said", "hits"}]},
///                  up to 30 of them: "classes", "confusion": [by true class][by what was said];
///                  of two: "roc", "pr": [[x, y], ...]}
///
/// Threads: none. Pure.
#pragma once

#include "ml/report/importance.h"

#include <cstdint>
#include <string>
#include <vector>

namespace starling::ml {

/// `judged`: all test rows, with what the model says of them. At least one.
/// `importance`: may be of fewer rows of them. `are_independent`: rows do not come in groups that
/// lean on each other, else nothing is said of intervals.
std::string evidence_json(const Judged& judged,
                          const std::vector<std::string>& classes,
                          const ImportanceTask& importance,
                          bool are_independent);

}  // namespace starling::ml
