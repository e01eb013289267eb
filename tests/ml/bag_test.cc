// A bag through the real worker program: fits of folds, the final model that blends them, its
// report and its predictions.
#include "ml/serve/artifact.h"
#include "ml/serve/predictor.h"
#include "ml/study/fold_fits.h"
#include "ml/table/table_file.h"
#include "ml/train/bag_model.h"
#include "ml/train/fold_answers.h"
#include "ml/train/model_cost.h"
#include "ml/train/trial_data.h"
#include "tests/ml/csv_rows.h"
#include "tests/ml/worker_fixture.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using testing::HasSubstr;

class BagTest : public WorkerTest {
 protected:
  WorkTask task_on(const std::string& path, const std::string& target, const std::string& metric) {
    WorkTask task;
    task.dataset_path = path;
    task.target = target;
    task.metric = metric;
    task.epochs_max = 40;
    task.work_dir = folder_.path().string();
    task.split = split_of_bag({});
    return task;
  }

  /// The bag of these candidates, whose fits are there.
  WorkTask bag_task(const std::vector<Params>& candidates) {
    WorkTask task = task_on(insurance_, "charges", "rmse");
    task.fits = fits_of(candidates, task, "fit");
    task.kind = WorkKind::final;
    task.params = candidates.front();
    task.artifact_path = folder_ / "bag.zip";
    return task;
  }
};

/// What the predictor says of the test rows, judged by what is true.
Judged outcome_of(const Predictions& said, const BagData& data) {
  Judged outcome = data.truth;
  for (const std::uint32_t row : data.split.test) {
    if (outcome.task == TaskKind::regression) {
      outcome.values.push_back(said.values[row]);
    } else {
      const auto& chances = said.probabilities[row];
      outcome.probabilities.insert(outcome.probabilities.end(), chances.begin(), chances.end());
    }
  }
  return outcome;
}

/// The report explains what the served bag says: effects sum to it, and go the way they should.
void expect_explained(const nlohmann::json& report,
                      const Predictions& said,
                      const std::vector<std::uint32_t>& test) {
  ASSERT_GE(report["answers"]["rows"].size(), 5U);
  for (const auto& answer : report["answers"]["rows"]) {
    double sum = answer["base"].get<double>() + answer["others"].get<double>();
    for (const auto& column : answer["columns"])
      sum += column["effect"].get<double>();
    const double served = said.values[test[answer["row"].get<std::size_t>()]];
    EXPECT_NEAR(sum, served, 1e-4 * std::abs(served)) << answer.dump();
  }
  const auto& smoker = report["dependence"]["columns"][0];
  ASSERT_EQ(smoker["name"], "smoker");
  ASSERT_EQ(smoker["values"], (nlohmann::json{"no", "yes"})) << "more do not";
  EXPECT_GT(smoker["means"][1][0].get<double>(), smoker["means"][0][0].get<double>() + 10'000);
  EXPECT_EQ(report["slices"][0]["parts"].size(), 2U);
}

TEST_F(BagTest, ItsPredictionsAreWhatWasMeasuredAndItsIntervalsHold) {
  const WorkTask task = task_on(insurance_, "charges", "rmse");
  const std::string path = folder_ / "bag.zip";
  const Story last = bag_of({trees(), network(), linear()}, task, path);
  ASSERT_TRUE(last.done);
  EXPECT_GE(last.done->test.at("r2"), 0.82);
  EXPECT_GT(last.done->metrics.at("r2"), 0.8) << "on rows held out";

  Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
  const auto said =
      finish(io_, predictor.predict(path, rows_of(insurance_), MissingColumns::refuse));
  ASSERT_TRUE(said) << said.error().detail;
  const auto data = load_bag_data(task);
  ASSERT_TRUE(data) << data.error().detail;
  EXPECT_EQ(data->split.hash.hex(), last.done->split.hash);
  const double rmse = score(Metric::rmse, outcome_of(*said, *data));
  EXPECT_NEAR(rmse, last.done->test.at("rmse"), 1e-4 * rmse);

  const auto report = nlohmann::json::parse(report_in(path).value());
  expect_explained(report, *said, data->split.test);
  ASSERT_EQ(said->intervals.size(), said->values.size());
  std::size_t held = 0;
  for (std::size_t i = 0; i < data->split.test.size(); ++i) {
    const auto [low, high] = said->intervals[data->split.test[i]];
    held += data->truth.truth_values[i] >= low && data->truth.truth_values[i] <= high ? 1 : 0;
  }
  const double share = static_cast<double>(held) / static_cast<double>(data->split.test.size());
  EXPECT_NEAR(report["coverage"]["share"].get<double>(), share, 0.006);
  EXPECT_GT(share, 0.83) << "of about 200 rows, nine in ten are promised";
  EXPECT_LT(share, 0.97);
}

TEST_F(BagTest, ItsReportNamesEachCandidateAndWhatMatters) {
  const std::string path = folder_ / "bag.zip";
  bag_of({trees(), linear()}, task_on(insurance_, "charges", "rmse"), path);
  const auto report = nlohmann::json::parse(report_in(path).value());
  const auto& candidates = report["candidates"];
  ASSERT_EQ(candidates.size(), 3U);
  EXPECT_TRUE(candidates[0]["trial"].is_null()) << "the bag itself";
  double weight = 0;
  for (std::size_t k = 1; k < candidates.size(); ++k) {
    weight += candidates[k]["weight"].get<double>();
    EXPECT_EQ(candidates[k]["trial"], k - 1);
    EXPECT_LE(candidates[0]["validation"], candidates[k]["validation"]) << "rmse";
    EXPECT_GT(candidates[k]["bytes"], 0);
  }
  EXPECT_NEAR(weight, 1, 1e-12);
  EXPECT_EQ(report["bag"]["folds"], kBagFolds);
  EXPECT_TRUE(report["importance"]["held_out"]);
  EXPECT_EQ(report["importance"]["columns"][0]["name"], "smoker");
}

TEST_F(BagTest, ChancesAreCalibratedAndTheThresholdIsThatOfHeldOutRows) {
  const WorkTask task = task_on(insurance_, "smoker", "f1");
  const std::string path = folder_ / "bag.zip";
  const Story last = bag_of({trees(), network()}, task, path);
  ASSERT_TRUE(last.done);
  Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
  const auto said =
      finish(io_, predictor.predict(path, rows_of(insurance_), MissingColumns::refuse));
  ASSERT_TRUE(said) << said.error().detail;
  const auto data = load_bag_data(task);
  Judged outcome = outcome_of(*said, *data);
  EXPECT_NEAR(score(Metric::log_loss, outcome), last.done->test.at("log_loss"), 1e-4);
  const auto report = nlohmann::json::parse(report_in(path).value());
  for (const auto& answer : report["answers"]["rows"]) {
    const std::size_t place = answer["row"].get<std::size_t>();
    EXPECT_EQ(answer["class"], 1);
    EXPECT_NEAR(answer["said"].get<double>(), outcome.probabilities[2 * place + 1], 1e-5);
  }
  outcome.rule.threshold = report["rule"]["threshold"];
  EXPECT_NEAR(score(Metric::f1, outcome), last.done->test.at("f1"), 1e-12);
  std::size_t same = 0;
  for (std::size_t i = 0; i < data->split.test.size(); ++i)
    same += said->labels[data->split.test[i]] == (said_class(outcome, i) == 1 ? "yes" : "no");
  EXPECT_EQ(same, data->split.test.size()) << "labels go by the threshold";
}

TEST_F(BagTest, TheTestRowsTargetsDecideNothingButTheTestScore) {
  std::ofstream clean(folder_ / "clean.csv");
  std::ofstream spoilt(folder_ / "spoilt.csv");
  const std::string head = "age,smoker,charges,part\n";
  clean << head;
  spoilt << head;
  std::uint64_t state = 7;
  for (int row = 0; row < 300; ++row) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto age = 20 + (state >> 33) % 40;
    const bool smokes = (state >> 50) % 2 == 0;
    const bool tests = row % 5 == 0;
    const auto line = fmt::format("{},{}", age, smokes ? "yes" : "no");
    const auto charges = age * 10 + (smokes ? 500 : 0);
    clean << line << "," << charges << "," << (tests ? "test" : "train") << "\n";
    spoilt << line << "," << (tests ? 7 : charges) << "," << (tests ? "test" : "train") << "\n";
  }
  clean.close();
  spoilt.close();
  const auto bag_on = [&](const std::string& name) {
    WorkTask task = task_on(folder_ / name, "charges", "rmse");
    task.split = split_of_bag({SplitMethod::column, "part", {"train"}, {}, {"test"}});
    const std::string path = folder_ / (name + ".zip");
    const Story last = bag_of({linear()}, task, path);
    return std::pair{last, open_artifact(path, folder_ / (name + ".models")).value()};
  };
  const auto [last, bag] = bag_on("clean.csv");
  const auto [other_last, other_bag] = bag_on("spoilt.csv");
  ASSERT_EQ(bag.members.size(), kBagFolds);
  for (std::size_t k = 0; k < bag.members.size(); ++k)
    EXPECT_EQ(bag.members[k].model.filename(), other_bag.members[k].model.filename());
  EXPECT_EQ(bag.finish, other_bag.finish);
  EXPECT_EQ(last.done->metrics, other_last.done->metrics);
  EXPECT_NE(last.done->test, other_last.done->test);
}

TEST_F(BagTest, FitsThatMakeNoWholeBagAreRefused) {
  WorkTask task = bag_task({linear()});
  task.fits.pop_back();
  const auto story = finish(io_, tell(pools_.native(), task));
  ASSERT_TRUE(story.failed);
  EXPECT_THAT(story.failed->message, HasSubstr("4 folds of 5"));
}

TEST_F(BagTest, CandidatesThatWouldBreakALimitAreLeftOut) {
  WorkTask task = bag_task({trees(), linear()});
  const Story unlimited = run(task);
  ASSERT_EQ(unlimited.done->candidate_costs.size(), 2U);
  double predict_ms = 0;
  for (const auto& [number, cost] : unlimited.done->candidate_costs) {
    EXPECT_GT(cost.predict_ms, 0) << number;
    predict_ms += cost.predict_ms;
  }
  EXPECT_NEAR(unlimited.done->cost->predict_ms, predict_ms, 1e-9) << "it asks both";
  EXPECT_LE(unlimited.done->cost->bytes, unlimited.done->artifact_bytes);
  const auto whole = nlohmann::json::parse(report_in(task.artifact_path).value())["candidates"];
  const auto bytes = [&whole](std::size_t k) { return whole[k]["bytes"].get<double>(); };
  ASSERT_GT(whole[1]["weight"], 0.5) << "trees are better here";
  ASSERT_GT(bytes(1), bytes(2)) << "and larger";

  task.limits.model_mb = (bytes(1) + bytes(2)) / 2 / 1e6;
  run(task);
  const auto report = nlohmann::json::parse(report_in(task.artifact_path).value());
  EXPECT_EQ(report["candidates"][1]["weight"], 0);
  EXPECT_EQ(report["candidates"][2]["weight"], 1);
  EXPECT_LE(report["candidates"][0]["bytes"].get<double>(), task.limits.model_mb * 1e6);
  EXPECT_EQ(open_artifact(task.artifact_path, folder_ / "opened")->members.size(), kBagFolds);

  task.limits.model_mb = bytes(2) / 2 / 1e6;
  const auto story = finish(io_, tell(pools_.native(), task));
  ASSERT_TRUE(story.failed);
  EXPECT_THAT(story.failed->message, HasSubstr("a bag of one candidate takes"));
}

TEST_F(BagTest, NoMoreIsLeftOutThanALimitAsks) {
  WorkTask task = bag_task({trees(), network()});
  run(task);
  const auto whole = nlohmann::json::parse(report_in(task.artifact_path).value())["candidates"];
  ASSERT_GT(whole[1]["weight"], 0);
  ASSERT_GT(whole[2]["weight"], 0);
  ASSERT_NE(whole[1]["weight"], whole[2]["weight"]);
  const double larger = std::max(whole[1]["bytes"].get<double>(), whole[2]["bytes"].get<double>());
  const double both = whole[1]["bytes"].get<double>() + whole[2]["bytes"].get<double>();
  task.limits.model_mb = (larger + both) / 2 / 1e6;  // each alone, but not both
  run(task);
  const auto kept = nlohmann::json::parse(report_in(task.artifact_path).value())["candidates"];
  const bool is_first = whole[1]["weight"] > whole[2]["weight"];
  EXPECT_EQ(kept[1]["weight"], is_first ? 1 : 0) << "the one that had more weight stays";
  EXPECT_EQ(kept[2]["weight"], is_first ? 0 : 1);
}

TEST_F(BagTest, ATrialWithLimitsSaysWhatItsModelCosts) {
  for (const Params& params : {trees(), linear(), network()}) {
    WorkTask task = task_on(insurance_, "charges", "rmse");
    task.params = params;
    const Story unmeasured = run(task);
    EXPECT_FALSE(unmeasured.done->cost);
    task.limits.predict_ms = 5;
    const Story trial = run(task);
    ASSERT_TRUE(trial.done->cost);
    EXPECT_EQ(trial.done->value, unmeasured.done->value) << "nothing else changes";
    EXPECT_GT(trial.done->cost->predict_ms, 0);

    task.kind = WorkKind::final;
    task.split = {};
    task.fixed_epochs = trial.done->best_epoch;
    task.artifact_path = folder_ / "one.zip";
    const Story last = run(task);
    ASSERT_TRUE(last.done->cost);
    EXPECT_GT(last.done->cost->predict_ms, 0);
    EXPECT_LT(last.done->cost->bytes, last.done->artifact_bytes) << "there is a report, too";
    const auto bytes = static_cast<double>(last.done->cost->bytes);
    EXPECT_GT(static_cast<double>(trial.done->cost->bytes), 0.5 * bytes);
    EXPECT_LE(static_cast<double>(trial.done->cost->bytes), 1.1 * bytes);
  }
}

/// A model and a clock that agree on what each answer takes.
struct SlowModel : ServedModel {
  double now = 0;
  std::vector<double> takes;
  std::vector<float> asked;

  std::vector<float> predict(const Matrix& rows, std::size_t& columns) override {
    EXPECT_EQ(rows.rows, 1U);
    now += takes[asked.size() % takes.size()];
    asked.push_back(rows.values.front());
    columns = 1;
    return {0};
  }
};

TEST(PredictMs, IsTheMedianOverSingleRows) {
  SlowModel model;
  model.takes = {0.001, 0.002, 0.009};
  const auto seconds = [&model] { return model.now; };
  EXPECT_EQ(predict_ms(model, EncodedRows{Matrix{0, 1, {}}}, seconds), 0);
  EXPECT_TRUE(model.asked.empty());
  const EncodedRows rows{Matrix{3, 1, {5, 6, 7}}};
  EXPECT_NEAR(predict_ms(model, rows, seconds), 2, 1e-9);
  EXPECT_EQ(model.asked[1], 6);
  EXPECT_EQ(model.asked[3], 5) << "again from the first";
  EXPECT_LT(model.now, 0.13) << "no longer than a tenth of a second, two first asks and a last";
}

TEST(PredictMs, LeavesOutWhatTheFirstAsksSetUpAndAsksSlowModelsLess) {
  const EncodedRows rows{Matrix{1, 1, {5}}};
  SlowModel setting_up;
  setting_up.takes = {0.5, 0.5, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001};
  EXPECT_NEAR(predict_ms(setting_up, rows, [&] { return setting_up.now; }), 1, 1e-6);
  SlowModel slow;
  slow.takes = {3};
  EXPECT_NEAR(predict_ms(slow, rows, [&slow] { return slow.now; }), 3000, 1e-6);
  EXPECT_EQ(slow.asked.size(), 3U);
}

TEST_F(BagTest, AModelOfAllRowsHasNoTestScore) {
  WorkTask task = task_on(insurance_, "charges", "rmse");
  task.split = {};
  task.kind = WorkKind::final;
  task.params = linear();
  task.fixed_epochs = 40;
  task.uses_test_rows = true;
  task.artifact_path = folder_ / "all.zip";
  const Story last = run(task);
  ASSERT_TRUE(last.done);
  EXPECT_TRUE(last.done->test.empty());
  task.uses_test_rows = false;
  task.artifact_path = folder_ / "some.zip";
  const Story tested = run(task);
  EXPECT_FALSE(tested.done->test.empty());
  const auto model = [&](const std::string& name) {
    return open_artifact(folder_ / name, folder_ / "models")->members.front().model.filename();
  };
  EXPECT_NE(model("all.zip"), model("some.zip")) << "it learned from more rows";
}

/// Networks that others found to be good: what is served is what was measured, also where factors
/// of inputs became the first layer's.
TEST_F(BagTest, EachKindOfNetworkAnswersAsItWasMeasured) {
  for (const std::string family : {"realmlp", "resnet", "tabm"}) {
    WorkTask task = task_on(insurance_, "charges", "rmse");
    task.split = {};
    task.kind = WorkKind::final;
    task.params = {{"family", family}, {family + ".width", std::int64_t{128}}};
    if (family == "tabm") task.params["tabm.members"] = std::int64_t{4};
    task.fixed_epochs = 20;
    task.artifact_path = folder_ / (family + ".zip");
    const Story last = run(task);
    ASSERT_TRUE(last.done) << family;
    fmt::print("{}: test r2 {:.3f} in {:.1f} s\n", family, last.done->test.at("r2"), last.seconds);
    EXPECT_GT(last.done->test.at("r2"), 0.75) << family;
    Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
    const auto said = finish(
        io_, predictor.predict(task.artifact_path, rows_of(insurance_), MissingColumns::refuse));
    ASSERT_TRUE(said) << said.error().detail;
    const auto data = load_trial_data(task);
    Judged outcome = data->truth;
    for (const std::uint32_t row : data->split.test)
      outcome.values.push_back(said->values[row]);
    const double rmse = score(Metric::rmse, outcome);
    EXPECT_NEAR(rmse, last.done->test.at("rmse"), 1e-4 * rmse) << family;
  }
}

TEST(FoldAnswers, ComeBackAndWrongOnesAreRefused) {
  const FoldAnswers answers{{1, 2, 3}, {4}};
  const std::string bytes = to_bytes(answers);
  EXPECT_EQ(fold_answers_from(bytes, 3, 1).value(), answers);
  EXPECT_EQ(fold_answers_from(bytes, 3, 2).error().code, Errc::corrupt);
  EXPECT_EQ(fold_answers_from(bytes.substr(1), 3, 1).error().code, Errc::corrupt);
  const FoldAnswers odd{{1, std::numeric_limits<float>::quiet_NaN()}, {}};
  EXPECT_EQ(fold_answers_from(to_bytes(odd), 2, 0).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace starling::ml
