#include "ml/train/model_cost.h"

#include <algorithm>
#include <vector>

namespace starling::ml {
namespace {

constexpr std::size_t kFirstAsks = 2;  // set up what later ones have
constexpr std::size_t kAsksMin = 5;
constexpr std::size_t kAsksMax = 64;
constexpr double kSeconds = 0.1;
constexpr double kSecondsMax = 5;  // of a very slow model, before that of kAsksMin

}  // namespace

double predict_ms(ServedModel& model,
                  const EncodedRows& rows,
                  const std::function<double()>& seconds_now) {
  if (rows.rows() == 0) return 0;
  Matrix row{1, rows.columns(), std::vector<float>(rows.columns())};
  std::size_t columns = 0;
  std::vector<double> took;
  double sum = 0;
  const double limit = seconds_now() + kSecondsMax;
  for (std::size_t ask = 0; ask < kFirstAsks + kAsksMax; ++ask) {
    rows.spread(ask % std::min(rows.rows(), kCostRowsMax), row.values.data());
    const double before = seconds_now();
    model.predict(row, columns);
    const double after = seconds_now();
    if (ask >= kFirstAsks) {
      took.push_back(after - before);
      sum += took.back();
    }
    const bool is_enough = took.size() >= kAsksMin && sum > kSeconds;
    if (is_enough || (after > limit && !took.empty())) break;
  }
  const auto middle = took.begin() + static_cast<std::ptrdiff_t>((took.size() - 1) / 2);
  std::ranges::nth_element(took, middle);
  return *middle * 1000;
}

}  // namespace starling::ml
