// What a person leaves out is inferred; what is wrong is named with its limit.
#include "ml/study/study_plan.h"

#include "ml/search/family_spec.h"
#include "ml/search/named_spaces.h"
#include "ml/table/profile_json.h"
#include "tests/ml/study_fixture.h"

#include <gmock/gmock.h>

namespace starling::ml {
namespace {

using testing::HasSubstr;

Dataset dataset() {
  Dataset dataset;
  dataset.id = "d-1";
  dataset.name = "my table";
  return dataset;
}

Result<Dataset> no_datasets(std::string_view id) {
  return Error{Errc::not_found, "no data set " + std::string{id}};
}

StudyRequest request(std::string target = "y") {
  StudyRequest request;
  request.dataset = "d-1";
  request.target = std::move(target);
  return request;
}

SwarmFacts swarm_of(std::uint32_t slots) {
  return {.slots = slots};
}

const Decision* decision_on(const StudySpec& spec, std::string_view what) {
  const auto found = std::ranges::find(spec.decisions, what, &Decision::what);
  return found == spec.decisions.end() ? nullptr : &*found;
}

TEST(CompleteSpec, SaysWhatItDecidedAndWhy) {
  const auto spec = complete_spec(request(), dataset(), small_profile(), {}, no_datasets).value();
  EXPECT_EQ(spec.split.method, SplitMethod::kfold) << "100 rows";
  EXPECT_EQ(spec.split.folds, 5U);
  for (const char* what : {"task", "metric", "split", "search_space"}) {
    const Decision* decision = decision_on(spec, what);
    ASSERT_NE(decision, nullptr) << what;
    EXPECT_FALSE(decision->choice.empty() || decision->reason.empty()) << what;
  }
  EXPECT_EQ(spec.final_model, FinalModel::bag);
  EXPECT_EQ(decision_on(spec, "final"), nullptr);
  EXPECT_TRUE(check_spec(spec));
}

TEST(CompleteSpec, WhatIsAskedForIsNotDecided) {
  auto asked = request();
  asked.task = "regression";
  asked.metric = "mae";
  asked.split = SplitSpec{};
  asked.search_space_name = "default";
  asked.final_model = "bag";
  asked.use_case = "real time";
  asked.constraints = Constraints{};
  const auto spec = complete_spec(asked, dataset(), small_profile(), {}, no_datasets).value();
  EXPECT_TRUE(spec.decisions.empty()) << spec.decisions.front().what;
  EXPECT_EQ(spec.split, SplitSpec{});
  EXPECT_EQ(spec.constraints, Constraints{}) << "words count where nothing is asked for";
}

TEST(CompleteSpec, WordsOfTheUseCaseChooseFamiliesAndTheFinalModel) {
  auto asked = request();
  asked.use_case = "The auditors have to understand it";
  const auto spec = complete_spec(asked, dataset(), small_profile(), {}, no_datasets).value();
  EXPECT_TRUE(spec.constraints.is_interpretable);
  EXPECT_EQ(spec.final_model, FinalModel::refit);
  ASSERT_NE(decision_on(spec, "final"), nullptr);
  EXPECT_EQ(spec.search_space_json.find("mlp"), std::string::npos);
}

TEST(CompleteSpec, PlansNothingThatOlderMembersDoNotKnow) {
  auto asked = request();
  asked.use_case = "real time";
  const SwarmFacts older{.feature_level = kBagsLevel - 1};
  const auto spec = complete_spec(asked, dataset(), small_profile(), older, no_datasets).value();
  EXPECT_TRUE(spec.decisions.empty());
  EXPECT_EQ(spec.constraints, Constraints{});
  EXPECT_EQ(spec.final_model, FinalModel::refit);
  EXPECT_EQ(spec.split, SplitSpec{});
  EXPECT_LE(feature_level_of(CreateStudy{"s-1", spec}), kBagsLevel - 1);
  EXPECT_EQ(spec.search_space_json,
            to_json(families_space(
                std::vector<std::string>{kUsualFamilies.begin(), kUsualFamilies.end()}, 1)))
      << "nothing is narrowed in secret";
  const SwarmFacts oldest{.feature_level = 1};
  const auto plain = complete_spec(asked, dataset(), small_profile(), oldest, no_datasets).value();
  EXPECT_EQ(parse_search_space(plain.search_space_json)->find("family"), nullptr);
}

TEST(CompleteSpec, WhatIsToBeTriedFirstIsNotRuledOut) {
  auto asked = request();
  asked.use_case = "auditors";
  asked.initial = {default_params()};
  asked.initial[0]["mlp.width"] = std::int64_t{256};
  asked.initial[0]["mlp.batch_size"] = std::int64_t{128};
  asked.families = {"mlp", "linear"};
  auto spec = complete_spec(asked, dataset(), small_profile(), {}, no_datasets);
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(decision_on(*spec, "search_space"), nullptr);
  asked.families.clear();
  spec = complete_spec(asked, dataset(), small_profile(), {}, no_datasets);
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_NE(spec->search_space_json.find("mlp"), std::string::npos);
}

TEST(CompleteSpec, FoldsAreOfRowsThatHaveATarget) {
  TableProfile profile = small_profile();
  profile.columns[2].missing = 1;
  const auto spec = complete_spec(request(), dataset(), profile, {}, no_datasets).value();
  EXPECT_EQ(spec.split, SplitSpec{}) << "99 rows are too few";
}

TEST(CompleteSpec, FamiliesThatFitNoNodeAreLeftOut) {
  SwarmFacts swarm{.largest_node_mb = 300};
  swarm.peak_mb = [](const Params& params, const TableProfile& learned, const StudySpec& spec) {
    EXPECT_EQ(spec.target, "y");
    EXPECT_EQ(learned.rows, 100U);
    return family_of(params) == "mlp" ? std::uint64_t{301} : std::uint64_t{300};
  };
  const auto spec =
      complete_spec(request(), dataset(), small_profile(), swarm, no_datasets).value();
  EXPECT_EQ(spec.search_space_json.find("mlp"), std::string::npos);
  EXPECT_NE(spec.search_space_json.find("xgboost"), std::string::npos);
}

TEST(CheckSpec, RefusesConstraintsAndDecisionsBeyondTheirLimits) {
  const auto good = complete_spec(request(), dataset(), small_profile(), {}, no_datasets).value();
  const auto refused = [&good](const std::function<void(StudySpec&)>& spoil) {
    StudySpec spec = good;
    spoil(spec);
    const auto checked = check_spec(spec);
    return checked ? std::string{} : checked.error().detail;
  };
  EXPECT_THAT(refused([](StudySpec& spec) { spec.constraints.predict_ms = -1; }),
              HasSubstr("predict_ms -1"));
  EXPECT_THAT(refused([](StudySpec& spec) { spec.constraints.model_mb = 1e7; }),
              HasSubstr("model_mb"));
  EXPECT_THAT(refused([](StudySpec& spec) { spec.decisions.resize(kDecisionsMax + 1); }),
              HasSubstr("at most 32"));
  EXPECT_THAT(refused([](StudySpec& spec) { spec.decisions[0].reason.resize(1001, 'x'); }),
              HasSubstr("at most 1000"));
}

TEST(CompleteSpec, InfersTaskMetricNameAndParallelism) {
  const auto spec =
      complete_spec(request(), dataset(), small_profile(), swarm_of(2), no_datasets).value();
  EXPECT_EQ(spec.task, "regression");
  EXPECT_EQ(spec.metric, "rmse");
  EXPECT_FALSE(spec.maximize);
  EXPECT_EQ(spec.name, "my-table");
  EXPECT_EQ(spec.trials, 20U);
  EXPECT_EQ(spec.parallelism, 4U);
  EXPECT_EQ(
      complete_spec(request("kind"), dataset(), small_profile(), swarm_of(2), no_datasets)->task,
      "binary");
}

TEST(CompleteSpec, ParallelismIsTheSlotsButAtMostAQuarterOfTheTrials) {
  auto asked = request();
  asked.trials = 100;
  EXPECT_EQ(
      complete_spec(asked, dataset(), small_profile(), swarm_of(12), no_datasets)->parallelism,
      12U);
  EXPECT_EQ(
      complete_spec(asked, dataset(), small_profile(), swarm_of(50), no_datasets)->parallelism,
      25U);
  asked.trials = 3;
  EXPECT_EQ(
      complete_spec(asked, dataset(), small_profile(), swarm_of(50), no_datasets)->parallelism, 1U);
}

struct BadCase {
  std::string name;
  std::function<void(StudyRequest&)> spoil;
  std::string says;
};

class BadRequest : public testing::TestWithParam<BadCase> {};

TEST_P(BadRequest, IsRefusedNamingTheFieldAndTheLimit) {
  auto asked = request();
  GetParam().spoil(asked);
  const auto spec = complete_spec(asked, dataset(), small_profile(), swarm_of(2), no_datasets);
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, Errc::invalid_argument);
  EXPECT_THAT(spec.error().detail, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Fields,
    BadRequest,
    testing::Values(
        BadCase{"target", [](auto& r) { r.target = "knd"; }, "kind"},
        BadCase{"no_trials", [](auto& r) { r.trials = 0; }, "trials: 0 is not from 1 to 10000"},
        BadCase{"trials", [](auto& r) { r.trials = 10'001; }, "trials: 10001"},
        BadCase{"name", [](auto& r) { r.name = "a b"; }, "name: \"a b\""},
        BadCase{"task", [](auto& r) { r.task = "cluster"; }, "task: \"cluster\""},
        BadCase{"unbuilt", [](auto& r) { r.task = "forecast"; }, "not built yet"},
        BadCase{"metric", [](auto& r) { r.metric = "f1"; }, "metric: \"f1\" does not measure"},
        BadCase{"limit", [](auto& r) { r.time_limit_s = 0; }, "time_limit_s: 0"},
        BadCase{"seed", [](auto& r) { r.seed = ~std::uint64_t{0}; }, "seed: 18446744073709551615"},
        BadCase{"name_of_space",
                [](auto& r) { r.search_space_name = "nexusop"; },
                "search_space: \"nexusop\" is none of default, nexusops"},
        BadCase{"space", [](auto& r) { r.search_space_json = "{"; }, "search_space: "},
        BadCase{"initial",
                [](auto& r) {
                  r.initial = {{{"x", 1.0}}};
                },
                "initial: entry 0"},
        BadCase{"families",
                [](auto& r) { r.families = {"forest"}; },
                "families: \"forest\" is none of baseline, linear, xgboost, mlp"},
        BadCase{"families_twice",
                [](auto& r) {
                  r.families = {"mlp", "mlp"};
                },
                "families: mlp is there twice"},
        BadCase{"families_and_space",
                [](auto& r) {
                  r.families = {"mlp"};
                  r.search_space_name = "nexusops";
                },
                "families: search_space says it, too"},
        BadCase{"engine", [](auto& r) { r.engine = "jax"; }, "engine: \"jax\" is none of native"},
        BadCase{"class_weight",
                [](auto& r) { r.class_weight = "much"; },
                "class_weight: \"much\" is none of none, balanced"},
        BadCase{"class_weight_of_numbers",
                [](auto& r) { r.class_weight = "balanced"; },
                "class_weight: the target \"y\" is a number and has no classes"},
        BadCase{
            "widht",
            [](auto& r) { r.search_space_json = R"({"mlp.widht":{"type":"fixed","value":3}})"; },
            "search_space: there is no parameter \"mlp.widht\""},
        BadCase{"tags", [](auto& r) { r.tags = {""}; }, "tags: "}),
    [](const auto& param_info) { return param_info.param.name; });

TEST(CompleteSpec, RmsleNeedsATargetOfZeroOrMore) {
  auto asked = request();
  asked.metric = "rmsle";
  TableProfile profile = small_profile();
  EXPECT_TRUE(complete_spec(asked, dataset(), profile, swarm_of(2), no_datasets));
  profile.columns[2].min = -0.5;
  const auto refused = complete_spec(asked, dataset(), profile, swarm_of(2), no_datasets);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_EQ(refused.error().detail,
            "metric: rmsle needs a target of 0 or more, and \"y\" of \"my table\" holds -0.5; use "
            "rmse or mae");
  asked.metric = "mape";
  EXPECT_TRUE(complete_spec(asked, dataset(), profile, swarm_of(2), no_datasets));
}

TEST(CompleteSpec, RmsleLooksAtTheDataSetsThatJudge) {
  auto asked = request();
  asked.metric = "rmsle";
  asked.split = SplitSpec{.method = SplitMethod::datasets, .test = {"d-2"}};
  const auto find = [](double least) {
    return [least](std::string_view) -> Result<Dataset> {
      TableProfile profile = small_profile();
      profile.columns[2].min = least;
      Dataset other = dataset();
      other.name = "newer";
      other.blob = hash_of(to_bytes("newer"));
      other.profile = to_json(profile);
      return other;
    };
  };
  EXPECT_TRUE(complete_spec(asked, dataset(), small_profile(), swarm_of(2), find(0)));
  const auto refused = complete_spec(asked, dataset(), small_profile(), swarm_of(2), find(-7));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("\"y\" of \"newer\" holds -7"));
}

TEST(CompleteSpec, ASpaceMayBeAskedForByName) {
  auto asked = request();
  asked.search_space_name = "nexusops";
  const auto spec = complete_spec(asked, dataset(), small_profile(), swarm_of(2), no_datasets);
  ASSERT_TRUE(spec) << spec.error().detail;
  const auto space = parse_search_space(spec->search_space_json).value();
  EXPECT_EQ(space, nexusops_space(small_profile().rows));
  EXPECT_TRUE(check_spec(*spec));
}

/// Its target is a class.
TableProfile classes_profile(std::vector<LevelCount> levels) {
  TableProfile profile = small_profile();
  ColumnProfile& y = profile.columns[2];
  y.type = ColumnType::category;
  y.distinct = levels.size();
  y.levels = std::move(levels);
  return profile;
}

TEST(ClassWeight, BecomesAParameterOfEachTrial) {
  auto asked = request();
  asked.class_weight = "balanced";
  const auto profile = classes_profile({{"a", 90}, {"b", 10}});
  const auto spec = complete_spec(asked, dataset(), profile, swarm_of(2), no_datasets);
  ASSERT_TRUE(spec) << spec.error().detail;
  const auto space = parse_search_space(spec->search_space_json).value();
  ASSERT_NE(space.find("encode.class_weights"), nullptr);
  EXPECT_EQ(space.find("encode.class_weights")->value, ParamValue{"balanced"});
  EXPECT_TRUE(space.find("encode.class_weights")->when.empty());
  EXPECT_TRUE(check_spec(*spec));
  EXPECT_EQ(feature_level_of(CreateStudy{"s-1", *spec}), kClassWeightsLevel);
  asked.class_weight = "none";
  const auto plain = complete_spec(asked, dataset(), profile, swarm_of(2), no_datasets).value();
  EXPECT_EQ(plain.search_space_json.find("class_weights"), std::string::npos);
  asked.class_weight = "balanced";
  asked.search_space_json = R"({"encode.class_weights":{"type":"fixed","value":"none"}})";
  const auto twice = complete_spec(asked, dataset(), profile, swarm_of(2), no_datasets);
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().detail, HasSubstr("class_weight: search_space says it too"));
}

TEST(RareClassesOfAStudy, AreLeftOutWhereTheyAreNotFew) {
  const auto why = [](std::vector<LevelCount> levels) {
    const auto profile = classes_profile(std::move(levels));
    const auto spec =
        complete_spec(request(), dataset(), profile, swarm_of(2), no_datasets).value();
    EXPECT_FALSE(spec.trains_rare_classes);
    return decision_on(spec, "rare classes")->reason;
  };
  EXPECT_THAT(why({{"a", 50}, {"b", 30}, {"c", 17}, {"d", 1}, {"e", 1}, {"f", 1}}),
              HasSubstr("as many as the other classes, they are more likely slips"));
  std::vector<LevelCount> eleven{{"k", 1}};
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"})
    eleven.push_back({name, 9});
  EXPECT_THAT(why(std::move(eleven)), HasSubstr("more than the 10 classes whose shares"));
}

TEST(RareClassesOfAStudy, OnlyTrainAndAreDecidedOn) {
  const auto profile = classes_profile({{"a", 50}, {"b", 30}, {"c", 18}, {"d", 1}, {"e", 1}});
  const auto spec = complete_spec(request(), dataset(), profile, swarm_of(2), no_datasets).value();
  EXPECT_TRUE(spec.trains_rare_classes);
  EXPECT_EQ(feature_level_of(CreateStudy{"s-1", spec}), kClassWeightsLevel);
  ASSERT_NE(decision_on(spec, "rare classes"), nullptr);
  EXPECT_EQ(decision_on(spec, "rare classes")->choice, "only train");
  EXPECT_EQ(decision_on(spec, "rare classes")->reason,
            "\"d\" and 1 more have fewer than 3 rows: too few to validate and to test with");
  const SwarmFacts older{.feature_level = kClassWeightsLevel - 1};
  const auto left = complete_spec(request(), dataset(), profile, older, no_datasets).value();
  EXPECT_FALSE(left.trains_rare_classes);
  EXPECT_EQ(decision_on(left, "rare classes")->choice, "left out");
  EXPECT_LT(feature_level_of(CreateStudy{"s-1", left}), kClassWeightsLevel);
  const auto slip = classes_profile({{"no", 50}, {"yes", 49}, {"yess", 1}});
  const auto binary = complete_spec(request(), dataset(), slip, swarm_of(2), no_datasets).value();
  EXPECT_EQ(binary.task, "binary");
  EXPECT_THAT(decision_on(binary, "rare classes")->reason, HasSubstr("more likely slips"));
}

TEST(StudyEngine, BecomesAParameterOfEachNetwork) {
  auto asked = request();
  asked.engine = "torch";
  const auto plain = complete_spec(asked, dataset(), small_profile(), swarm_of(2), no_datasets);
  ASSERT_TRUE(plain) << plain.error().detail;
  const auto space = parse_search_space(plain->search_space_json).value();
  ASSERT_NE(space.find("mlp.engine"), nullptr);
  EXPECT_EQ(space.find("mlp.engine")->value, ParamValue{"torch"});
  EXPECT_EQ(engine_of({{"mlp.engine", "torch"}}), TrainingEngine::torch);
  EXPECT_EQ(engine_of({}), TrainingEngine::native);

  asked.search_space_json = R"({"family":{"type":"categorical","choices":["mlp","xgboost"]}})";
  const auto both = complete_spec(asked, dataset(), small_profile(), swarm_of(2), no_datasets);
  ASSERT_TRUE(both) << both.error().detail;
  const auto with_trees = parse_search_space(both->search_space_json).value();
  const std::map<std::string, std::vector<ParamValue>> of_networks{{"family", {"mlp"}}};
  EXPECT_EQ(with_trees.find("mlp.engine")->when, of_networks);
}

TEST(StudyEngine, IsRefusedWhereNoTrialIsANetwork) {
  auto asked = request();
  asked.engine = "torch";
  asked.search_space_json = R"({"family":{"type":"fixed","value":"xgboost"}})";
  const auto spec = complete_spec(asked, dataset(), small_profile(), swarm_of(2), no_datasets);
  ASSERT_FALSE(spec);
  EXPECT_THAT(spec.error().detail, HasSubstr("engine: no trial of this search_space is a network"));
}

/// A table with a column of parts, one of days and one of people.
TableProfile divisible_profile() {
  TableProfile profile = small_profile();
  ColumnProfile part;
  part.name = "part";
  part.type = ColumnType::category;
  part.distinct = 3;
  part.levels = {{"Train", 60}, {"val", 20}, {"TEST", 20}};
  ColumnProfile day;
  day.name = "day";
  day.type = ColumnType::date;
  day.distinct = 100;
  ColumnProfile who;
  who.name = "who";
  who.type = ColumnType::text;
  who.distinct = 50;
  profile.columns.insert(profile.columns.end(), {part, day, who});
  return profile;
}

Result<Dataset> two_datasets(std::string_view id) {
  Dataset found;
  found.id = id;
  found.name = found.id;
  found.blob = hash_of(to_bytes(id == "d-4" ? "d-2" : id));
  TableProfile profile = divisible_profile();
  if (id == "d-3") profile.columns.erase(profile.columns.begin());
  found.profile = to_json(profile);
  if (id == "d-2" || id == "d-3" || id == "d-4") return found;
  return no_datasets(id);
}

Result<SplitSpec> planned(SplitSpec asked, const TableProfile& profile = divisible_profile()) {
  return complete_split(std::move(asked), dataset(), profile, "y", two_datasets);
}

TEST(CompleteSplit, RolesDecideWhereNothingIsSaid) {
  TableProfile profile = divisible_profile();
  EXPECT_EQ(complete_split({}, dataset(), profile, "y", no_datasets).value(), SplitSpec{});
  profile.columns[4].role = ColumnRole::time;
  const auto by_time = complete_split({}, dataset(), profile, "y", no_datasets).value();
  EXPECT_EQ(by_time.method, SplitMethod::time);
  EXPECT_EQ(by_time.column, "day");
  profile.columns[5].role = ColumnRole::group;
  const auto by_group = complete_split({}, dataset(), profile, "y", no_datasets).value();
  EXPECT_EQ(by_group.method, SplitMethod::group);
  EXPECT_EQ(by_group.column, "who");
  EXPECT_EQ(planned({.method = SplitMethod::time}, profile)->column, "day");
  EXPECT_EQ(planned({.method = SplitMethod::holdout}, profile)->method, SplitMethod::holdout);
}

TEST(CompleteSplit, KnowsTheUsualWordsOfAColumn) {
  const auto split = planned({.method = SplitMethod::column, .column = "part"}).value();
  EXPECT_EQ(split.train, std::vector<std::string>{"Train"});
  EXPECT_EQ(split.validation, std::vector<std::string>{"val"});
  EXPECT_EQ(split.test, std::vector<std::string>{"TEST"});
  const auto folds = planned({.method = SplitMethod::column, .column = "part", .folds = 3}).value();
  EXPECT_TRUE(folds.validation.empty());
  EXPECT_EQ(folds.train, (std::vector<std::string>{"Train", "val"}));
}

TEST(CompleteSplit, SaysWhatTheTableHolds) {
  const auto refusal = [](SplitSpec asked) { return planned(std::move(asked)).error().detail; };
  using enum SplitMethod;
  EXPECT_THAT(refusal({.method = group}), HasSubstr("split: method group needs a column"));
  EXPECT_THAT(refusal({.method = group, .column = "whom"}), HasSubstr("no column \"whom\""));
  EXPECT_THAT(refusal({.method = group, .column = "y"}), HasSubstr("is the target"));
  EXPECT_THAT(refusal({.method = time, .column = "who"}), HasSubstr("--type \"who=date\""));
  EXPECT_THAT(refusal({.method = column, .column = "day"}), HasSubstr("with method time"));
  EXPECT_THAT(refusal({.method = column, .column = "kind"}),
              HasSubstr("train, validate and test; it holds no (60), yes (40)"));
  EXPECT_THAT(refusal({.method = column, .column = "kind", .test = {"maybe"}}),
              HasSubstr("\"maybe\" is no value of \"kind\""));
  EXPECT_THAT(refusal({.method = datasets}), HasSubstr("which data set tests"));
  EXPECT_THAT(refusal({.method = datasets, .test = {"d-9"}}), HasSubstr("no data set d-9"));
  EXPECT_THAT(refusal({.method = datasets, .test = {"d-3"}}), HasSubstr("has no column \"x\""));
  EXPECT_TRUE(planned({.method = datasets, .test = {"d-2"}}));
  EXPECT_THAT(refusal({.method = datasets, .validation = {"d-2"}, .test = {"d-4"}}),
              HasSubstr("the same rows"));
  EXPECT_THAT(refusal({.method = datasets, .validation = {"d-2"}, .test = {"d-2"}}),
              HasSubstr("must not share"));
  EXPECT_THAT(refusal({.method = group, .column = "kind"}), HasSubstr("needed for 3 parts"));
  TableProfile profile = divisible_profile();
  profile.columns[0].unreadable = 3;
  EXPECT_THAT(planned({.method = group, .column = "x"}, profile).error().detail,
              HasSubstr("3 of its cells cannot be read so"));
  profile.columns[1].distinct = 80'000;
  EXPECT_THAT(planned({.method = group, .column = "kind"}, profile).error().detail,
              HasSubstr("--type \"kind=id\""));
}

TEST(CompleteSplit, WhatDividesTheRowsIsNoFeature) {
  TableProfile profile = small_profile();
  profile.columns.erase(profile.columns.begin());  // "kind" is the only one left beside the target
  profile.columns.front().distinct = 10;
  auto asked = request();
  asked.split = SplitSpec{.method = SplitMethod::group, .column = "kind"};
  const auto spec = complete_spec(asked, dataset(), profile, swarm_of(2), no_datasets);
  ASSERT_FALSE(spec);
  EXPECT_THAT(spec.error().detail, HasSubstr("feature"));
}

}  // namespace
}  // namespace starling::ml
