#include "ml/report/leaderboard.h"

#include "ml/report/resample.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace starling::ml {
namespace {

constexpr double kTail = 0.025;

/// 1 where less is better, else -1.
double sign_of(Metric metric) {
  return direction_of(metric) == MetricDirection::minimize ? 1 : -1;
}

std::size_t best_of(const std::vector<Standing>& standings, Metric metric) {
  const double sign = sign_of(metric);
  const auto best = std::ranges::min_element(
      standings, {}, [sign](const Standing& one) { return sign * one.held_out.value; });
  return static_cast<std::size_t>(best - standings.begin());
}

double deviation_of(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values)
    squares += (value - mean) * (value - mean);
  return std::sqrt(squares / std::max(count - 1, 1.0));
}

/// By candidate, its score on each of the samples.
using Scores = std::vector<std::vector<double>>;

Scores scores_on_samples(const std::vector<Judged>& candidates, Metric metric, std::uint64_t seed) {
  const Judged& first = candidates.front();
  const std::size_t numbers =
      first.rows() * std::max<std::size_t>(first.class_count, 2) * candidates.size();
  Scores scores(candidates.size());
  Random random{seed};
  for (std::size_t i = 0; i < draws_for(numbers); ++i) {
    const auto rows = drawn_rows(first.rows(), random);
    for (std::size_t k = 0; k < candidates.size(); ++k)
      scores[k].push_back(score(metric, rows_of(candidates[k], rows)));
  }
  return scores;
}

/// Whether it is as good as `best` in more than one of forty samples.
bool ties(const std::vector<double>& scores, const std::vector<double>& best, double sign) {
  std::vector<double> behind;
  for (std::size_t i = 0; i < scores.size(); ++i)
    behind.push_back(sign * (scores[i] - best[i]));
  std::ranges::sort(behind);
  return quantile(behind, kTail) <= 0;
}

void judge_by(Scores scores, Metric metric, std::vector<Standing>& standings) {
  const std::vector<double> best = scores[best_of(standings, metric)];
  for (std::size_t k = 0; k < scores.size(); ++k) {
    standings[k].ties = ties(scores[k], best, sign_of(metric));
    standings[k].error = deviation_of(scores[k]);
    std::ranges::sort(scores[k]);
    standings[k].held_out.low = quantile(scores[k], kTail);
    standings[k].held_out.high = quantile(scores[k], 1 - kTail);
  }
}

}  // namespace

std::vector<Standing> standings_of(const std::vector<Judged>& candidates,
                                   Metric metric,
                                   bool are_independent,
                                   std::uint64_t seed) {
  std::vector<Standing> standings;
  for (const Judged& candidate : candidates) {
    const double value = score(metric, candidate);
    standings.push_back({.held_out = {value, value, value}, .error = 0, .ties = false});
  }
  if (are_independent)
    judge_by(scores_on_samples(candidates, metric, seed), metric, standings);
  else
    standings[best_of(standings, metric)].ties = true;
  return standings;
}

std::size_t smallest_within_error(const std::vector<Standing>& standings,
                                  Metric metric,
                                  std::span<const std::uint64_t> bytes) {
  const std::size_t best = best_of(standings, metric);
  const double sign = sign_of(metric);
  std::size_t smallest = best;
  for (std::size_t k = 0; k < standings.size(); ++k) {
    const double behind = sign * (standings[k].held_out.value - standings[best].held_out.value);
    if (behind <= standings[best].error && bytes[k] < bytes[smallest]) smallest = k;
  }
  return smallest;
}

}  // namespace starling::ml
