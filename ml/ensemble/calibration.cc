#include "ml/ensemble/calibration.h"

#include "node/base/assert.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace starling::ml {
namespace {

constexpr double kChanceMin = 1e-7;
constexpr double kLogStep = 1e-7;       // of the logarithm of the temperature
constexpr double kScoreDigits = 1e-12;  // two ways to the same score differ by less

/// Of a chance that is no certainty.
double log_of(double chance) {
  return std::log(std::clamp(chance, kChanceMin, 1.0));
}

std::vector<double> logs_of(std::span<const double> probabilities) {
  std::vector<double> logs;
  logs.reserve(probabilities.size());
  for (const double p : probabilities)
    logs.push_back(log_of(p));
  return logs;
}

/// The mean of `logs` by the chances softmax(logs / temperature).
double expected_log(std::span<const double> logs, double temperature) {
  const double largest = *std::ranges::max_element(logs);
  double sum = 0;
  double weighted = 0;
  for (const double log : logs) {
    const double part = std::exp((log - largest) / temperature);
    sum += part;
    weighted += part * log;
  }
  return weighted / sum;
}

/// The derivative of the summed log loss by 1 / T. It falls as T rises, for the loss is convex.
double loss_slope(std::span<const double> logs, const Judged& judged, double temperature) {
  double slope = 0;
  for (std::size_t row = 0; row < judged.rows(); ++row) {
    const auto of_row = logs.subspan(row * judged.class_count, judged.class_count);
    const auto truth = static_cast<std::size_t>(judged.truth_classes[row]);
    slope += expected_log(of_row, temperature) - of_row[truth];
  }
  return slope;
}

/// Where the slope changes its sign, by halving; an end of the range if it does not.
double least_loss(std::span<const double> logs, const Judged& judged) {
  double low = std::log(kTemperatureMin);
  double high = std::log(kTemperatureMax);
  while (high - low > kLogStep) {
    const double middle = (low + high) / 2;
    const bool is_too_cold = loss_slope(logs, judged, std::exp(middle)) > 0;
    (is_too_cold ? low : high) = middle;
  }
  return std::clamp(std::exp((low + high) / 2), kTemperatureMin, kTemperatureMax);
}

/// How often the second class and the first were said, rightly (true) and wrongly (false).
struct Confusion {
  double true_seconds = 0, false_seconds = 0;
  double true_firsts = 0, false_firsts = 0;
};

double share(double part, double all) {
  return all == 0 ? 0 : part / all;
}

double accuracy(const Confusion& c) {
  const double right = c.true_seconds + c.true_firsts;
  return right / (right + c.false_seconds + c.false_firsts);
}

double f1(const Confusion& c) {
  const double right = 2 * c.true_seconds;
  return share(right, right + c.false_seconds + c.false_firsts);
}

/// The mean over the classes that were meant or said: both, if a row is wrong.
double f1_macro(const Confusion& c) {
  const double wrong = c.false_seconds + c.false_firsts;
  if (wrong == 0) return 1;
  const double right_firsts = 2 * c.true_firsts;
  return (f1(c) + right_firsts / (right_firsts + wrong)) / 2;
}

/// Mean recall over the classes that occur.
double balanced_accuracy(const Confusion& c) {
  const double seconds = c.true_seconds + c.false_firsts;
  const double firsts = c.true_firsts + c.false_seconds;
  const double recalls = share(c.true_seconds, seconds) + share(c.true_firsts, firsts);
  return recalls / (seconds == 0 || firsts == 0 ? 1 : 2);
}

/// The correlation of said and meant; 0 where one of them is always the same.
double matthews(const Confusion& c) {
  const double meant = (c.true_seconds + c.false_firsts) * (c.true_firsts + c.false_seconds);
  const double said = (c.true_seconds + c.false_seconds) * (c.true_firsts + c.false_firsts);
  const double shared = c.true_seconds * c.true_firsts - c.false_seconds * c.false_firsts;
  return share(shared, std::sqrt(meant) * std::sqrt(said));
}

using Worth = double (*)(const Confusion&);

/// Nothing for a metric that does not depend on what is said.
Worth worth_of(Metric metric) {
  switch (metric) {
    case Metric::accuracy: return &accuracy;
    case Metric::f1: return &f1;
    case Metric::f1_macro: return &f1_macro;
    case Metric::balanced_accuracy: return &balanced_accuracy;
    case Metric::mcc: return &matthews;
    default: return nullptr;
  }
}

struct Row {
  double chance = 0;         // of the second class
  bool is_second = false;    // in truth
  bool is_likelier = false;  // the second class: what is said at 0.5
};

std::vector<Row> sorted_rows(const Judged& judged) {
  std::vector<Row> rows(judged.rows());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto chances = std::span{judged.probabilities}.subspan(2 * i, 2);
    rows[i] = {.chance = chances[1],
               .is_second = judged.truth_classes[i] == 1,
               .is_likelier = said_class(chances, {}) == 1};
  }
  std::ranges::stable_sort(rows, {}, &Row::chance);
  return rows;
}

Confusion all_said_second(std::span<const Row> rows) {
  Confusion counts;
  for (const Row& row : rows)
    ++(row.is_second ? counts.true_seconds : counts.false_seconds);
  return counts;
}

void say_first(const Row& row, Confusion& counts) {
  --(row.is_second ? counts.true_seconds : counts.false_seconds);
  ++(row.is_second ? counts.false_firsts : counts.true_firsts);
}

/// Above `low` even if there is no number in between: from it on, `high` is said and `low` is not.
double between(double low, double high) {
  const double middle = low + (high - low) / 2;
  return std::clamp(middle > low ? middle : high, 0.0, 1.0);
}

/// A threshold and what it is worth.
using Tried = std::pair<double, double>;

Tried try_half(std::span<const Row> rows, Worth worth) {
  Confusion counts = all_said_second(rows);
  for (const Row& row : rows)
    if (!row.is_likelier) say_first(row, counts);
  return {0.5, worth(counts)};
}

std::vector<Tried> try_all(std::span<const Row> rows, Worth worth) {
  std::vector<Tried> tried{try_half(rows, worth)};
  Confusion counts = all_said_second(rows);
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    say_first(rows[i], counts);
    if (rows[i].chance == rows[i + 1].chance) continue;
    const double threshold = between(rows[i].chance, rows[i + 1].chance);
    if (threshold != 0.5) tried.emplace_back(threshold, worth(counts));
  }
  return tried;
}

/// Of each class, to the power; the most common one has 1, and one of which nothing is known.
std::vector<double> rareness(const Judged& judged, double power) {
  std::vector<double> counts(judged.class_count);
  for (const int truth : judged.truth_classes)
    ++counts[static_cast<std::size_t>(truth)];
  const double most = *std::ranges::max_element(counts);
  std::vector<double> factors;
  for (const double count : counts)
    factors.push_back(count == 0 ? 1 : std::pow(most / count, power));
  return factors;
}

}  // namespace

double fit_temperature(const Judged& judged) {
  STARLING_ASSERT(judged.task != TaskKind::regression, "only chances have a temperature");
  STARLING_ASSERT(judged.rows() > 0, "there is a row to learn the temperature from");
  const double temperature = least_loss(logs_of(judged.probabilities), judged);
  Judged scaled = judged;
  apply_temperature(temperature, judged.class_count, scaled.probabilities);
  const bool is_better = score(Metric::log_loss, scaled) < score(Metric::log_loss, judged);
  return is_better ? temperature : 1;
}

void apply_temperature(double temperature,
                       std::size_t class_count,
                       std::span<double> probabilities) {
  STARLING_ASSERT(temperature > 0, "a temperature is positive");
  STARLING_ASSERT(class_count > 0 && probabilities.size() % class_count == 0, "rows are whole");
  if (temperature == 1) return;
  for (std::size_t from = 0; from < probabilities.size(); from += class_count) {
    const auto row = probabilities.subspan(from, class_count);
    const double largest = log_of(*std::ranges::max_element(row));
    double sum = 0;
    for (double& p : row) {
      p = std::exp((log_of(p) - largest) / temperature);
      sum += p;
    }
    for (double& p : row)
      p /= sum;
  }
}

ClassRule rule_without(std::span<const double> logit_adjustment) {
  constexpr double kTie = 1e-6;
  if (logit_adjustment.empty()) return {};
  if (logit_adjustment.size() == 2) {
    const double even = 1 / (1 + std::exp(logit_adjustment[0] - logit_adjustment[1]));
    return {.threshold = even * (1 - kTie)};
  }
  ClassRule rule;
  for (const double one : logit_adjustment)
    rule.factors.push_back(std::exp(-one) * (1 - kTie * static_cast<double>(rule.factors.size())));
  return rule;
}

double best_threshold(Metric metric, const Judged& judged) {
  const Worth worth = worth_of(metric);
  if (worth == nullptr || judged.class_count != 2 || judged.rows() == 0) return 0.5;
  const auto tried = try_all(sorted_rows(judged), worth);
  const double most = std::ranges::max_element(tried, {}, &Tried::second)->second;
  Tried best = tried.front();
  double least_distance = 1;
  for (const Tried& one : tried) {
    const double distance = std::abs(one.first - 0.5);
    if (one.second < most - kScoreDigits || distance >= least_distance) continue;
    best = one;
    least_distance = distance;
  }
  return best.first;
}

std::vector<double> best_factors(Metric metric, const Judged& judged) {
  if (!is_of_said(metric) || judged.class_count < 3 || judged.rows() == 0) return {};
  Judged tried = judged;
  tried.rule = {};
  double most = score(metric, tried);
  std::vector<double> best;
  for (int tenths = 1; tenths <= 10; ++tenths) {
    tried.rule.factors = rareness(judged, tenths / 10.0);
    const double worth = score(metric, tried);
    if (!(worth > most + kScoreDigits)) continue;
    most = worth;
    best = tried.rule.factors;
  }
  return best;
}

ClassRule best_rule(Metric metric, const Judged& judged) {
  return {best_threshold(metric, judged), best_factors(metric, judged)};
}

}  // namespace starling::ml
