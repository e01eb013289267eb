// Metrics against values worked by hand.
#include "ml/table/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace starling::ml {
namespace {

struct Case {
  std::string name;
  Metric metric;
  Judged judged;
  double value;
};

Judged numbers(std::vector<double> truth, std::vector<double> said) {
  Judged out;
  out.values = std::move(said);
  out.truth_values = std::move(truth);
  return out;
}

Judged classes(std::size_t count, std::vector<int> truth, std::vector<double> probabilities) {
  Judged out;
  out.task = count == 2 ? TaskKind::binary : TaskKind::multiclass;
  out.class_count = count;
  out.truth_classes = std::move(truth);
  out.probabilities = std::move(probabilities);
  return out;
}

const Judged kNumbers = numbers({1, 2, 3, 4}, {1, 3, 3, 2});
/// Truth 0 0 1 1 1; P(1) = .1 .6 .35 .8 .9; said 0 1 0 1 1.
const Judged kBinary = classes(2, {0, 0, 1, 1, 1}, {.9, .1, .4, .6, .65, .35, .2, .8, .1, .9});
/// Truth 0 1 2 2; said 0 1 2 0.
const Judged kThree = classes(3, {0, 1, 2, 2}, {.8, .1, .1, .2, .6, .2, .1, .2, .7, .5, .3, .2});

class MetricValue : public testing::TestWithParam<Case> {};

TEST_P(MetricValue, IsTheWorkedOne) {
  EXPECT_NEAR(score(GetParam().metric, GetParam().judged), GetParam().value, 1e-12);
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    MetricValue,
    testing::Values(
        Case{"rmse", Metric::rmse, kNumbers, std::sqrt(5.0 / 4)},
        Case{"mae", Metric::mae, kNumbers, 0.75},
        Case{"r2", Metric::r2, kNumbers, 0.0},
        Case{"r2_perfect", Metric::r2, numbers({1, 2}, {1, 2}), 1.0},
        Case{"r2_constant", Metric::r2, numbers({3, 3}, {1, 2}), 0.0},
        Case{"log_loss",
             Metric::log_loss,
             kBinary,
             -(std::log(.9) + std::log(.4) + std::log(.35) + std::log(.8) + std::log(.9)) / 5},
        Case{"log_loss_clipped", Metric::log_loss, classes(2, {1}, {1, 0}), -std::log(1e-15)},
        Case{"accuracy", Metric::accuracy, kBinary, 0.6},
        Case{"f1", Metric::f1, kBinary, 2.0 / 3},
        Case{"f1_macro", Metric::f1_macro, kBinary, (0.5 + 2.0 / 3) / 2},
        Case{"balanced", Metric::balanced_accuracy, kBinary, (0.5 + 2.0 / 3) / 2},
        Case{"auc", Metric::roc_auc, kBinary, 5.0 / 6},
        Case{"auc_ties", Metric::roc_auc, classes(2, {0, 1}, {.5, .5, .5, .5}), 0.5},
        Case{"auc_one_class", Metric::roc_auc, classes(2, {1, 1}, {.5, .5, .5, .5}), 0.5},
        Case{"accuracy3", Metric::accuracy, kThree, 0.75},
        Case{"f1_macro3", Metric::f1_macro, kThree, (2.0 / 3 + 1 + 2.0 / 3) / 3},
        Case{"balanced3", Metric::balanced_accuracy, kThree, (1 + 1 + 0.5) / 3},
        Case{"auc3", Metric::roc_auc, kThree, (1.0 + 1.0 + 0.875) / 3}),
    [](const auto& instance) { return instance.param.name; });

TEST(Metrics, NamesComeBack) {
  for (const auto task : {TaskKind::regression, TaskKind::binary, TaskKind::multiclass}) {
    EXPECT_EQ(task_from_name(to_string(task)), task);
    EXPECT_TRUE(fits(default_metric(task), task));
    for (const Metric metric : metrics_of(task)) {
      EXPECT_EQ(metric_from_name(to_string(metric)), metric);
    }
  }
  EXPECT_FALSE(metric_from_name("rsme"));
  EXPECT_FALSE(fits(Metric::f1, TaskKind::multiclass));
  EXPECT_FALSE(fits(Metric::rmse, TaskKind::binary));
}

TEST(Metrics, ErrorsAreMinimisedAndScoresMaximised) {
  EXPECT_EQ(direction_of(Metric::rmse), MetricDirection::minimize);
  EXPECT_EQ(direction_of(Metric::log_loss), MetricDirection::minimize);
  EXPECT_EQ(direction_of(Metric::r2), MetricDirection::maximize);
  EXPECT_EQ(direction_of(Metric::roc_auc), MetricDirection::maximize);
}

TEST(Metrics, AllThatFitAreNamed) {
  EXPECT_EQ(all_scores(kNumbers).size(), 3U);
  EXPECT_EQ(all_scores(kBinary).size(), 6U);
  EXPECT_EQ(all_scores(kThree).size(), 5U);
}

}  // namespace
}  // namespace starling::ml
