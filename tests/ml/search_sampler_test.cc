// What draws must keep whatever the history: range, conditions, repeatability, and Optuna's split.
#include "ml/search/family_spec.h"
#include "ml/search/named_spaces.h"
#include "ml/search/sampler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::uint64_t> numbers(const std::vector<const Observation*>& trials) {
  std::vector<std::uint64_t> result;
  for (const Observation* trial : trials)
    result.push_back(trial->number);
  return result;
}

Observation observation_of(const Json& optuna) {
  Observation trial;
  trial.number = optuna["number"];
  const std::string state = optuna["state"];
  trial.state = state == "COMPLETE" ? Observation::State::complete
                : state == "PRUNED" ? Observation::State::pruned
                                    : Observation::State::running;
  if (!optuna["value"].is_null()) trial.value = optuna["value"].get<double>();
  for (const auto& [step, value] : optuna["intermediate"].items()) {
    const std::int64_t at = std::stoll(step);
    if (trial.last_step && *trial.last_step > at) continue;
    trial.last_step = at;
    trial.value = value.get<double>();
  }
  return trial;
}

TEST(TpeSplit, EqualsOptuna) {
  std::ifstream file(std::string(STARLING_SHARED_DIR) + "/golden/tpe_split_golden.json");
  const Json golden = Json::parse(file);
  std::vector<Observation> trials;
  for (const Json& trial : golden["trials"])
    trials.push_back(observation_of(trial));
  ASSERT_GE(golden["splits"].size(), 4U);
  for (const Json& expected : golden["splits"]) {
    const TrialSplit split = split_trials(trials, expected["n_below"]);
    EXPECT_EQ(numbers(split.below), expected["below"].get<std::vector<std::uint64_t>>());
    EXPECT_EQ(numbers(split.above), expected["above"].get<std::vector<std::uint64_t>>());
  }
}

TEST(TpeSplit, GammaEqualsOptuna) {
  std::ifstream file(std::string(STARLING_SHARED_DIR) + "/golden/tpe_parzen_golden.json");
  const Json golden = Json::parse(file)["gamma"];
  ASSERT_GE(golden.size(), 5U);
  for (const auto& [finished, gamma] : golden.items())
    EXPECT_EQ(tpe_gamma(std::stoull(finished)), gamma.get<std::size_t>()) << finished;
}

TEST(TpeSplit, PutsViolationsLastAndFailedNowhere) {
  std::vector<Observation> trials(5);
  for (std::size_t i = 0; i < trials.size(); ++i)
    trials[i].number = i;
  trials[0].value = 1;
  trials[0].violation = 5;
  trials[1].value = 2;
  trials[1].violation = 0.5;
  trials[2].value = 9;
  trials[3].state = Observation::State::failed;
  trials[4].value = std::nan("");
  EXPECT_EQ(numbers(split_trials(trials, 1).below), (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(numbers(split_trials(trials, 3).below), (std::vector<std::uint64_t>{1, 2, 4}));
  EXPECT_EQ(numbers(split_trials(trials, 9).below), (std::vector<std::uint64_t>{0, 1, 2, 4}));
}

const char* const kConditional = R"({
  "family": {"type": "categorical", "choices": ["mlp", "xgboost", "ridge"]},
  "mlp.layers": {"type": "int", "low": 1, "high": 4, "when": {"family": ["mlp"]}},
  "mlp.width": {"type": "int", "low": 16, "high": 512, "log": true, "when": {"family": ["mlp"]}},
  "mlp.third": {"type": "float", "low": 0, "high": 1, "when": {"mlp.layers": [3, 4]}},
  "mlp.drop": {"type": "fixed", "value": 0.1, "when": {"family": ["mlp"]}},
  "xgboost.eta": {"type": "float", "low": 1e-3, "high": 0.3, "log": true,
                  "when": {"family": ["xgboost"]}},
  "xgboost.rows": {"type": "float", "low": 0.5, "high": 1, "step": 0.1,
                   "when": {"family": ["xgboost"]}},
  "point": {"type": "float", "low": 2, "high": 2},
  "l2": {"type": "float", "low": 0, "high": 3, "when": {"family": ["ridge", "xgboost"]}}})";

double score(const Params& params) {
  double sum = 0;
  for (const auto& [name, value] : params) {
    if (const auto* real = std::get_if<double>(&value)) sum += *real;
    if (const auto* whole = std::get_if<std::int64_t>(&value)) sum += static_cast<double>(*whole);
    if (const auto* word = std::get_if<std::string>(&value)) sum += *word == "ridge" ? 0 : 20;
  }
  return sum;
}

/// Draws trials one after the other, with every state a trial can be in among them.
std::vector<Observation> history(const SearchSpace& space,
                                 std::uint64_t seed,
                                 std::size_t count,
                                 const TpeOptions& options = {}) {
  std::vector<Observation> trials;
  for (std::uint64_t number = 0; number < count; ++number) {
    Observation trial;
    trial.number = number;
    trial.params = draw(seed, number, space, trials, options);
    trial.value = score(trial.params);
    if (number % 7 == 3) trial.state = Observation::State::pruned;
    if (number % 7 == 3) trial.last_step = static_cast<std::int64_t>(number);
    if (number % 11 == 5) trial.state = Observation::State::failed;
    if (number % 13 == 6) trial.state = Observation::State::running;
    if (number % 17 == 8) trial.violation = 1;
    trials.push_back(std::move(trial));
  }
  return trials;
}

TEST(Draw, EveryDrawIsAValidTrialWhateverTheGrouping) {
  const SearchSpace space = parse_search_space(kConditional).value();
  for (const Grouping grouping : {Grouping::off, Grouping::by_occurrence}) {
    TpeOptions options;
    options.grouping = grouping;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      for (const Observation& trial : history(space, seed, 60, options)) {
        const auto fits = check_params(space, trial.params);
        ASSERT_TRUE(fits) << fits.error().detail;
        ASSERT_EQ(conform(space, trial.params), trial.params);
        ASSERT_EQ(trial.params.count("mlp.drop"), trial.params.count("mlp.width"));
      }
    }
  }
}

TEST(Draw, LearnsThroughConditions) {
  const SearchSpace space = parse_search_space(kConditional).value();
  const auto trials = history(space, 1, 80);
  int with_ridge = 0;
  for (std::size_t i = 60; i < trials.size(); ++i)
    with_ridge += trials[i].params.at("family") == ParamValue{"ridge"} ? 1 : 0;
  EXPECT_GT(with_ridge, 15);  // The other two families score at least 17 and 20 more.
}

TEST(Draw, SameArgumentsSameTrialWhateverTheOrderOfTheHistory) {
  const SearchSpace space = default_space();
  auto trials = history(space, 5, 40);
  const Params first = draw(5, 40, space, trials);
  EXPECT_EQ(draw(5, 40, space, trials), first);
  std::reverse(trials.begin(), trials.end());
  EXPECT_EQ(draw(5, 40, space, trials), first);
  EXPECT_NE(draw(5, 41, space, trials), first);
  EXPECT_NE(draw(6, 40, space, trials), first);
}

TEST(Draw, StaysTheSameAcrossVersions) {
  // A change here changes the results of every study that is repeated from its spec.
  const SearchSpace space = parse_search_space(R"({
    "mlp.learning_rate":{"type":"float","low":1e-4,"high":1e-2,"log":true},
    "mlp.n_layers":{"type":"int","low":1,"high":4},
    "mlp.width":{"type":"int","low":32,"high":256,"log":true},
    "mlp.dropout":{"type":"float","low":0,"high":0.5},
    "mlp.weight_decay":{"type":"float","low":1e-6,"high":1e-2,"log":true},
    "mlp.batch_size":{"type":"categorical","choices":[32,64,128,256]}})")
                                .value();
  const auto trials = history(space, 42, 30);
  std::string text;
  for (const auto& [name, value] : draw(42, 30, space, trials))
    text += name + "=" + to_text(value) + " ";
  EXPECT_EQ(
      text,
      "mlp.batch_size=32 mlp.dropout=0.4343292618 mlp.learning_rate=0.0005555359916 mlp.n_layers=1 "
      "mlp.weight_decay=5.750052293e-05 mlp.width=42 ");
}

SearchSpace all_families() {
  return families_space(std::vector<std::string>{kFamilyNames.begin(), kFamilyNames.end()}, 1);
}

TEST(Draw, BeginsWithAGoodTrialOfEachFamily) {
  const SearchSpace space = all_families();
  const auto portfolio = default_portfolio();
  ASSERT_EQ(portfolio.size(), kFamilyNames.size());
  std::set<std::string> families;
  for (std::size_t i = 0; i < portfolio.size(); ++i) {
    const Params first = draw(9, i, space, {});
    EXPECT_EQ(first, portfolio[i]);
    EXPECT_TRUE(family_spec_from(first));
    families.insert(family_of(first));
    EXPECT_EQ(draw(9, i + 3, space, {}, {}, 3), first) << "after three that were given";
  }
  EXPECT_EQ(families.size(), kFamilyNames.size());
  EXPECT_EQ(family_of(portfolio[0]), "xgboost") << "a study of one trial has a good model";

  const std::vector<std::string> two{"linear", "xgboost"};
  EXPECT_EQ(family_of(draw(9, 0, families_space(two, 1), {})), "xgboost");
  EXPECT_EQ(family_of(draw(9, 1, families_space(two, 1), {})), "linear");
  const SearchSpace one = families_space(std::vector<std::string>{"xgboost"}, 1);
  EXPECT_EQ(draw(9, 0, one, {}).at("xgb.max_depth"), ParamValue{std::int64_t{6}});
  EXPECT_NE(draw(9, 1, one, {}), draw(9, 0, one, {}));
}

/// A whole study in which one family is better than the others, and what does best in it is known.
std::vector<Params> study_where_best(const std::string& best, std::size_t count) {
  const SearchSpace space = all_families();
  std::vector<Observation> trials;
  std::vector<Params> drawn;
  for (std::uint64_t number = 0; number < count; ++number) {
    Observation& trial = trials.emplace_back();
    trial.number = number;
    trial.params = draw(3, number, space, std::span{trials}.first(number));
    const std::string family = family_of(trial.params);
    trial.value = family == best ? 1 : family == "baseline" ? 3 : 2;
    if (family == "xgboost")
      *trial.value += std::abs(std::get<double>(trial.params.at("xgb.subsample")) - 0.9);
    drawn.push_back(trial.params);
  }
  return drawn;
}

TEST(Draw, KeepsToTheFamilyThatIsBestAndTriesTheBaselineOnce) {
  for (const char* best : {"xgboost", "mlp", "linear", "realmlp"}) {
    const auto drawn = study_where_best(best, 60);
    const auto of = [&](const std::string& family) {
      return std::ranges::count(drawn, family, [](const Params& p) { return family_of(p); });
    };
    EXPECT_GT(of(best), 30) << best;
    EXPECT_EQ(of("baseline"), 1) << best;
  }
  const auto trees = study_where_best("xgboost", 60);
  double late = 0;
  for (std::size_t i = 40; i < 60; ++i)
    if (family_of(trees[i]) == "xgboost")
      late += std::abs(std::get<double>(trees[i].at("xgb.subsample")) - 0.9) / 20;
  EXPECT_LT(late, 0.12) << "its parameters are learned, too: by chance 0.17";
  EXPECT_EQ(family_of(draw(9, 3, families_space(std::vector<std::string>{"baseline"}, 1), {})),
            "baseline");
}

TEST(FamiliesSpace, GivesEachFamilyItsOwnParametersOnly) {
  for (unsigned chosen = 1; chosen < 1U << kFamilyNames.size(); chosen += 3) {
    std::vector<std::string> families;
    for (std::size_t i = 0; i < kFamilyNames.size(); ++i)
      if ((chosen >> i & 1U) != 0) families.emplace_back(kFamilyNames[i]);
    const SearchSpace space = families_space(families, 1);
    ASSERT_TRUE(check_values(space)) << check_values(space).error().detail;
    EXPECT_EQ(parse_search_space(to_json(space)).value(), space);
    Random random{chosen};
    for (int i = 0; i < 50; ++i) {
      const Params params = sample_random(space, random);
      ASSERT_TRUE(family_spec_from(params));
      EXPECT_EQ(std::ranges::count(families, family_of(params)), 1);
    }
  }
  EXPECT_EQ(families_space(std::vector<std::string>{"mlp"}, 1), default_space(1));
}

TEST(Draw, BeginsWithTheDefaultsWhereTheyFit) {
  EXPECT_EQ(draw(9, 0, default_space(), {}), default_params());
  EXPECT_NE(draw(9, 1, default_space(), {}), default_params());

  const auto narrow =
      parse_search_space(R"({"mlp.dropout": {"type": "float", "low": 0.3, "high": 0.5}})").value();
  EXPECT_GE(std::get<double>(draw(9, 0, narrow, {}).at("mlp.dropout")), 0.3);

  const auto part = parse_search_space(R"({"mlp.dropout": {"type": "float", "low": 0, "high": 0.5},
                             "mlp.width": {"type": "fixed", "value": 64}})")
                        .value();
  EXPECT_EQ(draw(9, 0, part, {}), (Params{{"mlp.dropout", 0.1}, {"mlp.width", std::int64_t{64}}}));
}

TEST(Draw, IgnoresValuesTheSpaceNoLongerHas) {
  const SearchSpace space = default_space();
  auto trials = history(space, 3, 30);
  for (Observation& trial : trials) {
    trial.params["mlp.width"] = std::string("wide");
    trial.params["mlp.dropout"] = 7.5;
    trial.params["gone"] = std::int64_t{1};
  }
  EXPECT_TRUE(check_params(space, draw(3, 30, space, trials)));
}

TEST(Draw, RandomCoversEveryStepEvenly) {
  const auto space =
      parse_search_space(R"({"n": {"type": "int", "low": 1, "high": 7, "step": 3}})").value();
  Random random(1);
  std::map<ParamValue, int> seen;
  for (int i = 0; i < 3000; ++i)
    ++seen[sample_random(space, random).at("n")];
  ASSERT_EQ(seen.size(), 3U);
  for (const std::int64_t value : {1, 4, 7})
    EXPECT_NEAR(seen[ParamValue{value}], 1000, 120) << value;
}

}  // namespace
}  // namespace starling::ml
