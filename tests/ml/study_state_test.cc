// The rules of the replicated truth: exactly N trials, final is final, old attempts are mute.
#include "ml/search/family_spec.h"
#include "ml/search/named_spaces.h"
#include "node/base/random.h"
#include "tests/ml/study_fixture.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace starling::ml {
namespace {

using testing::HasSubstr;

std::vector<std::string> kinds(const StateView& view) {
  std::vector<std::string> all;
  for (const auto& event : events_after(view, 0, 0, 10'000).events)
    all.push_back(event.kind);
  return all;
}

TEST(Dataset, IsFoundByIdAndByName) {
  Swarm swarm;
  swarm.add_dataset();
  EXPECT_EQ(find_dataset(swarm.view, "d-1")->name, "table");
  EXPECT_EQ(find_dataset(swarm.view, "table")->id, "d-1");
  EXPECT_EQ(find_dataset(swarm.view, "other").error().code, Errc::not_found);
}

TEST(Dataset, OfTheSameNameAndContentIsTheSameDataset) {
  Swarm swarm;
  swarm.add_dataset();
  auto again = find_dataset(swarm.view, "d-1").value();
  again.id = "d-2";
  EXPECT_EQ(swarm.run(AddDataset{again}).id, "d-1");
  again.blob = hash_of(to_bytes("other"));
  EXPECT_EQ(swarm.run(AddDataset{again}).error->code, Errc::conflict);
  EXPECT_EQ(list_datasets(swarm.view).size(), 1U);
}

TEST(Dataset, WhatOlderNodesCannotReadNeedsTheNewestLevel) {
  Dataset dataset;
  dataset.profile = "{}";
  EXPECT_EQ(feature_level_of(AddDataset{dataset}), 1U);
  TableProfile wide;
  for (int c = 0; c < 3000; ++c) {
    wide.columns.emplace_back();
    wide.columns.back().name = "column number " + std::to_string(c);
  }
  dataset.profile = stored_profile(wide).value();
  ASSERT_TRUE(is_packed_profile(dataset.profile));
  EXPECT_EQ(feature_level_of(AddDataset{dataset}), 3U);
  TableProfile grouped = small_profile();
  grouped.is_packed = true;
  dataset.profile = to_json(grouped);
  EXPECT_EQ(feature_level_of(AddDataset{dataset}), 5U);
  grouped.is_packed = false;
  grouped.columns[1].role = ColumnRole::weight;
  dataset.profile = to_json(grouped);
  EXPECT_EQ(feature_level_of(AddDataset{dataset}), 5U);
  grouped.columns[1].role = ColumnRole::group;
  dataset.profile = to_json(grouped);
  EXPECT_EQ(feature_level_of(AddDataset{dataset}), 4U);
  EXPECT_EQ(feature_level_of(Adopt{}), kFeatureLevel);
  EXPECT_EQ(feature_level_of(MoveTrials{}), 7U);
  EXPECT_EQ(feature_level_of(YieldTrial{}), 8U);
  EXPECT_EQ(feature_level_of(PauseStudy{}), 7U);
  EXPECT_EQ(feature_level_of(ExtendStudy{}), 7U);
  EXPECT_EQ(feature_level_of(AskTrial{}), 9U);
  EXPECT_EQ(kFeatureLevel, 13U);
  CreateStudy study;
  EXPECT_EQ(feature_level_of(study), 1U);
  study.spec.task = kOutsideTask;
  EXPECT_EQ(feature_level_of(study), 9U);
  CreateStudy of_families;
  of_families.spec.search_space_json =
      to_json(families_space(std::vector<std::string>{"xgboost", "mlp"}, 1));
  EXPECT_EQ(feature_level_of(of_families), 5U);
  of_families.spec.search_space_json =
      to_json(families_space(std::vector<std::string>{"linear", "xgboost"}, 1));
  EXPECT_EQ(feature_level_of(of_families), 10U);
  of_families.spec.search_space_json =
      to_json(families_space(std::vector<std::string>{"baseline"}, 1));
  EXPECT_EQ(feature_level_of(of_families), 10U);
  of_families.spec.search_space_json = to_json(families_space(std::vector<std::string>{"tabm"}, 1));
  EXPECT_EQ(feature_level_of(of_families), 11U);
  study.spec.task = "regression";
  for (const char* metric : {"rmsle", "mape", "pinball", "pr_auc", "brier", "mcc"}) {
    study.spec.metric = metric;
    EXPECT_EQ(feature_level_of(study), 11U) << metric;
  }
  study.spec.metric = "roc_auc";
  EXPECT_EQ(feature_level_of(study), 1U);
  study.spec.final_model = FinalModel::bag;
  EXPECT_EQ(feature_level_of(study), 11U);
  study.spec.final_model = FinalModel::refit;
  study.spec.decisions = {{"task", "regression", "asked"}};
  EXPECT_EQ(feature_level_of(study), 11U);
  study.spec.decisions.clear();
  study.spec.constraints.model_mb = 1;
  EXPECT_EQ(feature_level_of(study), 11U);
  study.spec.constraints = {};
  study.spec.split.method = SplitMethod::kfold;
  EXPECT_EQ(feature_level_of(study), 4U);
  study.spec.split = {};
  study.spec.priority = -1;
  EXPECT_EQ(feature_level_of(study), 7U);
  study.spec.priority = 0;
  study.spec.required_labels = {{"gpu", "true"}};
  EXPECT_EQ(feature_level_of(study), 7U);
  study.spec.required_labels.clear();
  study.spec.search_space_json = to_json(default_space(kEmbeddedNumbersMax + 1));
  EXPECT_EQ(feature_level_of(study), 4U);
  study.spec.search_space_json = to_json(default_space());
  EXPECT_EQ(feature_level_of(study), 5U);
  study.spec.search_space_json = to_json(nexusops_space(500));
  EXPECT_EQ(feature_level_of(study), 6U);
  for (const char* parameter : {R"("mlp.width_2":{"type":"int","low":1,"high":9})",
                                R"("mlp.activation_1":{"type":"fixed","value":"relu"})",
                                R"("mlp.norm_16":{"type":"fixed","value":"none"})",
                                R"("mlp.dropout_3":{"type":"fixed","value":0.5})",
                                R"("mlp.beta1":{"type":"fixed","value":0.5})",
                                R"("mlp.momentum":{"type":"fixed","value":0.5})",
                                R"("mlp.grad_clip":{"type":"fixed","value":0.5})",
                                R"("mlp.init":{"type":"fixed","value":"xavier"})",
                                R"("mlp.epochs":{"type":"fixed","value":5})",
                                R"("mlp.patience":{"type":"fixed","value":5})",
                                R"("mlp.activation":{"type":"fixed","value":"identity"})",
                                R"("mlp.activation":{"type":"categorical",)"
                                R"("choices":["relu","softmax"]})"}) {
    study.spec.search_space_json = fmt::format("{{{}}}", parameter);
    EXPECT_EQ(feature_level_of(study), 6U) << parameter;
    const auto space = parse_search_space(study.spec.search_space_json);
    ASSERT_TRUE(space) << space.error().detail;
    EXPECT_TRUE(check_values(*space)) << "there is such a parameter";
  }
}

TEST(Dataset, InUseCannotBeRemoved) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(1);
  EXPECT_THAT(swarm.run(RemoveDataset{"d-1"}).error->detail, HasSubstr("s-1"));
  EXPECT_FALSE(swarm.run(StopStudy{"s-1", "enough", false}).error);
  EXPECT_FALSE(swarm.run(RemoveDataset{"d-1"}).error);
  EXPECT_TRUE(list_datasets(swarm.view).empty());
}

TEST(Trial, GoesFromQueuedToCompletedAndTellsIt) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(1);
  swarm.queue(0);
  const auto token = swarm.start(0);
  EXPECT_FALSE(swarm.finish(0, token, 5.0).error);
  EXPECT_EQ(swarm.trial(0).state, TrialState::completed);
  EXPECT_EQ(swarm.study().status, StudyStatus::finishing);
  EXPECT_EQ(swarm.study().best_value, 5.0);
  EXPECT_THAT(kinds(swarm.view),
              testing::ElementsAre("dataset_added",
                                   "study_created",
                                   "trial_queued",
                                   "study_status",
                                   "trial_started",
                                   "trial_finished",
                                   "best_changed",
                                   "study_status"));
}

TEST(Trial, NumbersFollowWithoutGapAndNeverBeyondTheRequest) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(2);
  EXPECT_TRUE(swarm.run(QueueTrials{"s-1", {{1, {}, 1}}}).error);
  swarm.queue(0);
  EXPECT_TRUE(swarm.run(QueueTrials{"s-1", {{0, {}, 1}}}).error) << "drawn twice";
  swarm.queue(1);
  EXPECT_TRUE(swarm.run(QueueTrials{"s-1", {{2, {}, 1}}}).error) << "only two were asked for";
  EXPECT_EQ(list_trials(swarm.view, "s-1").size(), 2U);
}

TEST(Trial, ThatIsFinalNeverChanges) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(2);
  swarm.queue(0);
  const auto token = swarm.start(0);
  EXPECT_FALSE(swarm.finish(0, token, 5.0).error);
  // The same word again gets the same answer, and changes nothing.
  EXPECT_FALSE(swarm.finish(0, token, 1.0).error);
  EXPECT_EQ(*swarm.trial(0).value, 5.0);
  EXPECT_EQ(swarm.study().counts.completed, 1U);
  EXPECT_TRUE(swarm.run(StartTrial{"s-1", 0, node_of(2)}).error);
}

TEST(Attempt, OfADeadNodeIsTakenBackAndItsLateResultCountsWhileNoneIsNewer) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(1);
  swarm.queue(0);
  const auto first = swarm.start(0);
  EXPECT_FALSE(swarm.run(ExpireAttempts{{{"s-1", 0, first}}, "its node is gone"}).error);
  EXPECT_EQ(swarm.trial(0).state, TrialState::queued);
  EXPECT_FALSE(swarm.finish(0, first, 5.0).error) << "queued again, and nothing newer";
  EXPECT_EQ(swarm.trial(0).state, TrialState::completed);
}

TEST(Attempt, ThatWasReplacedCannotSpeak) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(1);
  swarm.queue(0);
  const auto first = swarm.start(0);
  EXPECT_FALSE(swarm.run(ExpireAttempts{{{"s-1", 0, first}}, "gone"}).error);
  const auto second = swarm.start(0, 2);
  EXPECT_GT(second, first);
  EXPECT_EQ(swarm.finish(0, first, 1.0).error->code, Errc::conflict);
  EXPECT_EQ(swarm.trial(0).state, TrialState::running);
  EXPECT_FALSE(swarm.run(ExpireAttempts{{{"s-1", 0, first}}, "gone"}).error);
  EXPECT_EQ(swarm.trial(0).state, TrialState::running) << "an old expiry takes nothing back";
  EXPECT_FALSE(swarm.finish(0, second, 2.0).error);
  EXPECT_EQ(*swarm.trial(0).value, 2.0);
}

TEST(Attempt, ThatCrashesIsTriedThreeTimesInAll) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(1);
  swarm.queue(0);
  for (std::uint32_t attempt = 1; attempt <= kAttemptsMax; ++attempt) {
    EXPECT_FALSE(swarm.crash(0, swarm.start(0)).error);
    EXPECT_EQ(swarm.trial(0).state,
              attempt < kAttemptsMax ? TrialState::queued : TrialState::failed);
  }
  EXPECT_THAT(swarm.trial(0).error, HasSubstr("signal 9"));
  EXPECT_EQ(swarm.study().status, StudyStatus::failed);
  EXPECT_EQ(swarm.study().stop_reason, "no trial completed");
}

TEST(Attempt, WithAValueThatIsNoNumberFails) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(2);
  swarm.queue(0);
  EXPECT_FALSE(swarm.finish(0, swarm.start(0), std::nan("")).error);
  EXPECT_EQ(swarm.trial(0).state, TrialState::failed);
  EXPECT_FALSE(swarm.study().best_number);
}

TEST(Study, StoppedByTimeFinishesWithTheBestSoFarAndItsCountsSum) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(10);
  swarm.queue(0);
  swarm.queue(1);
  EXPECT_FALSE(swarm.finish(0, swarm.start(0), 5.0).error);
  const auto running = swarm.start(1);
  EXPECT_FALSE(swarm.run(StopStudy{"s-1", "time limit reached", true}).error);
  EXPECT_EQ(swarm.study().status, StudyStatus::finishing);
  EXPECT_EQ(swarm.study().counts.final_count(), 10U);
  EXPECT_EQ(swarm.study().counts.cancelled, 9U);
  swarm.finish(1, running, 1.0);
  EXPECT_EQ(swarm.trial(1).state, TrialState::cancelled) << "a late result changes nothing";
  EXPECT_EQ(swarm.study().best_value, 5.0);
}

TEST(Study, CancelledTakesNothingMore) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(3);
  swarm.queue(0);
  EXPECT_FALSE(swarm.run(StopStudy{"s-1", "cancelled", false}).error);
  EXPECT_EQ(swarm.study().status, StudyStatus::cancelled);
  EXPECT_TRUE(swarm.run(QueueTrials{"s-1", {{1, {}, 1}}}).error);
  EXPECT_TRUE(swarm.run(StopStudy{"s-1", "again", false}).error);
}

FinalResult some_result() {
  FinalResult result;
  result.test = {{"rmse", 4.0}};
  result.artifact = hash_of(to_bytes("zip"));
  result.artifact_bytes = 3;
  return result;
}

Swarm finishing_swarm() {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(1);
  swarm.queue(0);
  EXPECT_FALSE(swarm.finish(0, swarm.start(0), 5.0).error);
  return swarm;
}

TEST(FinalFit, RegistersOneModelHoweverOftenItIsSaid) {
  Swarm swarm = finishing_swarm();
  const auto token = swarm.run(StartFinal{"s-1", node_of(1)}).number;
  const FinishFinal word{"s-1", token, some_result(), false, ""};
  EXPECT_FALSE(swarm.run(word).error);
  EXPECT_FALSE(swarm.run(word).error);
  EXPECT_EQ(swarm.study().status, StudyStatus::completed);
  EXPECT_EQ(list_versions(swarm.view, "table").size(), 1U);
  EXPECT_EQ(find_version(swarm.view, "table", std::nullopt)->test.at("rmse"), 4.0);
  EXPECT_EQ(referenced_blobs(swarm.view).size(), 2U);
}

TEST(FinalFit, OfADeadNodeRunsAgainThenFailsTheStudyAfterThree) {
  Swarm swarm = finishing_swarm();
  for (std::uint32_t attempt = 1; attempt <= kAttemptsMax; ++attempt) {
    const auto token = swarm.run(StartFinal{"s-1", node_of(1)}).number;
    EXPECT_FALSE(swarm.run(ExpireAttempts{{{"s-1", std::nullopt, token}}, "gone"}).error);
  }
  EXPECT_EQ(swarm.study().status, StudyStatus::failed);
  EXPECT_THAT(swarm.study().stop_reason, HasSubstr("gone"));
  EXPECT_TRUE(list_models(swarm.view).empty());
}

TEST(Curve, StaysBoundedAndKeepsFirstAndLastEpoch) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(1);
  swarm.queue(0);
  const auto token = swarm.start(0);
  for (std::uint32_t epoch = 1; epoch <= 2000; ++epoch)
    swarm.run(ReportProgress{{{"s-1", 0, token, {epoch, 1.0 / epoch}}}});
  const auto curve = find_curve(swarm.view, "s-1", 0);
  EXPECT_LE(curve.size(), kCurvePointsMax);
  EXPECT_GT(curve.size(), kCurvePointsMax / 3);
  EXPECT_EQ(curve.front().epoch, 1U);
  EXPECT_EQ(curve.back().epoch, 2000U);
}

TEST(Idempotency, TheSameRequestGetsTheFirstAnswerAndAnotherIsRefused) {
  Swarm swarm;
  swarm.add_dataset();
  const auto dataset = find_dataset(swarm.view, "d-1").value();
  StudySpec spec;
  spec.name = "table";
  spec.dataset = dataset.id;
  EXPECT_EQ(swarm.run(CreateStudy{"s-1", spec}, "key", "hash").id, "s-1");
  EXPECT_EQ(swarm.run(CreateStudy{"s-2", spec}, "key", "hash").id, "s-1");
  EXPECT_EQ(list_studies(swarm.view).size(), 1U);
  EXPECT_EQ(swarm.run(CreateStudy{"s-3", spec}, "key", "other").error->code,
            Errc::invalid_argument);
}

TEST(Idempotency, RefusalsAreRememberedAndKeysLiveAnHour) {
  Swarm swarm;
  EXPECT_TRUE(swarm.run(CreateStudy{"s-1", {}}, "key", "hash").error);
  swarm.add_dataset();
  EXPECT_TRUE(swarm.run(CreateStudy{"s-1", {}}, "key", "hash").error);
  swarm.now_ms += kIdempotencyKeyLifeMs + 1;
  EXPECT_FALSE(swarm.run(RemoveDataset{"d-1"}, "later", "hash").error);
  EXPECT_FALSE(swarm.view.get("idem/key"));
}

TEST(FeatureLevel, OnlyRisesAndSaysSo) {
  Swarm swarm;
  EXPECT_EQ(feature_level(swarm.view), 1U);
  EXPECT_EQ(swarm.run(RaiseFeatureLevel{3}).number, 3U);
  EXPECT_EQ(swarm.run(RaiseFeatureLevel{2}).number, 3U);
  EXPECT_EQ(feature_level(swarm.view), 3U);
}

TEST(Times, ForPeopleAreTheWallClockAndForRulesTheClusters) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(2);
  Command late{.key = {}, .request_hash = {}, .time_ms = 5000, .wall_ms = 77, .body = {}};
  late.body = QueueTrials{"s-1", {{0, {}, 1}}};
  const auto applied = apply(swarm.view, {++swarm.index}, late);
  ASSERT_FALSE(applied.outcome.error) << applied.outcome.error->detail;
  swarm.view.commit(applied.changes);
  EXPECT_EQ(swarm.study().started_ms, 77U);
  EXPECT_EQ(swarm.study().began_ms, 5000U);
  EXPECT_EQ(cluster_time_ms(swarm.view), 5000U);
}

TEST(Events, CursorGivesNoGapAndNoDouble) {
  Swarm swarm = finishing_swarm();
  const auto all = events_after(swarm.view, 0, 0, 10'000).events;
  ASSERT_GT(all.size(), 5U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto rest = events_after(swarm.view, all[i].index, all[i].sequence, 10'000).events;
    ASSERT_EQ(rest.size(), all.size() - i - 1);
    if (rest.empty()) continue;
    EXPECT_EQ(rest.front().cursor(), all[i + 1].cursor());
  }
}

TEST(Events, OnlyTheNewestAreKeptAndAnOldCursorIsToldSo) {
  Swarm swarm;
  swarm.add_dataset();
  constexpr std::uint32_t kTrials = 10'000;  // one event each
  for (std::size_t i = 0; i < kEventsKept / kTrials + 1; ++i) {
    const std::string study = "s-" + std::to_string(i);
    swarm.create_study(kTrials, 2, study);
    QueueTrials queue{study, {}};
    for (std::uint32_t number = 0; number < kTrials; ++number)
      queue.trials.push_back({number, {}, 1});
    EXPECT_FALSE(swarm.run(std::move(queue)).error);
  }
  EXPECT_TRUE(events_after(swarm.view, 1, 1, 10).too_old);
  EXPECT_EQ(events_after(swarm.view, 0, 0, 1'000'000).events.size(), kEventsKept);
}

/// Random commands, valid or not: what must hold after each of them.
void check_invariants(const MapView& view) {
  for (const auto& study : list_studies(view)) {
    TrialCounts counted;
    for (const auto& trial : list_trials(view, study.id)) {
      if (trial.state == TrialState::queued) ++counted.queued;
      if (trial.state == TrialState::running) ++counted.running;
      EXPECT_LE(trial.attempts, kAttemptsMax);
    }
    EXPECT_EQ(counted.queued, study.counts.queued);
    EXPECT_EQ(counted.running, study.counts.running);
    EXPECT_LE(study.counts.drawn(), study.spec.trials);
    if (study.status == StudyStatus::completed) {
      EXPECT_EQ(study.counts.final_count(), study.spec.trials);
      EXPECT_EQ(list_versions(view, "table").size(), 1U);
    }
  }
}

TEST(StudyMachine, KeepsItsPromisesUnderRandomCommands) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random{seed};
    Swarm swarm;
    swarm.add_dataset();
    swarm.create_study(6, 3);
    std::map<std::string, TrialState> final_states;
    for (int step = 0; step < 120; ++step) {
      const auto number = static_cast<std::uint32_t>(random.below(7));
      const std::uint64_t token = random.below(swarm.index + 2);
      switch (random.below(7)) {
        case 0: swarm.run(QueueTrials{"s-1", {{swarm.study().counts.drawn(), {}, 1}}}); break;
        case 1:
        case 2: swarm.run(StartTrial{"s-1", number, node_of(1)}); break;
        case 3: {
          const auto trial = find_trial(swarm.view, "s-1", number);
          swarm.finish(number, trial ? trial->current.token : token, random.unit());
          break;
        }
        case 4: swarm.crash(number, token); break;
        case 5: swarm.run(ExpireAttempts{{{"s-1", number, token}}, "gone"}); break;
        default: {
          swarm.run(StartFinal{"s-1", node_of(2)});
          const auto job = swarm.study().final_job;
          if (random.chance(0.5))
            swarm.run(FinishFinal{"s-1", job.current.token, some_result(), false, ""});
        }
      }
      check_invariants(swarm.view);
      for (const auto& trial : list_trials(swarm.view, "s-1")) {
        const auto name = std::to_string(trial.number);
        const auto known = final_states.find(name);
        EXPECT_TRUE(known == final_states.end() || known->second == trial.state) << "seed " << seed;
        if (is_final(trial.state)) final_states[name] = trial.state;
      }
    }
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace starling::ml
