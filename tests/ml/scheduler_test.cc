// What the leader would do next, from the state alone.
#include "ml/schedule/scheduler.h"

#include "ml/schedule/trial_memory.h"
#include "ml/search/named_spaces.h"
#include "node/base/random.h"
#include "tests/ml/study_fixture.h"

#include <gmock/gmock.h>

namespace starling::ml {
namespace {

NodeRoom room(std::uint8_t digit, std::uint32_t slots = 1, std::uint64_t memory_mb = 1000) {
  return {.id = node_of(digit), .slots = slots, .memory_budget_mb = memory_mb};
}

std::vector<CommandBody> plan_for(const Swarm& swarm,
                                  std::vector<NodeRoom> alive,
                                  std::vector<NodeId> gone = {}) {
  return plan({.view = swarm.view,
               .alive = std::move(alive),
               .away = {},
               .knows_all = true,
               .gone = std::move(gone),
               .now_ms = swarm.now_ms});
}

template <class T>
std::vector<T> only(const std::vector<CommandBody>& commands) {
  std::vector<T> found;
  for (const auto& command : commands) {
    if (const auto* one = std::get_if<T>(&command)) found.push_back(*one);
  }
  return found;
}

TEST(Drawing, KeepsToTheParallelismOfTheSpec) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(10, 3);
  const auto drawn = only<QueueTrials>(plan_for(swarm, {room(1, 8)}));
  ASSERT_EQ(drawn.size(), 1U);
  EXPECT_EQ(drawn[0].trials.size(), 3U);
  swarm.run(drawn[0]);
  EXPECT_TRUE(only<QueueTrials>(plan_for(swarm, {room(1, 8)})).empty());
}

/// What the fourteenth trial is, after thirteen of which those with odd numbers cost so much, the
/// others next to nothing.
Params drawn_after(const ModelCost& cost) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  StudySpec spec = spec_of(20, 1);
  spec.constraints.model_mb = 1;
  EXPECT_FALSE(swarm.run(CreateStudy{"s-1", spec}).error);
  for (std::uint32_t number = 0; number < 13; ++number) {
    swarm.run(only<QueueTrials>(plan_for(swarm, {room(1)}))[0]);
    FinishTrial word;
    word.study = "s-1";
    word.number = number;
    word.token = swarm.start(number);
    word.value = number % 2 == 1 ? 1.0 : 2.0 + number;
    word.cost = number % 2 == 1 ? cost : ModelCost{.bytes = 1000, .predict_ms = 0.1};
    EXPECT_FALSE(swarm.run(std::move(word)).error);
  }
  return only<QueueTrials>(plan_for(swarm, {room(1)}))[0].trials[0].params;
}

TEST(Drawing, LearnsFromWhatModelsCost) {
  const Params unlimited = drawn_after({.bytes = 1000, .predict_ms = 0.1});
  EXPECT_EQ(drawn_after({.bytes = 900'000, .predict_ms = 9}), unlimited) << "it keeps to its limit";
  EXPECT_NE(drawn_after({.bytes = 1'100'000, .predict_ms = 0.1}), unlimited);
  EXPECT_NE(drawn_after({}), unlimited) << "what was not measured is behind";
}

TEST(Drawing, WaitsForTheOldestOpenTrialSoThatOrderOfFinishingDoesNotMatter) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(10, 2);
  swarm.queue(0);
  swarm.queue(1);
  const auto first = swarm.start(0);
  swarm.finish(1, swarm.start(1), 1.0);
  EXPECT_TRUE(only<QueueTrials>(plan_for(swarm, {room(1, 8)})).empty()) << "trial 0 is open";
  swarm.finish(0, first, 2.0);
  EXPECT_EQ(only<QueueTrials>(plan_for(swarm, {room(1, 8)}))[0].trials.size(), 2U);
}

TEST(Starting, SpreadsOverTheNodesWithTheMostFreeSlots) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(3, 3);
  for (std::uint32_t number = 0; number < 3; ++number)
    swarm.queue(number);
  std::set<NodeId> used;
  for (const auto& start : only<StartTrial>(plan_for(swarm, {room(1), room(2), room(3)})))
    used.insert(start.node);
  EXPECT_EQ(used.size(), 3U);
}

TEST(Starting, LeavesTrialsQueuedWhenSlotsOrMemoryAreFull) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(3, 3);
  swarm.run(QueueTrials{"s-1", {{0, {}, 300}, {1, {}, 300}, {2, {}, 300}}});
  EXPECT_EQ(only<StartTrial>(plan_for(swarm, {room(1, 2)})).size(), 2U) << "two slots";
  EXPECT_EQ(only<StartTrial>(plan_for(swarm, {room(1, 8, 900)})).size(), 2U) << "0.75 of 900 MB";
}

TEST(Starting, EndsWhatNoNodeCanEverHoldAsInfeasibleWithTheNumbers) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(1, 1);
  swarm.run(QueueTrials{"s-1", {{0, {}, 5000}}});
  const auto refused = only<RefuseTrial>(plan_for(swarm, {room(1), room(2)}));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_THAT(refused[0].reason, testing::HasSubstr("5000 MB"));
  swarm.run(refused[0]);
  EXPECT_EQ(swarm.trial(0).state, TrialState::infeasible);
}

TEST(TakingBack, ExpiresWhatRunsOnDeadNodesOnly) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(2, 2);
  swarm.queue(0);
  swarm.queue(1);
  const auto token = swarm.start(0, 1);
  swarm.start(1, 2);
  const auto expired = only<ExpireAttempts>(plan_for(swarm, {room(2)}, {node_of(1)}));
  ASSERT_EQ(expired.size(), 1U);
  ASSERT_EQ(expired[0].items.size(), 1U);
  EXPECT_EQ(expired[0].items[0].token, token);
}

TEST(TimeLimit, StopsTheSearchAndFinishes) {
  Swarm swarm;
  swarm.add_dataset();
  StudySpec spec;
  spec.name = "t";
  spec.dataset = "d-1";
  spec.trials = 5;
  spec.time_limit_s = 10;
  spec.search_space_json = to_json(default_space());
  swarm.run(CreateStudy{"s-1", spec});
  swarm.queue(0);
  swarm.now_ms += 10'000;
  const auto stops = only<StopStudy>(plan_for(swarm, {room(1)}));
  ASSERT_EQ(stops.size(), 1U);
  EXPECT_TRUE(stops[0].then_finish);
}

/// Runs a whole study under a random schedule of nodes that die and crash; returns its parameters.
std::vector<std::string> run_study(std::uint64_t seed, bool with_faults) {
  Random random{seed};
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(12, 3);
  for (int round = 0; round < 500 && !has_ended(swarm.study().status); ++round) {
    for (auto& command :
         plan_for(swarm,
                  {room(1), room(2), room(3)},
                  with_faults && random.chance(0.2) ? std::vector<NodeId>{node_of(1)}
                                                    : std::vector<NodeId>{}))
      swarm.run(command);
    for (const auto& trial : list_trials(swarm.view, "s-1")) {
      if (trial.state != TrialState::running || random.chance(0.5)) continue;
      const double loss = static_cast<double>(trial.number % 5) + 1;
      // A crash at most once a trial, so that none runs out of attempts.
      if (with_faults && trial.attempts == 1 && random.chance(0.1))
        swarm.crash(trial.number, trial.current.token);
      else
        swarm.finish(trial.number, trial.current.token, loss);
    }
    const auto job = swarm.study().final_job;
    if (job.state == FinalState::running)
      swarm.run(FinishFinal{"s-1", job.current.token, FinalResult{}, false, ""});
  }
  EXPECT_EQ(swarm.study().counts.final_count(), 12U) << "seed " << seed;
  std::vector<std::string> params;
  for (const auto& trial : list_trials(swarm.view, "s-1")) {
    if (trial.state != TrialState::completed) return {};  // its value is part of the search
    std::string text;
    for (const auto& [name, value] : trial.params)
      text += name + "=" + to_text(value) + " ";
    params.push_back(text);
  }
  return params;
}

TEST(WholeStudy, EndsWithExactlyNTrialsAndTheSameParametersWhateverDies) {
  const auto calm = run_study(1, false);
  ASSERT_EQ(calm.size(), 12U);
  int compared = 0;
  for (std::uint64_t seed = 2; seed < 40; ++seed) {
    const auto params = run_study(seed, true);
    if (params.empty()) continue;
    ++compared;
    EXPECT_EQ(params, calm) << "seed " << seed;
  }
  EXPECT_GT(compared, 10);
}

TEST(PredictedPeak, GrowsWithTheNetwork) {
  Params small = default_params();
  Params large = small;
  large["mlp.width"] = std::int64_t{256};
  large["mlp.n_layers"] = std::int64_t{4};
  const TrialSize few{.rows = 1000, .features = {{0, 10, false, 10}}};
  const TrialSize many{.rows = 1'000'000, .features = {{0, 50, false, 50}}};
  EXPECT_LT(predicted_peak_mb(small, few), predicted_peak_mb(large, few));
  EXPECT_LT(predicted_peak_mb(large, few), 16U);
  EXPECT_LT(predicted_peak_mb(large, few), predicted_peak_mb(large, many));
  EXPECT_LT(predicted_peak_mb(large, many), 512U * 3 / 4);
  EXPECT_LT(predicted_peak_mb(large, many), 850'000U * 50 * 4 / 1'000'000)
      << "so many rows lie in a file";
  const TrialSize most{.rows = 400'000, .features = many.features};
  EXPECT_GT(predicted_peak_mb(large, most), 340'000U * 46 * 4 / 1'000'000)
      << "and so many in memory";
  Params ensemble = small;
  ensemble["mlp.members"] = std::int64_t{32};
  ensemble["mlp.embedding"] = std::string{"periodic"};
  ensemble["mlp.norm"] = std::string{"batch"};
  EXPECT_GT(predicted_peak_mb(ensemble, few), predicted_peak_mb(small, few) + 5);
}

}  // namespace
}  // namespace starling::ml
