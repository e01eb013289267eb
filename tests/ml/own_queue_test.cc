// What a node starts from its own queue, what it steals, and how the leader fills queues.
#include "ml/schedule/own_queue.h"

#include "ml/schedule/pruning.h"
#include "ml/schedule/scheduler.h"
#include "ml/schedule/trial_drawing.h"
#include "ml/study/state_keys.h"
#include "tests/ml/study_fixture.h"

#include <gmock/gmock.h>

#include <set>

namespace starling::ml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

NodeRoom room(std::uint8_t digit, std::uint32_t slots = 1, std::uint64_t memory_mb = 1000) {
  return {.id = node_of(digit), .slots = slots, .memory_budget_mb = memory_mb};
}

/// One study whose trials were predicted to need so many MB each.
Swarm swarm_of(const std::vector<std::uint64_t>& peaks) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  const auto count = static_cast<std::uint32_t>(peaks.size());
  swarm.create_study(count, count);
  for (std::uint32_t number = 0; number < count; ++number)
    swarm.run(QueueTrials{"s-1", {{number, default_params(), peaks[number], peaks[number]}}});
  return swarm;
}

void give(Swarm& swarm, std::uint32_t from, std::uint32_t until, std::uint8_t node) {
  for (std::uint32_t number = from; number < until; ++number)
    EXPECT_FALSE(swarm.move(number, {}, node_of(node)).error);
}

void add_study(Swarm& swarm, const std::string& id, std::int32_t priority) {
  StudySpec spec;
  spec.name = id;
  spec.dataset = "d-1";
  spec.trials = 6;
  spec.parallelism = 6;
  spec.priority = priority;
  EXPECT_FALSE(swarm.run(CreateStudy{id, spec}).error);
  QueueTrials queue{.study = id, .trials = {}};
  for (std::uint32_t number = 0; number < 6; ++number)
    queue.trials.push_back({number, default_params(), 10, 10});
  EXPECT_FALSE(swarm.run(queue).error);
  swarm.now_ms += 1;
}

std::vector<std::uint32_t> starts_of(const Swarm& swarm, const NodeRoom& self) {
  std::vector<std::uint32_t> numbers;
  for (const auto& start : own_starts(swarm.view, self)) {
    EXPECT_EQ(start.node, self.id);
    numbers.push_back(start.number);
  }
  return numbers;
}

template <class T>
std::vector<T> planned(const Swarm& swarm,
                       std::vector<NodeRoom> alive,
                       std::vector<NodeRoom> away = {},
                       bool knows_all = true) {
  std::vector<T> found;
  for (const auto& command : plan({.view = swarm.view,
                             .alive = std::move(alive),
                             .away = std::move(away),
                             .knows_all = knows_all,
                             .gone = {},
                             .now_ms = swarm.now_ms}))
    if (const auto* one = std::get_if<T>(&command)) found.push_back(*one);
  return found;
}

TEST(OwnQueue, StartsInOrderWhatItHasSlotsAndMemoryFor) {
  auto swarm = swarm_of({100, 700, 100, 100});
  give(swarm, 0, 3, 1);
  EXPECT_THAT(starts_of(swarm, room(1, 2)), ElementsAre(0U, 2U)) << "700 MB do not fit beside 100";
  EXPECT_THAT(starts_of(swarm, room(1, 1)), ElementsAre(0U));
  EXPECT_THAT(starts_of(swarm, room(2, 4)), ElementsAre()) << "nothing waits there";
}

TEST(OwnQueue, OfALoneNodeAdmitsUpToNineTenths) {
  auto swarm = swarm_of({900, 901});
  give(swarm, 0, 2, 1);
  EXPECT_THAT(starts_of(swarm, room(1, 2)), ElementsAre(0U));
}

TEST(OwnQueue, StartsNothingWhileMemoryIsShort) {
  auto swarm = swarm_of({100});
  give(swarm, 0, 1, 1);
  auto self = room(1);
  self.is_short = true;
  EXPECT_TRUE(own_starts(swarm.view, self).empty());
}

TEST(Stealing, TakesHalfOfWhatTheOtherCannotStartFromTheEndOfItsLine) {
  auto swarm = swarm_of({10, 10, 10, 10, 10, 10, 10});
  give(swarm, 0, 7, 1);
  Random random{1};
  const auto move = steal(swarm.view, room(2, 8), {room(1, 1)}, random);
  ASSERT_TRUE(move);
  ASSERT_EQ(move->items.size(), 3U) << "of seven it starts one; half of six";
  EXPECT_EQ(move->items[0].number, 6U);
  EXPECT_EQ(move->items[0].from, node_of(1));
  EXPECT_EQ(move->items[0].to, node_of(2));
  EXPECT_FALSE(swarm.run(*move).error);
  EXPECT_EQ(starts_of(swarm, room(2, 8)).size(), 3U);
}

TEST(Stealing, TakesOnlyWhatItCanHold) {
  auto swarm = swarm_of({100, 800, 200});
  give(swarm, 0, 3, 1);
  Random random{1};
  const auto move = steal(swarm.view, room(2, 4, 300), {room(1, 1)}, random);
  ASSERT_TRUE(move);
  ASSERT_EQ(move->items.size(), 1U);
  EXPECT_EQ(move->items[0].number, 2U);
}

TEST(Stealing, TakesWhatTheOtherHasASlotButNoMemoryFor) {
  auto swarm = swarm_of({700, 300});
  give(swarm, 0, 2, 1);
  swarm.start(0);
  Random random{1};
  const auto move = steal(swarm.view, room(2), {room(1, 2)}, random);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->items[0].number, 1U);
}

TEST(Stealing, LeavesAloneWhoCanStartAllItHas) {
  auto swarm = swarm_of({10, 10});
  give(swarm, 0, 2, 1);
  Random random{1};
  EXPECT_FALSE(steal(swarm.view, room(2), {room(1, 2)}, random));
  EXPECT_FALSE(steal(swarm.view, room(1), {room(1, 1)}, random)) << "from itself";
}

TEST(Stealing, IsNotForWhoIsBusyShortOrHasWorkOfItsOwn) {
  auto swarm = swarm_of({10, 10, 10, 10});
  give(swarm, 0, 3, 1);
  give(swarm, 3, 4, 2);
  Random random{1};
  EXPECT_FALSE(steal(swarm.view, room(2), {room(1)}, random)) << "trial 3 is its own";
  swarm.start(3, 2);
  EXPECT_FALSE(steal(swarm.view, room(2), {room(1)}, random)) << "its slot is taken";
  auto hungry = room(3);
  EXPECT_TRUE(steal(swarm.view, hungry, {room(1)}, random));
  hungry.is_short = true;
  EXPECT_FALSE(steal(swarm.view, hungry, {room(1)}, random));
}

TEST(Stealing, ChoosesTheFullerOfTwo) {
  auto swarm = swarm_of({10, 10, 10, 10, 10, 10, 10, 10});
  give(swarm, 0, 2, 1);
  give(swarm, 2, 8, 2);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random{seed};
    EXPECT_EQ(steal(swarm.view, room(3), {room(1), room(2)}, random)->items[0].from, node_of(2));
  }
}

TEST(Stealing, KeepsToRequiredLabels) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  StudySpec spec;
  spec.name = "t";
  spec.dataset = "d-1";
  spec.trials = 3;
  spec.required_labels = {{"gpu", "true"}};
  swarm.run(CreateStudy{"s-1", spec});
  for (std::uint32_t number = 0; number < 3; ++number)
    swarm.queue(number);
  EXPECT_TRUE(planned<MoveTrials>(swarm, {room(1)}).empty());
  EXPECT_TRUE(planned<RefuseTrial>(swarm, {room(1)}).empty()) << "a node may come that has it";
  auto able = room(2);
  able.labels = {{"gpu", "true"}};
  const auto moves = planned<MoveTrials>(swarm, {room(1), able});
  ASSERT_EQ(moves.size(), 1U);
  for (const auto& item : moves[0].items)
    EXPECT_EQ(item.to, node_of(2));
  swarm.run(moves[0]);
  Random random{1};
  EXPECT_FALSE(steal(swarm.view, room(1), {able}, random));
}

TEST(Leader, SpreadsTrialsAndKeepsOneQueuedForEachSlot) {
  auto swarm = swarm_of(std::vector<std::uint64_t>(8, 10));
  const auto moves = planned<MoveTrials>(swarm, {room(1), room(2), room(3, 2)});
  ASSERT_EQ(moves.size(), 1U);
  std::map<NodeId, int> count;
  for (const auto& item : moves[0].items)
    ++count[item.to];
  EXPECT_EQ(count[node_of(1)], 2);
  EXPECT_EQ(count[node_of(2)], 2);
  EXPECT_EQ(count[node_of(3)], 4);
}

TEST(Leader, TakesWhatWaitsAtANodeThatWorksNoMore) {
  auto swarm = swarm_of({10, 10});
  give(swarm, 0, 2, 1);
  const auto moves = planned<MoveTrials>(swarm, {room(2, 2)});
  ASSERT_EQ(moves.size(), 1U);
  EXPECT_EQ(moves[0].items.size(), 2U);
  EXPECT_EQ(moves[0].items[0].from, node_of(1));
  EXPECT_EQ(moves[0].items[0].to, node_of(2));
}

TEST(Leader, RoutesWhatRanOutOfMemoryToALargerNode) {
  auto swarm = swarm_of({400});
  give(swarm, 0, 1, 1);
  EXPECT_FALSE(swarm.lack_memory(0, swarm.start(0, 1)).error);  // now 600 MB
  const auto moves = planned<MoveTrials>(swarm, {room(1, 4, 512), room(2, 1, 2000)});
  ASSERT_EQ(moves.size(), 1U);
  EXPECT_EQ(moves[0].items[0].to, node_of(2));
}

TEST(Leader, RefusesNothingThatANodeWhoMayComeBackCouldHold) {
  auto swarm = swarm_of({1500});
  EXPECT_TRUE(planned<RefuseTrial>(swarm, {room(1)}, {room(2, 1, 2000)}).empty());
  const auto refused = planned<RefuseTrial>(swarm, {room(1)});
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_THAT(refused[0].reason, testing::AllOf(HasSubstr("1500 MB"), HasSubstr("900 MB")));
}

TEST(Leader, RefusesNothingBeforeItHasMetAllMembers) {
  auto swarm = swarm_of({1500});
  EXPECT_TRUE(planned<RefuseTrial>(swarm, {room(1)}, {}, false).empty());
}

TEST(Leader, GivesACrashedTrialToAnotherNode) {
  auto swarm = swarm_of({10});
  EXPECT_FALSE(swarm.crash(0, swarm.start(0, 2)).error);
  const auto moves = planned<MoveTrials>(swarm, {room(1), room(2, 4, 9000)});
  EXPECT_EQ(moves.at(0).items.at(0).to, node_of(1));
  EXPECT_EQ(planned<MoveTrials>(swarm, {room(2)}).at(0).items.at(0).to, node_of(2)) << "no other";
}

TEST(Leader, TakesWhatWaitsAtANodeThatLostItsLabel) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  StudySpec spec;
  spec.name = "t";
  spec.dataset = "d-1";
  spec.trials = 1;
  spec.required_labels = {{"gpu", "true"}};
  swarm.run(CreateStudy{"s-1", spec});
  swarm.queue(0);
  give(swarm, 0, 1, 1);
  auto able = room(2);
  able.labels = {{"gpu", "true"}};
  EXPECT_EQ(planned<MoveTrials>(swarm, {room(1), able}).at(0).items.at(0).to, node_of(2));
}

TEST(Leader, AFinalThatRanOutOfMemoryGetsHalfAsMuchAgain) {
  auto swarm = swarm_of({100});
  swarm.finish(0, swarm.start(0), 1);
  const auto first = planned<StartFinal>(swarm, {room(1)});
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].need_mb, 125U);
  const auto token = swarm.run(first[0]).number;
  FinishFinal lack{"s-1", token, std::nullopt, true, "out of memory", AttemptEnd::out_of_memory};
  EXPECT_FALSE(swarm.run(lack).error);
  EXPECT_EQ(planned<StartFinal>(swarm, {room(1)}).at(0).need_mb, 188U);
}

TEST(OwnQueue, MakesRoomForAFinalThatWaits) {
  auto swarm = swarm_of({100});
  swarm.finish(0, swarm.start(0), 1);
  add_study(swarm, "s-2", 0);
  EXPECT_FALSE(swarm.run(StartTrial{"s-2", 0, node_of(1)}).error);
  EXPECT_FALSE(swarm.run(MoveTrials{{{"s-2", 1, {}, node_of(1)}}, ""}).error);
  EXPECT_TRUE(own_starts(swarm.view, room(1)).empty()) << "its slot is taken anyway";
  EXPECT_TRUE(own_starts(swarm.view, room(1, 2, 150)).empty()) << "the final needs 125 MB";
  EXPECT_EQ(own_starts(swarm.view, room(1, 3, 1000)).size(), 1U) << "there is room for both";
}

TEST(OwnQueue, StartsNoOtherStudysTrialBeforeAnEarlierOneThatWaitsForMemory) {
  auto swarm = swarm_of({100, 800, 100});
  add_study(swarm, "s-2", -1);
  give(swarm, 0, 3, 1);
  swarm.start(0);
  EXPECT_FALSE(swarm.run(MoveTrials{{{"s-2", 0, {}, node_of(1)}}, ""}).error);
  const auto starts = own_starts(swarm.view, room(1, 4));
  ASSERT_EQ(starts.size(), 1U);
  EXPECT_EQ(starts[0].study, "s-1");
  EXPECT_EQ(starts[0].number, 2U) << "of the same study a smaller one may";
}

TEST(Leader, PrefersTheNodeThatMayHaveACheckpoint) {
  auto swarm = swarm_of({10});
  for (std::uint8_t last = 1; last <= 3; ++last) {
    const auto token = swarm.start(0, last);
    EXPECT_FALSE(swarm.run(ExpireAttempts{{{"s-1", 0, token}}, "gone"}).error);
    const auto moves = planned<MoveTrials>(swarm, {room(1), room(2), room(3)});
    EXPECT_EQ(moves.at(0).items.at(0).to, node_of(last));
  }
}

std::map<std::string, int> given_to(const Swarm& swarm, std::uint32_t slots) {
  std::map<std::string, int> count;
  for (const auto& move : planned<MoveTrials>(swarm, {room(1, slots)}))
    for (const auto& item : move.items)
      ++count[item.study];
  return count;
}

TEST(FairShare, EqualStudiesGetEquallyMany) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  add_study(swarm, "s-old", 0);
  add_study(swarm, "s-new", 0);
  auto given = given_to(swarm, 3);
  EXPECT_EQ(given["s-old"], 3);
  EXPECT_EQ(given["s-new"], 3);
}

TEST(FairShare, ANewStudyCatchesUpWithOneThatHoldsEverySlot) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  add_study(swarm, "s-old", 0);
  for (std::uint32_t number = 0; number < 2; ++number)
    EXPECT_FALSE(swarm.run(StartTrial{"s-old", number, node_of(1)}).error);
  add_study(swarm, "s-new", 0);
  auto given = given_to(swarm, 2);
  EXPECT_EQ(given["s-new"], 2);
  EXPECT_EQ(given["s-old"], 0);
}

TEST(FairShare, PriorityGoesFirstAndPausedStudiesNotAtAll) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  add_study(swarm, "s-old", 0);
  add_study(swarm, "s-first", 3);
  add_study(swarm, "s-paused", 9);
  EXPECT_FALSE(swarm.run(PauseStudy{"s-paused", true}).error);
  auto given = given_to(swarm, 4);
  EXPECT_EQ(given["s-first"], 6);
  EXPECT_EQ(given["s-old"], 2);
  EXPECT_EQ(given["s-paused"], 0);
}

Trial used(const char* family, std::uint64_t estimate_mb, std::uint64_t peak_mb) {
  Trial trial;
  trial.state = TrialState::completed;
  trial.params = {{"family", std::string{family}}};
  trial.estimate_mb = estimate_mb;
  trial.peak_mb = peak_mb;
  return trial;
}

TEST(MemoryLesson, CorrectsByTheMostThatAFamilyUsedOnceItKnowsEnough) {
  std::vector<Trial> trials{used("mlp", 100, 150), used("mlp", 100, 120)};
  const Params network{{"family", std::string{"mlp"}}};
  EXPECT_EQ(MemoryLesson{trials}.corrected(network, 200), 200U) << "two say too little";
  trials.push_back(used("mlp", 50, 60));
  EXPECT_EQ(MemoryLesson{trials}.corrected(network, 200), 300U);
  EXPECT_EQ(MemoryLesson{trials}.corrected(Params{}, 200), 300U) << "a network if not said";
  const Params trees{{"family", std::string{"xgboost"}}};
  EXPECT_EQ(MemoryLesson{trials}.corrected(trees, 200), 200U) << "another family";
}

TEST(MemoryLesson, KeepsToItsLimits) {
  const Params network;
  const std::vector<Trial> little(3, used("mlp", 100, 10));
  EXPECT_EQ(MemoryLesson{little}.corrected(network, 100), 75U);
  const std::vector<Trial> much(3, used("mlp", 10, 1000));
  EXPECT_EQ(MemoryLesson{much}.corrected(network, 100), 400U);
}

/// Trials that completed with so much at their first rung, then one that waits.
Swarm pruning_swarm(const std::vector<double>& values, std::uint32_t parallelism) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  StudySpec spec;
  spec.name = "t";
  spec.dataset = "d-1";
  spec.metric = "rmse";
  spec.trials = 100;
  spec.parallelism = parallelism;
  spec.pruner = Pruner::asha;
  EXPECT_FALSE(swarm.run(CreateStudy{"s-1", spec}).error);
  for (std::uint32_t number = 0; number < values.size(); ++number) {
    swarm.queue(number);
    FinishTrial finish;
    finish.study = "s-1";
    finish.number = number;
    finish.token = swarm.start(number);
    finish.value = values[number];
    finish.rungs = {values[number]};
    EXPECT_FALSE(swarm.run(finish).error);
  }
  swarm.queue(static_cast<std::uint32_t>(values.size()));
  return swarm;
}

TEST(Pruning, ComparesWithTheTrialsThatTheParametersCameFrom) {
  const std::vector<double> values{8, 7, 6, 5, 4, 3, 2, 1};
  const auto cutoff = [&](std::uint32_t parallelism) {
    const auto swarm = pruning_swarm(values, parallelism);
    return rung_cutoffs(swarm.view, swarm.study(), 8);
  };
  EXPECT_EQ(cutoff(1), std::vector<std::optional<double>>{2}) << "two of nine go on";
  EXPECT_EQ(cutoff(3), std::vector<std::optional<double>>{3}) << "of trials 0 to 5: one of seven";
  EXPECT_TRUE(cutoff(5).empty()) << "four completed trials say too little";
}

TEST(Pruning, DoesNotCompareWithWhatBreaksALimit) {
  const auto swarm = pruning_swarm({8, 7, 6, 5, 4, 3, 2, 1}, 1);
  Study study = swarm.study();
  const auto all = rung_cutoffs(swarm.view, study, 8);
  study.spec.constraints.model_mb = 1;
  EXPECT_EQ(rung_cutoffs(swarm.view, study, 8), all) << "nothing was measured";
  MapView with_costs = swarm.view;
  Changes changes;
  for (const std::uint32_t number : {6U, 7U}) {  // the best two
    Trial trial = swarm.trial(number);
    trial.cost = {.bytes = 2'000'000, .predict_ms = 1};
    changes.put(keys::trial("s-1", number), encode(trial));
  }
  with_costs.commit(changes);
  EXPECT_EQ(rung_cutoffs(with_costs, study, 8), std::vector<std::optional<double>>{3})
      << "one of seven goes on";
}

TEST(Pruning, IsWithinAFamily) {
  auto swarm = pruning_swarm({8, 7, 6, 5, 4, 3}, 1);
  const Params trees{{"family", std::string{"xgboost"}}};
  swarm.run(QueueTrials{"s-1", {{7, trees, 1, 1}}});
  EXPECT_EQ(rung_cutoffs(swarm.view, swarm.study(), 6).size(), 1U);
  EXPECT_TRUE(rung_cutoffs(swarm.view, swarm.study(), 7).empty());
}

TEST(Pruning, IsForStudiesThatAskForIt) {
  const auto swarm = pruning_swarm({8, 7, 6, 5, 4, 3}, 1);
  Study study = swarm.study();
  study.spec.pruner = Pruner::none;
  EXPECT_TRUE(rung_cutoffs(swarm.view, study, 6).empty());
}

TEST(Pruning, APrunedTrialIsFinalWithItsValueAndNeverTheBest) {
  auto swarm = pruning_swarm({8}, 1);
  FinishTrial pruned;
  pruned.study = "s-1";
  pruned.number = 1;
  pruned.token = swarm.start(1);
  pruned.state = TrialState::pruned;
  pruned.value = 1;
  EXPECT_FALSE(swarm.run(pruned).error);
  EXPECT_EQ(swarm.trial(1).state, TrialState::pruned);
  EXPECT_EQ(swarm.trial(1).value, 1);
  EXPECT_EQ(swarm.study().best_number, 0U);
}

}  // namespace
}  // namespace starling::ml
