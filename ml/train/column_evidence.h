/// What a final model does with its columns: how its answers move with the most important ones, how
/// good they are on parts of the test rows, and what each column adds to a few single answers.
#pragma once

#include "ml/report/dependence.h"
#include "ml/report/importance.h"
#include "ml/table/metrics.h"
#include "ml/table/split.h"
#include "ml/table/table.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace starling::ml {

/// A model, or several that answer together.
struct AskedModel {
  std::size_t models = 1;
  std::size_t width = 0;                 ///< of a spread row
  std::vector<ColumnPlace> places = {};  ///< of the columns in it
  std::function<Matrix(const RowNumbers& rows)> encode = {};
  std::function<std::vector<float>(const Matrix& rows)> predict = {};
};

/// Adds "dependence", "slices" and "answers" (evidence_json.h). `judged`: the test rows, in the
/// order of `test`; `seed`: of what is drawn.
void add_column_evidence(const Table& table,
                         const RowNumbers& test,
                         const Judged& judged,
                         const ImportanceFound& importance,
                         const AskedModel& model,
                         std::uint64_t seed,
                         nlohmann::ordered_json& evidence);

}  // namespace starling::ml
