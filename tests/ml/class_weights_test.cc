// Classes that count the same, through the real worker program: what is rare is found, and chances
// stay what they are.
#include "ml/ensemble/calibration.h"
#include "ml/serve/artifact.h"
#include "ml/serve/predictor.h"
#include "ml/train/trial_data.h"
#include "node/base/random.h"
#include "tests/ml/csv_rows.h"
#include "tests/ml/worker_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

namespace starling::ml {
namespace {

constexpr int kRows = 1200;

class ClassWeights : public WorkerTest {
 protected:
  /// Each class has its own part of x, but for the last: it is rare, and lies among the rows of the
  /// one before.
  std::string table(const std::vector<std::string>& classes) {
    const std::string path = folder_ / "rare.csv";
    std::ofstream out(path);
    out << "x,y\n";
    Random random{4};
    for (int row = 0; row < kRows; ++row) {
      const bool is_rare = row % 15 == 0;
      const std::size_t last = classes.size() - 1;
      const std::size_t k = is_rare ? last : random.below(last);
      const double x = is_rare ? 0.6 + 0.4 * random.unit() : random.unit();
      out << static_cast<double>(is_rare ? last - 1 : k) + x << ',' << classes[k] << '\n';
    }
    return path;
  }

  WorkTask task_on(const std::string& path, const std::string& metric, const char* weights) {
    WorkTask task;
    task.dataset_path = path;
    task.target = "y";
    task.metric = metric;
    task.epochs_max = 40;
    task.work_dir = folder_.path().string();
    task.params["encode.class_weights"] = std::string{weights};
    return task;
  }

  Story last_of(WorkTask task) {
    task.kind = WorkKind::final;
    task.fixed_epochs = 10;
    task.artifact_path = folder_ / "last.zip";
    std::filesystem::remove(task.artifact_path);
    return run(task);
  }

  /// What the finished model is worth on its test rows, as it is served from its file.
  Judged served(const WorkTask& task) {
    const std::string path = folder_ / "last.zip";
    Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
    const auto said =
        finish(io_, predictor.predict(path, rows_of(task.dataset_path), MissingColumns::refuse));
    EXPECT_TRUE(said) << said.error().detail;
    const auto data = load_bag_data(task);
    Judged outcome = data->truth;
    for (const std::uint32_t row : data->split.test) {
      const auto& chances = said->probabilities[row];
      outcome.probabilities.insert(outcome.probabilities.end(), chances.begin(), chances.end());
    }
    outcome.rule = open_artifact(path, folder_ / "opened")->finish.rule;
    for (std::size_t i = 0; i < data->split.test.size(); ++i)
      EXPECT_EQ(said->labels[data->split.test[i]], said->classes[said_class(outcome, i)]);
    return outcome;
  }

  struct Outcome {
    double value = 0;  ///< of the trial
    Story last;        ///< of its final model
    Judged served;     ///< by that
  };

  Outcome outcome_of(const std::string& path,
                     const std::string& metric,
                     const Params& family,
                     const char* weights) {
    WorkTask task = task_on(path, metric, weights);
    task.params.insert(family.begin(), family.end());
    Outcome outcome;
    outcome.value = run(task).done->value;
    outcome.last = last_of(task);
    outcome.served = served(task);
    return outcome;
  }

  /// `check(without weights, with weights)` of each family on two classes and on four.
  void each_way(const std::vector<Params>& families,
                const std::string& metric,
                const std::function<void(const Outcome&, const Outcome&)>& check) {
    for (const auto& classes : targets_) {
      const std::string path = table(classes);
      for (const Params& family : families) {
        SCOPED_TRACE(family_of(family) + " of " + std::to_string(classes.size()));
        check(outcome_of(path, metric, family, "none"),
              outcome_of(path, metric, family, "balanced"));
      }
    }
  }

  const std::vector<Params> families_{{{"family", std::string{"baseline"}}},
                                      linear(),
                                      trees(),
                                      network(),
                                      {{"family", std::string{"tabm"}},
                                       {"tabm.members", std::int64_t{4}},
                                       {"tabm.learning_rate", 1e-2},
                                       {"tabm.width", std::int64_t{64}}}};
  const std::vector<std::vector<std::string>> targets_{{"no", "yes"}, {"a", "b", "c", "rare"}};
};

double mean_chance(const Judged& outcome, std::size_t k) {
  double sum = 0;
  for (std::size_t row = 0; row < outcome.rows(); ++row)
    sum += outcome.probabilities[row * outcome.class_count + k];
  return sum / static_cast<double>(outcome.rows());
}

TEST_F(ClassWeights, LeaveChancesHonestWhicheverModelItIs) {
  each_way(families_, "log_loss", [](const Outcome& none, const Outcome& balanced) {
    for (const Outcome& one : {none, balanced}) {
      EXPECT_NEAR(score(Metric::log_loss, one.served), one.last.done->test.at("log_loss"), 1e-5)
          << "the file answers as the learner did";
      EXPECT_NEAR(mean_chance(one.served, one.served.class_count - 1), 1.0 / 15, 0.03);
      EXPECT_EQ(one.served.rule, ClassRule{}) << "chances are judged, not what is said";
    }
    EXPECT_NEAR(balanced.value, none.value, 0.25 * none.value);
  });
}

TEST_F(ClassWeights, FindWhatIsRareWhereThatIsJudged) {
  const std::vector<Params> families{linear(), trees(), network()};
  each_way(families, "balanced_accuracy", [](const Outcome& none, const Outcome& balanced) {
    for (const Outcome& one : {none, balanced})
      EXPECT_NEAR(score(Metric::balanced_accuracy, one.served), one.last.done->value, 1e-12);
    EXPECT_GT(balanced.value, none.value + 0.05);
  });
}

TEST_F(ClassWeights, ABagOfThemChoosesItsOwnRule) {
  const std::string path = table(targets_[1]);
  WorkTask task = task_on(path, "balanced_accuracy", "none");
  task.split = split_of_bag({});
  const Story last = bag_of({trees(), network()}, task, folder_ / "last.zip");
  const Judged outcome = served(task);
  EXPECT_EQ(outcome.rule.factors.size(), 4U) << "what is rare is said before it is the likeliest";
  EXPECT_NEAR(score(Metric::balanced_accuracy, outcome), last.done->value, 1e-12);
  Judged likeliest = outcome;
  likeliest.rule = {};
  EXPECT_GT(last.done->value, score(Metric::balanced_accuracy, likeliest));

  task.knows_class_factors = false;
  std::filesystem::remove(folder_ / "last.zip");
  bag_of({trees(), network()}, task, folder_ / "last.zip");
  EXPECT_TRUE(served(task).rule.factors.empty()) << "an older node would say something else";
}

/// Two rows are of a class of their own.
TEST_F(ClassWeights, RareClassesAreLearnedFromAndNeverJudged) {
  const std::string path = table(targets_[1]);
  std::ofstream(path, std::ios::app) << "9,odd\n9.5,odd\n";
  for (const std::uint32_t folds : {1U, 5U}) {
    WorkTask task = task_on(path, "log_loss", "none");
    task.params = trees();
    task.split.folds = folds;
    if (folds > 1) task.split.method = SplitMethod::kfold;
    const Story without = run(task);
    EXPECT_EQ(without.done->split.dropped, 2U);
    task.trains_rare_classes = true;
    const Story with = run(task);
    EXPECT_EQ(with.done->split.dropped, 0U);
    EXPECT_EQ(with.done->split.train, without.done->split.train + 2);
    EXPECT_EQ(with.done->split.validation, without.done->split.validation);
    EXPECT_EQ(with.done->split.test, without.done->split.test);
    EXPECT_NEAR(with.done->value, without.done->value, 0.02);
    const Story last = last_of(task);
    EXPECT_EQ(last.done->classes.size(), 5U);
    Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
    const std::vector<RawRow> rows{{{"x", "9"}}, {{"x", "1"}}};
    const auto said =
        finish(io_, predictor.predict(folder_ / "last.zip", rows, MissingColumns::refuse));
    ASSERT_TRUE(said) << said.error().detail;
    ASSERT_THAT(said->classes, testing::ElementsAre("a", "b", "c", "odd", "rare"));
    EXPECT_GT(said->probabilities[0][3], 10 * said->probabilities[1][3]);
  }
}

}  // namespace
}  // namespace starling::ml
