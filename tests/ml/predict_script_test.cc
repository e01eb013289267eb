// What an artifact's predict.py says with PyTorch or XGBoost alone is what Starling says.
#include "ml/serve/artifact.h"
#include "ml/serve/predictor.h"
#include "tests/ml/train_pool_support.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

constexpr const char* kPython = "/usr/bin/python3";  // Debian's, where python3-torch is

bool has_pytorch() {
  return std::system(fmt::format("{} -c 'import torch' 2>/dev/null", kPython).c_str()) == 0;
}

/// Rows with all types of columns, written as people write them.
struct MixedTable {
  static constexpr int kRows = 600;

  static std::vector<std::string> names() {
    return {"amount", "plain", "day", "member", "city", "note"};
  }

  static std::vector<std::string> row(int i) {
    const int big = i * 7919 % 100'000;
    return {i % 23 == 0  ? "NA"
            : i % 2 == 0 ? fmt::format("${},{:03}.50", big / 1000 + 1, big % 1000)
                         : fmt::format("({}.25)", big),
            fmt::format("{}e-2", i * 31 % 977),
            i % 3 == 0 ? fmt::format("{}/{}/2019 {}:05 PM", i % 28 + 1, i % 12 + 1, i % 12 + 1)
                       : fmt::format("{}/{}/2018", i % 15 + 13, i % 12 + 1),
            i % 11 == 0  ? "?"
            : i % 2 == 0 ? "Yes"
                         : "no",
            fmt::format("city {}", i * 37 % 60),
            fmt::format("Order {} of the größte \"{}\", again", i % 9, i % 10)};
  }

  static std::string csv(bool has_target) {
    std::string text = fmt::format("{}{}\n", fmt::join(names(), ","), has_target ? ",y" : "");
    for (int i = 0; i < kRows; ++i) {
      std::string line;
      for (std::string cell : row(i)) {
        std::string quoted;
        for (const char c : cell)
          quoted.append(c == '"' ? 2 : 1, c);
        line += (line.empty() ? "" : ",") + fmt::format("\"{}\"", quoted);
      }
      text += line + (has_target ? fmt::format(",{}\n", i * 37 % 60 % 7 + i % 5 * 10 + 1) : "\n");
    }
    return text;
  }
};

class ScriptTest : public testing::Test {
 protected:
  Story run(WorkTask task) { return finish(io_, tell(pools_.native(), std::move(task))); }

  std::vector<float> said_here(const std::string& artifact) {
    std::vector<RawRow> rows;
    for (int i = 0; i < MixedTable::kRows; ++i) {
      RawRow row;
      const auto cells = MixedTable::row(i);
      for (std::size_t c = 0; c < cells.size(); ++c)
        row[MixedTable::names()[c]] = cells[c];
      rows.push_back(std::move(row));
    }
    Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
    const auto said = finish(io_, predictor.predict(artifact, rows, MissingColumns::refuse));
    EXPECT_TRUE(said) << said.error().detail;
    return said ? std::vector<float>(said->values.begin(), said->values.end())
                : std::vector<float>{};
  }

  /// The column `prediction` of what the script prints.
  std::vector<double> said_by_script(const std::string& artifact) {
    std::ofstream(folder_ / "rows.csv") << MixedTable::csv(false);
    const std::string command = fmt::format(
        "cd {0} && {1} -m zipfile -e {2} model && PYTHONPATH={3} {1} model/predict.py rows.csv > "
        "said.csv && {1} -c \"import csv; [print(r['prediction']) for r in "
        "csv.DictReader(open('said.csv'))]\" > said.txt",
        folder_.path().string(),
        kPython,
        artifact,
        STARLING_TESTS_DIR "/ml/python");
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::ifstream in(folder_ / "said.txt");
    std::vector<double> said;
    for (double number = 0; in >> number;)
      said.push_back(number);
    return said;
  }

  WorkTask final_task() {
    WorkTask task;
    task.dataset_path = folder_ / "table.csv";
    std::ofstream(task.dataset_path) << MixedTable::csv(true);
    task.target = "y";
    task.task = "regression";
    task.kind = WorkKind::final;
    task.fixed_epochs = 20;
    task.artifact_path = folder_ / "model.zip";
    return task;
  }

  void compare(const std::string& artifact) {
    const auto here = said_here(artifact);
    const auto there = said_by_script(artifact);
    ASSERT_EQ(here.size(), static_cast<std::size_t>(MixedTable::kRows));
    ASSERT_EQ(there.size(), here.size());
    for (std::size_t i = 0; i < here.size(); ++i)
      EXPECT_NEAR(there[i], here[i], 1e-4 * (1 + std::abs(here[i]))) << "row " << i;
  }

  ScratchFolder folder_;
  asio::io_context io_;
  WorkerPools pools_{io_.get_executor(), STARLING_WORKER, "/nowhere"};
};

class PredictScript : public ScriptTest, public testing::WithParamInterface<const char*> {};

TEST_P(PredictScript, SaysTheSameWithPyTorchAlone) {
  if (!has_pytorch()) GTEST_SKIP() << kPython << " has no PyTorch (Debian: python3-torch)";
  WorkTask task = final_task();
  task.params = {{"encode.numbers", std::string{GetParam()}},
                 {"encode.target", std::string{"log1p"}},
                 {"mlp.activation", std::string{"silu"}},
                 {"mlp.embedding", std::string{"piecewise"}},
                 {"mlp.level_width", std::int64_t{16}},
                 {"mlp.members", std::int64_t{3}},
                 {"mlp.norm", std::string{"layer"}},
                 {"mlp.width", std::int64_t{32}}};
  const Story last = run(task);
  ASSERT_TRUE(last.done) << (last.failed ? last.failed->message : "");
  // The table has what is to be compared: else this would compare too little.
  const auto features = nlohmann::json::parse(last.done->features_json);
  std::vector<std::string> types;
  for (const auto& feature : features)
    types.push_back(feature.at("type"));
  EXPECT_EQ(fmt::format("{}", fmt::join(types, " ")), "number number date category category text");
  compare(task.artifact_path);
}

TEST_P(PredictScript, SaysTheSameWithXgboostAlone) {
  if (!has_pytorch()) GTEST_SKIP() << kPython << " has no NumPy (Debian: python3-torch)";
  WorkTask task = final_task();
  task.params = {{"family", std::string{"xgboost"}},
                 {"encode.numbers", std::string{GetParam()}},
                 {"encode.target", std::string{"log1p"}}};
  const Story last = run(task);
  ASSERT_TRUE(last.done) << (last.failed ? last.failed->message : "");
  compare(task.artifact_path);
}

TEST_P(PredictScript, SaysTheSameAsABag) {
  if (!has_pytorch()) GTEST_SKIP() << kPython << " has no PyTorch (Debian: python3-torch)";
  WorkTask task = final_task();
  task.work_dir = folder_.path().string();
  task.split = {.method = SplitMethod::kfold, .folds = 2};
  WorkTask fit = task;
  fit.kind = WorkKind::fit;
  fit.fixed_epochs = 20;
  const std::string families[] = {"linear", "xgboost"};
  for (std::uint32_t k = 0; k < 2; ++k) {
    fit.params = {{"family", families[k]}, {"encode.numbers", std::string{GetParam()}}};
    for (fit.fold = 0; fit.fold < 2; ++fit.fold) {
      fit.artifact_path = folder_ / fmt::format("{}-{}.zip", k, fit.fold);
      ASSERT_TRUE(run(fit).done);
      task.fits.push_back({fit.artifact_path, k, fit.fold});
    }
  }
  task.params = fit.params;
  const Story last = run(task);
  ASSERT_TRUE(last.done) << (last.failed ? last.failed->message : "");
  compare(task.artifact_path);
}

/// The rare class is said before it is the likeliest.
TEST_F(ScriptTest, SaysTheSameClasses) {
  if (!has_pytorch()) GTEST_SKIP() << kPython << " has no PyTorch (Debian: python3-torch)";
  std::ofstream table(folder_ / "classes.csv");
  table << "x,y\n";
  std::vector<RawRow> rows;
  for (int i = 0; i < 300; ++i) {
    const int k = i % 10 == 0 ? 2 : i % 2;
    const std::string x = fmt::format("{}", k == 2 ? i % 7 * 0.2 : k + i % 13 * 0.1);
    rows.push_back({{"x", x}});
    table << x << ',' << "abc"[k] << '\n';
  }
  table.close();
  WorkTask task = final_task();
  task.dataset_path = folder_ / "classes.csv";
  task.task = "multiclass";
  task.metric = "balanced_accuracy";
  task.params = {{"family", std::string{"linear"}},
                 {"encode.class_weights", std::string{"balanced"}}};
  ASSERT_TRUE(run(task).done);
  Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
  const auto said =
      finish(io_, predictor.predict(task.artifact_path, rows, MissingColumns::refuse));
  ASSERT_TRUE(said) << said.error().detail;
  const std::string command = fmt::format(
      "cd {0} && {1} -m zipfile -e model.zip model && {1} model/predict.py classes.csv | tail -n "
      "+2 "
      "| cut -d, -f3,6 > said.txt",
      folder_.path().string(),
      kPython);
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream in(folder_ / "said.txt");
  int rare = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string label;
    double chance = 0;
    ASSERT_TRUE(std::getline(in, label, ',') && in >> chance >> std::ws) << i;
    EXPECT_EQ(label, said->labels[i]) << i;
    EXPECT_NEAR(chance, said->probabilities[i][2], 1e-5) << i;
    rare += label == "c" && chance < 0.4 ? 1 : 0;
  }
  EXPECT_GT(rare, 0);
}

/// What the image's command says, without an image: its packages are those that are here.
TEST_F(ScriptTest, ItsImageInstallsWhatTheModelsNeedAndReadsWhatComesIn) {
  if (!has_pytorch()) GTEST_SKIP() << kPython << " has no PyTorch (Debian: python3-torch)";
  const auto text_of = [this](const std::string& name) {
    std::ifstream in(folder_ / "model" / name);
    return std::string{std::istreambuf_iterator<char>{in}, {}};
  };
  for (const std::string family : {"xgboost", "linear"}) {
    WorkTask task = final_task();
    task.params = {{"family", family}};
    ASSERT_TRUE(run(task).done);
    std::ofstream(folder_ / "rows.csv") << MixedTable::csv(false);
    const std::string command = fmt::format(
        "cd {0} && {1} -m zipfile -e model.zip model && PYTHONPATH={2} {1} model/predict.py - < "
        "rows.csv | wc -l > lines.txt",
        folder_.path().string(),
        kPython,
        STARLING_TESTS_DIR "/ml/python");
    ASSERT_EQ(std::system(command.c_str()), 0);
    int lines = 0;
    std::ifstream(folder_ / "lines.txt") >> lines;
    EXPECT_EQ(lines, MixedTable::kRows + 1);
    const std::string image = text_of("Dockerfile");
    EXPECT_NE(image.find("ENTRYPOINT [\"python3\", \"/model/predict.py\"]\nCMD [\"-\"]"),
              std::string::npos);
    EXPECT_EQ(image.find("python3-xgboost") != std::string::npos, family == "xgboost") << image;
    EXPECT_EQ(image.find("python3-torch") != std::string::npos, family == "linear") << image;
    EXPECT_NE(text_of("manifest.json").find("\"Dockerfile\""), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Scalings,
                         PredictScript,
                         testing::Values("robust", "standard", "quantile"),
                         [](const auto& tested) { return std::string{tested.param}; });

}  // namespace
}  // namespace starling::ml
