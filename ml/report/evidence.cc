#include "ml/report/evidence.h"

#include "ml/report/resample.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace starling::ml {
namespace {

constexpr std::size_t kPointsMax = 300;
constexpr std::size_t kHistogramBins = 21;
constexpr std::size_t kCalibrationBins = 10;
constexpr std::size_t kCurveSteps = 100;

std::span<const double> chances(const Judged& judged, std::size_t row) {
  return std::span{judged.probabilities}.subspan(row * judged.class_count, judged.class_count);
}

double share(std::size_t part, std::size_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

}  // namespace

std::map<std::string, ScoreInterval> score_intervals(const Judged& judged, std::uint64_t seed) {
  std::map<std::string, ScoreInterval> intervals;
  for (const auto& [name, value] : all_scores(judged))
    intervals[name].value = value;
  const std::size_t samples =
      draws_for(judged.rows() * std::max<std::size_t>(judged.class_count, 2));
  std::map<std::string, std::vector<double>> scores;
  Random random{seed};
  for (std::size_t i = 0; i < samples; ++i)
    for (const auto& [name, value] : all_scores(rows_of(judged, drawn_rows(judged.rows(), random))))
      scores[name].push_back(value);
  for (auto& [name, interval] : intervals) {
    std::vector<double>& values = scores[name];
    if (values.empty()) values.push_back(interval.value);  // defined on no sample
    std::ranges::sort(values);
    interval.low = quantile(values, 0.05);
    interval.high = quantile(values, 0.95);
  }
  return intervals;
}

Residuals residuals_of(const Judged& judged) {
  Residuals found;
  std::vector<double> errors;
  for (std::size_t row = 0; row < judged.rows(); ++row)
    errors.push_back(judged.values[row] - judged.truth_values[row]);
  std::ranges::sort(errors);
  constexpr std::array<double, 5> kShares{0.05, 0.25, 0.5, 0.75, 0.95};
  for (std::size_t i = 0; i < kShares.size(); ++i)
    found.quantiles[i] = quantile(errors, kShares[i]);
  found.from = errors.front();
  found.to = errors.back();
  found.counts.assign(kHistogramBins, 0);
  const double width = (found.to - found.from) / kHistogramBins;
  for (const double error : errors) {
    const double place = width > 0 ? (error - found.from) / width : 0;
    ++found.counts[std::min(static_cast<std::size_t>(place), kHistogramBins - 1)];
  }
  const std::size_t step = (judged.rows() - 1) / kPointsMax + 1;
  for (std::size_t row = 0; row < judged.rows(); row += step)
    found.points.emplace_back(judged.truth_values[row], judged.values[row]);
  return found;
}

std::vector<std::vector<std::size_t>> confusion_of(const Judged& judged) {
  std::vector<std::vector<std::size_t>> counts(judged.class_count,
                                               std::vector<std::size_t>(judged.class_count));
  for (std::size_t row = 0; row < judged.rows(); ++row) {
    const auto truth = static_cast<std::size_t>(judged.truth_classes[row]);
    ++counts[truth][said_class(judged, row)];
  }
  return counts;
}

Calibration calibration_of(const Judged& judged) {
  std::array<CalibrationBin, kCalibrationBins> bins;
  for (std::size_t row = 0; row < judged.rows(); ++row) {
    const auto said = chances(judged, row);
    const std::size_t meant = judged.class_count == 2 ? 1 : most_likely(said);
    const auto place = static_cast<std::size_t>(said[meant] * kCalibrationBins);
    CalibrationBin& bin = bins[std::min(place, kCalibrationBins - 1)];
    ++bin.rows;
    bin.said += said[meant];
    bin.hits += static_cast<std::size_t>(judged.truth_classes[row]) == meant ? 1 : 0;
  }
  Calibration found;
  for (CalibrationBin& bin : bins) {
    if (bin.rows == 0) continue;
    bin.said /= static_cast<double>(bin.rows);
    bin.hits /= static_cast<double>(bin.rows);
    found.error += share(bin.rows, judged.rows()) * std::abs(bin.said - bin.hits);
    found.bins.push_back(bin);
  }
  return found;
}

Curves curves_of(const Judged& judged) {
  std::vector<std::size_t> order(judged.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto chance = [&](std::size_t row) { return chances(judged, row)[1]; };
  std::ranges::stable_sort(order, [&](auto a, auto b) { return chance(a) > chance(b); });
  const auto positives = static_cast<std::size_t>(std::ranges::count(judged.truth_classes, 1));
  Curves curves;
  curves.roc.emplace_back(0, 0);
  const std::size_t step = (order.size() - 1) / kCurveSteps + 1;
  std::size_t hits = 0;
  std::size_t due = step;
  for (std::size_t i = 0; i < order.size(); ++i) {
    hits += judged.truth_classes[order[i]] == 1 ? 1 : 0;
    const std::size_t taken = i + 1;
    const bool is_last = taken == order.size();
    if (!is_last && chance(order[i]) == chance(order[taken])) continue;  // one threshold
    if (!is_last && taken < due) continue;
    due = taken + step;
    curves.roc.emplace_back(share(taken - hits, order.size() - positives), share(hits, positives));
    curves.pr.emplace_back(share(hits, positives), share(hits, taken));
  }
  return curves;
}

}  // namespace starling::ml
