// What one swarm held becomes a part of another one's (GB-7).
#include "ml/study/adoption.h"

#include "node/base/state_pairs.h"
#include "tests/ml/study_fixture.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>

namespace starling::ml {
namespace {

using testing::HasSubstr;

const SwarmId kOther = *SwarmId::from_hex("00112233445566778899aabbccddeeff");

std::string pairs_of(const MapView& view, const std::vector<std::string>& prefixes) {
  std::string pairs;
  for (const std::string& prefix : prefixes)
    view.scan(
        prefix, end_of_prefix(prefix), [&pairs](std::string_view key, std::string_view value) {
          append_pair(pairs, key, value);
          return true;
        });
  return pairs;
}

/// A swarm with one study of three trials; two have completed, the third is running.
Swarm swarm_at_work() {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(3, 3);
  for (std::uint32_t i = 0; i < 3; ++i)
    swarm.queue(i);
  EXPECT_FALSE(swarm.finish(0, swarm.start(0), 3).error);
  const auto token = swarm.start(1);
  EXPECT_FALSE(
      swarm.run(ReportProgress{{{"s-1", 1, token, {1, 9}}, {"s-1", 1, token, {2, 8}}}}).error);
  EXPECT_FALSE(swarm.finish(1, token, 2).error);
  swarm.start(2);
  return swarm;
}

Swarm swarm_that_is_done() {
  Swarm swarm = swarm_at_work();
  EXPECT_FALSE(swarm.finish(2, swarm.trial(2).current.token, 5).error);
  const auto final_token = swarm.run(StartFinal{"s-1", node_of(1)}).number;
  FinishFinal done{.study = "s-1",
                   .token = final_token,
                   .result = FinalResult{},
                   .may_retry = false,
                   .error = ""};
  done.result->artifact = hash_of(to_bytes("weights"));
  done.result->test = {{"rmse", 2.5}};
  EXPECT_FALSE(swarm.run(done).error);
  return swarm;
}

class Adoption : public testing::Test {
 protected:
  Outcome adopt(const Swarm& from, const std::vector<std::string>& prefixes) {
    return here.run(Adopt{
        .from = kOther, .pairs = pairs_of(from.view, prefixes), .trials = trials_of(from.view)});
  }

  static std::uint32_t trials_of(const StateView& view) {
    std::uint32_t count = 0;
    view.scan("trial/", end_of_prefix("trial/"), [&count](std::string_view, std::string_view) {
      ++count;
      return true;
    });
    return count;
  }

  Outcome adopt_all(const Swarm& from) {
    EXPECT_FALSE(adopt(from, {"dataset/"}).error);
    EXPECT_FALSE(adopt(from, {"curve/", "trial/"}).error);
    return adopt(from, {"study/"});
  }

  /// Some other study here, so that numbers and versions differ from those of the other swarm.
  void work_here() {
    here.add_dataset();
    here.create_study(1, 1, "s-1");
    here.queue(0);
    EXPECT_FALSE(here.finish(0, here.start(0), 7).error);
    const auto token = here.run(StartFinal{"s-1", node_of(1)}).number;
    EXPECT_FALSE(here.run(FinishFinal{"s-1", token, FinalResult{}, false, ""}).error);
  }

  Swarm here;
};

TEST_F(Adoption, AFinishedStudyComesWithItsTrialsCurvesAndModel) {
  const Swarm there = swarm_that_is_done();
  const auto outcome = adopt_all(there);
  ASSERT_FALSE(outcome.error) << outcome.error->detail;
  EXPECT_EQ(outcome.id, "s-1");
  EXPECT_EQ(here.study(), there.study());
  EXPECT_EQ(list_trials(here.view, "s-1"), list_trials(there.view, "s-1"));
  EXPECT_EQ(find_curve(here.view, "s-1", 1), find_curve(there.view, "s-1", 1));
  EXPECT_EQ(find_curve(here.view, "s-1", 1).size(), 2U);
  EXPECT_EQ(find_dataset(here.view, "table").value(), find_dataset(there.view, "table").value());
  auto ours = find_version(here.view, "table", {}).value();
  auto theirs = find_version(there.view, "table", {}).value();
  ours.created_ms = theirs.created_ms;
  EXPECT_EQ(ours, theirs);
}

/// Nodes of an older version here would not keep them.
TEST_F(Adoption, BelowTheirLevelCostsDoNotComeAlong) {
  Swarm there;
  there.raise_level();
  there.add_dataset();
  there.create_study(1, 1);
  there.queue(0);
  const ModelCost cost{.bytes = 10, .predict_ms = 1};
  FinishTrial word;
  word.study = "s-1";
  word.token = there.start(0);
  word.value = 1.5;
  word.cost = cost;
  EXPECT_FALSE(there.run(word).error);
  FinalResult result;
  result.cost = cost;
  const auto token = there.run(StartFinal{"s-1", node_of(1), 100}).number;
  EXPECT_FALSE(there.run(FinishFinal{"s-1", token, result, false, ""}).error);
  ASSERT_EQ(there.trial(0).cost, cost);
  for (const std::uint32_t level : {kCostsLevel - 1, kCostsLevel}) {
    here = {};
    EXPECT_FALSE(here.run(RaiseFeatureLevel{level}).error);
    const auto outcome = adopt_all(there);
    ASSERT_FALSE(outcome.error) << outcome.error->detail;
    const ModelCost kept = level < kCostsLevel ? ModelCost{} : cost;
    EXPECT_EQ(here.trial(0).cost, kept);
    EXPECT_EQ(here.study().result->cost, kept);
  }
}

TEST_F(Adoption, SaidAgainItChangesNothing) {
  const Swarm there = swarm_that_is_done();
  ASSERT_FALSE(adopt_all(there).error);
  const auto before = pairs_of(here.view, {"dataset/", "study/", "trial/", "curve/", "version/"});
  const auto again = adopt_all(there);
  EXPECT_FALSE(again.error);
  EXPECT_EQ(again.number, 0U);
  EXPECT_EQ(again.id, "");
  EXPECT_EQ(pairs_of(here.view, {"dataset/", "study/", "trial/", "curve/", "version/"}), before);
}

TEST_F(Adoption, WhatRanThereWaitsHereAndGoesOnToItsEnd) {
  const Swarm there = swarm_at_work();
  const auto old_token = there.trial(2).current.token;
  ASSERT_FALSE(adopt_all(there).error);
  EXPECT_EQ(here.trial(2).state, TrialState::queued);
  EXPECT_EQ(here.trial(2).attempts, 0U) << "the attempt that was taken from it does not count";
  EXPECT_EQ(here.study().counts.queued, 1U);
  EXPECT_TRUE(here.finish(2, old_token, 1).error) << "no result of the other swarm counts here";
  EXPECT_FALSE(here.finish(2, here.start(2), 1).error);
  EXPECT_EQ(here.study().status, StudyStatus::finishing);
  EXPECT_EQ(here.study().best_number, 2U);
}

TEST_F(Adoption, AModelBecomesTheNextVersionOfItsName) {
  work_here();
  Swarm there = swarm_that_is_done();
  auto study = there.study();
  study.id = "s-2";
  there.view = {};
  Changes changes;
  changes.put(keys::study("s-2"), encode(study));
  for (Trial trial : list_trials(swarm_that_is_done().view, "s-1")) {
    trial.study = "s-2";
    changes.put(keys::trial("s-2", trial.number), encode(trial));
  }
  there.view.commit(changes);
  ASSERT_FALSE(adopt_all(there).error);
  const auto versions = list_versions(here.view, "table");
  ASSERT_EQ(versions.size(), 2U);
  EXPECT_EQ(versions[1].study, "s-2");
  EXPECT_EQ(find_study(here.view, "s-2")->model_version, 2U);
}

TEST_F(Adoption, ANameThatIsTakenGetsTheIdBesideIt) {
  here.add_dataset();
  Changes changes;
  changes.put(keys::dataset("d-2"),
              encode(Dataset{.id = "d-2",
                             .name = "table",
                             .blob = hash_of(to_bytes("y")),
                             .bytes = 1,
                             .rows = 2,
                             .profile = "{}",
                             .created_ms = 3}));
  Swarm there;
  there.view.commit(changes);
  ASSERT_FALSE(adopt(there, {"dataset/"}).error);
  EXPECT_EQ(find_dataset(here.view, "d-2")->name, "table (d-2)");
  EXPECT_EQ(find_dataset(here.view, "table")->id, "d-1");
}

TEST_F(Adoption, AnotherDatasetUnderTheSameIdIsRefused) {
  here.add_dataset();
  Swarm there;
  auto dataset = find_dataset(here.view, "d-1").value();
  dataset.blob = hash_of(to_bytes("other"));
  Changes changes;
  changes.put(keys::dataset("d-1"), encode(dataset));
  there.view.commit(changes);
  EXPECT_EQ(adopt(there, {"dataset/"}).error->code, Errc::conflict);
}

TEST_F(Adoption, AStudyWhoseTrialsAreNotAllHereIsRefusedAndLeavesNothing) {
  const Swarm there = swarm_that_is_done();
  const auto refused = adopt(there, {"study/"});
  ASSERT_TRUE(refused.error);
  EXPECT_THAT(refused.error->detail, HasSubstr("do not add up"));
  EXPECT_FALSE(find_study(here.view, "s-1"));
  EXPECT_TRUE(list_models(here.view).empty());
}

TEST_F(Adoption, AnUnendedStudyNeedsItsTable) {
  const Swarm there = swarm_at_work();
  ASSERT_FALSE(adopt(there, {"trial/"}).error);
  EXPECT_EQ(adopt(there, {"study/"}).error->code, Errc::not_found);
  ASSERT_FALSE(adopt(there, {"dataset/"}).error);
  EXPECT_FALSE(adopt(there, {"study/"}).error);
}

TEST_F(Adoption, ACancelledStudyThatNeverDrewAllItsTrialsAddsUp) {
  Swarm there;
  there.add_dataset();
  there.create_study(10, 2);
  there.queue(0);
  ASSERT_FALSE(there.run(StopStudy{"s-1", "enough", false}).error);
  ASSERT_FALSE(adopt_all(there).error);
  EXPECT_EQ(here.study().status, StudyStatus::cancelled);
  EXPECT_EQ(here.study().counts.cancelled, 10U);
}

TEST_F(Adoption, TrialsOfAStudyThatIsHereAreLeftAlone) {
  const Swarm there = swarm_that_is_done();
  work_here();
  const auto before = here.trial(0);
  ASSERT_FALSE(adopt(there, {"trial/"}).error);
  EXPECT_EQ(here.trial(0), before);
  EXPECT_EQ(list_trials(here.view, "s-1").size(), 1U);
}

TEST_F(Adoption, AStudyThatEndedOtherwiseHereIsNamedAndStays) {
  const Swarm there = swarm_that_is_done();
  const Swarm earlier = swarm_at_work();
  ASSERT_FALSE(adopt_all(earlier).error);
  EXPECT_THAT(adopt(there, {"study/"}).error->detail, HasSubstr("here already and running"));
  ASSERT_FALSE(here.run(StopStudy{"s-1", "enough", false}).error);
  EXPECT_THAT(adopt(there, {"study/"}).error->detail, HasSubstr("there it is completed"));
  EXPECT_EQ(here.study().status, StudyStatus::cancelled);
}

TEST_F(Adoption, WhatAnInterruptedOneLeftDoesNotStandInTheWay) {
  Swarm longer = swarm_that_is_done();
  Trial extra = longer.trial(2);
  extra.number = 3;
  Changes changes;
  changes.put(keys::trial("s-1", 3), encode(extra));
  changes.put(keys::curve("s-1", 3), encode(Curve{{1, 2}}));
  longer.view.commit(changes);
  ASSERT_FALSE(adopt(longer, {"curve/", "trial/"}).error);
  ASSERT_FALSE(adopt_all(swarm_that_is_done()).error);
  EXPECT_EQ(list_trials(here.view, "s-1").size(), 3U);
  EXPECT_TRUE(find_curve(here.view, "s-1", 3).empty());
}

TEST(AdoptedPiece, NamesTheBlobsThatMustBeThere) {
  const Swarm there = swarm_that_is_done();
  const auto piece = parse_piece(pairs_of(there.view, {"dataset/", "study/"}));
  ASSERT_TRUE(piece);
  const std::vector<ContentHash> expected{hash_of(to_bytes("x")), hash_of(to_bytes("weights"))};
  EXPECT_EQ(blobs_of(*piece), expected);
}

TEST(AdoptedPiece, WhatIsNoPieceIsRefusedWithItsReason) {
  const Swarm there = swarm_that_is_done();
  const auto study = encode(there.study());
  const auto piece = [](std::string_view key, std::string_view value) {
    std::string pairs;
    append_pair(pairs, key, value);
    return pairs;
  };
  auto completed = there.trial(0);
  completed.value = std::nan("");
  auto unnamed = find_dataset(there.view, "d-1").value();
  const auto table = encode(unnamed);
  unnamed.name = "a\nb";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"abc", "whole pairs"},
      {piece("token/abc", "x"), "only data sets"},
      {piece("study/s-2", study), "own key"},
      {piece("study/s-1", "\xff"), "does not parse"},
      {piece("study/s-1", study) + piece("study/s-1", study), "one study"},
      {piece("dataset/d-1", table) + piece("dataset/d-1", table), "one data set"},
      {piece("dataset/d-1", encode(unnamed)), "name"},
      {piece(keys::trial("s-1", 7), encode(there.trial(0))), "own key"},
      {piece(keys::trial("s-1", 0), encode(completed)), "without a value"},
      {piece("curve/s-1", encode(Curve{})), "belongs to a trial"},
      {piece(keys::curve("s/1", 0), encode(Curve{})), "belongs to a trial"},
      {piece(keys::curve("s-1", std::uint64_t{1} << 32), encode(Curve{})), "belongs to a trial"},
      {piece(keys::curve("s-1", 0), encode(Curve(kCurvePointsMax + 1))), "points"}};
  for (const auto& [pairs, reason] : cases) {
    const auto parsed = parse_piece(pairs);
    ASSERT_FALSE(parsed) << reason;
    EXPECT_THAT(parsed.error().detail, HasSubstr(reason));
  }
  EXPECT_EQ(parse_piece(std::string(kAdoptedBytesMax + 1, 'x')).error().code, Errc::too_large);
}

class UnfitStudy : public Adoption {
 protected:
  using Change = std::function<void(Study&)>;

  std::string pairs_with(const Swarm& there, const Change& change) {
    Study study = there.study();
    change(study);
    std::string pairs;
    append_pair(pairs, keys::study(study.id), encode(study));
    return pairs;
  }

  /// Before it is proposed.
  std::string unfit(const Swarm& there, const Change& change) {
    const auto fits = check_adoptable(here.view, parse_piece(pairs_with(there, change)).value());
    return fits ? "" : fits.error().detail;
  }

  /// When it is applied.
  std::string refused(const Swarm& there, const Change& change) {
    const Adopt command{
        .from = kOther, .pairs = pairs_with(there, change), .trials = trials_of(there.view)};
    const auto error = here.run(command).error;
    return error ? error->detail : "";
  }
};

TEST_F(UnfitStudy, ThatCouldNotHaveBeenMadeHereIsNotProposed) {
  const Swarm there = swarm_at_work();
  ASSERT_FALSE(adopt(there, {"dataset/", "trial/"}).error);
  EXPECT_EQ(unfit(there, [](Study&) {}), "");
  EXPECT_THAT(unfit(there, [](Study& s) { s.spec.name = "a/b"; }), HasSubstr("name"));
  EXPECT_THAT(unfit(there, [](Study& s) { s.spec.trials = 20'000; }), HasSubstr("trials"));
  EXPECT_THAT(unfit(there, [](Study& s) { s.spec.search_space_json = "x"; }),
              HasSubstr("search_space"));
  EXPECT_THAT(unfit(there, [](Study& s) { s.spec.metric = "auc"; }), HasSubstr("metric"));
  EXPECT_THAT(unfit(there, [](Study& s) { s.spec.maximize = true; }), HasSubstr("direction"));
  EXPECT_THAT(unfit(there,
                    [](Study& s) {
                      s.spec.initial = {{{"x", 1.0}}};
                    }),
              HasSubstr("initial"));
  EXPECT_THAT(unfit(there,
                    [](Study& s) {
                      s.spec.search_space_json = R"({"mlp.width":{"type":"int","low":1,"high":2}})";
                    }),
              HasSubstr("trial 0"));
}

TEST_F(UnfitStudy, ThatHasEndedAndDoesNotAddUpIsRefused) {
  const Swarm there = swarm_that_is_done();
  ASSERT_FALSE(adopt(there, {"dataset/", "trial/"}).error);
  const auto adds_up = HasSubstr("do not add up");
  EXPECT_THAT(refused(there, [](Study& s) { s.best_number = 3; }), HasSubstr("best trial"));
  EXPECT_THAT(refused(there, [](Study& s) { s.best_value = std::nan(""); }),
              HasSubstr("best trial"));
  EXPECT_THAT(refused(there, [](Study& s) { s.best_number.reset(); }), HasSubstr("best trial"));
  EXPECT_THAT(refused(there, [](Study& s) { s.result.reset(); }), HasSubstr("final fit"));
  EXPECT_THAT(refused(there, [](Study& s) { s.final_job.state = FinalState::queued; }),
              HasSubstr("final fit"));
  EXPECT_THAT(refused(there, [](Study& s) { ++s.counts.failed; }), adds_up);
  EXPECT_THAT(refused(there, [](Study& s) { s.counts.cancelled = 0U - 3; }), adds_up);
  EXPECT_THAT(refused(there, [](Study& s) { s.spec.trials = 4; }), adds_up);
  EXPECT_THAT(refused(there, [](Study& s) { s.status = StudyStatus::queued; }), adds_up);
  EXPECT_THAT(refused(there, [](Study& s) { s.status = StudyStatus::running; }), adds_up);
  EXPECT_EQ(refused(there, [](Study&) {}), "");
}

TEST_F(UnfitStudy, ThatNobodyWouldBringToItsEndIsRefused) {
  const Swarm there = swarm_at_work();
  ASSERT_FALSE(adopt(there, {"dataset/", "trial/"}).error);
  const auto adds_up = HasSubstr("do not add up");
  EXPECT_THAT(refused(there, [](Study& s) { s.final_job.state = FinalState::queued; }),
              HasSubstr("final fit"));
  EXPECT_THAT(refused(there, [](Study& s) { s.counts.cancelled = 5; }), adds_up);
  EXPECT_THAT(refused(there, [](Study& s) { s.status = StudyStatus::finishing; }), adds_up);
  EXPECT_THAT(refused(there, [](Study& s) { s.status = StudyStatus::queued; }), adds_up);
  EXPECT_THAT(refused(there, [](Study& s) { s.spec.trials = 2; }), adds_up);
  EXPECT_THAT(refused(there, [](Study& s) { s.spec.dataset = "table"; }), HasSubstr("not here"))
      << "by its id, which never changes";
  EXPECT_EQ(refused(there, [](Study&) {}), "");
}

}  // namespace
}  // namespace starling::ml
