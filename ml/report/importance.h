/// What a model's score loses when the values of a column are dealt out to other rows: permutation
/// importance.
///
/// A column that says the same as another loses little although both matter; rows may come about
/// that cannot be. Source: Breiman, "Random Forests" (2001), section 10; Fisher, Rudin and
/// Dominici (2019).
///
/// Deterministic: what is drawn follows from the seed. Threads: none. Pure.
#pragma once

#include "ml/table/encoded_rows.h"
#include "ml/table/metrics.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace starling::ml {

/// A column as people know it, and where its floats are in a spread row.
struct ColumnPlace {
  struct Span {
    std::size_t offset = 0, width = 0;
  };

  std::string name;
  std::vector<Span> spans;  ///< one, or in each encoding of a bag's row one
};

struct ColumnImportance {
  std::string name;
  double mean = 0;    ///< of the loss in the metric, above 0: it matters
  double spread = 0;  ///< standard deviation over the repeats
};

struct ImportanceTask {
  Matrix rows;   ///< spread; at most as `importance_rows` says
  Judged truth;  ///< of these rows; what was said is filled in here
  Metric metric = Metric::rmse;
  std::vector<ColumnPlace> columns;
  std::function<std::vector<float>(const Matrix& rows)> predict;  ///< as `ServedModel::predict`
  std::uint64_t seed = 0;
};

/// How often each column is dealt out: five times, of very many less often.
std::size_t importance_repeats(std::size_t columns);

/// Of how many rows: so that all is a few hundred thousand predictions, and the rows 16 MB.
std::size_t importance_rows(std::size_t rows, std::size_t columns, std::size_t width);

/// The most important first.
std::vector<ColumnImportance> importance_of(ImportanceTask task);

/// What was found, and on how many rows.
struct ImportanceFound {
  Metric metric = Metric::rmse;
  std::size_t rows = 0;
  std::size_t repeats = 0;
  bool is_held_out = false;  ///< rows of folds that the models did not learn from, not test rows
  std::vector<ColumnImportance> columns;
};

/// As `importance_of`, on test rows.
ImportanceFound importance_found(ImportanceTask task);

/// The mean over folds of what was found in each; the spread is that of a fold's repeats, on
/// average. There is one, and all have the same columns.
ImportanceFound mean_over_folds(const std::vector<ImportanceFound>& folds);

}  // namespace starling::ml
