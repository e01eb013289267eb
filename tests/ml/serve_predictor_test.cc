// Predictions through a worker child that adds up what it is given.
#include "ml/serve/artifact.h"
#include "ml/serve/predictor.h"
#include "ml/table/encoder_json.h"
#include "tests/ml/train_pool_support.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>

namespace starling::ml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PredictorTest : public testing::Test {
 protected:
  /// An artifact with one number column "n" (encoded near itself) and one category "c".
  std::string artifact(const std::string& name, TargetCoding target, double factor = 1e-3) {
    NumberCoding number;
    number.factor = factor;
    CategoryCoding category;
    category.levels = {"a", "b"};
    const std::string outputs = std::to_string(std::max<std::size_t>(1, target.classes.size()));
    const Encoder encoder{{{"n", number}, {"c", category}}, std::move(target)};
    const std::string model = folder_ / (name + ".model");
    std::ofstream(model) << outputs;
    const auto written =
        write_artifact(folder_ / name, {{{model, to_json(encoder)}}, "{}", "{}" + name});
    EXPECT_TRUE(written);
    return folder_ / name;
  }

  Result<Predictions> ask(const std::string& path,
                          std::string_view rows,
                          MissingColumns missing = MissingColumns::refuse) {
    return finish(io_, predictor_.predict(path, rows_from_json(rows).value(), missing));
  }

  ScratchFolder folder_;
  asio::io_context io_;
  WorkerPools pools_{io_.get_executor(), STARLING_FAKE_WORKER};
  WorkerPool& pool_ = pools_.torch();  // who is asked about what the own engine did not write
  Predictor predictor_{io_.get_executor(), pools_, folder_ / "models"};
  const TargetCoding number_{"y", TaskKind::regression, {}, 0, 1};
  const TargetCoding classes_{"y", TaskKind::binary, {"no", "yes"}, 0, 1};
};

TEST_F(PredictorTest, NumbersComeBackInOrder) {
  const auto said = ask(artifact("m.zip", number_), R"([{"n":0,"c":"a"},{"n":100,"c":"b"}])");
  ASSERT_TRUE(said) << said.error().detail;
  ASSERT_EQ(said->values.size(), 2U);
  EXPECT_NEAR(said->values[0], 1, 1e-6);
  EXPECT_NEAR(said->values[1], 1.1, 1e-3);
}

TEST_F(PredictorTest, ClassesComeWithTheirProbabilities) {
  const auto said = ask(artifact("m.zip", classes_), R"([{"n":5,"c":"a"},{"n":-9,"c":null}])");
  ASSERT_TRUE(said) << said.error().detail;
  EXPECT_THAT(said->labels, ElementsAre("yes", "no"));
  EXPECT_THAT(said->classes, ElementsAre("no", "yes"));
  EXPECT_THAT(said->probabilities, ElementsAre(ElementsAre(0, 1), ElementsAre(1, 0)));
}

TEST_F(PredictorTest, OddRowsAreWarnedAboutOrRefused) {
  const auto path = artifact("m.zip", number_);
  const auto warned = ask(path, R"([{"n":1,"c":"a"},{"n":1,"c":"mars"}])");
  ASSERT_TRUE(warned);
  EXPECT_THAT(warned->warnings, ElementsAre(PredictWarning{1, "c", "unknown_category"}));
  const auto text = ask(path, R"([{"n":"old","c":"a"}])");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().detail, "row 0, column \"n\": \"old\" is not a number");
  EXPECT_FALSE(ask(path, R"([{"c":"a"}])"));
  EXPECT_TRUE(ask(path, R"([{"c":"a"}])", MissingColumns::allow));
  EXPECT_TRUE(ask(path, "[]")->values.empty());
}

TEST_F(PredictorTest, ManyRowsGoInPieces) {
  std::string rows = "[";
  for (int i = 0; i < 400'000; ++i)
    rows += fmt::format("{}{{\"n\":{},\"c\":\"a\"}}", i ? "," : "", i % 7);
  const auto said = ask(artifact("m.zip", number_), rows + "]");
  ASSERT_TRUE(said) << said.error().detail;
  ASSERT_EQ(said->values.size(), 400'000U);
  for (std::size_t i = 0; i < said->values.size(); ++i) {
    ASSERT_NEAR(said->values[i], 1 + static_cast<double>(i % 7) / 1000, 1e-4) << i;
  }
}

TEST_F(PredictorTest, AServerThatDiedIsStartedAgain) {
  const auto path = artifact("m.zip", number_);
  ASSERT_TRUE(ask(path, R"([{"n":1,"c":"a"}])"));
  ::kill(static_cast<pid_t>(pool_.program_pid().value()), SIGKILL);
  // The children die a moment after their parent; until then one of them may still answer.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (pool_.starts() < 2 && std::chrono::steady_clock::now() < deadline)
    ASSERT_TRUE(ask(path, R"([{"n":1,"c":"a"}])"));
  EXPECT_EQ(pool_.starts(), 2U);
}

TEST_F(PredictorTest, MoreArtifactsThanAreKeptAllAnswer) {
  std::vector<std::string> paths;
  for (int i = 0; i < 6; ++i)
    paths.push_back(artifact(fmt::format("m{}.zip", i), number_));
  for (int round = 0; round < 2; ++round) {
    for (const auto& path : paths)
      EXPECT_TRUE(ask(path, R"([{"n":1,"c":"a"}])")) << path;
  }
}

TEST_F(PredictorTest, CallsThatOverlapAreAllAnswered) {
  const auto path = artifact("m.zip", number_);
  std::vector<double> said;
  for (int i = 0; i < 10; ++i) {
    const auto json = fmt::format(R"([{{"n":{},"c":"a"}}])", i);
    auto asked = predictor_.predict(path, rows_from_json(json).value(), MissingColumns::refuse);
    asio::co_spawn(io_, std::move(asked), [&](std::exception_ptr, Result<Predictions> result) {
      said.push_back(result.value().values.at(0));
    });
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (said.size() < 10 && std::chrono::steady_clock::now() < deadline) {
    io_.run_one_for(std::chrono::seconds(1));
  }
  ASSERT_EQ(said.size(), 10U);
  std::sort(said.begin(), said.end());
  for (std::size_t i = 0; i < 10; ++i)
    EXPECT_NEAR(said[i], 1 + static_cast<double>(i) / 1000, 1e-5);
}

TEST_F(PredictorTest, AnArtifactThatIsNotThereIsNamed) {
  const auto said = ask(folder_ / "gone.zip", "[]");
  ASSERT_FALSE(said);
  EXPECT_THAT(said.error().detail, HasSubstr("gone.zip"));
}

}  // namespace
}  // namespace starling::ml
