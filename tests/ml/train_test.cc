// The whole way through the real worker program: trial, final model, artifact, predictions.
#include "ml/schedule/trial_memory.h"
#include "ml/serve/artifact.h"
#include "ml/serve/predictor.h"
#include "ml/table/encoder_json.h"
#include "ml/table/profile_json.h"
#include "ml/table/split.h"
#include "ml/table/table_file.h"
#include "ml/train/trial_data.h"
#include "node/base/random.h"
#include "tests/ml/csv_rows.h"
#include "tests/ml/train_pool_support.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

namespace starling::ml {
namespace {

Params good_params() {
  return {{"mlp.learning_rate", 3e-3},
          {"mlp.n_layers", std::int64_t{2}},
          {"mlp.width", std::int64_t{64}},
          {"mlp.dropout", 0.1},
          {"mlp.weight_decay", 1e-4},
          {"mlp.batch_size", std::int64_t{64}}};
}

class TrainTest : public testing::Test {
 protected:
  Story run(WorkTask task) { return finish(io_, tell(pool_, std::move(task))); }

  WorkTask task_on(const std::string& path, const std::string& target, std::uint64_t seed = 42) {
    WorkTask task;
    task.dataset_path = path;
    task.target = target;
    task.params = good_params();
    task.epochs_max = 200;
    task.seed = seed;
    return task;
  }

  /// The final model with the trial's best number of epochs.
  Story finals(WorkTask task, const Story& trial, const std::string& path) {
    task.kind = WorkKind::final;
    task.fixed_epochs = trial.done->best_epoch;
    task.artifact_path = path;
    return run(std::move(task));
  }

  const std::string insurance_ = std::string(STARLING_SOURCE_DIR) + "/data/insurance.csv";
  const std::string shared_ = std::string(STARLING_SHARED_DIR) + "/data/";
  ScratchFolder folder_;
  asio::io_context io_;
  WorkerPools pools_{io_.get_executor(), STARLING_WORKER, STARLING_SECOND_WORKER};
  WorkerPool& pool_ = pools_.native();
};

/// A field of /proc/PID/status in MB.
double status_mb(std::int64_t pid, const std::string& field) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(field + ":")) return std::stod(line.substr(field.size() + 1)) / 1024;
  }
  return 0;
}

TEST_F(TrainTest, InsuranceFromCsvToPredictions) {
  const WorkTask task = task_on(insurance_, "charges");
  const Story trial = run(task);
  ASSERT_TRUE(trial.done) << (trial.failed ? trial.failed->message : "");
  EXPECT_EQ(trial.done->value, trial.progress[trial.done->best_epoch - 1].value);
  EXPECT_NEAR(trial.done->metrics.at("rmse"), trial.done->value, 1e-6);

  const std::string path = folder_ / "insurance.zip";
  const Story final_model = finals(task, trial, path);
  ASSERT_TRUE(final_model.done) << (final_model.failed ? final_model.failed->message : "");
  const auto& test = final_model.done->test;
  fmt::print(
      "insurance: best epoch {}, validation rmse {:.0f}, test rmse {:.0f} mae {:.0f} r2 {:.3f}\n",
      trial.done->best_epoch,
      trial.done->value,
      test.at("rmse"),
      test.at("mae"),
      test.at("r2"));
  EXPECT_GE(test.at("r2"), 0.80);

  // The artifact predicts what the worker measured, in a process that never saw the training.
  Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
  const auto rows = rows_of(insurance_);
  const auto said = finish(io_, predictor.predict(path, rows, MissingColumns::refuse));
  ASSERT_TRUE(said) << said.error().detail;
  ASSERT_EQ(said->values.size(), rows.size());
  const auto profile = profile_file(insurance_);
  const auto table = load_table(std::array{TableSource{insurance_, *profile}}, {"charges"});
  const auto data = load_trial_data(task);
  ASSERT_TRUE(data) << data.error().detail;
  const Split& split = data->split;
  EXPECT_EQ(split.hash.hex(), final_model.done->split.hash);
  Judged outcome;
  for (const std::uint32_t row : split.test) {
    outcome.values.push_back(said->values[row]);
    outcome.truth_values.push_back(table->target.numbers[row]);
  }
  EXPECT_NEAR(score(Metric::rmse, outcome), test.at("rmse"), 1e-3 * test.at("rmse"));
}

#ifdef STARLING_HAS_TREES
TEST_F(TrainTest, TreesFromCsvToPredictions) {
  WorkTask task = task_on(insurance_, "charges");
  task.params = {{"family", std::string{"xgboost"}}, {"xgb.max_depth", std::int64_t{4}}};
  task.patience = 10;
  const Story trial = run(task);
  ASSERT_TRUE(trial.done) << (trial.failed ? trial.failed->message : "");
  EXPECT_EQ(trial.done->value, trial.progress[trial.done->best_epoch - 1].value);
  EXPECT_NEAR(trial.done->metrics.at("rmse"), trial.done->value, 1e-6 * trial.done->value);
  const std::string path = folder_ / "trees.zip";
  const Story last = finals(task, trial, path);
  ASSERT_TRUE(last.done) << (last.failed ? last.failed->message : "");
  EXPECT_GE(last.done->test.at("r2"), 0.80);
  Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
  const auto rows = rows_of(insurance_);
  const auto said = finish(io_, predictor.predict(path, rows, MissingColumns::refuse));
  ASSERT_TRUE(said) << said.error().detail;
  const auto profile = profile_file(insurance_);
  const auto table = load_table(std::array{TableSource{insurance_, *profile}}, {"charges"});
  const auto data = load_trial_data(task);
  Judged outcome;
  for (const std::uint32_t row : data->split.test) {
    outcome.values.push_back(said->values[row]);
    outcome.truth_values.push_back(table->target.numbers[row]);
  }
  EXPECT_NEAR(
      score(Metric::rmse, outcome), last.done->test.at("rmse"), 1e-4 * last.done->test.at("rmse"));
  const auto report = nlohmann::json::parse(report_in(path).value());
  ASSERT_FALSE(report["answers"]["rows"].empty());
  for (const auto& answer : report["answers"]["rows"])
    EXPECT_NEAR(answer["said"].get<double>(),
                outcome.values[answer["row"].get<std::size_t>()],
                1e-3 * std::abs(answer["said"].get<double>()));
  EXPECT_EQ(report["dependence"]["columns"][0]["name"], "smoker");
}

TEST_F(TrainTest, MemoryOfTreesIsWhatWasPredicted) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer takes memory of its own";
#endif
  const std::string path = folder_ / "tall.csv";
  std::ofstream out(path);
  for (int c = 0; c < 30; ++c)
    out << "c" << c << ",";
  out << "y\n";
  for (int row = 0; row < 100'000; ++row) {
    for (int c = 0; c < 30; ++c)
      out << (row * (c + 7) + c * c) % 9973 << ".5,";
    out << row * 31 % 101 << ".25\n";
  }
  out.close();
  WorkTask task = task_on(path, "y");
  task.columns_path = folder_ / "tall.columns";
  task.params = {{"family", std::string{"xgboost"}}, {"xgb.max_depth", std::int64_t{8}}};
  task.epochs_max = 2;
  const auto profile = profile_file(path).value();
  const std::uint64_t predicted = predicted_peak_mb(
      task.params,
      {.rows = profile.rows, .features = widest_features(profile, "y", 1), .epochs = 2});
  const Story story = run(task);
  ASSERT_TRUE(story.done) << (story.failed ? story.failed->message : "");
  fmt::print("predicted {} MB, measured {} MB\n", predicted, story.done->peak_mb);
  EXPECT_LE(story.done->peak_mb, predicted + predicted / 10);
  EXPECT_GE(story.done->peak_mb, predicted / 3);
  // What is measured is looked at between epochs only; a cap knows what it took in between.
  task.memory_cap_mb = predicted + predicted / 10;
  const Story capped = run(task);
  EXPECT_TRUE(capped.done) << (capped.failed ? capped.failed->message : "");
}
#endif

/// One row of twenty is "yes", and lies among many that are not: who counts rows says "no" always.
TEST_F(TrainTest, BalancedClassesAreFoundWhereOneIsRare) {
  const std::string path = folder_ / "rare.csv";
  std::ofstream out(path);
  out << "x,y\n";
  Random random{4};
  for (int row = 0; row < 2000; ++row) {
    const bool is_rare = row % 20 == 0;
    out << random.unit() * (is_rare ? 0.4 : 2.0) << (is_rare ? ",yes\n" : ",no\n");
  }
  out.close();
  WorkTask task = task_on(path, "y");
  task.metric = "balanced_accuracy";
  task.epochs_max = 30;
  std::vector<double> scores;
  for (const char* weights : {"none", "balanced"}) {
    task.params["encode.class_weights"] = std::string{weights};
    const Story story = run(task);
    ASSERT_TRUE(story.done) << (story.failed ? story.failed->message : "");
    scores.push_back(story.done->value);
  }
  EXPECT_GT(scores[1], scores[0] + 0.1);
#ifdef STARLING_HAS_TREES
  task.params = {{"family", std::string{"xgboost"}}};
  const Story plain = run(task);
  task.params["encode.class_weights"] = std::string{"balanced"};
  const Story balanced = run(task);
  ASSERT_TRUE(plain.done && balanced.done);
  EXPECT_GT(balanced.done->value, plain.done->value + 0.1);
#endif
}

/// Half of the rows say 0, half say 1, and nothing tells them apart: what is learned is their mean,
/// by what they count.
TEST_F(TrainTest, RowsCountAsTheirColumnSays) {
  const std::string path = folder_ / "weighted.csv";
  std::ofstream out(path);
  out << "x,w,y\n";
  Random random{4};
  for (int row = 0; row < 1000; ++row)
    out << random.unit() << (row % 2 == 0 ? ",9,0\n" : ",1,1\n");
  out.close();
  TableOptions options;
  options.columns["w"] = {{}, ColumnRole::weight};
  const auto profile = profile_file(path, options);
  ASSERT_TRUE(profile) << profile.error().detail;
  std::vector<Params> families{{{"mlp.width", std::int64_t{16}}}};
#ifdef STARLING_HAS_TREES
  families.push_back({{"family", std::string{"xgboost"}}});
#endif
  for (const Params& params : families) {
    WorkTask task = task_on(path, "y");
    task.profile_json = to_json(*profile);
    task.task = "regression";
    task.metric = "mae";
    task.params = params;
    task.kind = WorkKind::final;
    task.fixed_epochs = 30;
    task.artifact_path = folder_ / "weighted.zip";
    const Story last = run(task);
    ASSERT_TRUE(last.done) << (last.failed ? last.failed->message : "");
    Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
    const std::vector<RawRow> rows{{{"x", 0.5}}, {{"x", 0.25}}};
    const auto said =
        finish(io_, predictor.predict(task.artifact_path, rows, MissingColumns::refuse));
    ASSERT_TRUE(said) << said.error().detail;
    for (const double value : said->values)
      EXPECT_NEAR(value, 0.1, 0.12);
  }
}

TEST_F(TrainTest, EveryRowOfAClassCountsHoweverItIsWritten) {
  const std::string path = folder_ / "codes.csv";
  const std::string long_class(200, 'x');
  std::ofstream out(path);
  out << "f,code,word\n";
  for (int i = 0; i < 300; ++i) {
    const char* const codes[] = {"007", "7", "12", "012", "30"};
    out << i * 37 % 101 << ".5," << codes[i % 5] << "," << (i % 2 == 0 ? long_class : "short")
        << "\n";
  }
  out.close();
  const auto codes = load_trial_data(task_on(path, "code"));
  ASSERT_TRUE(codes) << codes.error().detail;
  EXPECT_EQ(codes->rounds.front().encoder.target().classes.size(), 3U);
  EXPECT_EQ(codes->split.dropped, 0U);
  const auto words = load_trial_data(task_on(path, "word"));
  ASSERT_TRUE(words) << words.error().detail;
  EXPECT_EQ(words->rounds.front().encoder.target().classes.size(), 2U);
  EXPECT_EQ(words->split.dropped, 0U);
}

TEST_F(TrainTest, ATargetThatIsTooLargeIsRefusedByName) {
  const std::string path = folder_ / "huge.csv";
  std::ofstream out(path);
  out << "f,y\n";
  for (int i = 0; i < 200; ++i)
    out << i * 37 % 101 << ".5," << (i % 2 == 0 ? "1e300" : "-1e300") << "\n";
  out.close();
  WorkTask task = task_on(path, "y");
  task.task = "regression";
  const auto data = load_trial_data(task);
  ASSERT_FALSE(data);
  EXPECT_THAT(data.error().detail, testing::HasSubstr("target \"y\" holds numbers so large"));
}

/// A study's plan refuses it by the profile; a worker by the rows.
TEST_F(TrainTest, AMetricThatIsNotDefinedIsRefusedByName) {
  const std::string path = folder_ / "below.csv";
  std::ofstream out(path);
  out << "f,y\n";
  for (int i = 0; i < 200; ++i)
    out << i * 37 % 101 << ".5," << i - 100 << ".5\n";
  out.close();
  WorkTask task = task_on(path, "y");
  task.task = "regression";
  task.metric = "rmsle";
  const Story refused = run(task);
  ASSERT_TRUE(refused.failed);
  EXPECT_EQ(refused.failed->kind, "invalid");
  EXPECT_THAT(refused.failed->message, testing::HasSubstr("rmsle is not defined where the target"));
  task.metric = "mape";
  task.epochs_max = 2;
  const Story judged_by_mape = run(task);
  ASSERT_TRUE(judged_by_mape.done) << (judged_by_mape.failed ? judged_by_mape.failed->message : "");
  EXPECT_EQ(judged_by_mape.done->metrics.count("rmsle"), 0U);
}

TEST_F(TrainTest, TheSameSeedGivesTheSameResult) {
  WorkTask task = task_on(insurance_, "charges", 7);
  task.epochs_max = 3;
  const Story a = run(task);
  const Story b = run(task);
  ASSERT_TRUE(a.done && b.done);
  EXPECT_EQ(a.progress, b.progress);
  task.seed = 8;
  EXPECT_NE(run(task).done->value, a.done->value);
}

TEST_F(TrainTest, ATrialMayWantLessThanItsStudyAllows) {
  WorkTask task = task_on(insurance_, "charges", 7);
  task.params["mlp.schedule"] = "cosine";
  task.params["mlp.epochs"] = std::int64_t{3};
  const Story few = run(task);
  task.params.erase("mlp.epochs");
  task.epochs_max = 3;
  const Story as_allowed = run(task);
  ASSERT_TRUE(few.done && as_allowed.done);
  EXPECT_EQ(few.done->epochs, 3U);
  EXPECT_EQ(few.progress, as_allowed.progress) << "the schedule is laid out for them too";
  task.epochs_max = 200;
  task.patience = 200;
  task.params["mlp.patience"] = std::int64_t{1};
  const Story hasty = run(task);
  ASSERT_TRUE(hasty.done);
  EXPECT_EQ(hasty.done->epochs, hasty.done->best_epoch + 1);
}

asio::awaitable<double> first_epoch_rss(WorkerPool& pool, WorkTask task, std::string field) {
  auto spawned = co_await pool.spawn();
  const auto channel = std::move(spawned.value());
  WorkMessage message{std::move(task)};
  const auto written = co_await channel->write(std::move(message));
  const auto progress = co_await channel->read();
  co_return status_mb(channel->pid(), field);
}

TEST_F(TrainTest, AProgramIsLoadedOnceForAllTrials) {
  WorkTask task = task_on(insurance_, "charges");
  task.epochs_max = 20;
  task.patience = 20;
  const Story cold = run(task);
  ASSERT_TRUE(cold.done);
  const auto parent = pool_.program_pid().value();
  const Story warm = run(task);
  ASSERT_TRUE(warm.done);
  EXPECT_EQ(pool_.program_pid().value(), parent);
  fmt::print(
      "20 epochs of insurance: {:.2f} s; to the first epoch: cold {:.0f} ms, warm {:.0f} ms\n",
      warm.seconds,
      cold.to_first_epoch * 1e3,
      warm.to_first_epoch * 1e3);
  fmt::print("parent: {:.0f} MB resident, {:.0f} MB of it private, {:.0f} threads\n",
             status_mb(parent, "VmRSS"),
             status_mb(parent, "RssAnon"),
             status_mb(parent, "Threads") * 1024);
  fmt::print("child: {:.0f} MB resident, {:.0f} MB anonymous, peak {} MB\n",
             finish(io_, first_epoch_rss(pool_, task, "VmRSS")),
             finish(io_, first_epoch_rss(pool_, task, "RssAnon")),
             warm.exit.peak_mb);
  EXPECT_EQ(status_mb(parent, "Threads") * 1024, 1);  // A fork of a threaded program is not safe.
}

TEST_F(TrainTest, AMemoryCapEndsTheTrialWithItsReason) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer stops when it gets no memory";
#endif
  WorkTask task = task_on(insurance_, "charges");
  task.params["mlp.width"] = std::int64_t{8192};
  task.params["mlp.n_layers"] = std::int64_t{4};
  task.memory_cap_mb = 400;
  const Story story = run(task);
  ASSERT_TRUE(story.failed);
  EXPECT_EQ(story.failed->kind, "out_of_memory");
}

TEST_F(TrainTest, MemoryIsWhatWasPredicted) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer takes memory of its own";
#endif
  if (!std::string_view{STARLING_WORKER}.ends_with("native-worker"))
    GTEST_SKIP() << "the predictions are the native worker's";
  const std::string path = folder_ / "wide.csv";
  std::ofstream out(path);
  for (int c = 0; c < 40; ++c)
    out << "c" << c << ",";
  out << "y\n";
  for (int row = 0; row < 40'000; ++row) {
    for (int c = 0; c < 40; ++c)
      out << (c % 4 == 0 ? fmt::format("w{},", row * (c + 3) % 40)
                         : fmt::format("{}.5,", row * (c + 7) % 997));
    out << row % 101 << ".25\n";
  }
  out.close();
  WorkTask task = task_on(path, "y");
  task.columns_path = folder_ / "wide.columns";
  task.params["mlp.width"] = std::int64_t{1024};
  task.params["mlp.n_layers"] = std::int64_t{3};
  task.epochs_max = 1;
  const auto profile = profile_file(path).value();
  const auto features = widest_features(profile, "y", 1);
  const std::uint64_t predicted = predicted_peak_mb(
      task.params, {.rows = profile.rows, .features = features, .outputs = 1, .levels = 400});
  const Story story = run(task);
  ASSERT_TRUE(story.done) << (story.failed ? story.failed->message : "");
  fmt::print("predicted {} MB, measured {} MB\n", predicted, story.done->peak_mb);
  EXPECT_GT(story.done->peak_mb, 30U);
  EXPECT_LE(story.done->peak_mb, predicted + predicted / 10);
  EXPECT_GE(story.done->peak_mb, predicted / 2);
}

TEST_F(TrainTest, AnAbsurdLearningRateDivergesOrStaysFinite) {
  WorkTask task = task_on(insurance_, "charges");
  task.params["mlp.learning_rate"] = 1.0;
  task.params["mlp.weight_decay"] = 10.0;
  task.epochs_max = 200;
  task.patience = 200;
  const Story story = run(task);
  ASSERT_TRUE(story.done || story.failed);
  if (story.failed) {
    EXPECT_EQ(story.failed->kind, "diverged");
  }
}

TEST_F(TrainTest, FoldsAreTrainedSideBySideAndJudgedTogether) {
  WorkTask task = task_on(insurance_, "charges");
  task.split.method = SplitMethod::kfold;
  task.split.folds = 4;
  task.epochs_max = 40;
  const Story trial = run(task);
  ASSERT_TRUE(trial.done) << (trial.failed ? trial.failed->message : "");
  EXPECT_EQ(trial.progress.size(), trial.done->epochs);
  EXPECT_EQ(trial.done->split.train, trial.done->split.validation);
  EXPECT_GT(trial.done->metrics.at("r2"), 0.7);
  const Story again = run(task);
  EXPECT_EQ(again.done->value, trial.done->value);
  const Story last = finals(task, trial, folder_ / "folds.zip");
  ASSERT_TRUE(last.done) << (last.failed ? last.failed->message : "");
  EXPECT_EQ(last.done->split.test, 1338 - trial.done->split.train);
  EXPECT_GT(last.done->test.at("r2"), 0.7);
}

TEST_F(TrainTest, ThePublishedSplitOfCaliforniaIsACommonColumn) {
  const std::string path = shared_ + "california/california_rtdl.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no shared data sets";
  WorkTask task = task_on(path, "MedHouseVal");
  task.split = {SplitMethod::column, "split", {"train"}, {"val"}, {"test"}};
  const auto data = load_trial_data(task);
  ASSERT_TRUE(data) << data.error().detail;
  EXPECT_EQ(data->split.train.size(), 13'209U);
  EXPECT_EQ(data->split.validation.size(), 3'303U);
  EXPECT_EQ(data->split.test.size(), 4'128U);
  EXPECT_EQ(data->rounds.front().encoder.features().size(), 8U);
}

TEST_F(TrainTest, ThePublishedSplitOfAdultIsThreeFiles) {
  const std::string from = shared_ + "adult/";
  if (!std::filesystem::exists(from + "split_rtdl.txt")) GTEST_SKIP() << "no shared data sets";
  std::ifstream rows(from + "adult.data");
  std::ifstream parts(from + "split_rtdl.txt");
  std::ofstream train(folder_ / "train.csv");
  std::ofstream validation(folder_ / "val.csv");
  for (std::string row, part; std::getline(rows, row) && std::getline(parts, part);)
    (part == "train" ? train : validation) << row << "\n";
  train.close();
  validation.close();
  WorkTask task = task_on(folder_ / "train.csv", "column_15");
  task.more_datasets = {{folder_ / "val.csv", ""}, {from + "adult.test.csv", ""}};
  task.split = {SplitMethod::datasets, "", {}, {"val"}, {"test"}};
  const auto data = load_trial_data(task);
  ASSERT_TRUE(data) << data.error().detail;
  EXPECT_EQ(data->split.train.size(), 26'048U);
  EXPECT_EQ(data->split.validation.size(), 6'513U);
  EXPECT_EQ(data->split.test.size(), 16'281U);
  EXPECT_EQ(data->split.dropped, 0U);
  EXPECT_THAT(data->rounds.front().encoder.target().classes, testing::ElementsAre("<=50K", ">50K"));
}

/// The sum of all test rows' values and targets changed, weights and preprocessing must not.
TEST_F(TrainTest, NothingOfTheTestRowsIsInTheModel) {
  const auto data = load_trial_data(task_on(insurance_, "charges"));
  ASSERT_TRUE(data) << data.error().detail;
  const std::set<std::uint32_t> test(data->split.test.begin(), data->split.test.end());
  std::ifstream in(insurance_);
  std::ofstream clean(folder_ / "clean.csv");
  std::ofstream spoilt(folder_ / "spoilt.csv");
  std::string line;
  std::getline(in, line);
  clean << line << ",part\n";
  spoilt << line << ",part\n";
  for (std::uint32_t row = 0; std::getline(in, line); ++row) {
    const bool tests = test.contains(row);
    const char* part = tests ? "test" : row % 5 == 0 ? "val" : "train";
    clean << line << "," << part << "\n";
    spoilt << (tests ? fmt::format("{},martian,-7.5,0,yes,atlantis,1e9", row * 1000) : line) << ","
           << part << "\n";
  }
  clean.close();
  spoilt.close();
  const auto trained_on = [&](const std::string& name) {
    WorkTask task = task_on(folder_ / name, "charges");
    task.split = {SplitMethod::column, "part", {"train"}, {"val"}, {"test"}};
    task.epochs_max = 5;
    const Story trial = run(task);
    EXPECT_TRUE(trial.done) << (trial.failed ? trial.failed->message : "");
    const std::string path = folder_ / (name + ".zip");
    const Story last = finals(task, trial, path);
    EXPECT_TRUE(last.done) << (last.failed ? last.failed->message : "");
    return std::tuple{trial, last, open_artifact(path, folder_ / (name + ".models")).value()};
  };
  const auto [trial, last, model] = trained_on("clean.csv");
  const auto [other_trial, other_last, other_model] = trained_on("spoilt.csv");
  EXPECT_EQ(trial.progress, other_trial.progress);
  EXPECT_EQ(model.members.front().model.filename(), other_model.members.front().model.filename())
      << "named by its bytes: the weights, to the bit";
  EXPECT_EQ(to_json(model.encoders.front()), to_json(other_model.encoders.front()));
  EXPECT_NE(last.done->test, other_last.done->test);  // what was changed is what tests
}

TEST_F(TrainTest, TitanicSurvivorsAreToldApart) {
  if (!std::filesystem::exists(shared_ + "titanic")) GTEST_SKIP() << "no shared data sets";
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const WorkTask task = task_on(shared_ + "titanic/titanic.csv", "Survived", seed);
    const Story trial = run(task);
    ASSERT_TRUE(trial.done) << (trial.failed ? trial.failed->message : "");
    const Story last = finals(task, trial, folder_ / "titanic.zip");
    ASSERT_TRUE(last.done) << (last.failed ? last.failed->message : "");
    fmt::print("titanic seed {}: test accuracy {:.3f} roc_auc {:.3f} log_loss {:.3f} f1 {:.3f}\n",
               seed,
               last.done->test.at("accuracy"),
               last.done->test.at("roc_auc"),
               last.done->test.at("log_loss"),
               last.done->test.at("f1"));
    sum += last.done->test.at("accuracy");
  }
  fmt::print("titanic: mean test accuracy {:.4f}\n", sum / 5);
  EXPECT_GE(sum / 5, 0.77);
}

TEST_F(TrainTest, PenguinsAreToldApart) {
  if (!std::filesystem::exists(shared_ + "penguins")) GTEST_SKIP() << "no shared data sets";
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const WorkTask task = task_on(shared_ + "penguins/penguins.csv", "species", seed);
    const Story trial = run(task);
    ASSERT_TRUE(trial.done) << (trial.failed ? trial.failed->message : "");
    const Story last = finals(task, trial, folder_ / "penguins.zip");
    ASSERT_TRUE(last.done) << (last.failed ? last.failed->message : "");
    EXPECT_THAT(last.done->classes, testing::ElementsAre("Adelie", "Chinstrap", "Gentoo"));
    sum += last.done->test.at("accuracy");
  }
  fmt::print("penguins: mean test accuracy {:.4f}\n", sum / 5);
  EXPECT_GE(sum / 5, 0.95);
}

}  // namespace
}  // namespace starling::ml
