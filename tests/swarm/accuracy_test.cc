// The whole product on real data: what a study is worth on rows it has never seen.
#include "tests/swarm/process_swarm.h"

#include <gtest/gtest.h>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;

double mean_accuracy(const std::string& file, const std::string& target) {
  const std::filesystem::path csv = std::filesystem::path{STARLING_SHARED_DIR} / "data" / file;
  EXPECT_TRUE(std::filesystem::exists(csv)) << csv;
  ProcessSwarm swarm{1, 2};
  auto client = swarm.client(0);
  double sum = 0;
  constexpr int kSeeds = 5;
  Json dataset;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    Json request{{"target", target}, {"trials", 20}, {"seed", seed}};
    if (!dataset.is_null()) request["dataset"] = dataset;
    const auto id = swarm.start_study(client, csv, request);
    const auto study = swarm.wait_for_study(client, id, 120s);
    EXPECT_EQ(study["status"], "completed") << study.dump(1);
    if (study["status"] != "completed") return 0;
    dataset = study["dataset"];
    const double accuracy = study["result"]["test"]["accuracy"].get<double>();
    std::printf("%s seed=%d test_accuracy=%.4f\n", file.c_str(), seed, accuracy);
    sum += accuracy;
  }
  std::printf("%s mean_test_accuracy=%.4f\n", file.c_str(), sum / kSeeds);
  return sum / kSeeds;
}

TEST(Accuracy, TitanicSurvival) {
  EXPECT_GE(mean_accuracy("titanic/titanic.csv", "Survived"), 0.77);
}

TEST(Accuracy, PenguinSpecies) {
  EXPECT_GE(mean_accuracy("penguins/penguins.csv", "species"), 0.95);
}

}  // namespace
}  // namespace starling::tests
