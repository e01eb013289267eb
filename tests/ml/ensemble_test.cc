// Several models as one, and honest chances: against cases worked by hand and slow, plain searches.
#include "ml/ensemble/blend.h"
#include "ml/ensemble/calibration.h"
#include "node/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace starling::ml {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Judged true_numbers(std::vector<double> truth) {
  Judged judged;
  judged.truth_values = std::move(truth);
  return judged;
}

Judged true_classes(std::size_t class_count, std::vector<int> truth) {
  Judged judged;
  judged.task = class_count == 2 ? TaskKind::binary : TaskKind::multiclass;
  judged.class_count = class_count;
  judged.truth_classes = std::move(truth);
  return judged;
}

/// `chances` of the second class.
Judged two_classes(std::vector<int> truth, const std::vector<double>& chances) {
  Judged judged = true_classes(2, std::move(truth));
  for (const double chance : chances) {
    judged.probabilities.push_back(1 - chance);
    judged.probabilities.push_back(chance);
  }
  return judged;
}

Judged with(const Judged& truth, std::vector<double> said) {
  Judged judged = truth;
  (truth.task == TaskKind::regression ? judged.values : judged.probabilities) = std::move(said);
  return judged;
}

/// More is better.
double worth(Metric metric, const Judged& judged) {
  const double value = score(metric, judged);
  return direction_of(metric) == MetricDirection::minimize ? -value : value;
}

// ---- Blends -------------------------------------------------------------------------------------

TEST(Blended, IsTheWeightedMean) {
  EXPECT_THAT(blended({{1, 2}, {3, 6}}, {0.25, 0.75}), ElementsAre(2.5, 5));
  EXPECT_THAT(blended({{0.1F}}, {1}), ElementsAre(static_cast<double>(0.1F))) << "to the bit";
  const float not_a_number = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(blended({{not_a_number}, {3}}, {0, 1}), ElementsAre(3)) << "without weight";
}

TEST(GreedyWeights, TakeTheMiddleOfTwoThatErrOppositely) {
  const Judged truth = true_numbers({10, 10});
  EXPECT_THAT(greedy_weights({{12, 12}, {8, 8}}, truth, Metric::rmse), ElementsAre(0.5, 0.5));
  EXPECT_THAT(greedy_weights({{11, 11}, {8, 8}}, truth, Metric::mae),
              ElementsAre(DoubleNear(2.0 / 3, 1e-15), DoubleNear(1.0 / 3, 1e-15)))
      << "11, then 9.5, then exactly 10";
}

TEST(GreedyWeights, PreferTheFirstOfEqualsAndTheFewestRounds) {
  const Judged truth = true_numbers({1, 2, 3});
  const Answers good{1, 2, 4};
  EXPECT_THAT(greedy_weights({good, good, good}, truth, Metric::rmse), ElementsAre(1, 0, 0));
  EXPECT_THAT(greedy_weights({{9, 9, 9}, {1, 2, 3}}, truth, Metric::r2), ElementsAre(0, 1));
  EXPECT_THAT(greedy_weights({{5, 5, 5}}, truth, Metric::mae), ElementsAre(1));
  EXPECT_THAT(greedy_weights({{12, 12}, {8, 8}}, true_numbers({10, 10}), Metric::rmse, 1),
              ElementsAre(1, 0))
      << "one round, one candidate";
}

TEST(GreedyWeights, LetTwoWeakClassifiersCorrectEachOther) {
  const Judged truth = true_classes(2, {0, 1, 1});
  const Answers misses_first{0.4F, 0.6F, 0.1F, 0.9F, 0.1F, 0.9F};
  const Answers misses_last{0.9F, 0.1F, 0.1F, 0.9F, 0.6F, 0.4F};
  const auto weights = greedy_weights({misses_first, misses_last}, truth, Metric::accuracy);
  EXPECT_THAT(weights, ElementsAre(0.5, 0.5));
  EXPECT_EQ(score(Metric::accuracy, with(truth, blended({misses_first, misses_last}, weights))), 1);
}

TEST(GreedyWeights, GiveNothingToWhatIsNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Judged truth = true_numbers({1, 2});
  EXPECT_THAT(greedy_weights({{1, nan}, {4, 4}}, truth, Metric::rmse), ElementsAre(0, 1));
  EXPECT_THAT(greedy_weights({{1, nan}, {nan, 2}}, truth, Metric::rmse), ElementsAre(1, 0));
}

TEST(GreedyWeights, AreOfTheFirstWhereTheMetricIsNotDefined) {
  EXPECT_THAT(greedy_weights({{1, 2}, {3, 3}}, true_numbers({-1, -2}), Metric::rmsle),
              ElementsAre(1, 0));
}

struct BlendTask {
  Judged truth;
  std::vector<Answers> candidates;
};

Judged random_truth(TaskKind task, std::size_t rows, Random& random) {
  if (task == TaskKind::regression) {
    std::vector<double> truth(rows);
    std::ranges::generate(truth, [&] { return std::abs(5 * random.normal()); });
    return true_numbers(std::move(truth));
  }
  const std::size_t class_count = task == TaskKind::binary ? 2 : 3;
  std::vector<int> truth(rows);
  std::ranges::generate(truth, [&] { return static_cast<int>(random.below(class_count)); });
  return true_classes(class_count, std::move(truth));
}

/// Knows the truth more or less.
Answers random_answers(const Judged& truth, Random& random) {
  Answers answers;
  const double noise = 0.5 + 2 * random.unit();
  for (const double value : truth.truth_values)
    answers.push_back(static_cast<float>(value + noise * random.normal()));
  for (const int meant : truth.truth_classes) {
    std::vector<double> row(truth.class_count);
    for (std::size_t k = 0; k < row.size(); ++k)
      row[k] = std::exp((static_cast<int>(k) == meant ? 1.0 : 0.0) + noise * random.normal());
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    for (const double part : row)
      answers.push_back(static_cast<float>(part / sum));
  }
  return answers;
}

BlendTask random_blend_task(TaskKind task, Random& random) {
  BlendTask found{random_truth(task, 5 + random.below(30), random), {}};
  const std::size_t candidates = 1 + random.below(6);
  for (std::size_t i = 0; i < candidates; ++i)
    found.candidates.push_back(random_answers(found.truth, random));
  if (random.chance(0.3)) found.candidates.push_back(found.candidates.front());
  return found;
}

double worth_of_picks(const BlendTask& task, Metric metric, const std::vector<std::size_t>& picks) {
  std::vector<double> said(task.candidates[0].size());
  for (std::size_t row = 0; row < said.size(); ++row) {
    for (const std::size_t pick : picks)
      said[row] += static_cast<double>(task.candidates[pick][row]);
    said[row] /= static_cast<double>(picks.size());
  }
  return worth(metric, with(task.truth, std::move(said)));
}

/// The paper's words, without a thought for speed.
std::vector<double> plain_greedy(const BlendTask& task, Metric metric, std::size_t rounds) {
  std::vector<std::size_t> picks;
  std::vector<std::size_t> best_picks;
  double best = -kInfinity;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<double> worths;
    for (std::size_t i = 0; i < task.candidates.size(); ++i) {
      picks.push_back(i);
      worths.push_back(worth_of_picks(task, metric, picks));
      picks.pop_back();
    }
    const auto most = std::ranges::max_element(worths);
    picks.push_back(static_cast<std::size_t>(most - worths.begin()));
    if (*most > best) best_picks = picks;
    best = std::max(best, *most);
  }
  std::vector<double> weights;
  for (std::size_t i = 0; i < task.candidates.size(); ++i) {
    const auto count = static_cast<double>(std::ranges::count(best_picks, i));
    weights.push_back(count / static_cast<double>(best_picks.size()));
  }
  return weights;
}

TEST(GreedyWeights, AreThoseOfAPlainSearch) {
  Random random{11};
  for (const TaskKind kind : {TaskKind::regression, TaskKind::binary, TaskKind::multiclass}) {
    for (const Metric metric : metrics_of(kind)) {
      for (int i = 0; i < 20; ++i) {
        const BlendTask task = random_blend_task(kind, random);
        const std::size_t rounds = 1 + random.below(12);
        EXPECT_EQ(greedy_weights(task.candidates, task.truth, metric, rounds),
                  plain_greedy(task, metric, rounds))
            << to_string(kind) << ' ' << to_string(metric) << ' ' << i;
      }
    }
  }
}

TEST(GreedyWeights, SumToOneAndNeverScoreWorseThanTheBestAlone) {
  Random random{12};
  for (const TaskKind kind : {TaskKind::regression, TaskKind::binary, TaskKind::multiclass}) {
    for (const Metric metric : metrics_of(kind)) {
      for (int i = 0; i < 20; ++i) {
        const BlendTask task = random_blend_task(kind, random);
        const auto weights = greedy_weights(task.candidates, task.truth, metric);
        ASSERT_EQ(weights.size(), task.candidates.size());
        EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 1, 1e-12);
        const double together = worth(metric, with(task.truth, blended(task.candidates, weights)));
        for (const Answers& alone : task.candidates)
          EXPECT_GE(together, worth(metric, with(task.truth, {alone.begin(), alone.end()})));
      }
    }
  }
}

// ---- Temperature --------------------------------------------------------------------------------

TEST(Temperature, CoolsWhatWasTooSure) {
  // Said nine to one, right three times in four: 3 is the square root of 9, so T is 2.
  const Judged judged = two_classes({1, 1, 1, 0}, {0.9, 0.9, 0.9, 0.9});
  const double temperature = fit_temperature(judged);
  EXPECT_NEAR(temperature, 2, 1e-6);
  std::vector<double> scaled = judged.probabilities;
  apply_temperature(temperature, 2, scaled);
  EXPECT_NEAR(scaled[1], 0.75, 1e-6);
  EXPECT_NEAR(scaled[0], 0.25, 1e-6);
}

TEST(Temperature, SharpensWhatWasTooModest) {
  // Said 3 to 1, right 9 times in ten.
  const Judged judged = two_classes({1, 1, 1, 1, 1, 1, 1, 1, 1, 0}, std::vector<double>(10, 0.75));
  EXPECT_NEAR(fit_temperature(judged), 0.5, 1e-6);
}

TEST(Temperature, IsOneWhereNoneIsBetter) {
  EXPECT_EQ(fit_temperature(two_classes({1, 0, 1}, {0.5, 0.5, 0.5})), 1) << "all the same to it";
  EXPECT_EQ(fit_temperature(two_classes({1, 0}, {1, 0})), 1) << "it cannot be better";
  EXPECT_NEAR(fit_temperature(two_classes({1, 1, 1, 0}, std::vector<double>(4, 0.75))), 1, 1e-6);
}

TEST(Temperature, StaysInItsRangeWhateverWasSaid) {
  EXPECT_NEAR(fit_temperature(two_classes({1, 0}, {0.9, 0.1})), kTemperatureMin, 1e-6);
  EXPECT_GE(fit_temperature(two_classes({1, 0}, {0.9, 0.1})), kTemperatureMin);
  EXPECT_NEAR(fit_temperature(two_classes({0, 1}, {0.9, 0.1})), kTemperatureMax, 1e-4);
  EXPECT_LE(fit_temperature(two_classes({0, 1}, {0.9, 0.1})), kTemperatureMax);
  // Sure, and wrong once in four: sigmoid(log(1e7) / T) is 0.75.
  EXPECT_NEAR(
      fit_temperature(two_classes({1, 1, 1, 0}, {1, 1, 1, 1})), std::log(1e7) / std::log(3), 1e-4);
}

TEST(Temperature, OfOneLeavesEveryBit) {
  const std::vector<double> before{0.1, 0.9, 0, 1, 1e-300, 0.3};
  std::vector<double> after = before;
  apply_temperature(1, 2, after);
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(std::bit_cast<std::uint64_t>(after[i]), std::bit_cast<std::uint64_t>(before[i]));
}

TEST(Temperature, KeepsTheOrderAndTheSumOfARow) {
  Random random{3};
  for (int i = 0; i < 200; ++i) {
    std::vector<double> row(4);
    std::ranges::generate(row, [&] { return random.chance(0.2) ? 0 : random.unit(); });
    row[random.below(4)] += 0.01;
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    for (double& p : row)
      p /= sum;
    std::vector<double> scaled = row;
    apply_temperature(std::exp(3 * random.normal()), 4, scaled);
    EXPECT_NEAR(std::accumulate(scaled.begin(), scaled.end(), 0.0), 1, 1e-12);
    for (std::size_t a = 0; a < 4; ++a) {
      for (std::size_t b = 0; b < 4; ++b)
        EXPECT_TRUE(row[a] < row[b] ? scaled[a] <= scaled[b] : scaled[a] >= scaled[b]);
    }
  }
}

/// Says softmax(sharpness * z) where softmax(z) is true.
Judged too_sure(double sharpness, std::size_t rows, Random& random) {
  Judged judged = true_classes(3, {});
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<double> honest(3);
    std::ranges::generate(honest, [&] { return std::exp(random.normal()); });
    const double sum = std::accumulate(honest.begin(), honest.end(), 0.0);
    const double drawn = random.unit() * sum;
    judged.truth_classes.push_back(drawn < honest[0] ? 0 : drawn < honest[0] + honest[1] ? 1 : 2);
    double said_sum = 0;
    for (double& p : honest)
      said_sum += p = std::pow(p, sharpness);
    for (const double p : honest)
      judged.probabilities.push_back(p / said_sum);
  }
  return judged;
}

double loss_at(double temperature, const Judged& judged) {
  Judged scaled = judged;
  apply_temperature(temperature, judged.class_count, scaled.probabilities);
  return score(Metric::log_loss, scaled);
}

TEST(Temperature, IsTheBestOfAFineGrid) {
  Random random{5};
  for (const double sharpness : {0.3, 1.0, 3.0}) {
    const Judged judged = too_sure(sharpness, 300, random);
    const double fitted = fit_temperature(judged);
    const double fitted_loss = loss_at(fitted, judged);
    double best = 1;
    for (double log_t = std::log(kTemperatureMin); log_t < std::log(kTemperatureMax);
         log_t += 0.004) {
      const double temperature = std::exp(log_t);
      if (loss_at(temperature, judged) < loss_at(best, judged)) best = temperature;
      EXPECT_LE(fitted_loss, loss_at(temperature, judged) + 1e-12);
    }
    EXPECT_NEAR(std::log(fitted), std::log(best), 0.0041);
    EXPECT_NEAR(std::log(fitted), std::log(sharpness), 0.25) << "as it was made";
  }
}

// ---- Thresholds ---------------------------------------------------------------------------------

TEST(Threshold, LiesBetweenTheClasses) {
  const Judged judged = two_classes({0, 0, 1, 1}, {0.125, 0.25, 0.375, 0.4375});
  for (const Metric metric : {Metric::accuracy, Metric::f1, Metric::f1_macro})
    EXPECT_EQ(best_threshold(metric, judged), 0.3125);
  EXPECT_EQ(best_threshold(Metric::balanced_accuracy, judged), 0.3125);
}

TEST(Threshold, IsAHalfIfNothingIsBetter) {
  EXPECT_EQ(best_threshold(Metric::accuracy, two_classes({0, 1}, {0.375, 0.875})), 0.5)
      << "0.625 is as good";
  EXPECT_EQ(best_threshold(Metric::f1, two_classes({0, 1, 1}, {0.25, 0.25, 0.25})), 0.5)
      << "there is no middle";
  EXPECT_EQ(best_threshold(Metric::log_loss, two_classes({0, 1}, {0.1, 0.2})), 0.5);
  EXPECT_EQ(best_threshold(Metric::roc_auc, two_classes({0, 1}, {0.1, 0.2})), 0.5);
  Judged three = true_classes(3, {0});
  three.probabilities = {0.2, 0.3, 0.5};
  EXPECT_EQ(best_threshold(Metric::accuracy, three), 0.5);
  EXPECT_EQ(best_threshold(Metric::rmse, with(true_numbers({1, 2}), {1, 3})), 0.5);
}

TEST(Threshold, IsTheClosestToAHalfOfEquals) {
  // Three of four right from 0.1875 on and from 0.40625 on, two of four at 0.5.
  EXPECT_EQ(
      best_threshold(Metric::accuracy, two_classes({0, 1, 0, 1}, {0.125, 0.25, 0.375, 0.4375})),
      0.40625);
  // As good and as far: 0.375 and 0.625. At 0.5 two of four.
  EXPECT_EQ(
      best_threshold(Metric::accuracy, two_classes({0, 1, 0, 1}, {0.3125, 0.4375, 0.5625, 0.6875})),
      0.375);
}

TEST(Threshold, TellsNeighboursApartBetweenWhichThereIsNoNumber) {
  const double low = 0.25;
  const double high = std::nextafter(low, 1);
  const double found = best_threshold(Metric::f1, two_classes({0, 1}, {low, high}));
  EXPECT_GT(found, low);
  EXPECT_LE(found, high);
  // At 0.5 the likelier is said, and a half is not: nothing between tells these two apart.
  Judged around = two_classes({0, 1}, {std::nextafter(0.5, 0), 0.5});
  around.rule.threshold = best_threshold(Metric::accuracy, around);
  EXPECT_EQ(around.rule.threshold, 0.5);
  EXPECT_EQ(score(Metric::accuracy, around), 0.5);
}

/// What is said at `threshold`, judged as labels.
double worth_at(double threshold, Metric metric, Judged judged) {
  judged.rule.threshold = threshold;
  std::vector<double> labels;
  for (std::size_t row = 0; row < judged.rows(); ++row)
    labels.push_back(said_class(judged, row) == 1 ? 1 : 0);
  return worth(metric, two_classes(judged.truth_classes, labels));
}

double plain_threshold(Metric metric, const Judged& judged) {
  std::set<double> chances;
  for (std::size_t row = 0; row < judged.rows(); ++row)
    chances.insert(judged.probabilities[2 * row + 1]);
  std::vector<double> thresholds{0.5};
  for (auto at = chances.begin(); std::next(at) != chances.end(); ++at)
    thresholds.push_back(*at + (*std::next(at) - *at) / 2);
  double most = -kInfinity;
  for (const double threshold : thresholds)
    most = std::max(most, worth_at(threshold, metric, judged));
  double best = kInfinity;
  for (const double threshold : thresholds) {
    const bool is_best = worth_at(threshold, metric, judged) > most - 1e-12;
    if (is_best && std::abs(threshold - 0.5) < std::abs(best - 0.5)) best = threshold;
  }
  return best;
}

TEST(Threshold, IsThatOfAPlainSearch) {
  const std::set<Metric> of_labels{
      Metric::accuracy, Metric::f1, Metric::f1_macro, Metric::balanced_accuracy, Metric::mcc};
  Random random{8};
  for (const Metric metric : metrics_of(TaskKind::binary)) {
    for (int i = 0; i < 300; ++i) {
      Judged judged = random_truth(TaskKind::binary, 1 + random.below(25), random);
      const double steps = random.chance(0.5) ? 8 : 1024;  // few: many rows of one chance
      const double shift = random.unit();
      std::vector<double> chances;
      for (const int meant : judged.truth_classes) {
        const double chance = (meant + shift + random.normal()) / 3;
        chances.push_back(std::round(std::clamp(chance, 0.0, 1.0) * steps) / steps);
      }
      judged = two_classes(judged.truth_classes, chances);
      const bool is_of_labels = of_labels.contains(metric);
      EXPECT_EQ(best_threshold(metric, judged),
                is_of_labels ? plain_threshold(metric, judged) : 0.5)
          << to_string(metric) << ' ' << i;
    }
  }
}

// ---- Factors and shares -------------------------------------------------------------------------

TEST(ClassFactors, AreThePowerOfRarenessThatScoresBest) {
  Random random{12};
  int found = 0;
  for (int i = 0; i < 40; ++i) {
    Judged judged = true_classes(3, {});
    for (int row = 0; row < 120; ++row) {
      const int truth = row % 12 == 0 ? 2 : row % 3 == 0 ? 1 : 0;
      judged.truth_classes.push_back(truth);
      std::vector<double> chances{0.5, 0.3, 0.08};
      chances[static_cast<std::size_t>(truth)] += 0.3;
      for (double& chance : chances)
        chance *= std::exp(0.5 * random.normal());
      judged.probabilities.insert(judged.probabilities.end(), chances.begin(), chances.end());
    }
    const auto factors = best_factors(Metric::balanced_accuracy, judged);
    const double plain = score(Metric::balanced_accuracy, judged);
    judged.rule.factors = factors;
    const double most = score(Metric::balanced_accuracy, judged);
    EXPECT_EQ(most > plain, !factors.empty()) << "there are some if they are of use";
    for (int tenths = 0; tenths <= 10; ++tenths) {
      judged.rule.factors.clear();
      for (const double count : {80.0, 30.0, 10.0})
        judged.rule.factors.push_back(std::pow(80 / count, tenths / 10.0));
      EXPECT_LE(score(Metric::balanced_accuracy, judged), most + 1e-12) << tenths;
    }
    found += factors.empty() ? 0 : 1;
  }
  EXPECT_GT(found, 30);
}

TEST(ClassFactors, AreNoneWhereNothingIsSaidOrTwoClassesAre) {
  Judged judged = true_classes(3, {0, 0, 0, 1, 2});
  judged.probabilities = {.5, .3, .2, .5, .3, .2, .5, .3, .2, .5, .4, .1, .5, .1, .4};
  EXPECT_FALSE(best_factors(Metric::balanced_accuracy, judged).empty());
  Judged absent = true_classes(4, judged.truth_classes);
  for (std::size_t row = 0; row < 5; ++row) {
    const auto begin = judged.probabilities.begin() + static_cast<std::ptrdiff_t>(3 * row);
    absent.probabilities.insert(absent.probabilities.end(), begin, begin + 3);
    absent.probabilities.push_back(0);
  }
  EXPECT_EQ(best_factors(Metric::balanced_accuracy, absent)[3], 1) << "nothing is known of it";
  EXPECT_TRUE(best_factors(Metric::log_loss, judged).empty());
  EXPECT_TRUE(best_factors(Metric::accuracy, two_classes({0, 0, 1}, {.4, .4, .45})).empty());
}

TEST(RuleWithout, SaysWhatWouldBeSaidWithoutTheAdjustment) {
  Random random{13};
  for (const std::vector<double>& by :
       {std::vector<double>{std::log(1.8), std::log(0.2)}, std::vector<double>{1.2, 0.0, -2.5}}) {
    for (int i = 0; i < 200; ++i) {
      std::vector<double> before;
      std::vector<double> after;
      for (const double one : by) {
        before.push_back(random.unit() + 0.01);
        after.push_back(before.back() * std::exp(one));
      }
      const double sum = std::accumulate(after.begin(), after.end(), 0.0);
      for (double& chance : after)
        chance /= sum;
      EXPECT_EQ(said_class(after, rule_without(by)), most_likely(before));
    }
  }
  EXPECT_EQ(rule_without({}), ClassRule{});
}

/// Of a model that knows nothing, in float or double: all chances are equal without the adjustment.
TEST(RuleWithout, BreaksTiesOneWay) {
  for (const double noise : {-5e-8, 0.0, 5e-8}) {
    const std::vector<double> two{0.9, 0.1 + noise};
    EXPECT_EQ(said_class(two, rule_without(std::vector{std::log(1.8), std::log(0.2)})), 1U);
    const std::vector<double> three{0.6, 0.3, 0.1 + noise};
    EXPECT_EQ(
        said_class(three, rule_without(std::vector{std::log(1.8), std::log(0.9), std::log(0.3)})),
        0U);
  }
}

}  // namespace
}  // namespace starling::ml
