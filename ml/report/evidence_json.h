/// The evidence of a final model as a part of its artifact (report.json):
///
///     {"format": 1, "metric", "rows",
///      "scores": {NAME: {"value", "low", "high"}},  the last two may be absent
///      "importance": {"metric", "rows", "held_out", "repeats",
///                     "columns": [{"name", "mean", "spread"}, ...]},
///      "dependence": {"rows", "columns": [{"name", "values", "means": [by value][by output],
///                     "singles": [by row][by value]}]},  not of more than 8 classes
///      "slices": [{"name", "parts": [{"level" or "from" and "to", "rows",
///                  "error" or "hits": {"share", "low", "high"}}]}],
///      "answers": {"background": rows of which "base" is the mean,
///                  "rows": [{"row", "said", "base", "true", of classes "class",
///                            "columns": [{"name", "value", "effect"}], "others"}]},
///                 base and effects sum to "said"
///      of numbers: "residuals": {"quantiles", "from", "to", "counts"}, "points": [[true, said]]
///      of classes: "calibration": {"error", "bins": [{"rows", "said", "hits"}]},
///                  of two, and where it is not the likeliest that is said, "rule": {"threshold"}
///                  or {"class_factors": [...]} (`ClassRule`),
///                  up to 30 of them: "classes", "confusion": [by true class][by what was said];
///                  of two: "roc", "pr": [[x, y], ...]}
///
/// Threads: none. Pure.
#pragma once

#include "ml/report/dependence.h"
#include "ml/report/importance.h"
#include "ml/report/slices.h"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace starling::ml {

/// `judged`: all test rows, with what the model says of them. At least one.
/// `are_independent`: rows do not come in groups that lean on each other, else nothing is said of
/// intervals. `seed`: of what is drawn for them.
nlohmann::ordered_json evidence_json(const Judged& judged,
                                     const std::vector<std::string>& classes,
                                     const ImportanceFound& importance,
                                     bool are_independent,
                                     std::uint64_t seed);

/// As much of a level as a report holds.
std::string_view level_start(std::string_view level);

nlohmann::ordered_json to_json(const DependenceFound& found);
nlohmann::ordered_json to_json(const std::vector<Slice>& slices);

}  // namespace starling::ml
