#include "ml/ensemble/conformal.h"

#include "node/base/assert.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace starling::ml {
namespace {

constexpr std::size_t kBinsMax = 20;
constexpr std::size_t kBinRowsMin = 25;
constexpr double kFloorShare = 1e-3;  // of the mean residual: no interval shrinks to nothing
constexpr double kSizeMin = 1e-300;   // where every residual is 0
constexpr double kRankSlack = 1e-9;   // 20 * 0.9 is 18, whatever its last bit says

struct Row {
  double said = 0;
  double error = 0;  // |residual|
};

/// By what was said; of equals in the order they are given.
std::vector<Row> sorted_rows(const std::vector<double>& said, const std::vector<double>& truth) {
  std::vector<Row> rows;
  rows.reserve(said.size());
  for (std::size_t i = 0; i < said.size(); ++i)
    rows.push_back({said[i], std::abs(said[i] - truth[i])});
  std::ranges::stable_sort(rows, {}, &Row::said);
  return rows;
}

/// Those at places `first`, `first` + 2 and so on.
std::vector<Row> every_other(const std::vector<Row>& rows, std::size_t first) {
  std::vector<Row> half;
  for (std::size_t i = first; i < rows.size(); i += 2)
    half.push_back(rows[i]);
  return half;
}

double mean_of(std::span<const Row> rows, double Row::*field) {
  double sum = 0;
  for (const Row& row : rows)
    sum += row.*field;
  return sum / static_cast<double>(rows.size());
}

/// `aim` rows on, or behind all of which the same was said. What is too little for another bin
/// belongs to this one.
std::size_t bin_end(std::span<const Row> rows, std::size_t from, std::size_t aim) {
  std::size_t end = std::min(from + aim, rows.size());
  while (end < rows.size() && rows[end].said == rows[end - 1].said)
    ++end;
  return rows.size() - end < kBinRowsMin ? rows.size() : end;
}

/// The mean is kept between the first and the last, so that rounding cannot put two knots in the
/// wrong order.
void add_knot(std::span<const Row> bin, double size_min, Conformal& conformal) {
  const double middle = mean_of(bin, &Row::said);
  conformal.at.push_back(std::clamp(middle, bin.front().said, bin.back().said));
  conformal.size.push_back(std::max(mean_of(bin, &Row::error), size_min));
}

/// What all knots of one fit have in common.
struct Grain {
  std::size_t bins = 1;
  double size_min = kSizeMin;
};

/// As fine as half of the rows can be judged: finer knots than those that made the scores would
/// promise too little or too much.
Grain grain_of(std::span<const Row> rows) {
  const std::size_t bins = rows.size() / 2 / kBinRowsMin;
  return {.bins = std::clamp<std::size_t>(bins, 1, kBinsMax),
          .size_min = std::max(kFloorShare * mean_of(rows, &Row::error), kSizeMin)};
}

void add_knots(std::span<const Row> rows, const Grain& grain, Conformal& conformal) {
  for (std::size_t from = 0; from < rows.size();) {
    const std::size_t end = bin_end(rows, from, rows.size() / grain.bins);
    add_knot(rows.subspan(from, end - from), grain.size_min, conformal);
    from = end;
  }
}

double size_at(const Conformal& conformal, double said) {
  const std::vector<double>& at = conformal.at;
  const std::vector<double>& size = conformal.size;
  const auto above = static_cast<std::size_t>(std::ranges::upper_bound(at, said) - at.begin());
  if (above == 0) return size.front();
  if (above == at.size()) return size.back();
  const double part = (said - at[above - 1]) / (at[above] - at[above - 1]);
  return size[above - 1] * (1 - part) + size[above] * part;
}

/// Each residual in sizes that the rows of `others` have.
void add_scores(std::span<const Row> rows,
                std::span<const Row> others,
                const Grain& grain,
                std::vector<double>& scores) {
  Conformal judge;
  add_knots(others, grain, judge);
  for (const Row& row : rows)
    scores.push_back(row.error / size_at(judge, row.said));
}

/// One rank higher than the share alone would be: a fresh row is one more of them.
double quantile_of(std::vector<double> scores, double level) {
  std::ranges::sort(scores);
  const double rank = std::ceil(static_cast<double>(scores.size() + 1) * level - kRankSlack);
  return scores[std::clamp<std::size_t>(static_cast<std::size_t>(rank), 1, scores.size()) - 1];
}

}  // namespace

Conformal fit_conformal(const std::vector<double>& said,
                        const std::vector<double>& truth,
                        double level) {
  STARLING_ASSERT(said.size() == truth.size(), "each row has what was said and what was true");
  STARLING_ASSERT(said.size() >= kConformalRowsMin, "there are rows enough for intervals");
  STARLING_ASSERT(level > 0 && level < 1, "a level is a share");
  const std::vector<Row> rows = sorted_rows(said, truth);
  const Grain grain = grain_of(rows);
  const std::vector<Row> evens = every_other(rows, 0);
  const std::vector<Row> odds = every_other(rows, 1);
  std::vector<double> scores;
  add_scores(evens, odds, grain, scores);
  add_scores(odds, evens, grain, scores);
  Conformal conformal;
  conformal.level = level;
  conformal.quantile = quantile_of(std::move(scores), level);
  add_knots(rows, grain, conformal);
  return conformal;
}

std::pair<double, double> interval_of(const Conformal& conformal, double said) {
  const double reach = conformal.quantile * size_at(conformal, said);
  return {said - reach, said + reach};
}

}  // namespace starling::ml
