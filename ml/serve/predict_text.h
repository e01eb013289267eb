/// Prediction requests and answers as people send them: JSON rows, or a CSV with a header.
///
/// Pure. Shapes: docs/api.md, Predict.
#pragma once

#include "ml/serve/predictor.h"
#include "node/base/error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kPredictRowsMax = 10'000;

struct PredictQuestion {
  std::vector<RawRow> rows;
  MissingColumns missing = MissingColumns::refuse;
  std::vector<std::string> header;               ///< CSV: the columns as they came
  std::vector<std::vector<std::string>> fields;  ///< CSV: the cells as they came
};

/// {"rows":[{...}],"allow_missing":false}.
/// Errors: `invalid_argument` naming the row, the column and the limit.
Result<PredictQuestion> question_from_json(std::string_view body);

/// Errors: as above, with the line.
Result<PredictQuestion> question_from_csv(std::string_view body);

std::string answer_as_json(std::string_view model,
                           std::uint64_t version,
                           const Predictions& predictions);

/// The question's rows with the columns `prediction` and, for classes, `p_CLASS` added; for numbers
/// by a bag `lo` and `hi`.
std::string answer_as_csv(const PredictQuestion& question, const Predictions& predictions);

}  // namespace starling::ml
