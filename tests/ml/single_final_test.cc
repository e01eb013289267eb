// The final model that is no bag, through the real worker program: what is fitted on rows held out.
#include "ml/serve/artifact.h"
#include "ml/serve/predictor.h"
#include "ml/train/held_out.h"
#include "ml/train/native_engine.h"
#include "ml/train/trial_data.h"
#include "tests/ml/csv_rows.h"
#include "tests/ml/worker_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <variant>

namespace starling::ml {
namespace {

class SingleFinal : public WorkerTest {
 protected:
  WorkTask task_on(const std::string& target, const std::string& metric, const Params& params) {
    WorkTask task;
    task.dataset_path = insurance_;
    task.target = target;
    task.metric = metric;
    task.params = params;
    task.epochs_max = 15;
    task.work_dir = folder_.path().string();
    return task;
  }

  /// The final model of a trial like this one.
  Story final_of(WorkTask task) {
    task.fixed_epochs = run(task).done->best_epoch;
    task.kind = WorkKind::final;
    task.artifact_path = path();
    std::filesystem::remove(path());
    return run(task);
  }

  Predictions served() {
    Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
    const auto rows = rows_of(insurance_);
    auto said = finish(io_, predictor.predict(path(), rows, MissingColumns::refuse));
    EXPECT_TRUE(said) << said.error().detail;
    return std::move(*said);
  }

  Finish finish_in() { return open_artifact(path(), folder_ / "opened")->finish; }

  std::string path() { return folder_ / "last.zip"; }
};

TEST_F(SingleFinal, IsFinishedByWhatItsTrialSaidOfRowsHeldOut) {
  NativeEngine engine;
  for (const std::uint32_t folds : {1U, 5U}) {
    for (const Params& params : {linear(), trees(), network()}) {
      SCOPED_TRACE(family_of(params) + " in " + std::to_string(folds));
      WorkTask task = task_on("charges", "rmse", params);
      task.split.folds = folds;
      if (folds > 1) task.split.method = SplitMethod::kfold;
      const Story trial = run(task);
      task.fixed_epochs = trial.done->best_epoch;
      auto spec = family_spec_from(params).value();
      std::visit([&](auto& known) { known.epochs = task.epochs_max; }, spec);
      std::uint32_t steps = 0;
      const auto answers = held_out_answers(task, spec, engine, [&] { ++steps; });
      ASSERT_TRUE(answers) << answers.error().detail;
      EXPECT_EQ(score(Metric::rmse, *answers), trial.done->value) << "to the bit";
      EXPECT_EQ(steps, folds * trial.done->best_epoch);
    }
  }
}

TEST_F(SingleFinal, HasIntervalsThatHoldOnTheTestRows) {
  for (const Params& params : {linear(), trees(), network()}) {
    SCOPED_TRACE(family_of(params));
    final_of(task_on("charges", "rmse", params));
    ASSERT_TRUE(finish_in().conformal);
    const Predictions said = served();
    const auto data = load_bag_data(task_on("charges", "rmse", params));
    ASSERT_EQ(said.intervals.size(), said.values.size());
    double held = 0;
    for (std::size_t i = 0; i < data->truth.rows(); ++i) {
      const auto& [low, high] = said.intervals[data->split.test[i]];
      held += data->truth.truth_values[i] >= low && data->truth.truth_values[i] <= high ? 1 : 0;
    }
    const double share = held / static_cast<double>(data->truth.rows());
    const auto report = nlohmann::json::parse(report_in(path()).value());
    EXPECT_NEAR(report["coverage"]["share"].get<double>(), share, 1e-12);
    EXPECT_EQ(report["coverage"]["level"], 0.9);
    EXPECT_GT(share, 0.8);
  }
}

TEST_F(SingleFinal, OfAllRowsHasIntervalsAndNoCoverage) {
  WorkTask task = task_on("charges", "rmse", trees());
  task.uses_test_rows = true;
  const Story last = final_of(task);
  EXPECT_TRUE(last.done->test.empty());
  EXPECT_EQ(served().intervals.size(), rows_of(insurance_).size());
  const auto report = report_in(path());
  EXPECT_TRUE(!report || report->empty());
}

TEST_F(SingleFinal, SaysClassesByTheRuleThatWasBestWhereThatIsJudged) {
  for (const Params& params : {linear(), trees()}) {
    SCOPED_TRACE(family_of(params));
    const WorkTask task = task_on("smoker", "f1", params);
    const Story last = final_of(task);
    const Predictions said = served();
    const auto data = load_bag_data(task);
    Judged outcome = data->truth;
    for (const std::uint32_t row : data->split.test) {
      const auto& chances = said.probabilities[row];
      outcome.probabilities.insert(outcome.probabilities.end(), chances.begin(), chances.end());
    }
    outcome.rule = finish_in().rule;
    EXPECT_NE(outcome.rule.threshold, 0.5);
    EXPECT_EQ(finish_in().temperature, 1);
    EXPECT_NEAR(score(Metric::f1, outcome), last.done->value, 1e-12);
    for (std::size_t i = 0; i < outcome.rows(); ++i)
      EXPECT_EQ(said.labels[data->split.test[i]], said.classes[said_class(outcome, i)]);
    const auto report = nlohmann::json::parse(report_in(path()).value());
    EXPECT_EQ(report["rule"]["threshold"], outcome.rule.threshold);

    final_of(task_on("smoker", "log_loss", params));
    EXPECT_EQ(finish_in(), Finish{}) << "chances are judged";
  }
}

}  // namespace
}  // namespace starling::ml
