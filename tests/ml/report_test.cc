// What a model shows on test rows, against cases worked by hand.
#include "ml/report/evidence.h"
#include "ml/report/evidence_json.h"
#include "ml/report/leaderboard.h"
#include "node/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

namespace starling::ml {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pair;
using testing::Pointwise;

Judged numbers(std::vector<double> truth, std::vector<double> said) {
  Judged judged;
  judged.values = std::move(said);
  judged.truth_values = std::move(truth);
  return judged;
}

/// `chances` of the second class.
Judged two_classes(std::vector<int> truth, const std::vector<double>& chances) {
  Judged judged;
  judged.task = TaskKind::binary;
  judged.class_count = 2;
  judged.truth_classes = std::move(truth);
  for (const double chance : chances) {
    judged.probabilities.push_back(1 - chance);
    judged.probabilities.push_back(chance);
  }
  return judged;
}

TEST(ScoreIntervals, AreAsWideAsChanceMakesThem) {
  Random random{4};
  std::vector<int> truth;
  std::vector<double> chances;
  for (int i = 0; i < 400; ++i) {
    truth.push_back(static_cast<int>(random.below(2)));
    chances.push_back(random.below(5) == 0 ? 1 - truth.back() : truth.back());
  }
  const Judged judged = two_classes(truth, chances);
  const auto intervals = score_intervals(judged, 9);
  EXPECT_EQ(intervals.size(), metrics_of(TaskKind::binary).size());
  const ScoreInterval accuracy = intervals.at("accuracy");
  EXPECT_EQ(accuracy.value, score(Metric::accuracy, judged));
  // 1.645 standard errors of a share of 0.8 in 400 rows: 0.033.
  EXPECT_NEAR(accuracy.value - accuracy.low, 0.033, 0.012);
  EXPECT_NEAR(accuracy.high - accuracy.value, 0.033, 0.012);
  EXPECT_EQ(score_intervals(judged, 9).at("roc_auc").low, intervals.at("roc_auc").low);
  EXPECT_NE(score_intervals(judged, 8).at("roc_auc").low, intervals.at("roc_auc").low);
}

/// Of two rows in a hundred rmsle is not defined; some samples have neither.
TEST(ScoreIntervals, LeaveOutWhatIsNotDefinedOfAllRows) {
  std::vector<double> truth(100, 2);
  truth[3] = truth[70] = -1;
  const auto intervals = score_intervals(numbers(truth, std::vector<double>(100, 1)), 9);
  EXPECT_EQ(intervals.count("rmsle"), 0U);
  EXPECT_EQ(intervals.size(), metrics_of(TaskKind::regression).size() - 1);
}

TEST(ResidualsTest, AreSaidLessTrue) {
  const Residuals found = residuals_of(numbers({0, 0, 0, 0, 0}, {-2, -1, 0, 1, 2}));
  EXPECT_THAT(found.quantiles, Pointwise(DoubleNear(1e-12), {-1.8, -1.0, 0.0, 1.0, 1.8}));
  EXPECT_EQ(found.from, -2);
  EXPECT_EQ(found.to, 2);
  EXPECT_EQ(std::accumulate(found.counts.begin(), found.counts.end(), std::size_t{0}), 5U);
  EXPECT_EQ(found.counts.front(), 1U);
  EXPECT_EQ(found.counts.back(), 1U);
  EXPECT_EQ(found.points.size(), 5U);
  EXPECT_THAT(found.points[1], Pair(0, -1));
  EXPECT_EQ(residuals_of(numbers({3}, {3})).counts[0], 1U) << "all the same";
  EXPECT_LE(
      residuals_of(numbers(std::vector<double>(1001), std::vector<double>(1001))).points.size(),
      300U);
}

TEST(Confusion, CountsByTrueClassAndByWhatWasSaid) {
  EXPECT_THAT(confusion_of(two_classes({0, 0, 1, 1, 1}, {0.1, 0.9, 0.9, 0.8, 0.2})),
              ElementsAre(ElementsAre(1, 1), ElementsAre(1, 2)));
  Judged strict = two_classes({0, 0, 1, 1, 1}, {0.1, 0.9, 0.9, 0.8, 0.2});
  strict.rule.threshold = 0.85;
  EXPECT_THAT(confusion_of(strict), ElementsAre(ElementsAre(1, 1), ElementsAre(2, 1)));
  EXPECT_LE(score_intervals(strict, 1).at("accuracy").high, 0.9)
      << "samples have the threshold, too";
}

TEST(CalibrationTest, IsByHowOftenWhatWasSaidCameTrue) {
  const Calibration found =
      calibration_of(two_classes({1, 0, 0, 0, 1, 1}, {0.25, 0.25, 0.25, 0.25, 0.95, 0.95}));
  ASSERT_EQ(found.bins.size(), 2U);
  EXPECT_EQ(found.bins[0].rows, 4U);
  EXPECT_EQ(found.bins[0].hits, 0.25);
  EXPECT_NEAR(found.bins[1].said, 0.95, 1e-12);
  EXPECT_EQ(found.bins[1].hits, 1);
  EXPECT_NEAR(found.error, 0.05 / 3, 1e-12);
  Judged three;
  three.task = TaskKind::multiclass;
  three.class_count = 3;
  three.probabilities = {0.2, 0.2, 0.6, 0.2, 0.2, 0.6};
  three.truth_classes = {2, 0};
  EXPECT_NEAR(calibration_of(three).error, 0.1, 1e-12) << "of the most likely one";
  EXPECT_EQ(calibration_of(two_classes({1}, {1})).error, 0) << "a chance of 1 is in the last bin";
}

TEST(CurvesTest, GoThroughEachThreshold) {
  const Curves found = curves_of(two_classes({1, 1, 0, 1, 0}, {0.9, 0.8, 0.8, 0.4, 0.1}));
  EXPECT_THAT(found.roc,
              ElementsAre(Pair(0, 0),
                          Pair(0, 1.0 / 3),
                          Pair(0.5, 2.0 / 3),  // two rows of one threshold
                          Pair(0.5, 1),
                          Pair(1, 1)));
  EXPECT_THAT(found.pr,
              ElementsAre(Pair(1.0 / 3, 1), Pair(2.0 / 3, 2.0 / 3), Pair(1, 0.75), Pair(1, 0.6)));
  EXPECT_THAT(curves_of(two_classes({1, 0}, {0.5, 0.5})).roc, ElementsAre(Pair(0, 0), Pair(1, 1)));
  std::vector<int> truth;
  std::vector<double> chances;
  for (int i = 0; i < 5000; ++i) {
    truth.push_back(i % 2);
    chances.push_back(i / 5000.0);
  }
  EXPECT_LE(curves_of(two_classes(truth, chances)).roc.size(), 102U);
}

/// Says the first column; the second means nothing; the third is two floats wide.
ImportanceTask importance_task() {
  ImportanceTask task;
  Random random{2};
  task.rows = {500, 4, {}};
  task.truth.task = TaskKind::regression;
  for (std::size_t row = 0; row < 500; ++row) {
    const double x = random.normal();
    const double z = random.normal();
    for (const double value : {x, random.normal(), z, z})
      task.rows.values.push_back(static_cast<float>(value));
    task.truth.truth_values.push_back(x + 0.2 * z);
  }
  task.metric = Metric::rmse;
  task.columns = {{"nothing", {{1, 1}}}, {"little", {{2, 2}}}, {"much", {{0, 1}}}};
  task.predict = [](const Matrix& rows) {
    std::vector<float> said;
    for (std::size_t row = 0; row < rows.rows; ++row) {
      const float* x = rows.values.data() + row * 4;
      EXPECT_EQ(x[2], x[3]) << "a column's floats go together";
      said.push_back(x[0] + 0.1F * x[2] + 0.1F * x[3]);
    }
    return said;
  };
  task.seed = 1;
  return task;
}

TEST(Importance, IsWhatTheScoreLoses) {
  const auto found = importance_of(importance_task());
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].name, "much");
  EXPECT_NEAR(found[0].mean, std::sqrt(2.0), 0.1);  // x - x' of another row
  EXPECT_GT(found[0].spread, 0);
  EXPECT_EQ(found[1].name, "little");
  EXPECT_NEAR(found[1].mean, 0.2 * std::sqrt(2.0), 0.03);
  EXPECT_EQ(found[2].name, "nothing");
  EXPECT_EQ(found[2].mean, 0);
  EXPECT_EQ(importance_of(importance_task())[0].mean, found[0].mean);

  ImportanceTask r2 = importance_task();
  r2.metric = Metric::r2;
  EXPECT_GT(importance_of(r2)[0].mean, 1) << "a loss, though more is better";
}

TEST(Importance, LooksAtAsManyRowsAsItCanAfford) {
  EXPECT_EQ(importance_rows(50, 10, 10), 50U);
  EXPECT_EQ(importance_rows(100'000, 10, 10), 2'000U);
  EXPECT_EQ(importance_rows(100'000, 100, 100), 400U);
  EXPECT_EQ(importance_rows(100'000, 5'000, 5'000), 100U);
  EXPECT_EQ(importance_rows(100'000, 10, 1 << 20), 4U);
  EXPECT_EQ(importance_repeats(10), 5U);
  EXPECT_EQ(importance_repeats(1'000), 2U);
  EXPECT_EQ(importance_repeats(5'000), 1U);
}

TEST(Importance, OfFoldsIsTheirMean) {
  ImportanceFound one{.metric = Metric::mae, .rows = 10, .repeats = 5, .columns = {}};
  ImportanceFound other = one;
  one.columns = {{"a", 3, 0.2}, {"b", 1, 0.2}};
  other.columns = {{"b", 5, 0.4}, {"a", 1, 0.4}};
  const auto mean = mean_over_folds({one, other});
  EXPECT_EQ(mean.rows, 20U);
  EXPECT_TRUE(mean.is_held_out);
  ASSERT_EQ(mean.columns.size(), 2U);
  EXPECT_EQ(mean.columns[0].name, "b");
  EXPECT_EQ(mean.columns[0].mean, 3);
  EXPECT_EQ(mean.columns[1].mean, 2);
  EXPECT_NEAR(mean.columns[1].spread, 0.3, 1e-12);
}

TEST(Importance, AColumnThatABagHasTwiceIsDealtOutTogether) {
  ImportanceTask task = importance_task();
  const auto alone = importance_of(task);
  Matrix twice{task.rows.rows, 2 * task.rows.columns, {}};
  for (std::size_t row = 0; row < twice.rows; ++row) {
    const auto begin = task.rows.values.begin() + static_cast<long>(row * task.rows.columns);
    for (int k = 0; k < 2; ++k)
      twice.values.insert(twice.values.end(), begin, begin + static_cast<long>(task.rows.columns));
  }
  for (ColumnPlace& place : task.columns)
    place.spans.push_back(
        {place.spans.front().offset + task.rows.columns, place.spans.front().width});
  const auto predict = task.predict;
  const std::size_t width = task.rows.columns;
  task.predict = [predict, width](const Matrix& rows) {  // the mean of two alike
    std::vector<float> sum(rows.rows);
    for (std::size_t half = 0; half < 2; ++half) {
      Matrix part{rows.rows, width, {}};
      for (std::size_t row = 0; row < rows.rows; ++row)
        for (std::size_t k = 0; k < width; ++k)
          part.values.push_back(rows.values[row * rows.columns + half * width + k]);
      const auto said = predict(part);
      for (std::size_t row = 0; row < rows.rows; ++row)
        sum[row] += said[row] / 2;
    }
    return sum;
  };
  task.rows = twice;
  const auto both = importance_of(task);
  ASSERT_EQ(both.size(), alone.size());
  EXPECT_NEAR(both[0].mean, alone[0].mean, 1e-5) << "not half of it";
}

Judged near(const std::vector<double>& truth, double noise, std::uint64_t seed) {
  Judged judged;
  judged.truth_values = truth;
  Random random{seed};
  for (const double value : truth)
    judged.values.push_back(value + noise * random.normal());
  return judged;
}

TEST(Leaderboard, TellsChanceFromDifference) {
  std::vector<double> truth;
  for (int i = 0; i < 400; ++i)
    truth.push_back(i);
  const std::vector<Judged> candidates{near(truth, 1, 1), near(truth, 1.01, 2), near(truth, 3, 3)};
  const auto standings = standings_of(candidates, Metric::rmse, true, 7);
  EXPECT_TRUE(standings[0].ties);
  EXPECT_TRUE(standings[1].ties);
  EXPECT_FALSE(standings[2].ties);
  EXPECT_LT(standings[0].held_out.low, standings[0].held_out.value);
  EXPECT_GT(standings[0].held_out.high, standings[0].held_out.value);
  // The standard error of a root mean square of n normal residuals: sigma / sqrt(2 n).
  EXPECT_NEAR(standings[0].error, 1 / std::sqrt(800.0), 0.008);
  EXPECT_EQ(standings_of(candidates, Metric::rmse, true, 7)[2].error, standings[2].error);
}

TEST(Leaderboard, WhereRowsLeanOnEachOtherNothingIsSaidOfChance) {
  const std::vector<double> truth{1, 2, 3};
  const auto standings =
      standings_of({near(truth, 1, 1), near(truth, 0, 2)}, Metric::rmse, false, 7);
  EXPECT_FALSE(standings[0].ties);
  EXPECT_TRUE(standings[1].ties) << "the best itself";
  EXPECT_EQ(standings[0].held_out.low, standings[0].held_out.value);
}

TEST(Leaderboard, PointsOutTheSmallestWithinOneStandardError) {
  const auto standing = [](double value, double error) {
    return Standing{.held_out = {value, value, value}, .error = error, .ties = false};
  };
  const std::vector<Standing> standings{
      standing(0.90, 0.02), standing(0.89, 0.02), standing(0.87, 0.02), standing(0.885, 0.02)};
  const std::vector<std::uint64_t> bytes{1000, 300, 10, 400};
  EXPECT_EQ(smallest_within_error(standings, Metric::accuracy, bytes), 1U);
}

TEST(EvidenceJson, HasWhatItsTaskHas) {
  const auto found = importance_found(importance_task());
  const auto of_numbers = evidence_json(numbers({1, 2, 3}, {1.1, 2.1, 2.8}), {}, found, true, 1);
  EXPECT_EQ(of_numbers["format"], 1);
  EXPECT_EQ(of_numbers["rows"], 3);
  EXPECT_EQ(of_numbers["importance"]["columns"][0]["name"], "much");
  EXPECT_TRUE(of_numbers["scores"].contains("mae"));
  EXPECT_TRUE(of_numbers.contains("residuals"));
  EXPECT_FALSE(of_numbers.contains("confusion"));
  const auto of_classes =
      evidence_json(two_classes({0, 1}, {0.1, 0.9}), {"no", "yes"}, found, false, 1);
  EXPECT_EQ(of_classes["classes"], (nlohmann::ordered_json{"no", "yes"}));
  EXPECT_TRUE(of_classes.contains("roc"));
  EXPECT_TRUE(of_numbers["scores"]["mae"].contains("low"));
  EXPECT_FALSE(of_classes["scores"]["accuracy"].contains("low")) << "rows lean on each other";
  EXPECT_FALSE(of_classes.contains("points"));
}

}  // namespace
}  // namespace starling::ml
