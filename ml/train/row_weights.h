/// What rows count where a model learns: by the table's weight column, and the more the rarer their
/// class is.
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/table.h"
#include "node/base/error.h"

#include <cstdint>
#include <vector>

namespace starling::ml {

/// How many times the rows of each class count so that, of `rows`, all classes count the same and
/// the rows as much as before. 1 of a class whose rows count nothing, and of one that has fewer
/// than kClassRowsMin (task_inference.h) rows in the table: it is never judged. `classes`: of each
/// row of the table, -1 where there is none.
/// Errors: `invalid_argument`: a row does not say what it counts.
Result<std::vector<double>> balanced_class_weights(const Table& table,
                                                   const std::vector<std::uint32_t>& rows,
                                                   const std::vector<std::int32_t>& classes,
                                                   std::size_t class_count);

/// What makes chances those of rows that count as they are: added to their logarithms.
/// Source: Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a
///         Priori Probabilities" (2002), equation 2.4.
std::vector<double> logit_adjustment(const std::vector<double>& class_weights);

/// What each of `rows` counts by its column and its class, 1 on average; empty: all the same.
/// Without `class_weights` classes are not asked for.
/// Errors: `invalid_argument`: a row does not say what it counts, or none of them counts.
Result<std::vector<float>> row_weights(const Table& table,
                                       const std::vector<std::uint32_t>& rows,
                                       const std::vector<std::int32_t>& classes,
                                       const std::vector<double>& class_weights);

}  // namespace starling::ml
