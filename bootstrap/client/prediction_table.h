/// CSV rows in, the same rows with their predictions out. Pure.
#pragma once

#include "ml/serve/predictor.h"
#include "ml/table/encoder.h"
#include "node/base/error.h"

#include <string>
#include <string_view>
#include <vector>

namespace starling::bootstrap {

/// Rows as they were written, and as a predictor takes them.
struct PredictionTable {
  char delimiter = ',';
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> cells;
  std::vector<ml::RawRow> rows;
};

/// A cell of a number column becomes a number where it is one; the encoder refuses other text.
/// Errors: `invalid_argument` (not a table, no rows), `too_large` above `rows_max` rows.
Result<PredictionTable> read_prediction_table(std::string_view csv,
                                              const ml::Encoder& encoder,
                                              std::size_t rows_max);

/// The rows with the columns `prediction` and, for classes, `p_CLASS` added.
std::string write_prediction_table(const PredictionTable& table,
                                   const ml::Predictions& predictions);

}  // namespace starling::bootstrap
