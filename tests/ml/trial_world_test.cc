// Whole studies in a world of faults: exactly N trials, one accepted result each, no node above
// what it may hold, the same search whatever died.
#include "tests/ml/trial_world.h"

#include <gmock/gmock.h>

namespace starling::ml {
namespace {

constexpr int kSteps = 20'000;
constexpr std::uint64_t kSeeds = 150;

WorldEnd calm_search(std::vector<NodeRoom> rooms) {
  auto end = TrialWorld{1, {.rooms = std::move(rooms), .has_faults = false}}.run(kSteps);
  EXPECT_THAT(faults_of(end, end), testing::IsEmpty());
  EXPECT_EQ(end.study.counts.completed, 20U);
  return end;
}

TEST(TrialWorld, EndsWithExactlyNTrialsAndOneResultEachWhateverDies) {
  const auto calm = calm_search(five_nodes());
  int stolen = 0;
  int moved = 0;
  int lost_nodes = 0;
  int memory_kills = 0;
  int late_results = 0;
  int late_commands = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto end = TrialWorld{seed, {.rooms = five_nodes()}}.run(kSteps);
    EXPECT_THAT(faults_of(end, calm), testing::IsEmpty()) << "seed " << seed;
    stolen += end.stolen;
    moved += end.moved;
    lost_nodes += end.lost_nodes;
    memory_kills += end.memory_kills;
    late_results += end.late_results;
    late_commands += end.late_commands;
  }
  // A world in which nothing happens would prove nothing.
  EXPECT_GT(stolen, 50);
  EXPECT_GT(moved, 50);
  EXPECT_GT(lost_nodes, 100);
  EXPECT_GT(memory_kills, 100);
  EXPECT_GT(late_results, 10);
  EXPECT_GT(late_commands, 100);
}

TEST(TrialWorld, PrunesTheSameTrialsWhateverDies) {
  const auto calm = TrialWorld{1, with_pruner(five_nodes(), false)}.run(kSteps);
  EXPECT_THAT(faults_of(calm, calm), testing::IsEmpty());
  EXPECT_GT(calm.study.counts.pruned, 5U);
  EXPECT_GE(calm.study.counts.completed, 5U);
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const auto end = TrialWorld{seed, with_pruner(five_nodes(), true)}.run(kSteps);
    EXPECT_THAT(faults_of(end, calm), testing::IsEmpty()) << "seed " << seed;
  }
}

TEST(TrialWorld, BagsAreMadeOfOneResultOfEachFitWhateverDies) {
  const auto with_bag = [](bool has_faults) {
    return WorldOptions{
        .rooms = five_nodes(), .has_faults = has_faults, .final_model = FinalModel::bag};
  };
  const auto calm = TrialWorld{1, with_bag(false)}.run(kSteps);
  EXPECT_THAT(faults_of(calm, calm), testing::IsEmpty());
  const auto fits = std::ranges::count_if(
      calm.accepted, [](const auto& one) { return one.first >= kFitsFrom && one.second == 1; });
  EXPECT_EQ(fits, 15) << "of the three best networks, five folds each";
  int lost_nodes = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto end = TrialWorld{seed, with_bag(true)}.run(kSteps);
    EXPECT_THAT(faults_of(end, calm), testing::IsEmpty()) << "seed " << seed;
    lost_nodes += end.lost_nodes;
  }
  EXPECT_GT(lost_nodes, 60);
}

TEST(TrialWorld, SearchesTheSameOnOneNodeAndOnFive) {
  const std::vector<NodeRoom> one{{.id = node_of(1), .slots = 2, .memory_budget_mb = 500}};
  EXPECT_THAT(faults_of(calm_search(one), calm_search(five_nodes())), testing::IsEmpty());
}

TEST(TrialWorld, LargeTrialsEndOnTheLargeNodeAndSayWhy) {
  std::vector<NodeRoom> rooms{{.id = node_of(1), .slots = 2, .memory_budget_mb = 5},
                              {.id = node_of(2), .slots = 1, .memory_budget_mb = 400}};
  int moved = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto end = TrialWorld{seed, {.rooms = rooms, .has_faults = false}}.run(kSteps);
    ASSERT_EQ(end.study.status, StudyStatus::completed) << "seed " << seed;
    EXPECT_THAT(end.broken, testing::IsEmpty()) << "seed " << seed;
    for (const Trial& trial : end.trials) {
      if (trial.ends.out_of_memory == 0) continue;
      EXPECT_GT(trial.predicted_peak_mb, trial.estimate_mb);
      EXPECT_EQ(trial.past.back().end, AttemptEnd::out_of_memory);
      const bool fits_small = trial.predicted_peak_mb <= 5 * 9 / 10;
      if (fits_small) continue;
      EXPECT_EQ(trial.current.node, node_of(2)) << trial.predicted_peak_mb;
      ++moved;
    }
  }
  EXPECT_GT(moved, 20);
}

}  // namespace
}  // namespace starling::ml
