// What is decided where nobody says: by the table, by the swarm, by the words of a use case.
#include "ml/search/plan_rules.h"

#include "ml/search/family_spec.h"
#include "ml/search/named_spaces.h"
#include "ml/search/sampler.h"
#include "ml/search/use_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starling::ml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Decisions = std::vector<Decision>;

Constraints told(const std::string& words) {
  Decisions decisions;
  const Constraints constraints = constraints_told_by(words, decisions);
  const std::size_t asked = (constraints.predict_ms > 0 ? 1U : 0U) +
                            (constraints.model_mb > 0 ? 1U : 0U) +
                            (constraints.is_interpretable ? 1U : 0U);
  EXPECT_THAT(decisions, SizeIs(asked)) << words;
  return constraints;
}

TEST(Limits, AreBrokenByTheSumOfWhatIsTooMuch) {
  const ModelCost cost{.bytes = 3'000'000, .predict_ms = 5};
  const auto violation = [&cost](double predict_ms, double model_mb) {
    return violation_of({.predict_ms = predict_ms, .model_mb = model_mb}, cost);
  };
  EXPECT_EQ(violation(0, 0), 0) << "nothing is asked";
  EXPECT_EQ(violation(5, 3), 0) << "at the limits";
  EXPECT_DOUBLE_EQ(violation(4, 3), 0.25);
  EXPECT_DOUBLE_EQ(violation(100, 2), 0.5);
  EXPECT_DOUBLE_EQ(violation(2.5, 1), 1 + 2);
  EXPECT_EQ(violation_of({.predict_ms = 1, .model_mb = 1}, {}), 0) << "not measured";
}

TEST(UseCase, NumbersWithUnitsAreLimits) {
  EXPECT_EQ(told("Answers within 5 ms, at most 2.5 MB").predict_ms, 5);
  EXPECT_EQ(told("Answers within 5 ms, at most 2.5 MB").model_mb, 2.5);
  EXPECT_EQ(told("under 20ms, at peak below 10 milliseconds").predict_ms, 10) << "the least";
  EXPECT_EQ(told("max 250 \xc2\xb5s").predict_ms, 0.25);
  EXPECT_EQ(told("no more than 64 kB of flash").model_mb, 0.064);
  EXPECT_EQ(told("<3 ms").predict_ms, 3);
  for (const char* nothing : {"",
                              "under 5 msgs a day",
                              "ms",
                              "within 1e9 ms",
                              "within 0 ms",
                              "within 0,5 ms",
                              "within 1,500 ms",
                              "under 300 MBA students",
                              "within ..5 ms",
                              "a sensor sampled every 1 ms",
                              "a table of 1 MB",
                              "climax 5 ms",
                              "within 99999999999999999999 mb"})
    EXPECT_EQ(told(nothing), Constraints{}) << nothing;
}

TEST(UseCase, WordsAreUnderstoodWhereNobodyDeniesThem) {
  EXPECT_EQ(told("Bids in Real Time").predict_ms, kQuickMs);
  EXPECT_EQ(told("runs on embedded controllers").model_mb, kSmallMb);
  EXPECT_TRUE(told("The auditors want to see why").is_interpretable);
  EXPECT_TRUE(told("Accurate, and regulators look at it").is_interpretable);
  EXPECT_TRUE(told("We do not hurry. Transparent models only").is_interpretable);
  EXPECT_EQ(told("What will a person's medical insurance be charged?"), Constraints{});
  for (const char* nothing : {"deregulated markets",
                              "a voltage regulator",
                              "auditory signals",
                              "need not be interpretable",
                              "This isn't real time",
                              "no small model"})
    EXPECT_EQ(told(nothing), Constraints{}) << nothing;
}

TEST(UseCase, TheReasonQuotesTheWords) {
  Decisions decisions;
  constraints_told_by("a small model, within 3 ms", decisions);
  ASSERT_THAT(decisions, SizeIs(2));
  EXPECT_EQ(decisions[0].choice, "predict_ms 3");
  EXPECT_THAT(decisions[0].reason, HasSubstr("\"3 ms\""));
  EXPECT_THAT(decisions[1].reason, HasSubstr("\"small model\""));
}

TEST(UseCase, ReasonsStayShortWhateverIsSaid) {
  Decisions decisions;
  constraints_told_by("within 5" + std::string(1900, ' ') + "ms", decisions);
  ASSERT_THAT(decisions, SizeIs(1));
  EXPECT_LE(decisions[0].reason.size(), 80U);
}

TEST(PlanRules, SmallTablesAreJudgedOnFolds) {
  Decisions decisions;
  EXPECT_EQ(folds_for({.rows = 999}, decisions), kSmallTableFolds);
  ASSERT_THAT(decisions, SizeIs(1));
  EXPECT_THAT(decisions[0].reason, HasSubstr("999 rows"));
  EXPECT_EQ(folds_for({.rows = 1000}, decisions), 1U);
  EXPECT_EQ(folds_for({.rows = 99}, decisions), 1U) << "a fold could stay empty";
  EXPECT_EQ(folds_for({.rows = 300, .largest_class = 9}, decisions), 1U);
  EXPECT_EQ(folds_for({.rows = 300, .largest_class = 10}, decisions), kSmallTableFolds);
  EXPECT_THAT(decisions, SizeIs(2));
}

TEST(PlanRules, OneModelWhereABagIsTooMuch) {
  for (const Constraints& asked : {Constraints{.predict_ms = 4.9},
                                   Constraints{.model_mb = 9},
                                   Constraints{.is_interpretable = true}}) {
    Decisions decisions;
    EXPECT_TRUE(needs_one_model(asked, decisions));
    EXPECT_THAT(decisions, SizeIs(1));
  }
  Decisions decisions;
  EXPECT_FALSE(needs_one_model({}, decisions));
  EXPECT_FALSE(needs_one_model({.predict_ms = 50, .model_mb = 50}, decisions));
  EXPECT_THAT(decisions, IsEmpty());
}

TEST(PlanRules, FamiliesThatCannotBeReadOrAreTooLargeAreLeftOut) {
  Decisions decisions;
  EXPECT_THAT(families_for({}, decisions), ElementsAre("baseline", "linear", "xgboost", "mlp"));
  EXPECT_THAT(decisions, IsEmpty());
  EXPECT_THAT(families_for({.is_interpretable = true}, decisions),
              ElementsAre("baseline", "linear", "xgboost"));
  EXPECT_THAT(families_for({.model_mb = 0.05}, decisions),
              ElementsAre("baseline", "linear", "mlp"));
  EXPECT_THAT(decisions, SizeIs(2));
}

SearchSpace usual() {
  const std::vector<std::string> families{kUsualFamilies.begin(), kUsualFamilies.end()};
  return families_space(families, 3);
}

TEST(PlanRules, FamiliesThatFitNoNodeAreLeftOutButOne) {
  PlanFacts facts{.rows = 5000, .largest_node_mb = 400};
  facts.peak_mb = [](const Params& params) {
    return family_of(params) == "xgboost" ? std::uint64_t{900} : std::uint64_t{100};
  };
  Decisions decisions;
  std::vector<std::string> families = families_for({}, decisions);
  EXPECT_TRUE(leave_out_too_large(facts, usual(), families, decisions));
  EXPECT_THAT(families, ElementsAre("baseline", "linear", "mlp"));
  ASSERT_THAT(decisions, SizeIs(1));
  EXPECT_THAT(decisions[0].reason, HasSubstr("900 MB, and the largest node gives 400 MB"));
  EXPECT_FALSE(leave_out_too_large(facts, usual(), families, decisions));
  facts.peak_mb = [](const Params&) { return std::uint64_t{900}; };
  EXPECT_TRUE(leave_out_too_large(facts, usual(), families, decisions));
  EXPECT_THAT(families, SizeIs(1));
}

TEST(PlanRules, MemoryIsThatOfTrialsTheSpaceCanHave) {
  PlanFacts facts{.rows = 5000, .largest_node_mb = 400};
  facts.peak_mb = [](const Params& params) {
    EXPECT_FALSE(params.contains("mlp.embedding")) << "of so many numbers none is embedded";
    return std::uint64_t{1};
  };
  std::vector<std::string> families{kUsualFamilies.begin(), kUsualFamilies.end()};
  Decisions decisions;
  EXPECT_FALSE(leave_out_too_large(
      facts, families_space(families, kEmbeddedNumbersMax + 1), families, decisions));
}

TEST(PlanRules, SmallTablesGetSmallModelsAndTheirFirstTrialsAreStillThere) {
  SearchSpace space = usual();
  Decisions decisions;
  narrow({.rows = 500}, {}, space, decisions);
  EXPECT_EQ(space.find("mlp.width")->high, 64);
  EXPECT_EQ(space.find("mlp.n_layers")->high, 2);
  EXPECT_EQ(space.find("xgb.max_depth")->high, 6);
  ASSERT_THAT(decisions, SizeIs(1));
  EXPECT_THAT(decisions[0].choice, HasSubstr("mlp.width 32 to 64"));
  EXPECT_EQ(parse_search_space(to_json(space)).value(), space);

  std::vector<std::string> families;
  for (std::uint64_t number = 0; number < kUsualFamilies.size(); ++number) {
    const Params first = draw(1, number, space, {});
    ASSERT_TRUE(check_params(space, first));
    families.push_back(family_of(first));
    if (families.back() == "mlp") {
      EXPECT_EQ(first.at("mlp.width"), ParamValue{std::int64_t{64}});
    }
  }
  EXPECT_THAT(families, ElementsAre("xgboost", "mlp", "linear", "baseline"));
}

TEST(PlanRules, LargeTablesStillBeginWithAGoodTrialOfEachFamily) {
  SearchSpace space = usual();
  Decisions decisions;
  narrow({.rows = 200'000}, {}, space, decisions);
  const auto first = first_trials(space);
  ASSERT_THAT(first, SizeIs(kUsualFamilies.size()));
  EXPECT_EQ(first[1].at("mlp.batch_size"), ParamValue{std::int64_t{256}});
  EXPECT_THAT(first_trials(space, false), SizeIs(kUsualFamilies.size() - 1)) << "as it was";
}

TEST(PlanRules, NothingIsNarrowedWithoutAReason) {
  SearchSpace space = usual();
  Decisions decisions;
  narrow({.rows = 5000, .least_class = 0.3}, {.predict_ms = 10}, space, decisions);
  EXPECT_EQ(space, usual());
  EXPECT_THAT(decisions, IsEmpty());
}

TEST(PlanRules, EachNarrowerRangeHasItsReason) {
  const std::tuple<PlanFacts, Constraints, std::string> cases[]{
      {{.rows = 5000, .least_class = 0.05}, {}, "5.0 % of the rows"},
      {{.rows = 200'000}, {}, "200000 rows"},
      {{.rows = 5000}, {.is_interpretable = true}, "can be read"},
      {{.rows = 5000}, {.predict_ms = 0.2}, "0.2 ms"},
      {{.rows = 5000}, {.predict_ms = 0.2, .model_mb = 100}, "0.2 ms"},
      {{.rows = 5000}, {.model_mb = 1}, "1 MB"}};
  for (const auto& [facts, constraints, words] : cases) {
    SearchSpace space = usual();
    Decisions decisions;
    narrow(facts, constraints, space, decisions);
    EXPECT_NE(space, usual()) << words;
    ASSERT_THAT(decisions, SizeIs(1)) << words;
    EXPECT_THAT(decisions[0].reason, HasSubstr(words));
    for (const auto& [name, parameter] : space.parameters)
      EXPECT_LE(parameter.low, parameter.high) << name;
  }
}

TEST(PlanRules, ASpaceThatHasNoneOfTheParametersStaysAsItIs) {
  Distribution from_0_to_1;
  from_0_to_1.high = 1;
  SearchSpace space{{{"x", from_0_to_1}}};
  const SearchSpace before = space;
  Decisions decisions;
  narrow({.rows = 10, .least_class = 0.01},
         {.predict_ms = 0.1, .model_mb = 0.01, .is_interpretable = true},
         space,
         decisions);
  EXPECT_EQ(space, before);
  EXPECT_THAT(decisions, IsEmpty());
}

}  // namespace
}  // namespace starling::ml
