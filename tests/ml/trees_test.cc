// Trees by XGBoost: the same as the library's own, through the same faces as networks.
#include "ml/serve/artifact.h"
#include "ml/train/boosted_trees.h"
#include "ml/train/tree_check.h"
#include "node/base/random.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>
#include <xgboost/c_api.h>

namespace starling::ml {
namespace {

constexpr std::size_t kColumns = 6;

FitData data_for(TaskKind task, std::size_t rows) {
  Random random{3};
  Matrix features{rows, kColumns, {}};
  FitData data;
  for (std::size_t row = 0; row < rows; ++row) {
    double x[kColumns];
    for (double& value : x)
      features.values.push_back(static_cast<float>(value = random.normal()));
    const double signal = std::sin(3 * x[0]) + x[1] * x[2] + 0.1 * random.normal();
    if (task == TaskKind::regression)
      data.numbers.push_back(static_cast<float>(signal));
    else if (task == TaskKind::binary)
      data.classes.push_back(signal > 0 ? 1 : 0);
    else
      data.classes.push_back(signal > 0.7 ? 2 : signal > -0.7 ? 1 : 0);
  }
  data.features = EncodedRows{std::move(features)};
  return data;
}

TargetCoding target_of(TaskKind task) {
  TargetCoding target;
  target.task = task;
  if (task == TaskKind::regression) {
    target.mean = 10;
    target.std = 4;
  } else {
    target.classes = {"a", "b"};
    if (task == TaskKind::multiclass) target.classes.emplace_back("c");
  }
  return target;
}

void ask(int code) {
  ASSERT_EQ(code, 0) << XGBGetLastError();
}

/// The library asked by hand, with a plain matrix: margins turned into what it answers.
std::vector<float> by_hand(const XgboostSpec& spec,
                           const FitData& data,
                           const std::vector<std::pair<std::string, std::string>>& more,
                           int rounds) {
  const Matrix rows = data.features.dense();
  DMatrixHandle matrix = nullptr;
  ask(XGDMatrixCreateFromMat(rows.values.data(), rows.rows, rows.columns, NAN, &matrix));
  std::vector<float> labels = data.numbers;
  for (const std::int64_t truth : data.classes)
    labels.push_back(static_cast<float>(truth));
  ask(XGDMatrixSetFloatInfo(matrix, "label", labels.data(), labels.size()));
  BoosterHandle booster = nullptr;
  ask(XGBoosterCreate(&matrix, 1, &booster));
  std::vector<std::pair<std::string, std::string>> params{
      {"nthread", "1"},
      {"tree_method", "hist"},
      {"seed", fmt::format("{}", mix_seeds(1, 2) >> 33)},
      {"seed_per_iteration", "true"},
      {"learning_rate", fmt::format("{}", spec.learning_rate)},
      {"max_depth", fmt::format("{}", spec.max_depth)},
      {"min_child_weight", fmt::format("{}", spec.min_child_weight)},
      {"subsample", fmt::format("{}", spec.subsample)},
      {"colsample_bylevel", fmt::format("{}", spec.colsample_bylevel)},
      {"reg_lambda", fmt::format("{}", spec.reg_lambda)},
      {"reg_alpha", fmt::format("{}", spec.reg_alpha)}};
  params.insert(params.end(), more.begin(), more.end());
  for (const auto& [name, value] : params)
    ask(XGBoosterSetParam(booster, name.c_str(), value.c_str()));
  for (int i = 0; i < rounds; ++i)
    ask(XGBoosterUpdateOneIter(booster, i, matrix));
  const float* said = nullptr;
  bst_ulong count = 0;
  ask(XGBoosterPredict(booster, matrix, 0, 0, 0, &count, &said));
  std::vector<float> out(said, said + count);
  ask(XGBoosterFree(booster));
  ask(XGDMatrixFree(matrix));
  return out;
}

class Trees : public testing::TestWithParam<TaskKind> {};

void expect_those_of_the_library(const XgboostSpec& spec,
                                 TaskKind kind,
                                 std::size_t count,
                                 int epochs) {
  const FitData data = data_for(kind, count);
  TargetCoding target = target_of(kind);
  target.mean = 0;
  target.std = 1;
  const auto learner = make_tree_learner(spec, target, data, 1);
  for (int epoch = 0; epoch < epochs; ++epoch)
    learner->train_epoch();
  const auto said = learner->predict(data.features);
  std::vector<std::pair<std::string, std::string>> task{{"objective", "binary:logistic"}};
  if (kind == TaskKind::regression) task = {{"objective", "reg:squarederror"}, {"base_score", "0"}};
  if (kind == TaskKind::multiclass) task = {{"objective", "multi:softprob"}, {"num_class", "3"}};
  const auto expected = by_hand(spec, data, task, 10 * epochs);
  const bool has_both = kind == TaskKind::binary;
  ASSERT_EQ(said.size(), expected.size() * (has_both ? 2 : 1));
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(said[has_both ? 2 * i + 1 : i], expected[i], 1e-6) << count << " rows, " << i;
}

TEST_P(Trees, AreThoseOfTheLibrary) {
  XgboostSpec spec;
  spec.max_depth = 5;
  spec.reg_alpha = 0.1;
  for (const std::size_t count : {500U, 3000U, 9000U}) {
    spec.subsample = 1;
    spec.colsample_bylevel = 1;
    expect_those_of_the_library(spec, GetParam(), count, 3);
    spec.subsample = 0.7;  // the second epoch's booster chooses its columns anew
    spec.colsample_bylevel = 0.5;
    expect_those_of_the_library(spec, GetParam(), count, 1);
  }
}

TEST_P(Trees, LearnAndAreServedAsTheyWereTrained) {
  const FitData data = data_for(GetParam(), 5000);
  const auto learner = make_tree_learner({}, target_of(GetParam()), data, 1);
  const double first = learner->train_epoch();
  double last = first;
  for (int epoch = 0; epoch < 20; ++epoch)
    last = learner->train_epoch();
  EXPECT_LT(last, first / 2);
  const auto said = learner->predict(data.features);
  const std::string bytes = learner->script();
  EXPECT_TRUE(is_tree_model(bytes));
  std::size_t columns = 0;
  const auto served = load_trees(bytes)->predict(data.features.dense(), columns);
  // Rows that the bins were not made from.
  const FitData others = data_for(GetParam(), 5500);
  const auto more = load_trees(bytes)->predict(others.features.dense(), columns);
  const auto more_said = learner->predict(others.features);
  ASSERT_EQ(more.size(), more_said.size());
  for (std::size_t i = 0; i < more.size(); ++i)
    ASSERT_NEAR(more[i], more_said[i], 1e-6 * (1 + std::abs(more_said[i]))) << i;
  EXPECT_EQ(columns,
            GetParam() == TaskKind::regression ? 1U : target_of(GetParam()).classes.size());
  ASSERT_EQ(served.size(), said.size());
  for (std::size_t i = 0; i < said.size(); ++i)
    ASSERT_NEAR(served[i], said[i], 1e-6 * (1 + std::abs(said[i])));
}

TEST_P(Trees, SayAdjustedChances) {
  if (GetParam() == TaskKind::regression) return;
  const FitData data = data_for(GetParam(), 1000);
  FitData adjusted_data = data_for(GetParam(), 1000);
  const bool is_binary = GetParam() == TaskKind::binary;
  adjusted_data.logit_adjustment = {1.5, -1};
  if (!is_binary) adjusted_data.logit_adjustment.push_back(0.25);
  const std::size_t classes = adjusted_data.logit_adjustment.size();
  const auto plain = make_tree_learner({}, target_of(GetParam()), data, 1);
  const auto adjusted = make_tree_learner({}, target_of(GetParam()), adjusted_data, 1);
  for (int epoch = 0; epoch < 3; ++epoch)
    ASSERT_EQ(plain->train_epoch(), adjusted->train_epoch());
  const auto before = plain->predict(data.features);
  const auto after = adjusted->predict(data.features);
  for (std::size_t at = 0; at < before.size(); at += classes)
    for (std::size_t k = 1; k < classes; ++k)
      ASSERT_NEAR(std::log(after[at + k] / after[at]) - std::log(before[at + k] / before[at]),
                  adjusted_data.logit_adjustment[k] - adjusted_data.logit_adjustment[0],
                  1e-3);
  std::size_t columns = 0;
  const auto served = load_trees(adjusted->script())->predict(data.features.dense(), columns);
  ASSERT_EQ(columns, classes);
  for (std::size_t i = 0; i < after.size(); ++i)
    ASSERT_NEAR(served[i], after[i], 1e-6);
}

TEST_P(Trees, RecallTheBestRound) {
  const FitData data = data_for(GetParam(), 1000);
  const auto learner = make_tree_learner({}, target_of(GetParam()), data, 1);
  learner->train_epoch();
  learner->train_epoch();
  learner->remember();
  const auto best = learner->predict(data.features);
  learner->train_epoch();
  EXPECT_NE(learner->predict(data.features), best);
  learner->recall();
  EXPECT_EQ(learner->predict(data.features), best);
  std::size_t columns = 0;
  const auto served = load_trees(learner->script())->predict(data.features.dense(), columns);
  ASSERT_EQ(served.size(), best.size());
  for (std::size_t i = 0; i < best.size(); ++i)
    ASSERT_NEAR(served[i], best[i], 1e-6 * (1 + std::abs(best[i])));
}

TEST_P(Trees, AreTheSameForTheSameSeedWhateverElseIsTrained) {
  const FitData data = data_for(GetParam(), 1000);
  const auto trained = [&](std::uint64_t seed, Learner* beside) {
    const auto learner = make_tree_learner({}, target_of(GetParam()), data, seed);
    for (int epoch = 0; epoch < 3; ++epoch) {
      learner->train_epoch();
      if (beside != nullptr) beside->train_epoch();
    }
    return learner->script();
  };
  const auto beside = make_tree_learner({}, target_of(GetParam()), data, 2);
  const std::string alone = trained(1, nullptr);
  EXPECT_EQ(trained(1, nullptr), alone);
  EXPECT_EQ(trained(1, beside.get()), alone);
  EXPECT_NE(trained(2, nullptr), alone);
}

TEST_P(Trees, GoOnFromAnyEpochToTheSameTrees) {
  const FitData data = data_for(GetParam(), 1000);
  const FitData others = data_for(GetParam(), 300);
  XgboostSpec spec;
  spec.subsample = 0.5;
  spec.colsample_bylevel = 0.4;
  const auto undisturbed = make_tree_learner(spec, target_of(GetParam()), data, 1);
  std::vector<double> losses;
  std::stringstream state;
  for (int epoch = 0; epoch < 6; ++epoch) {
    losses.push_back(undisturbed->train_epoch());
    if (epoch == 1) undisturbed->remember();
    if (epoch != 2) continue;
    undisturbed->save(state);
    EXPECT_EQ(state.str().size(), undisturbed->state_bytes());
  }
  const auto resumed = make_tree_learner(spec, target_of(GetParam()), data, 1);
  resumed->restore(state);
  for (std::size_t epoch = 3; epoch < 6; ++epoch)
    EXPECT_EQ(resumed->train_epoch(), losses[epoch]);
  EXPECT_EQ(resumed->script(), undisturbed->script());
  EXPECT_EQ(resumed->predict(others.features), undisturbed->predict(others.features));
  for (Learner* learner : {undisturbed.get(), resumed.get()})
    learner->recall();
  EXPECT_EQ(resumed->predict(others.features), undisturbed->predict(others.features));
  EXPECT_EQ(resumed->script(), undisturbed->script());
  const std::string kept = state.str();
  for (std::size_t size = 0; size < kept.size(); size += 1 + kept.size() / 20) {
    std::istringstream cut(kept.substr(0, size));
    const auto learner = make_tree_learner(spec, target_of(GetParam()), data, 1);
    EXPECT_THROW(learner->restore(cut), std::runtime_error) << "cut at " << size;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tasks, Trees, testing::Values(TaskKind::regression, TaskKind::binary, TaskKind::multiclass));

TEST(TreeModel, WhatIsNoneIsRefused) {
  EXPECT_FALSE(is_tree_model(""));
  EXPECT_FALSE(is_tree_model("PK"));
  EXPECT_THROW(load_trees("{\"learner\""), std::runtime_error);
  const FitData data = data_for(TaskKind::regression, 200);
  const auto learner = make_tree_learner({}, target_of(TaskKind::regression), data, 1);
  learner->train_epoch();
  const std::string bytes = learner->script();
  for (std::size_t size = 2; size < bytes.size(); size += bytes.size() / 50)
    EXPECT_THROW(load_trees(bytes.substr(0, size)), std::runtime_error) << "cut at " << size;
  std::size_t columns = 0;
  EXPECT_THROW(load_trees(bytes)->predict({1, 2, {1, 2}}, columns), std::invalid_argument);
}

/// One field of the first tree changed: what a damaged or forged file would say.
TEST(TreeModel, TreesThatLeadNowhereAreRefused) {
  const FitData data = data_for(TaskKind::regression, 200);
  const auto learner = make_tree_learner({}, target_of(TaskKind::regression), data, 1);
  learner->train_epoch();
  const auto whole = nlohmann::json::parse(learner->script());
  EXPECT_TRUE(check_trees(whole.dump()));
  using Change = void (*)(nlohmann::json & tree);
  const std::vector<Change> changes{[](auto& tree) { tree["left_children"][0] = 0; },
                                    [](auto& tree) { tree["left_children"][0] = 100'000; },
                                    [](auto& tree) { tree["right_children"][0] = -1; },
                                    [](auto& tree) { tree["right_children"][0] = 1.5; },
                                    [](auto& tree) { tree["parents"][1] = 7; },
                                    [](auto& tree) { tree["parents"][0] = 0; },
                                    [](auto& tree) { tree["split_indices"][0] = 1'000'000; },
                                    [](auto& tree) { tree["split_indices"][0] = -1; },
                                    [](auto& tree) { tree["split_type"][0] = 1; },
                                    [](auto& tree) { tree["categories"].push_back(1); },
                                    [](auto& tree) { tree["parents"].push_back(1); },
                                    [](auto& tree) { tree["left_children"] = {{1}}; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto changed = whole;
    changes[i](changed["learner"]["gradient_booster"]["model"]["trees"][0]);
    EXPECT_THROW(load_trees(changed.dump()), std::runtime_error) << "change " << i;
  }
  for (const char* booster : {"dart", "gblinear"}) {
    auto changed = whole;
    changed["learner"]["gradient_booster"]["name"] = booster;
    EXPECT_THROW(load_trees(changed.dump()), std::runtime_error) << booster;
  }
  using ModelChange = void (*)(nlohmann::json & learner);
  const std::vector<ModelChange> more{
      [](auto& l) { l["gradient_booster"]["model"]["tree_info"][0] = 5; },
      [](auto& l) { l["gradient_booster"]["model"]["tree_info"] = nlohmann::json::array(); },
      [](auto& l) { l["gradient_booster"]["model"]["tree_info"].push_back(0); },
      [](auto& l) { l["gradient_booster"]["model"]["trees"][1]["id"] = 0; },
      [](auto& l) { l["gradient_booster"]["model"]["trees"][1].erase("id"); },
      [](auto& l) { l["gradient_booster"]["model"]["gbtree_model_param"]["num_trees"] = "0"; },
      [](auto& l) { l["gradient_booster"]["model"]["gbtree_model_param"]["num_trees"] = "5e7"; },
      [](auto& l) { l["gradient_booster"]["model"]["gbtree_model_param"]["num_trees"] = "50000"; },
      [](auto& l) { l["learner_model_param"]["num_class"] = "3"; },
      [](auto& l) { l["learner_model_param"]["num_target"] = "2000000"; },
      [](auto& l) { l["objective"]["name"] = "rank:pairwise"; },
      [](auto& l) {
        l["attributes"]["starling"] = R"({"format":1,"task":"classes","outputs":3,"scale":1,)"
                                      R"("shift":0,"log1p":false})";
      }};
  for (std::size_t i = 0; i < more.size(); ++i) {
    auto changed = whole;
    more[i](changed["learner"]);
    EXPECT_THROW(load_trees(changed.dump()), std::runtime_error) << "model, change " << i;
  }
  std::string twice = whole.dump();
  const std::string model = R"("model":{)";
  twice.insert(twice.find(model), R"("model":{},)");
  EXPECT_THROW(load_trees(twice), std::runtime_error);
}

}  // namespace
}  // namespace starling::ml
