// What a model shows on test rows, against cases worked by hand.
#include "ml/report/evidence.h"
#include "ml/report/evidence_json.h"
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
  task.columns = {{"nothing", 1, 1}, {"little", 2, 2}, {"much", 0, 1}};
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

TEST(EvidenceJson, HasWhatItsTaskHas) {
  const ImportanceTask task = importance_task();
  const auto of_numbers =
      nlohmann::json::parse(evidence_json(numbers({1, 2, 3}, {1.1, 2.1, 2.8}), {}, task, true));
  EXPECT_EQ(of_numbers["format"], 1);
  EXPECT_EQ(of_numbers["rows"], 3);
  EXPECT_EQ(of_numbers["importance"]["columns"][0]["name"], "much");
  EXPECT_TRUE(of_numbers["scores"].contains("mae"));
  EXPECT_TRUE(of_numbers.contains("residuals"));
  EXPECT_FALSE(of_numbers.contains("confusion"));
  const auto of_classes = nlohmann::json::parse(
      evidence_json(two_classes({0, 1}, {0.1, 0.9}), {"no", "yes"}, task, false));
  EXPECT_EQ(of_classes["classes"], (nlohmann::json{"no", "yes"}));
  EXPECT_TRUE(of_classes.contains("roc"));
  EXPECT_TRUE(of_numbers["scores"]["mae"].contains("low"));
  EXPECT_FALSE(of_classes["scores"]["accuracy"].contains("low")) << "rows lean on each other";
  EXPECT_FALSE(of_classes.contains("points"));
}

}  // namespace
}  // namespace starling::ml
