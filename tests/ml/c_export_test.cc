// A model as C99, from the real worker program: what the compiled text says of a row is what the
// predictor says.
#include "ml/serve/artifact.h"
#include "ml/study/fold_fits.h"
#include "ml/table/table_file.h"
#include "tests/ml/c_export_support.h"
#include "tests/ml/csv_rows.h"
#include "tests/ml/worker_fixture.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace starling::ml {
namespace {

/// Names, levels and classes that C would take for something else.
struct HostileTable {
  static constexpr int kRows = 600;

  static std::vector<std::string> names() {
    return {"int",
            "NAN",
            "*/ #error",
            "what?\?/",
            "a \"quote\"",
            "back\\slash",
            "Age",
            "gr\303\266\303\237e",
            "age!",
            "1st /* day",
            "age"};
  }

  static std::string level(int i) {
    static const std::vector<std::string> kLevels{
        "\"; }", "?\?/", "*/", "/*", "a\\", "gr\xC3\xBCn", "%s%n", "x\ty"};
    return kLevels[static_cast<std::size_t>(i) % kLevels.size()];
  }

  static std::string target(int i) {
    static const std::vector<std::string> kClasses{
        "\"one\"", "?\?=two", "*/ three", "vier \xE2\x82\xAC"};
    const int sum = i % 8 / 3 + (i * 37 % 60 > 40 ? 1 : 0);
    return kClasses[static_cast<std::size_t>(sum) % kClasses.size()];
  }

  /// As people write them; some are missing.
  static std::vector<std::string> row(int i) {
    return {
        i % 13 == 0 ? "NA" : fmt::format("{}.5", i * 7919 % 1000),
        fmt::format("{}e-2", i * 31 % 977),
        i % 11 == 0 ? "?" : level(i),
        level(i / 3),
        i % 7 == 0   ? ""
        : i % 2 == 0 ? "Yes"
                     : "no",
        fmt::format("{}", i % 5),
        fmt::format("city {}", i * 37 % 60),
        i % 9 == 0 ? "" : fmt::format("{}", i * 3 % 17),
        fmt::format("{}", (i * i) % 91),
        i % 10 == 0
            ? ""
            : fmt::format("{}-{:02}-{:02} {:02}:30", 1960 + i % 80, i % 12 + 1, i % 28 + 1, i % 24),
        fmt::format("{}", i % 2)};
  }

  static std::string quoted(const std::string& cell) {
    std::string text = "\"";
    for (const char c : cell)
      text.append(c == '"' ? 2 : 1, c);
    return text + '"';
  }

  static std::string csv() {
    std::string text;
    for (const std::string& name : names())
      text += quoted(name) + ",";
    text += "class\n";
    for (int i = 0; i < kRows; ++i) {
      for (const std::string& cell : row(i))
        text += quoted(cell) + ",";
      text += quoted(target(i)) + "\n";
    }
    return text;
  }

  /// The rows above, and rows of a kind that training never saw.
  static std::vector<RawRow> rows() {
    std::vector<RawRow> all;
    for (int i = 0; i < kRows; ++i) {
      RawRow row_now;
      const auto cells = row(i);
      for (std::size_t c = 0; c < cells.size(); ++c)
        row_now[names()[c]] = cells[c];
      if (i % 5 == 1) row_now["*/ #error"] = "never seen";
      if (i % 5 == 2) row_now["Age"] = "city never seen";
      if (i % 5 == 3) row_now["a \"quote\""] = i % 2 == 0 ? " TRUE\t" : "f";
      if (i % 17 == 4) row_now["int"] = i % 2 == 0 ? CellValue{"inf"} : CellValue{-1e301};
      if (i % 19 == 5) row_now["what?\?/"] = "  " + level(i) + "\t";
      if (i % 23 == 6) row_now["Age"] = "N/A";
      if (i % 29 == 7) row_now["1st /* day"] = "0001-01-01";
      all.push_back(std::move(row_now));
    }
    all.push_back({});
    return all;
  }
};

class CExport : public WorkerTest {
 protected:
  WorkTask final_task(const std::string& table, const std::string& target, Params params) {
    WorkTask task;
    task.dataset_path = table;
    task.target = target;
    task.kind = WorkKind::final;
    task.fixed_epochs = 20;
    task.params = std::move(params);
    task.artifact_path = folder_ / fmt::format("model-{}.zip", ++made_);
    return task;
  }

  /// Fits of all folds, then the final model that blends them, where `task` wants it.
  std::string bag(const std::vector<Params>& candidates, WorkTask task) {
    std::string path = task.artifact_path;
    task.split = split_of_bag({});
    task.epochs_max = 20;
    task.work_dir = folder_.path().string();
    bag_of(candidates, std::move(task), path);
    return path;
  }

  Predictions predicted(const std::string& artifact, const std::vector<RawRow>& rows) {
    Predictor predictor{io_.get_executor(), pools_, folder_ / "models"};
    auto said = finish(io_, predictor.predict(artifact, rows, MissingColumns::allow));
    EXPECT_TRUE(said) << said.error().detail;
    return said ? std::move(*said) : Predictions{};
  }

  /// With each compiler that is there.
  void expect_same(const std::string& path, const std::vector<RawRow>& rows, double most) {
    const auto artifact = open_artifact(path, folder_ / "opened");
    ASSERT_TRUE(artifact) << artifact.error().detail;
    const Compiled compiled{*artifact, folder_.path(), fmt::format("c{}", ++made_)};
    const Predictions here = predicted(path, rows);
    for (const std::string compiler : {"gcc-12", "clang-14"}) {
      if (!has_program(compiler)) continue;
      ASSERT_TRUE(compiled.compile(compiler)) << compiler;
      worst_ = std::max(worst_, compare(compiled.say(rows), here, most));
    }
    RecordProperty("worst", fmt::format("{:.3g}", worst_));
  }

  int made_ = 0;
  double worst_ = 0;
};

TEST_F(CExport, TreesSayTheSameNumbers) {
  for (const std::string scaling : {"robust", "standard", "quantile"}) {
    Params params = trees();
    params["encode.numbers"] = scaling;
    params["encode.target"] = std::string{scaling == "robust" ? "standard" : "log1p"};
    const WorkTask task = final_task(insurance_, "charges", params);
    run(task);
    expect_same(task.artifact_path, rows_of(insurance_), kTreesDiffer);
  }
}

TEST_F(CExport, TreesSayTheSameChances) {
  const WorkTask task = final_task(insurance_, "smoker", trees());
  run(task);
  expect_same(task.artifact_path, rows_of(insurance_), kTreesDiffer);
}

TEST_F(CExport, LinearModelsAndTheBaselineSayTheSame) {
  for (const Params& params : {linear(), Params{{"family", std::string{"baseline"}}}}) {
    for (const std::string target : {"charges", "smoker"}) {
      const WorkTask task = final_task(insurance_, target, params);
      run(task);
      expect_same(task.artifact_path, rows_of(insurance_), kNetworksDiffer);
    }
  }
}

TEST_F(CExport, NetworksSayTheSame) {
  for (const std::string target : {"charges", "smoker"}) {
    const WorkTask task = final_task(insurance_, target, network());
    run(task);
    expect_same(task.artifact_path, rows_of(insurance_), kNetworksDiffer);
  }
}

TEST_F(CExport, ABagSaysTheSameNumbersAndIntervals) {
  const auto path = bag({trees(), network(), linear()}, final_task(insurance_, "charges", trees()));
  EXPECT_GT(open_artifact(path, folder_ / "opened")->members.size(), kBagFolds);
  expect_same(path, rows_of(insurance_), kNetworksDiffer);
}

TEST_F(CExport, ABagOfTreesSaysTheSameNumbers) {
  const auto path = bag({trees()}, final_task(insurance_, "charges", trees()));
  expect_same(path, rows_of(insurance_), kTreesDiffer);
}

TEST_F(CExport, ABagSaysTheSameChancesAndLabels) {
  WorkTask task = final_task(insurance_, "smoker", network());
  task.metric = "f1";
  const auto path = bag({network(), linear()}, task);
  const auto artifact = open_artifact(path, folder_ / "opened");
  EXPECT_NE(artifact->finish.temperature, 1);
  expect_same(path, rows_of(insurance_), kNetworksDiffer);
}

TEST_F(CExport, SeveralClassesOfAHostileTableAreSaidTheSame) {
  write(folder_ / "hostile.csv", HostileTable::csv());
  Params embedded = network();
  embedded["encode.numbers"] = std::string{"quantile"};
  embedded["mlp.embedding"] = std::string{"periodic"};
  embedded["mlp.level_width"] = std::int64_t{16};
  embedded["mlp.members"] = std::int64_t{3};
  std::vector<std::string> types;
  for (const Params& params : {trees(), linear(), network(), embedded}) {
    const WorkTask task = final_task(folder_ / "hostile.csv", "class", params);
    run(task);
    const bool is_trees = params == trees();
    expect_same(
        task.artifact_path, HostileTable::rows(), is_trees ? kTreesDiffer : kNetworksDiffer);
    const auto artifact = open_artifact(task.artifact_path, folder_ / "opened");
    ASSERT_TRUE(artifact);
    const auto& features = artifact->encoders.front().features();
    ASSERT_EQ(features.size(), 11U) << "none of the columns is left out";
    EXPECT_TRUE(std::holds_alternative<DateCoding>(features[9].coding));
    EXPECT_TRUE(std::get<CategoryCoding>(features[4].coding).is_boolean);
    EXPECT_GT(std::get<CategoryCoding>(features[6].coding).statistics.width(), 0U);
    EXPECT_EQ(artifact->encoders.front().target().classes.size(), 4U);
  }
}

TEST_F(CExport, KeepsNoStateAndDoesNothingUndefined) {
  write(folder_ / "hostile.csv", HostileTable::csv());
  const WorkTask task = final_task(folder_ / "hostile.csv", "class", network());
  run(task);
  const auto artifact = open_artifact(task.artifact_path, folder_ / "opened");
  const Compiled compiled{*artifact, folder_.path(), "c"};
  ASSERT_TRUE(compiled.compile("gcc-12", fmt::format("{} -fno-pie -no-pie", kStrict)));
  const auto names = fmt::format("cd {} && nm model.o", compiled.folder().string());
  EXPECT_NE(shell(names + " | grep -q ' [bBdDC] '"), 0) << "nothing that changes";
  EXPECT_NE(shell(names + " | grep -q 'U .*alloc'"), 0);
  ASSERT_TRUE(compiled.compile(
      "gcc-12", fmt::format("{} -fsanitize=address,undefined -fno-sanitize-recover", kStrict)));
  compare(compiled.say(HostileTable::rows()),
          predicted(task.artifact_path, HostileTable::rows()),
          kNetworksDiffer);
}

TEST_F(CExport, TheSameArtifactGivesTheSameBytes) {
  const WorkTask task = final_task(insurance_, "charges", trees());
  run(task);
  const auto here = c_source(open_artifact(task.artifact_path, folder_ / "one").value());
  const auto there = c_source(open_artifact(task.artifact_path, folder_ / "two").value());
  ASSERT_TRUE(here);
  EXPECT_EQ(*here, *there);
}

}  // namespace
}  // namespace starling::ml
