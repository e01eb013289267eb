// Metrics against values worked by hand, or by formulas of another form (numpy).
#include "ml/table/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

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

/// Drawn: truth 3 2 2 3 2 3 3 0 0 1 1 3; said 1 3 2 1 2 1 3 1 2 0 0 0, three rows right.
const Judged kFour =
    classes(4,
            {3, 2, 2, 3, 2, 3, 3, 0, 0, 1, 1, 3},
            {0,   .75, .15, .1,  .2,  .1,  .3,  .4, .3, .05, .55, .1,  .25, .65, .05, .05,
             .25, .15, .45, .15, .25, .5,  .25, 0,  .1, .3,  .2,  .4,  0,   .6,  .15, .25,
             .3,  .15, .4,  .15, .75, .05, .1,  .1, .4, .4,  .05, .15, .5,  .05, .05, .4});

Judged with_threshold(Judged judged, double threshold) {
  judged.rule.threshold = threshold;
  return judged;
}

const double kNan = std::numeric_limits<double>::quiet_NaN();

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

// kNumbers: 2/2, 4/3, 4/4 and 3/5 are the quotients of 1 + y; shares 0, 1/2, 0 and 2/4.
INSTANTIATE_TEST_SUITE_P(
    OfNumbers,
    MetricValue,
    testing::Values(
        Case{"rmsle",
             Metric::rmsle,
             kNumbers,
             std::sqrt((std::pow(std::log(4.0 / 3), 2) + std::pow(std::log(3.0 / 5), 2)) / 4)},
        Case{"rmsle_by_numpy", Metric::rmsle, kNumbers, 0.29313128147046386},
        Case{"rmsle_below_0_is_0", Metric::rmsle, numbers({1}, {-3}), std::log(2.0)},
        Case{"rmsle_of_0", Metric::rmsle, numbers({0, 0}, {0, 0}), 0},
        Case{"mape", Metric::mape, kNumbers, 0.25},
        Case{"mape_below_0", Metric::mape, numbers({-4, 2}, {-3, 1}), (0.25 + 0.5) / 2},
        Case{"mape_of_0", Metric::mape, numbers({0, 1}, {1, 1}), std::pow(2.0, 52) / 2},
        Case{"mape_of_0_said", Metric::mape, numbers({0, 1}, {0, 2}), 0.5},
        Case{"pinball", Metric::pinball, kNumbers, 0.375}),
    [](const auto& instance) { return instance.param.name; });

// kBinary, by falling P(1): true, true, not, true (precision 3/4), not. Squared errors .01 .36
// .4225 .04 .01. Second said and meant 2, only said 1, only meant 1, neither 1.
// kThree: class 2 is found at .7 (1 of 1) and at .2 (2 of 3); half squared errors .03 .12 .07 .49;
// 3 of 4 right, truth 1 1 2, said 2 1 1.
// kFour, by numpy: precision times gained recall at each threshold; the mean of half the squared
// distances to the unit vectors; the covariance of unit vectors of truth and said over the root of
// the product of their own. The last by counts: truth 2 2 3 5, said 3 4 3 2, 3 right, hence
// (12 * 3 - 33) / sqrt((144 - 42) * (144 - 38)).
INSTANTIATE_TEST_SUITE_P(
    OfClasses,
    MetricValue,
    testing::Values(Case{"pr_auc", Metric::pr_auc, kBinary, (1 + 1 + 0.75) / 3},
                    Case{"pr_auc_ties", Metric::pr_auc, classes(2, {0, 1}, {.5, .5, .5, .5}), 0.5},
                    Case{"pr_auc_absent", Metric::pr_auc, classes(2, {0, 0}, {.4, .6, .5, .5}), 0},
                    Case{"pr_auc_only", Metric::pr_auc, classes(2, {1, 1}, {.4, .6, .5, .5}), 1},
                    Case{"pr_auc3", Metric::pr_auc, kThree, (1 + 1 + (1 + 2.0 / 3) / 2) / 3},
                    // Class 2 does not occur; class 0 is found second, class 1 first.
                    Case{"pr_auc3_absent",
                         Metric::pr_auc,
                         classes(3, {0, 1}, {.3, .3, .4, .4, .6, 0}),
                         (0.5 + 1) / 2},
                    Case{"pr_auc4", Metric::pr_auc, kFour, 0.44151515151515147},
                    Case{"brier", Metric::brier, kBinary, (.01 + .36 + .4225 + .04 + .01) / 5},
                    Case{"brier3", Metric::brier, kThree, (.03 + .12 + .07 + .49) / 4},
                    Case{"brier4", Metric::brier, kFour, 0.45249999999999996},
                    Case{"mcc", Metric::mcc, kBinary, (2.0 * 1 - 1 * 1) / std::sqrt(3 * 3 * 2 * 2)},
                    Case{"mcc_one_class", Metric::mcc, classes(2, {1, 1}, {.5, .5, .1, .9}), 0},
                    Case{"mcc_one_said", Metric::mcc, classes(2, {0, 1}, {.1, .9, .1, .9}), 0},
                    Case{"mcc_reversed", Metric::mcc, classes(2, {0, 1}, {.1, .9, .9, .1}), -1},
                    Case{"mcc3", Metric::mcc, kThree, (3 * 4 - (1 * 2 + 1 * 1 + 2 * 1)) / 10.0},
                    Case{"mcc4", Metric::mcc, kFour, 0.028851489304230708}),
    [](const auto& instance) { return instance.param.name; });

// kBinary from .8 on: said 0 0 0 1 1. Second said and meant 2, only meant 1, neither 2.
INSTANTIATE_TEST_SUITE_P(
    WithThreshold,
    MetricValue,
    testing::Values(
        Case{"t_accuracy", Metric::accuracy, with_threshold(kBinary, .8), 0.8},
        Case{"t_f1", Metric::f1, with_threshold(kBinary, .8), 4.0 / 5},
        Case{"t_f1_macro", Metric::f1_macro, with_threshold(kBinary, .8), (4.0 / 5 + 4.0 / 5) / 2},
        Case{"t_balanced",
             Metric::balanced_accuracy,
             with_threshold(kBinary, .8),
             (1 + 2.0 / 3) / 2},
        Case{"t_mcc", Metric::mcc, with_threshold(kBinary, .8), (2 * 2 - 0) / 6.0},
        Case{"t_auc", Metric::roc_auc, with_threshold(kBinary, .8), 5.0 / 6},
        Case{"t_three", Metric::accuracy, with_threshold(kThree, .8), 0.75}),
    [](const auto& instance) { return instance.param.name; });

TEST(SaidClass, IsTheSecondFromTheThresholdOn) {
  const std::vector<double> row{.6, .4};
  EXPECT_EQ(said_class(row, {0.5}), 0U);
  EXPECT_EQ(said_class(row, {0.4}), 1U) << "at the threshold, too";
  EXPECT_EQ(said_class(row, {0.41}), 0U);
  EXPECT_EQ(said_class(row, {0}), 1U);
  EXPECT_EQ(said_class(std::vector<double>{.5, .5}, {0.5}), 0U) << "the first of equals";
  EXPECT_EQ(said_class(std::vector<double>{.5, .5}, {0.49}), 1U);
  EXPECT_EQ(said_class(std::vector<double>{.3, .5, .2}, {0.1}), 1U) << "of two classes only";
  EXPECT_EQ(said_class(with_threshold(kBinary, .35), 2), 1U);
  const std::vector<double> three{.3, .5, .2};
  EXPECT_EQ(said_class(three, {.factors = {2, 1, 2}}), 0U);
  EXPECT_EQ(said_class(three, {.factors = {2, 1, 4}}), 2U);
  EXPECT_EQ(said_class(three, {.factors = {5, 3, 1}}), 0U) << "the first of equals";
  EXPECT_EQ(said_class(three, {.factors = {9, 1}}), 1U) << "factors of other classes";
  EXPECT_EQ(said_class(std::vector<double>{.4, .6}, {.factors = {9, 1}}), 1U) << "of more than two";
}

TEST(Metrics, WhatIsNotDefinedIsNoNumberAndLeftOut) {
  const Judged judged = numbers({1, -0.5}, {1, 1});
  EXPECT_FALSE(is_defined(Metric::rmsle, judged));
  EXPECT_TRUE(std::isnan(score(Metric::rmsle, judged)));
  EXPECT_EQ(all_scores(judged).count("rmsle"), 0U);
  EXPECT_EQ(all_scores(judged).size(), 5U);
  EXPECT_TRUE(is_defined(Metric::mape, judged));
  EXPECT_TRUE(is_defined(Metric::rmsle, kNumbers));
  EXPECT_TRUE(is_defined(Metric::mcc, kBinary));
}

TEST(Metrics, APredictionThatIsNoNumberHasNoScore) {
  const Judged of_classes = classes(2, {0, 1, 1}, {.5, .5, kNan, kNan, .5, .5});
  for (const Metric metric : metrics_of(TaskKind::binary))
    EXPECT_TRUE(std::isnan(score(metric, of_classes))) << to_string(metric);
  EXPECT_TRUE(all_scores(of_classes).empty());
  EXPECT_TRUE(all_scores(numbers({1, 2}, {1, kNan})).empty());
}

TEST(Metrics, AScoreThatIsInfiniteIsLeftOut) {
  const auto scores = all_scores(numbers({0, 1}, {1e300, 1}));
  EXPECT_EQ(scores.count("rmse") + scores.count("mape"), 0U);
  EXPECT_EQ(scores.at("mae"), 5e299);
}

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
  for (const auto metric : {Metric::rmsle, Metric::mape, Metric::pinball})
    EXPECT_TRUE(fits(metric, TaskKind::regression) && !fits(metric, TaskKind::multiclass));
  for (const auto metric : {Metric::pr_auc, Metric::brier, Metric::mcc})
    EXPECT_TRUE(fits(metric, TaskKind::multiclass) && !fits(metric, TaskKind::regression));
}

TEST(Metrics, ErrorsAreMinimisedAndScoresMaximised) {
  EXPECT_EQ(direction_of(Metric::rmse), MetricDirection::minimize);
  EXPECT_EQ(direction_of(Metric::log_loss), MetricDirection::minimize);
  EXPECT_EQ(direction_of(Metric::r2), MetricDirection::maximize);
  EXPECT_EQ(direction_of(Metric::roc_auc), MetricDirection::maximize);
  for (const auto metric : {Metric::rmsle, Metric::mape, Metric::pinball, Metric::brier})
    EXPECT_EQ(direction_of(metric), MetricDirection::minimize) << to_string(metric);
  for (const auto metric : {Metric::pr_auc, Metric::mcc})
    EXPECT_EQ(direction_of(metric), MetricDirection::maximize) << to_string(metric);
}

TEST(Metrics, AllThatFitAreNamed) {
  EXPECT_EQ(all_scores(kNumbers).size(), 6U);
  EXPECT_EQ(all_scores(kBinary).size(), 9U);
  EXPECT_EQ(all_scores(kThree).size(), 8U);
  EXPECT_EQ(metric_names().size(), 15U);
  EXPECT_EQ(metric_names().back(), "mcc");
}

}  // namespace
}  // namespace starling::ml
