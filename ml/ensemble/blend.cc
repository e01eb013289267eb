#include "ml/ensemble/blend.h"

#include "node/base/assert.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace starling::ml {
namespace {

constexpr double kWorst = -std::numeric_limits<double>::infinity();

/// The best score of all, and with which weights.
struct Best {
  double worth = kWorst;
  std::vector<double> weights;
};

void check(const std::vector<Answers>& candidates, const Judged& truth) {
  STARLING_ASSERT(!candidates.empty(), "there is a candidate to blend");
  const std::size_t width = truth.task == TaskKind::regression ? 1 : truth.class_count;
  for (const Answers& answers : candidates)
    STARLING_ASSERT(answers.size() == truth.rows() * width, "a candidate answers every row");
}

std::vector<double>& said_in(Judged& judged) {
  return judged.task == TaskKind::regression ? judged.values : judged.probabilities;
}

/// More is better, whatever the metric; what is no number is worst.
double worth(Metric metric, const Judged& judged) {
  const double value = score(metric, judged);
  if (std::isnan(value)) return kWorst;
  return direction_of(metric) == MetricDirection::minimize ? -value : value;
}

/// Those whose every answer is finite.
std::vector<std::size_t> usable_of(const std::vector<Answers>& candidates) {
  const auto is_finite = [](float answer) { return std::isfinite(answer); };
  std::vector<std::size_t> usable;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (std::ranges::all_of(candidates[i], is_finite)) usable.push_back(i);
  return usable;
}

std::vector<double> weights_of(const std::vector<std::size_t>& counts, std::size_t total) {
  std::vector<double> weights(counts.size());
  std::ranges::transform(counts, weights.begin(), [total](std::size_t count) {
    return static_cast<double>(count) / static_cast<double>(total);
  });
  return weights;
}

/// What was added so far, and what can be.
class Selection {
 public:
  Selection(const std::vector<Answers>& candidates, const Judged& truth, Metric metric)
      : candidates_(candidates), metric_(metric), judged_(truth), usable_(usable_of(candidates)) {
    sums_.resize(candidates.front().size());
    said_in(judged_).resize(sums_.size());
    counts_.resize(candidates.size());
  }

  /// One more round. The mean is judged as `blended` gives it, so that not even a rounding error
  /// lets it score worse than promised.
  void grow(Best& best) {
    add(next());
    auto weights = weights_of(counts_, total_);
    said_in(judged_) = blended(candidates_, weights);
    const double found = worth(metric_, judged_);
    const bool is_better = best.weights.empty() || found > best.worth;
    if (is_better) best = Best{.worth = found, .weights = std::move(weights)};
  }

 private:
  std::size_t next() {
    std::size_t best = usable_.empty() ? 0 : usable_.front();
    double best_worth = kWorst;
    for (const std::size_t i : usable_) {
      const double found = worth_with(candidates_[i]);
      if (found > best_worth) best = i;
      best_worth = std::max(best_worth, found);
    }
    return best;
  }

  double worth_with(const Answers& added) {
    const double total = static_cast<double>(total_) + 1;
    std::vector<double>& said = said_in(judged_);
    for (std::size_t i = 0; i < sums_.size(); ++i)
      said[i] = (sums_[i] + static_cast<double>(added[i])) / total;
    return worth(metric_, judged_);
  }

  void add(std::size_t candidate) {
    const Answers& added = candidates_[candidate];
    for (std::size_t i = 0; i < sums_.size(); ++i)
      sums_[i] += static_cast<double>(added[i]);
    ++counts_[candidate];
    ++total_;
  }

  const std::vector<Answers>& candidates_;
  Metric metric_;
  Judged judged_;
  std::vector<std::size_t> usable_;
  std::vector<double> sums_;         // of the answers added
  std::vector<std::size_t> counts_;  // how often each was added
  std::size_t total_ = 0;
};

}  // namespace

std::vector<double> greedy_weights(const std::vector<Answers>& candidates,
                                   const Judged& truth,
                                   Metric metric,
                                   std::size_t rounds) {
  check(candidates, truth);
  STARLING_ASSERT(rounds > 0, "a blend takes a round");
  Best best;
  Selection selection{candidates, truth, metric};
  for (std::size_t round = 0; round < rounds; ++round)
    selection.grow(best);
  return best.weights;
}

std::vector<double> blended(const std::vector<Answers>& candidates,
                            const std::vector<double>& weights) {
  STARLING_ASSERT(!candidates.empty(), "there is a candidate to blend");
  STARLING_ASSERT(weights.size() == candidates.size(), "each candidate has a weight");
  std::vector<double> said(candidates.front().size());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    STARLING_ASSERT(candidates[i].size() == said.size(), "all candidates answer the same rows");
    if (weights[i] == 0) continue;
    for (std::size_t j = 0; j < said.size(); ++j)
      said[j] += weights[i] * static_cast<double>(candidates[i][j]);
  }
  return said;
}

}  // namespace starling::ml
