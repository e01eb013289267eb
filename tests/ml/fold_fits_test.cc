// How a study whose final model is a bag comes to its end: fits of folds as pieces of work, and
// what becomes of it when some of them fail, the time is over or a person changes their mind.
#include "ml/study/fold_fits.h"

#include "ml/schedule/own_queue.h"
#include "ml/schedule/scheduler.h"
#include "ml/study/trial_rules.h"
#include "tests/ml/study_fixture.h"

#include <gmock/gmock.h>

#include <set>

namespace starling::ml {
namespace {

using testing::ElementsAre;

Params of_family(const std::string& family) {
  return {{"family", family}};
}

StudySpec bag_spec(std::uint32_t trials) {
  StudySpec spec = spec_of(trials, trials);
  spec.final_model = FinalModel::bag;
  return spec;
}

/// A study of that many trials, each with its own value, best first.
Swarm searched(const std::vector<Params>& trials, const StudySpec& spec) {
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  EXPECT_FALSE(swarm.run(CreateStudy{"s-1", spec}).error);
  for (std::uint32_t number = 0; number < trials.size(); ++number) {
    QueueTrials queue{.study = "s-1", .trials = {{number, trials[number], 100}}};
    EXPECT_FALSE(swarm.run(std::move(queue)).error);
    EXPECT_FALSE(swarm.finish(number, swarm.start(number), 1.0 + number).error);
  }
  return swarm;
}

Swarm searched(const std::vector<Params>& trials) {
  return searched(trials, bag_spec(static_cast<std::uint32_t>(trials.size())));
}

Study study_in(const Swarm& swarm) {
  return find_study(swarm.view, "s-1").value();
}

FinishTrial word_of(const Trial& fit, std::uint64_t token) {
  FinishTrial word;
  word.study = "s-1";
  word.number = fit.number;
  word.token = token;
  word.value = 1;
  word.artifact = hash_of(to_bytes(std::to_string(fit.number)));
  return word;
}

void complete(Swarm& swarm, const Trial& fit) {
  EXPECT_FALSE(swarm.run(word_of(fit, swarm.start(fit.number))).error);
}

std::vector<std::uint32_t> numbers_of(const std::vector<Trial>& trials) {
  std::vector<std::uint32_t> numbers;
  for (const Trial& trial : trials)
    numbers.push_back(trial.number);
  return numbers;
}

TEST(Candidates, AreTheBestThreeOfEachFamilyAndNoBaseline) {
  const auto swarm = searched({of_family("xgboost"),
                               of_family("xgboost"),
                               of_family("baseline"),
                               of_family("xgboost"),
                               of_family("xgboost"),
                               of_family("linear"),
                               of_family("mlp")});
  EXPECT_THAT(numbers_of(candidates_of(swarm.view, study_in(swarm))), ElementsAre(0, 1, 3, 5, 6));
  const auto nothing_else = searched({of_family("baseline")});
  EXPECT_THAT(numbers_of(candidates_of(nothing_else.view, study_in(nothing_else))), ElementsAre(0));
}

/// Trials whose values are the worse the later they are.
Swarm searched_with_costs(const std::vector<ModelCost>& costs,
                          const std::vector<std::uint32_t>& best_then) {
  StudySpec spec = bag_spec(static_cast<std::uint32_t>(costs.size()));
  spec.constraints.model_mb = 2;
  spec.constraints.predict_ms = 1;
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  EXPECT_FALSE(swarm.run(CreateStudy{"s-1", spec}).error);
  for (std::uint32_t number = 0; number < costs.size(); ++number) {
    const Params params = of_family(number % 2 == 1 ? "xgboost" : "mlp");
    QueueTrials queue{.study = "s-1", .trials = {{number, params, 100}}};
    EXPECT_FALSE(swarm.run(std::move(queue)).error);
    FinishTrial word;
    word.study = "s-1";
    word.number = number;
    word.token = swarm.start(number);
    word.value = 1.0 + number;
    word.cost = costs[number];
    EXPECT_FALSE(swarm.run(std::move(word)).error);
    EXPECT_EQ(study_in(swarm).best_number, best_then[number]);
  }
  return swarm;
}

constexpr ModelCost kMuchTooLarge{.bytes = 8'000'000, .predict_ms = 0.5};
constexpr ModelCost kTooSlow{.bytes = 1'000'000, .predict_ms = 1.5};
constexpr ModelCost kAtItsLimits{.bytes = 2'000'000, .predict_ms = 1};
constexpr ModelCost kSmall{.bytes = 400'000, .predict_ms = 0.1};

std::set<std::uint32_t> with_fits(const Swarm& swarm) {
  std::set<std::uint32_t> numbers;
  for (const Trial& fit : list_fits(swarm.view, "s-1"))
    numbers.insert(fit.fit->candidate);
  return numbers;
}

TEST(Candidates, KeepToTheLimitsAndThoseOfABagFiveTimesOver) {
  const auto swarm =
      searched_with_costs({kSmall, kAtItsLimits, {}, kMuchTooLarge, kSmall}, {0, 0, 0, 0, 0});
  EXPECT_THAT(numbers_of(candidates_of(swarm.view, study_in(swarm))), ElementsAre(0, 1, 4, 2))
      << "what was not measured is behind";
  EXPECT_THAT(with_fits(swarm), ElementsAre(0, 2, 4))
      << "one alone at its limits cannot be there five times";
}

TEST(Candidates, MakeNoBagWithoutTheBestOfThem) {
  const auto swarm = searched_with_costs({kAtItsLimits, kSmall}, {0, 0});
  EXPECT_TRUE(with_fits(swarm).empty());
  EXPECT_EQ(study_in(swarm).final_job.state, FinalState::queued) << "it is refitted";
}

TEST(Candidates, ThatAllBreakALimitAreRankedByHowFarAndMakeNoBag) {
  const auto swarm = searched_with_costs({kMuchTooLarge, kTooSlow}, {0, 1});
  EXPECT_THAT(numbers_of(candidates_of(swarm.view, study_in(swarm))), ElementsAre(1, 0));
  EXPECT_TRUE(with_fits(swarm).empty());
  EXPECT_EQ(study_in(swarm).final_job.state, FinalState::queued) << "the best one is refitted";
}

TEST(Bag, ItsFitsAreFiveOfEachCandidateAndCountAsNoTrials) {
  const auto swarm = searched({of_family("linear"), of_family("mlp")});
  const Study study = study_in(swarm);
  EXPECT_EQ(study.status, StudyStatus::finishing);
  EXPECT_EQ(study.final_job.state, FinalState::none) << "it waits for its fits";
  EXPECT_EQ(study.counts.completed, 2U);
  const auto fits = list_fits(swarm.view, "s-1");
  ASSERT_EQ(fits.size(), 2U * kBagFolds);
  EXPECT_EQ(fits[0].fit, (FoldFit{.candidate = 0, .fold = 0}));
  EXPECT_EQ(fits.back().fit, (FoldFit{.candidate = 1, .fold = kBagFolds - 1}));
  EXPECT_EQ(fits.back().params, of_family("mlp"));
  EXPECT_EQ(list_trials(swarm.view, "s-1").size(), 2U);
  EXPECT_EQ(open_trials(swarm.view, study).size(), fits.size());
}

TEST(Bag, TheFinalModelWaitsForTheLastFit) {
  auto swarm = searched({of_family("linear")});
  const auto fits = list_fits(swarm.view, "s-1");
  for (std::size_t i = 0; i + 1 < fits.size(); ++i)
    complete(swarm, fits[i]);
  EXPECT_EQ(study_in(swarm).final_job.state, FinalState::none);
  EXPECT_EQ(referenced_blobs(swarm.view).size(), 1 + fits.size() - 1) << "what they left is kept";
  complete(swarm, fits.back());
  EXPECT_EQ(study_in(swarm).final_job.state, FinalState::queued);
  EXPECT_EQ(whole_bags(swarm.view, study_in(swarm)).size(), fits.size());
  EXPECT_EQ(study_in(swarm).counts.completed, 1U);
  EXPECT_EQ(study_in(swarm).best_value, 1.0) << "a fit is never the best trial";
}

TEST(Bag, ItsFitsAreForgottenOnceItsModelIsMade) {
  auto swarm = searched({of_family("linear")});
  const auto fits = list_fits(swarm.view, "s-1");
  for (const Trial& fit : fits)
    complete(swarm, fit);
  const auto started = swarm.run(StartFinal{"s-1", node_of(1), 100});
  ASSERT_FALSE(started.error);
  FinalResult result;
  result.artifact = hash_of(to_bytes("bag"));
  EXPECT_FALSE(swarm.run(FinishFinal{"s-1", started.number, result, false, ""}).error);
  EXPECT_EQ(study_in(swarm).status, StudyStatus::completed);
  EXPECT_TRUE(list_fits(swarm.view, "s-1").empty());
  EXPECT_EQ(list_trials(swarm.view, "s-1").size(), 1U);
  EXPECT_EQ(referenced_blobs(swarm.view).size(), 2U) << "the data set and the model";
}

TEST(Bag, ACandidateOfWhichAFitFailsIsLeftOut) {
  auto swarm = searched({of_family("linear"), of_family("mlp")});
  const auto fits = list_fits(swarm.view, "s-1");
  EXPECT_FALSE(swarm.run(RefuseTrial{"s-1", fits.front().number, "too large"}).error);
  for (std::size_t i = 1; i < fits.size(); ++i)
    complete(swarm, fits[i]);
  const auto whole = whole_bags(swarm.view, study_in(swarm));
  ASSERT_EQ(whole.size(), kBagFolds);
  EXPECT_EQ(whole.front().fit->candidate, 1U);
  EXPECT_EQ(study_in(swarm).final_job.state, FinalState::queued);
  EXPECT_EQ(study_in(swarm).counts.infeasible, 0U);
}

TEST(Bag, AFitThatLosesItsNodeIsDoneAgainAndItsLateWordCountsOnce) {
  auto swarm = searched({of_family("linear")});
  const auto fit = list_fits(swarm.view, "s-1").front();
  const auto first = swarm.start(fit.number);
  const ExpireAttempts gone{{{"s-1", fit.number, first}}, "its node is gone"};
  EXPECT_FALSE(swarm.run(gone).error);
  const auto second = swarm.start(fit.number, 2);
  EXPECT_TRUE(swarm.run(word_of(fit, first)).error) << "a newer attempt runs";
  EXPECT_FALSE(swarm.run(word_of(fit, second)).error);
  EXPECT_FALSE(swarm.run(word_of(fit, second)).error) << "said again";
  EXPECT_EQ(find_trial(swarm.view, "s-1", fit.number)->state, TrialState::completed);
}

TEST(Bag, AWordToStopThatIsLateOrSaidTwiceEndsNoFit) {
  auto swarm = searched({of_family("linear")});
  EXPECT_FALSE(swarm.run(StopStudy{"s-1", "time limit reached", true}).error);
  EXPECT_EQ(open_trials(swarm.view, study_in(swarm)).size(), kBagFolds);
}

TEST(Bag, ThatCannotBePutTogetherBecomesARefit) {
  auto swarm = searched({of_family("linear")});
  for (const Trial& fit : list_fits(swarm.view, "s-1"))
    complete(swarm, fit);
  const auto started = swarm.run(StartFinal{"s-1", node_of(1), 100});
  EXPECT_FALSE(
      swarm.run(FinishFinal{"s-1", started.number, std::nullopt, false, "a fit is gone"}).error);
  EXPECT_EQ(study_in(swarm).status, StudyStatus::finishing);
  EXPECT_EQ(study_in(swarm).final_job.state, FinalState::queued);
  EXPECT_TRUE(whole_bags(swarm.view, study_in(swarm)).empty()) << "the best trial is refitted";
  const auto again = swarm.run(StartFinal{"s-1", node_of(1), 100});
  EXPECT_FALSE(swarm.run(FinishFinal{"s-1", again.number, std::nullopt, false, "no memory"}).error);
  EXPECT_EQ(study_in(swarm).status, StudyStatus::failed) << "there is nothing else to try";
}

TEST(Bag, WhenTimeIsOverTheFinalIsMadeOfWhatIsThere) {
  StudySpec spec = bag_spec(2);
  spec.time_limit_s = 100;
  auto swarm = searched({of_family("linear"), of_family("mlp")}, spec);
  swarm.now_ms += 100'000;
  const auto fits = list_fits(swarm.view, "s-1");
  for (std::size_t i = 0; i < kBagFolds; ++i)
    complete(swarm, fits[i]);
  EXPECT_FALSE(swarm.run(StopStudy{"s-1", "time limit reached", true}).error);
  EXPECT_EQ(study_in(swarm).status, StudyStatus::finishing);
  EXPECT_EQ(study_in(swarm).final_job.state, FinalState::queued);
  EXPECT_EQ(whole_bags(swarm.view, study_in(swarm)).size(), kBagFolds);
  EXPECT_EQ(study_in(swarm).counts.cancelled, 0U);
}

TEST(Bag, ACancelledStudyGivesNoFitOut) {
  auto swarm = searched({of_family("linear")});
  EXPECT_FALSE(swarm.run(StopStudy{"s-1", "cancelled", false}).error);
  EXPECT_EQ(study_in(swarm).status, StudyStatus::cancelled);
  EXPECT_TRUE(list_fits(swarm.view, "s-1").empty());
  EXPECT_EQ(referenced_blobs(swarm.view).size(), 1U) << "the data set";
}

TEST(Bag, AnExtendedStudyMakesItsBagAnew) {
  auto swarm = searched({of_family("linear")});
  const auto old = list_fits(swarm.view, "s-1").front();
  const auto token = swarm.start(old.number);
  EXPECT_FALSE(swarm.run(ExtendStudy{"s-1", 1}).error);
  EXPECT_EQ(study_in(swarm).status, StudyStatus::running);
  EXPECT_TRUE(open_trials(swarm.view, study_in(swarm)).empty()) << "its fits run for nobody";
  QueueTrials queue{.study = "s-1", .trials = {{1, of_family("mlp"), 100}}};
  EXPECT_FALSE(swarm.run(std::move(queue)).error);
  EXPECT_FALSE(swarm.finish(1, swarm.start(1), 0.5).error);
  const auto fits = list_fits(swarm.view, "s-1");
  ASSERT_EQ(fits.size(), 2U * kBagFolds);
  EXPECT_EQ(fits.front().fit->candidate, 1U) << "the best comes first";
  EXPECT_TRUE(swarm.run(word_of(old, token)).error) << "a word of before";
}

TEST(Bag, RefitsNeedNoFits) {
  StudySpec spec = bag_spec(1);
  spec.final_model = FinalModel::refit;
  const auto swarm = searched({of_family("linear")}, spec);
  EXPECT_EQ(study_in(swarm).final_job.state, FinalState::queued);
  EXPECT_TRUE(list_fits(swarm.view, "s-1").empty());
}

TEST(Bag, NeedsFolds) {
  EXPECT_TRUE(can_be_bagged({}));
  EXPECT_FALSE(can_be_bagged({.method = SplitMethod::time, .column = "day"}));
  EXPECT_FALSE(can_be_bagged(
      {.method = SplitMethod::column, .column = "part", .validation = {"val"}, .test = {"test"}}));
  EXPECT_EQ(split_of_bag({}).method, SplitMethod::kfold);
  EXPECT_EQ(split_of_bag({.method = SplitMethod::kfold, .folds = 3}).folds, 3U);
  const SplitSpec groups{.method = SplitMethod::group, .column = "who"};
  EXPECT_EQ(split_of_bag(groups).column, "who");
}

TEST(Bag, ItsFitsAreGivenToNodesAndStartedThere) {
  auto swarm = searched({of_family("linear"), of_family("mlp")});
  const std::vector<NodeRoom> rooms{{.id = node_of(1), .slots = 2, .memory_budget_mb = 4000},
                                    {.id = node_of(2), .slots = 2, .memory_budget_mb = 4000}};
  SchedulerInput input{
      .view = swarm.view, .alive = rooms, .away = {}, .knows_all = true, .gone = {}};
  std::set<NodeId> with_work;
  for (const auto& body : plan(input)) {
    ASSERT_TRUE(std::holds_alternative<MoveTrials>(body));
    EXPECT_FALSE(swarm.run(body).error);
  }
  for (const NodeRoom& room : rooms)
    for (const auto& start : own_starts(swarm.view, room)) {
      EXPECT_FALSE(swarm.run(start).error);
      with_work.insert(room.id);
    }
  EXPECT_EQ(with_work.size(), 2U);
}

TEST(Bag, OfATimeLimitItsFitsKeepAtMostHalf) {
  StudySpec spec = bag_spec(3);
  spec.time_limit_s = 100;
  Swarm swarm;
  swarm.raise_level();
  swarm.add_dataset();
  EXPECT_FALSE(swarm.run(CreateStudy{"s-1", spec}).error);
  QueueTrials queue{.study = "s-1", .trials = {{0, of_family("linear"), 100}}};
  EXPECT_FALSE(swarm.run(std::move(queue)).error);
  FinishTrial word;
  word.study = "s-1";
  word.token = swarm.start(0);
  word.value = 1;
  word.seconds = 4;  // five folds on two slots: ten seconds
  EXPECT_FALSE(swarm.run(word).error);
  const std::vector<NodeRoom> rooms{{.id = node_of(1), .slots = 2, .memory_budget_mb = 4000}};
  const auto stops = [&](std::uint64_t now_ms) {
    SchedulerInput input{
        .view = swarm.view, .alive = rooms, .away = {}, .knows_all = true, .gone = {}};
    input.now_ms = study_in(swarm).began_ms + now_ms;
    const auto commands = plan(input);
    return std::ranges::any_of(
        commands, [](const CommandBody& body) { return std::holds_alternative<StopStudy>(body); });
  };
  EXPECT_FALSE(stops(89'000));
  EXPECT_TRUE(stops(90'000));
}

}  // namespace
}  // namespace starling::ml
