// How far numbers may be off, and how it is written down: against cases worked by hand, and against
// fresh rows.
#include "ml/ensemble/calibration.h"
#include "ml/ensemble/conformal.h"
#include "ml/ensemble/finish_json.h"
#include "ml/table/task_inference.h"
#include "node/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace starling::ml {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::Pair;

// ---- Intervals ----------------------------------------------------------------------------------

/// Places 0 .. 19, off by 2 and 4 in turn.
std::pair<std::vector<double>, std::vector<double>> rows_worked_by_hand() {
  std::vector<double> said(20);
  std::iota(said.begin(), said.end(), 0.0);
  std::vector<double> truth = said;
  for (std::size_t i = 0; i < truth.size(); ++i)
    truth[i] += i % 2 == 0 ? 2 : -4;
  return {said, truth};
}

TEST(ConformalTest, IsAsWorkedByHand) {
  const auto [said, truth] = rows_worked_by_hand();
  const Conformal found = fit_conformal(said, truth);
  // Ten scores of 2 / 4, ten of 4 / 2; the 19th of them, for 21 * 0.9 = 18.9.
  EXPECT_EQ(found.quantile, 2);
  EXPECT_THAT(found.at, ElementsAre(9.5));
  EXPECT_THAT(found.size, ElementsAre(3));
  EXPECT_THAT(interval_of(found, 5), Pair(-1, 11));
  EXPECT_EQ(fit_conformal(said, truth, 0.4).quantile, 0.5) << "the ninth, for 8.4";
  EXPECT_EQ(fit_conformal(said, truth, 10.0 / 21).quantile, 0.5) << "the tenth, to the bit";
  EXPECT_EQ(fit_conformal(said, truth, 0.48).quantile, 2) << "the eleventh, for 10.08";
  EXPECT_EQ(fit_conformal(said, truth, 0.99).quantile, 2) << "the 21st of 20: the largest";
}

TEST(ConformalTest, GoesStraightBetweenKnotsAndLevelOutside) {
  const Conformal conformal{.level = 0.9, .quantile = 2, .at = {0, 10, 12}, .size = {1, 3, 2}};
  EXPECT_THAT(interval_of(conformal, -100), Pair(-102, -98));
  EXPECT_THAT(interval_of(conformal, 0), Pair(-2, 2));
  EXPECT_THAT(interval_of(conformal, 5), Pair(1, 9));
  EXPECT_THAT(interval_of(conformal, 10), Pair(4, 16));
  EXPECT_THAT(interval_of(conformal, 11), Pair(6, 16));
  EXPECT_THAT(interval_of(conformal, 99), Pair(95, 103));
}

TEST(ConformalTest, HasAKnotForEachFiftyRowsAndTwentyAtMost) {
  for (const auto& [rows, knots] : std::vector<std::pair<std::size_t, std::size_t>>{
           {20, 1}, {99, 1}, {100, 2}, {999, 19}, {5019, 20}}) {
    std::vector<double> said(rows);
    std::iota(said.rbegin(), said.rend(), 0.0);
    const Conformal found = fit_conformal(said, std::vector<double>(rows, -1.0));
    EXPECT_EQ(found.at.size(), knots) << rows;
    EXPECT_EQ(found.size.size(), knots) << rows;
    EXPECT_TRUE(std::ranges::is_sorted(found.at)) << rows;
  }
}

TEST(ConformalTest, PutsRowsOfWhichTheSameWasSaidUnderOneKnot) {
  std::vector<double> said(300, 0.1);  // sums of 0.1 are rounded: their mean is another number
  std::vector<double> truth(300, 1.1);
  EXPECT_THAT(fit_conformal(said, truth).at, ElementsAre(0.1));
  Random random{6};
  for (int i = 0; i < 50; ++i) {
    const std::size_t levels = 1 + random.below(40);
    for (std::size_t row = 0; row < said.size(); ++row) {
      said[row] = 0.1 * static_cast<double>(random.below(levels));
      truth[row] = said[row] + random.normal();
    }
    const Conformal found = fit_conformal(said, truth);
    EXPECT_EQ(std::ranges::adjacent_find(found.at, std::ranges::greater_equal{}), found.at.end());
    EXPECT_THAT(found.size, Each(Gt(0)));
    EXPECT_LE(found.at.size(), std::min<std::size_t>(levels, 6));
  }
}

TEST(ConformalTest, SurvivesAModelThatIsNeverOff) {
  std::vector<double> said(100);
  std::iota(said.begin(), said.end(), 0.0);
  const Conformal exact = fit_conformal(said, said);
  EXPECT_EQ(exact.quantile, 0);
  EXPECT_THAT(exact.size, Each(Gt(0)));
  EXPECT_THAT(interval_of(exact, 7), Pair(7, 7));
  std::vector<double> truth = said;
  truth[99] += 10;  // one row off: the others' sizes are at the floor
  const Conformal once = fit_conformal(said, truth, 0.995);
  EXPECT_EQ(once.size.front(), 1e-3 * 0.1);
  EXPECT_TRUE(std::isfinite(once.quantile));
}

struct Drawn {
  std::vector<double> said, truth;
};

/// Noise as large as what is said, which is between 1 and 5.
Drawn draw(std::size_t rows, Random& random) {
  Drawn drawn;
  for (std::size_t i = 0; i < rows; ++i) {
    drawn.said.push_back(1 + 4 * random.unit());
    drawn.truth.push_back(drawn.said.back() * (1 + random.normal()));
  }
  return drawn;
}

double coverage(const Conformal& conformal, const Drawn& rows, double from, double to) {
  double all = 0;
  double within = 0;
  for (std::size_t i = 0; i < rows.said.size(); ++i) {
    if (rows.said[i] < from || rows.said[i] >= to) continue;
    const auto [low, high] = interval_of(conformal, rows.said[i]);
    all += 1;
    within += low <= rows.truth[i] && rows.truth[i] <= high ? 1 : 0;
  }
  return within / all;
}

TEST(ConformalTest, HoldsAsManyFreshTruthsAsItPromises) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Random random{seed};
    const Drawn learnt = draw(5000, random);
    const Drawn fresh = draw(5000, random);
    const Conformal found = fit_conformal(learnt.said, learnt.truth);
    EXPECT_NEAR(coverage(found, fresh, 0, 6), 0.9, 0.02) << seed;
    EXPECT_NEAR(coverage(found, fresh, 1, 2), 0.9, 0.04) << seed << ": where the noise is small";
    EXPECT_NEAR(coverage(found, fresh, 4, 5), 0.9, 0.04) << seed << ": where it is large";
    const auto narrow = interval_of(found, 1.5);
    const auto wide = interval_of(found, 4.5);
    EXPECT_NEAR((wide.second - wide.first) / (narrow.second - narrow.first), 3, 0.6) << seed;
    EXPECT_NEAR(wide.second - 4.5, 1.645 * 4.5, 0.9) << seed;
  }
}

TEST(ConformalTest, KeepsItsPromiseWithFewRowsToo) {
  Random random{4};
  double covered = 0;
  constexpr int times = 400;
  for (int i = 0; i < times; ++i) {
    const Drawn learnt = draw(60, random);
    const Drawn fresh = draw(100, random);
    covered += coverage(fit_conformal(learnt.said, learnt.truth), fresh, 0, 6);
  }
  EXPECT_NEAR(covered / times, 0.9, 0.02);
}

ClassRule rule_of(double threshold, std::vector<double> factors = {}) {
  ClassRule rule;
  rule.threshold = threshold;
  rule.factors = std::move(factors);
  return rule;
}

// ---- JSON ---------------------------------------------------------------------------------------

TEST(FinishJson, IsAsWritten) {
  EXPECT_EQ(to_json(Finish{}), R"({"temperature":1.0,"threshold":0.5})");
  const Finish finish{
      .temperature = 1.5,
      .rule = rule_of(0.25),
      .conformal = Conformal{.level = 0.9, .quantile = 2, .at = {0, 1}, .size = {1, 0.5}}};
  EXPECT_EQ(to_json(finish),
            R"({"temperature":1.5,"threshold":0.25,)"
            R"("conformal":{"level":0.9,"quantile":2.0,"at":[0.0,1.0],"size":[1.0,0.5]}})");
  const auto read = finish_from_json(R"( {"threshold": 1, "temperature": 2, "later": [{}]} )");
  ASSERT_TRUE(read.has_value()) << "whole numbers, another order, and what is not known";
  EXPECT_EQ(*read, (Finish{.temperature = 2, .rule = rule_of(1), .conformal = {}}));
}

/// Of any size, in both signs.
double any_double(Random& random) {
  for (;;) {
    const auto number = std::bit_cast<double>(random.next());
    if (std::isfinite(number)) return number;
  }
}

std::vector<double> some_factors(Random& random) {
  std::vector<double> factors(random.chance(0.5) ? 0 : 3 + random.below(kClassesMax - 2));
  for (double& factor : factors)
    factor = std::abs(any_double(random)) + 5e-324;
  return factors;
}

TEST(FinishJson, GivesBackEveryBit) {
  Random random{9};
  for (int i = 0; i < 500; ++i) {
    Conformal conformal{.level = random.unit() * 0.98 + 0.01,
                        .quantile = std::abs(any_double(random)),
                        .at = {},
                        .size = {}};
    const std::size_t knots = 1 + random.below(kFinishKnotsMax);
    for (std::size_t k = 0; k < knots; ++k) {
      conformal.at.push_back(any_double(random));
      conformal.size.push_back(std::abs(any_double(random)) + 5e-324);
    }
    std::ranges::sort(conformal.at);
    const Finish finish{.temperature = kTemperatureMin + 19.9 * random.unit(),
                        .rule = rule_of(random.unit(), some_factors(random)),
                        .conformal = conformal};
    const auto read = finish_from_json(to_json(finish));
    ASSERT_TRUE(read.has_value()) << read.error().detail;
    EXPECT_EQ(*read, finish);
  }
}

TEST(FinishJson, ReadsWhatWasFitted) {
  Random random{10};
  const Drawn drawn = draw(200, random);
  const Finish finish{.temperature = kTemperatureMax,
                      .rule = rule_of(1),
                      .conformal = fit_conformal(drawn.said, drawn.truth)};
  EXPECT_EQ(finish_from_json(to_json(finish)).value(), finish);
}

std::string with_conformal(const std::string& fields) {
  return R"({"temperature":1,"threshold":0.5,"conformal":{)" + fields + "}}";
}

TEST(FinishJson, SaysWhatIsWrong) {
  const std::string head = R"("level":0.9,"quantile":1,)";
  std::string list;
  for (std::size_t i = 0; i <= kFinishKnotsMax; ++i)
    list += (i == 0 ? "" : ",") + std::to_string(i);
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "no JSON object"},
      {"{", "no JSON object"},
      {"[]", "no JSON object"},
      {R"({"temperature":1e999,"threshold":0.5})", "no JSON object"},
      {R"({"threshold":0.5})",
       "field 'temperature' is missing, but must be a number from 0.05 to 20"},
      {R"({"temperature":40,"threshold":0.5})",
       "field 'temperature' is 40, but must be a number from 0.05 to 20"},
      {R"({"temperature":0.04,"threshold":0.5})", "'temperature' is 0.04"},
      {R"({"temperature":"1","threshold":0.5})", "'temperature' is \"1\""},
      {R"({"temperature":null,"threshold":0.5})", "'temperature' is null"},
      {R"({"temperature":[1,2],"threshold":0.5})", "'temperature' is an array of 2"},
      {R"({"temperature":1})", "field 'threshold' is missing"},
      {R"({"temperature":1,"threshold":1.01})",
       "field 'threshold' is 1.01, but must be a number from 0 to 1"},
      {R"({"temperature":1,"threshold":-1})", "field 'threshold' is -1"},
      {R"({"temperature":1,"threshold":0.5,"class_factors":[1,2]})",
       "field 'class_factors' is an array of 2, but must be a list of 3 to 100 numbers"},
      {R"({"temperature":1,"threshold":0.5,"class_factors":[1,2,"x"]})",
       "'class_factors[2]' is \"x\""},
      {R"({"temperature":1,"threshold":0.5,"class_factors":[1,0,2]})",
       "field 'class_factors[1]' is 0, but must be above 0"},
      {R"({"temperature":1,"threshold":0.5,"conformal":3})", "'conformal' is 3"},
      {with_conformal(R"("quantile":1,"at":[0],"size":[1])"), "'conformal.level' is missing"},
      {with_conformal(R"("level":1,"quantile":1,"at":[0],"size":[1])"), "'conformal.level' is 1"},
      {with_conformal(R"("level":0,"quantile":1,"at":[0],"size":[1])"), "'conformal.level' is 0"},
      {with_conformal(R"("level":0.9,"quantile":-1,"at":[0],"size":[1])"),
       "'conformal.quantile' is -1, but must be a number that is not negative"},
      {with_conformal(head + R"("size":[1])"), "'conformal.at' is missing"},
      {with_conformal(head + R"("at":[],"size":[])"),
       "'conformal.at' is an array of 0, but must be a list of 1 to 64 numbers"},
      {with_conformal(head + R"("at":[)" + list + R"(],"size":[1])"), "is an array of 65"},
      {with_conformal(head + R"("at":[0,"x"],"size":[1,1])"), "'conformal.at[1]' is \"x\""},
      {with_conformal(head + R"("at":[0,2,2],"size":[1,1,1])"),
       "'conformal.at[2]' is 2, but must be above the one before it, 2"},
      {with_conformal(head + R"("at":[0,-1],"size":[1,1])"), "'conformal.at[1]' is -1"},
      {with_conformal(head + R"("at":[0,1])"), "'conformal.size' is missing"},
      {with_conformal(head + R"("at":[0,1],"size":[1])"),
       "'conformal.size' is a list of 1, but must be as long as 'conformal.at', 2"},
      {with_conformal(head + R"("at":[0,1],"size":[1,0])"),
       "'conformal.size[1]' is 0, but must be above 0"},
      {with_conformal(head + R"("at":{"0":1},"size":[1])"), "'conformal.at' is an object of 1"}};
  for (const auto& [text, words] : cases) {
    const auto read = finish_from_json(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code, Errc::corrupt) << text;
    EXPECT_THAT(read.error().detail, HasSubstr(words)) << text;
  }
}

TEST(FinishJson, IsNotImpressedByDepth) {
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  const auto read = finish_from_json(R"({"temperature":)" + deep + "}");
  ASSERT_FALSE(read.has_value());
  EXPECT_THAT(read.error().detail, HasSubstr("'temperature' is an array of 1"));
}

TEST(FinishJson, RefusesEveryTruncation) {
  const Finish finish{
      .temperature = 1.5,
      .rule = rule_of(0.25),
      .conformal = Conformal{.level = 0.9, .quantile = 2, .at = {0, 1}, .size = {1, 0.5}}};
  const std::string whole = to_json(finish);
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
    EXPECT_FALSE(finish_from_json(whole.substr(0, bytes)).has_value()) << bytes;
}

}  // namespace
}  // namespace starling::ml
