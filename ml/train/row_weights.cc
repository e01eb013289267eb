#include "ml/train/row_weights.h"

#include "ml/table/cell.h"
#include "ml/table/task_inference.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>

namespace starling::ml {
namespace {

/// 1 where there is no column.
/// Errors: `invalid_argument`: a row says no number of 0 or more.
Result<std::vector<double>> column_weights(const Table& table,
                                           const std::vector<std::uint32_t>& rows) {
  std::vector<double> weights(rows.size(), 1);
  if (table.weight.name.empty()) return weights;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    weights[i] = table.weight.numbers[rows[i]];
    if (weights[i] >= 0 && std::isfinite(weights[i])) continue;
    return Error{Errc::invalid_argument,
                 fmt::format("row {} (from 0) does not say in column \"{}\" what it counts: {}",
                             rows[i],
                             table.weight.name,
                             std::isnan(weights[i]) ? "nothing" : number_text(weights[i]))};
  }
  return weights;
}

/// Which classes some row may be judged by.
std::vector<bool> judged_classes(const std::vector<std::int32_t>& classes, std::size_t count) {
  std::vector<std::uint64_t> rows(count);
  for (const std::int32_t k : classes)
    if (k >= 0) ++rows[static_cast<std::size_t>(k)];
  std::vector<bool> judged;
  for (const std::uint64_t of_class : rows)
    judged.push_back(of_class >= kClassRowsMin);
  return judged;
}

}  // namespace

Result<std::vector<double>> balanced_class_weights(const Table& table,
                                                   const std::vector<std::uint32_t>& rows,
                                                   const std::vector<std::int32_t>& classes,
                                                   std::size_t class_count) {
  const auto counted = column_weights(table, rows);
  if (!counted) return counted.error();
  std::vector<double> sums(class_count);
  for (std::size_t i = 0; i < rows.size(); ++i)
    sums[static_cast<std::size_t>(classes[rows[i]])] += (*counted)[i];
  const auto judged = judged_classes(classes, class_count);
  double all = 0;
  double balanced = 0;
  for (std::size_t k = 0; k < class_count; ++k) {
    if (!judged[k] || !(sums[k] > 0)) continue;
    all += sums[k];
    ++balanced;
  }
  std::vector<double> weights(class_count, 1);
  for (std::size_t k = 0; k < class_count; ++k)
    if (judged[k] && sums[k] > 0) weights[k] = all / balanced / sums[k];
  return weights;
}

std::vector<double> logit_adjustment(const std::vector<double>& class_weights) {
  std::vector<double> adjustment;
  for (const double weight : class_weights)
    adjustment.push_back(-std::log(weight));
  return adjustment;
}

Result<std::vector<float>> row_weights(const Table& table,
                                       const std::vector<std::uint32_t>& rows,
                                       const std::vector<std::int32_t>& classes,
                                       const std::vector<double>& class_weights) {
  if (table.weight.name.empty() && class_weights.empty()) return std::vector<float>{};
  auto counted = column_weights(table, rows);
  if (!counted) return counted.error();
  for (std::size_t i = 0; i < rows.size() && !class_weights.empty(); ++i)
    (*counted)[i] *= class_weights[static_cast<std::size_t>(classes[rows[i]])];
  const double sum = std::accumulate(counted->begin(), counted->end(), 0.0);
  if (!(sum > 0) || !std::isfinite(sum)) {
    return Error{Errc::invalid_argument,
                 fmt::format("the rows to learn from count {} by column \"{}\"",
                             sum > 0 ? "more than a number holds" : "nothing",
                             table.weight.name)};
  }
  std::vector<float> weights;
  weights.reserve(rows.size());
  for (const double one : *counted)
    weights.push_back(static_cast<float>(one / sum * static_cast<double>(rows.size())));
  return weights;
}

}  // namespace starling::ml
