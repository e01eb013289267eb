// How attempts end and begin again, whose queue a trial waits in, and how a study is paused and
// extended.
#include "ml/study/trial_rules.h"

#include "tests/ml/study_fixture.h"

#include <gmock/gmock.h>

namespace starling::ml {
namespace {

using testing::HasSubstr;

Swarm swarm_with(std::uint32_t trials) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  swarm.create_study(trials, trials);
  for (std::uint32_t number = 0; number < trials; ++number)
    swarm.queue(number);
  return swarm;
}

void expire(Swarm& swarm, std::uint32_t number, std::uint64_t token) {
  EXPECT_FALSE(swarm.run(ExpireAttempts{{{"s-1", number, token}}, "its node is gone"}).error);
}

TEST(Queue, ATrialStartsOnlyWhereItWaits) {
  auto swarm = swarm_with(1);
  EXPECT_FALSE(swarm.move(0, {}, node_of(1)).error);
  EXPECT_EQ(swarm.trial(0).queued_at, node_of(1));
  EXPECT_EQ(swarm.run(StartTrial{"s-1", 0, node_of(2)}).error->code, Errc::conflict);
  EXPECT_FALSE(swarm.run(StartTrial{"s-1", 0, node_of(1)}).error);
  EXPECT_TRUE(swarm.trial(0).queued_at.is_none());
}

TEST(Queue, OfTwoThievesTheLogDecides) {
  auto swarm = swarm_with(1);
  EXPECT_FALSE(swarm.move(0, {}, node_of(1)).error);
  EXPECT_FALSE(swarm.move(0, node_of(1), node_of(2)).error);
  EXPECT_EQ(swarm.move(0, node_of(1), node_of(3)).error->code, Errc::conflict);
  EXPECT_EQ(swarm.run(StartTrial{"s-1", 0, node_of(1)}).error->code, Errc::conflict)
      << "the owner came too late";
  EXPECT_FALSE(swarm.run(StartTrial{"s-1", 0, node_of(2)}).error);
  EXPECT_EQ(swarm.move(0, node_of(2), node_of(3)).error->code, Errc::conflict) << "it runs";
}

TEST(Queue, WhatCannotBeMovedDoesNotHinderTheRest) {
  auto swarm = swarm_with(2);
  swarm.start(0);
  const auto moved = swarm.run(
      MoveTrials{{{"s-1", 0, {}, node_of(2)}, {"s-1", 1, {}, node_of(2)}, {"s-9", 1, {}, {}}}, ""});
  EXPECT_FALSE(moved.error);
  EXPECT_EQ(moved.number, 1U);
  EXPECT_EQ(swarm.trial(1).queued_at, node_of(2));
}

TEST(Curve, OfATrialThatEndedBeforeItWasReportedIsKept) {
  auto swarm = swarm_with(2);
  const auto token = swarm.start(0);
  EXPECT_FALSE(swarm.finish(0, token, 1.5).error);
  const auto report = [&swarm](std::uint64_t said, std::uint32_t epoch) {
    EXPECT_FALSE(swarm.run(ReportProgress{{{"s-1", 0, said, {epoch, 2.0}}}}).error);
  };
  report(token, 1);
  report(token, 2);
  report(token + 1, 3);
  EXPECT_EQ(find_curve(swarm.view, "s-1", 0), (Curve{{1, 2.0}, {2, 2.0}}));
}

TEST(Curve, OfAnAttemptThatBroughtNothingEndsWithIt) {
  auto swarm = swarm_with(1);
  const auto token = swarm.start(0);
  EXPECT_FALSE(swarm.crash(0, token).error);
  EXPECT_FALSE(swarm.run(ReportProgress{{{"s-1", 0, token, {1, 2.0}}}}).error);
  EXPECT_TRUE(find_curve(swarm.view, "s-1", 0).empty());
}

/// An older node would keep neither, so nobody does until there is none.
TEST(Curve, ComesNoLaterAndCostsAreForgottenBelowTheirLevel) {
  Swarm swarm;
  EXPECT_FALSE(swarm.run(RaiseFeatureLevel{kCostsLevel - 1}).error);
  swarm.add_dataset();
  swarm.create_study(1, 1);
  swarm.queue(0);
  FinishTrial word;
  word.study = "s-1";
  word.token = swarm.start(0);
  word.value = 1.5;
  word.cost = {.bytes = 10, .predict_ms = 1};
  EXPECT_FALSE(swarm.run(word).error);
  EXPECT_FALSE(swarm.run(ReportProgress{{{"s-1", 0, word.token, {1, 2.0}}}}).error);
  EXPECT_TRUE(find_curve(swarm.view, "s-1", 0).empty());
  EXPECT_EQ(swarm.trial(0).cost, ModelCost{});
  const auto last = swarm.run(StartFinal{"s-1", node_of(1), 100});
  ASSERT_FALSE(last.error);
  FinalResult result;
  result.cost = word.cost;
  result.candidate_costs = {{.number = 0, .cost = word.cost}};
  EXPECT_FALSE(swarm.run(FinishFinal{"s-1", last.number, result, false, ""}).error);
  EXPECT_EQ(swarm.study().result->cost, ModelCost{});
  EXPECT_TRUE(swarm.study().result->candidate_costs.empty());
}

TEST(Yield, ATrialWaitsWhereItIsToGoOnAndNoAttemptIsLost) {
  auto swarm = swarm_with(1);
  for (std::uint32_t i = 0; i < 2 * kLossesMax; ++i) {
    const auto token = swarm.start(0);
    EXPECT_FALSE(swarm.run(YieldTrial{"s-1", 0, token, node_of(2), "sooner there"}).error);
    EXPECT_EQ(swarm.trial(0).state, TrialState::queued);
    EXPECT_EQ(swarm.run(StartTrial{"s-1", 0, node_of(1)}).error->code, Errc::conflict);
    EXPECT_FALSE(swarm.move(0, node_of(2), node_of(1)).error);
  }
  const Trial trial = swarm.trial(0);
  EXPECT_EQ(trial.ends.moved, 2 * kLossesMax);
  EXPECT_EQ(trial.past.back().end, AttemptEnd::moved);
  EXPECT_EQ(trial.past.back().why, "sooner there");
  EXPECT_EQ(trial.predicted_peak_mb, 100U);
  EXPECT_FALSE(swarm.finish(0, swarm.start(0), 1.5).error);
  EXPECT_EQ(swarm.trial(0).state, TrialState::completed);
}

TEST(Yield, SaidTwiceIsSaidOnceAndAnOldWordIsRefused) {
  auto swarm = swarm_with(1);
  const auto first = swarm.start(0);
  const YieldTrial word{"s-1", 0, first, {}, "drained"};
  EXPECT_FALSE(swarm.run(word).error);
  EXPECT_FALSE(swarm.run(word).error);
  EXPECT_EQ(swarm.trial(0).ends.moved, 1U);
  const auto second = swarm.start(0, 2);
  EXPECT_FALSE(swarm.run(word).error) << "it was said and done";
  EXPECT_EQ(swarm.trial(0).state, TrialState::running);
  EXPECT_FALSE(swarm.finish(0, second, 1.0).error);
  EXPECT_EQ(swarm.run(YieldTrial{"s-1", 0, second, {}, ""}).error->code, Errc::conflict);
}

TEST(Yield, TheResultOfWhoHadGoneOnAllTheSameCounts) {
  auto swarm = swarm_with(1);
  const auto token = swarm.start(0);
  EXPECT_FALSE(swarm.run(YieldTrial{"s-1", 0, token, node_of(2), ""}).error);
  EXPECT_FALSE(swarm.finish(0, token, 1.0).error) << "no newer attempt has begun";
  EXPECT_EQ(swarm.trial(0).state, TrialState::completed);
  EXPECT_EQ(swarm.run(StartTrial{"s-1", 0, node_of(2)}).error->code, Errc::conflict);
}

Swarm outside_swarm(std::uint32_t trials) {
  Swarm swarm;
  swarm.raise_level();
  StudySpec spec;
  spec.name = "outside";
  spec.task = kOutsideTask;
  spec.metric = "cost";
  spec.trials = trials;
  spec.parallelism = trials;
  spec.search_space_json = R"({"x":{"type":"float","low":0,"high":1}})";
  EXPECT_FALSE(swarm.run(CreateStudy{"s-1", spec}).error);
  for (std::uint32_t number = 0; number < trials; ++number)
    swarm.queue(number);
  return swarm;
}

TEST(Outside, TrialsAreGivenOutInTurnAndNoNodeStartsOne) {
  auto swarm = outside_swarm(2);
  EXPECT_EQ(swarm.run(StartTrial{"s-1", 0, node_of(1)}).error->code, Errc::conflict);
  for (const char* number : {"0", "1"}) {
    const auto asked = swarm.run(AskTrial{"s-1", 1000});
    EXPECT_FALSE(asked.error);
    EXPECT_EQ(asked.id, number);
    EXPECT_EQ(asked.number, swarm.index);
  }
  EXPECT_EQ(swarm.run(AskTrial{"s-1", 1000}).error->code, Errc::conflict);
  EXPECT_EQ(swarm.trial(0).due_ms, swarm.now_ms + 1000);
  EXPECT_TRUE(swarm.trial(0).current.node.is_none());
  EXPECT_EQ(swarm_with(1).run(AskTrial{"s-1", 1000}).error->code, Errc::conflict)
      << "nodes train that study";
}

TEST(Outside, AStepRenewsTheLeaseAndTimeIsWhatItWasAway) {
  auto swarm = outside_swarm(1);
  const auto token = swarm.run(AskTrial{"s-1", 1000}).number;
  swarm.now_ms += 900;
  EXPECT_FALSE(swarm.run(ReportProgress{{{"s-1", 0, token, {3, 0.5}}}}).error);
  EXPECT_EQ(swarm.trial(0).due_ms, swarm.now_ms + 1000);
  EXPECT_EQ(swarm.trial(0).epochs, 3U);
  swarm.now_ms += 600;
  EXPECT_FALSE(swarm.finish(0, token, 0.25).error);
  EXPECT_EQ(swarm.trial(0).seconds, 1.5);
  EXPECT_EQ(swarm.trial(0).epochs, 3U);
  EXPECT_EQ(swarm.study().status, StudyStatus::completed);
  EXPECT_EQ(swarm.study().final_job.state, FinalState::none);
}

TEST(Outside, WhatIsNeverToldFailsInTheEndAndALateWordCountsWhileNoneIsNewer) {
  auto swarm = outside_swarm(2);
  std::uint64_t token = 0;
  for (std::uint32_t i = 1; i <= kNotToldMax; ++i) {
    EXPECT_EQ(swarm.trial(0).state, TrialState::queued);
    token = swarm.run(AskTrial{"s-1", 1000}).number;
    swarm.now_ms += 999;
    expire(swarm, 0, token);
    EXPECT_EQ(swarm.trial(0).state, TrialState::running) << "its lease is not over";
    swarm.now_ms += 1;
    expire(swarm, 0, token);
    EXPECT_EQ(swarm.trial(0).past.back().end, AttemptEnd::not_told);
  }
  EXPECT_EQ(swarm.trial(0).state, TrialState::failed);
  EXPECT_THAT(swarm.trial(0).error, HasSubstr("10 times"));
  token = swarm.run(AskTrial{"s-1", 1000}).number;
  swarm.now_ms += 1000;
  expire(swarm, 1, token);
  EXPECT_FALSE(swarm.finish(1, token, 2.0).error);
  EXPECT_EQ(swarm.trial(1).state, TrialState::completed);
  EXPECT_EQ(swarm.study().status, StudyStatus::completed);
}

TEST(Outside, BelowItsLevelSuchAStudyIsRefusedAsAnOlderNodeWould) {
  Swarm swarm;
  EXPECT_FALSE(swarm.run(RaiseFeatureLevel{kMovesLevel}).error);
  StudySpec spec;
  spec.task = kOutsideTask;
  EXPECT_EQ(swarm.run(CreateStudy{"s-1", spec}).error->code, Errc::not_found);
}

TEST(Outside, WhoFoundNoTrialMayAskAgainUnderTheSameKey) {
  auto swarm = outside_swarm(1);
  EXPECT_FALSE(swarm.run(AskTrial{"s-1", 1000}, "first").error);
  EXPECT_TRUE(swarm.run(AskTrial{"s-1", 1000}, "mine").error);
  swarm.now_ms += 1000;
  expire(swarm, 0, swarm.trial(0).current.token);
  const auto asked = swarm.run(AskTrial{"s-1", 1000}, "mine");
  EXPECT_FALSE(asked.error);
  EXPECT_EQ(swarm.run(AskTrial{"s-1", 1000}, "mine").number, asked.number);
}

TEST(Outside, APausedStudyGivesNothingOut) {
  auto swarm = outside_swarm(1);
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", true}).error);
  EXPECT_EQ(swarm.run(AskTrial{"s-1", 1000}).error->code, Errc::conflict);
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", false}).error);
  EXPECT_FALSE(swarm.run(AskTrial{"s-1", 1000}).error);
}

TEST(LackOfMemory, AsksForHalfAsMuchAgainAndCostsNoAttempt) {
  auto swarm = swarm_with(1);
  EXPECT_FALSE(swarm.lack_memory(0, swarm.start(0)).error);
  const Trial again = swarm.trial(0);
  EXPECT_EQ(again.state, TrialState::queued);
  EXPECT_EQ(again.predicted_peak_mb, 150U);
  EXPECT_EQ(again.ends.out_of_memory, 1U);
  ASSERT_EQ(again.past.size(), 1U);
  EXPECT_EQ(again.past[0].end, AttemptEnd::out_of_memory);
  EXPECT_EQ(again.past[0].attempt.node, node_of(1));
  EXPECT_THAT(again.past[0].why, HasSubstr("150 MB"));
  for (std::uint32_t crashes = 1; crashes < kAttemptsMax; ++crashes)
    EXPECT_FALSE(swarm.crash(0, swarm.start(0)).error);
  EXPECT_EQ(swarm.trial(0).state, TrialState::queued) << "crashes have a budget of their own";
  EXPECT_FALSE(swarm.crash(0, swarm.start(0)).error);
  EXPECT_EQ(swarm.trial(0).state, TrialState::failed);
}

TEST(LackOfMemory, EndsAsInfeasibleWithTheNumbers) {
  auto swarm = swarm_with(1);
  for (std::uint32_t i = 0; i < kMemoryKillsMax; ++i)
    EXPECT_FALSE(swarm.lack_memory(0, swarm.start(0)).error);
  EXPECT_EQ(swarm.trial(0).state, TrialState::infeasible);
  EXPECT_THAT(swarm.trial(0).error, HasSubstr("12 times"));
  EXPECT_EQ(swarm.trial(0).past.size(), kPastAttemptsKept);
}

TEST(LostNodes, DoNotUseUpTheAttempts) {
  auto swarm = swarm_with(1);
  for (std::uint32_t i = 1; i < kLossesMax; ++i)
    expire(swarm, 0, swarm.start(0));
  EXPECT_EQ(swarm.trial(0).state, TrialState::queued);
  expire(swarm, 0, swarm.start(0));
  EXPECT_EQ(swarm.trial(0).state, TrialState::failed);
  EXPECT_THAT(swarm.trial(0).error, HasSubstr("10 nodes"));
}

TEST(KilledProcesses, HaveABudgetOfTheirOwn) {
  auto swarm = swarm_with(1);
  FinishTrial killed;
  killed.study = "s-1";
  killed.state = TrialState::failed;
  killed.may_retry = true;
  killed.end = AttemptEnd::killed;
  killed.error = "the worker was killed at 9 MB";
  for (std::uint32_t i = 1; i <= kLossesMax; ++i) {
    EXPECT_EQ(swarm.trial(0).state, TrialState::queued);
    killed.token = swarm.start(0);
    EXPECT_FALSE(swarm.run(killed).error);
  }
  EXPECT_EQ(swarm.trial(0).state, TrialState::failed);
  EXPECT_THAT(swarm.trial(0).error, HasSubstr("was killed 10 times"));
}

TEST(BelowTheLevelOfQueues, EveryEndCountsAsBefore) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(1);
  swarm.queue(0);
  EXPECT_FALSE(swarm.lack_memory(0, swarm.start(0)).error);
  EXPECT_EQ(swarm.trial(0).predicted_peak_mb, 100U);
  EXPECT_TRUE(swarm.trial(0).past.empty());
  expire(swarm, 0, swarm.start(0));
  expire(swarm, 0, swarm.start(0));
  EXPECT_EQ(swarm.trial(0).state, TrialState::failed);
  EXPECT_EQ(swarm.study().all_final_below, 0U);
}

TEST(OpenTrials, AreThoseThatAreNotFinal) {
  auto swarm = swarm_with(4);
  swarm.finish(2, swarm.start(2), 1);
  EXPECT_EQ(swarm.study().all_final_below, 0U);
  swarm.finish(0, swarm.start(0), 1);
  EXPECT_EQ(swarm.study().all_final_below, 1U);
  swarm.finish(1, swarm.start(1), 1);
  EXPECT_EQ(swarm.study().all_final_below, 3U);
  const auto open = open_trials(swarm.view, swarm.study());
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].number, 3U);
}

TEST(Pause, StartsNothingAndWhatRunsGoesOn) {
  auto swarm = swarm_with(2);
  const auto token = swarm.start(0);
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", true}).error);
  EXPECT_EQ(swarm.study().status, StudyStatus::paused);
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", true}).error) << "said again";
  EXPECT_EQ(swarm.run(StartTrial{"s-1", 1, node_of(1)}).error->code, Errc::conflict);
  EXPECT_TRUE(swarm.run(QueueTrials{"s-1", {{2, {}, 1}}}).error);
  EXPECT_FALSE(swarm.finish(0, token, 1).error);
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", false}).error);
  EXPECT_EQ(swarm.study().status, StudyStatus::running);
  EXPECT_FALSE(swarm.finish(1, swarm.start(1), 2).error);
  EXPECT_EQ(swarm.study().status, StudyStatus::finishing);
}

TEST(Pause, OfWhatThenEndedGoesOnToTheFinal) {
  auto swarm = swarm_with(1);
  const auto token = swarm.start(0);
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", true}).error);
  EXPECT_FALSE(swarm.finish(0, token, 1).error);
  EXPECT_EQ(swarm.study().status, StudyStatus::paused);
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", false}).error);
  EXPECT_EQ(swarm.study().status, StudyStatus::finishing);
  EXPECT_EQ(swarm.run(PauseStudy{"s-1", true}).error->code, Errc::conflict);
}

TEST(Pause, DoesNotCountForTheTimeLimit) {
  auto swarm = swarm_with(1);
  const auto began = swarm.study().began_ms;
  swarm.now_ms += 1000;
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", true}).error);
  swarm.now_ms += 60'000;
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", false}).error);
  EXPECT_EQ(swarm.study().began_ms, began + 60'000);
}

TEST(Pause, BeforeItBeganLeavesItToBegin) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  swarm.create_study(1);
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", true}).error);
  EXPECT_FALSE(swarm.run(PauseStudy{"s-1", false}).error);
  EXPECT_EQ(swarm.study().status, StudyStatus::queued);
}

FinalResult some_result() {
  FinalResult result;
  result.test = {{"rmse", 4.0}};
  result.artifact = hash_of(to_bytes("zip"));
  return result;
}

TEST(Extend, ACompletedStudyGoesOnAndRegistersTheNextVersion) {
  auto swarm = swarm_with(1);
  swarm.finish(0, swarm.start(0), 5);
  for (std::uint64_t version = 1; version <= 2; ++version) {
    const auto token = swarm.run(StartFinal{"s-1", node_of(1)}).number;
    EXPECT_FALSE(swarm.run(FinishFinal{"s-1", token, some_result(), false, ""}).error);
    EXPECT_EQ(swarm.study().status, StudyStatus::completed);
    EXPECT_EQ(swarm.study().model_version, version);
    if (version == 2) break;
    EXPECT_EQ(swarm.run(ExtendStudy{"s-1", 1}).number, 2U);
    EXPECT_EQ(swarm.study().status, StudyStatus::running);
    EXPECT_FALSE(swarm.study().result);
    EXPECT_TRUE(swarm.run(FinishFinal{"s-1", token, some_result(), false, ""}).error)
        << "a late word of the final that it had";
    swarm.queue(1);
    swarm.finish(1, swarm.start(1), 4);
  }
  EXPECT_EQ(swarm.study().best_number, 1U);
}

TEST(Extend, AStoppedStudyCountsOnlyWhatWasDrawn) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  swarm.create_study(10);
  swarm.queue(0);
  swarm.finish(0, swarm.start(0), 5);
  EXPECT_FALSE(swarm.run(StopStudy{"s-1", "enough", false}).error);
  EXPECT_EQ(swarm.study().counts.cancelled, 9U);
  EXPECT_EQ(swarm.run(ExtendStudy{"s-1", 2}).number, 3U);
  EXPECT_EQ(swarm.study().counts.cancelled, 0U);
  swarm.queue(1);
  swarm.queue(2);
  EXPECT_TRUE(swarm.run(QueueTrials{"s-1", {{3, {}, 1}}}).error);
}

TEST(Extend, NeedsItsDataSet) {
  auto swarm = swarm_with(1);
  swarm.finish(0, swarm.start(0), 5);
  const auto token = swarm.run(StartFinal{"s-1", node_of(1)}).number;
  swarm.run(FinishFinal{"s-1", token, some_result(), false, ""});
  EXPECT_FALSE(swarm.run(RemoveDataset{"d-1"}).error);
  EXPECT_EQ(swarm.run(ExtendStudy{"s-1", 1}).error->code, Errc::not_found);
  EXPECT_EQ(swarm.study().status, StudyStatus::completed);
  EXPECT_TRUE(swarm.study().result);
}

TEST(MakingWay, AgainAndAgainAsksForMore) {
  auto swarm = swarm_with(1);
  FinishTrial way;
  way.study = "s-1";
  way.state = TrialState::failed;
  way.may_retry = true;
  way.end = AttemptEnd::made_way;
  for (int i = 1; i <= 4; ++i) {
    EXPECT_EQ(swarm.trial(0).predicted_peak_mb, 100U);
    way.token = swarm.start(0);
    EXPECT_FALSE(swarm.run(way).error);
  }
  EXPECT_EQ(swarm.trial(0).predicted_peak_mb, 150U);
  EXPECT_EQ(swarm.trial(0).state, TrialState::queued);
}

TEST(Final, LostNodesDoNotFailTheStudy) {
  auto swarm = swarm_with(1);
  swarm.finish(0, swarm.start(0), 5);
  for (std::uint32_t i = 1; i <= kLossesMax; ++i) {
    EXPECT_EQ(swarm.study().status, StudyStatus::finishing);
    const auto token = swarm.run(StartFinal{"s-1", node_of(1), 50}).number;
    swarm.run(ExpireAttempts{{{"s-1", std::nullopt, token}}, "its node is gone"});
  }
  EXPECT_EQ(swarm.study().status, StudyStatus::failed);
  EXPECT_THAT(swarm.study().stop_reason, HasSubstr("10 nodes"));
}

TEST(Extend, KeepsToTheLimit) {
  auto swarm = swarm_with(1);
  EXPECT_THAT(swarm.run(ExtendStudy{"s-1", kTrialsMax}).error->detail, HasSubstr("10000"));
  EXPECT_TRUE(swarm.run(ExtendStudy{"s-1", 0}).error);
  EXPECT_EQ(swarm.study().spec.trials, 1U);
}

}  // namespace
}  // namespace starling::ml
