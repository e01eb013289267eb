// The search space as people write it: what is read, what is refused and with which words.
#include "ml/search/named_spaces.h"
#include "ml/search/sampler.h"
#include "node/base/random.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starling::ml {
namespace {

using testing::HasSubstr;

std::string one(const std::string& body) {
  return R"({"a": {"type": "categorical", "choices": ["x", "y"]}, "p": )" + body + "}";
}

struct Refusal {
  std::string json;
  std::vector<std::string> words;
};

std::vector<Refusal> refusals() {
  const std::string twice = R"({"p": {"type": "fixed", "value": 1, "value": 2}})";
  std::string many = "{";
  for (int i = 0; i <= 100; ++i)
    many += fmt::format(R"({}"p{}": {{"type": "fixed", "value": 1}})", i == 0 ? "" : ",", i);
  many += "}";
  return {
      {"", {"valid JSON"}},
      {"{\"p\": \xff}", {"valid JSON"}},
      {"[]", {"object", "[]"}},
      {"{}", {"1 to 100", "one of 0"}},
      {many, {"1 to 100", "one of 101"}},
      {twice, {"\"value\" twice"}},
      {"{\"p\":" + std::string(100, '[') + std::string(100, ']') + "}", {"deeper than 8"}},
      {R"({"": {"type": "fixed", "value": 1}})", {"1 to 128 bytes", "0"}},
      {"{\"" + std::string(129, 'n') + R"(": {"type": "fixed", "value": 1}})", {"128", "129"}},
      {one("3"), {"'p'", "is 3", "object"}},
      {one(R"({"low": 1})"), {"'p'", "'type' is missing", "categorical"}},
      {one(R"({"type": "double"})"), {"'type' is \"double\"", "float, int"}},
      {one(R"({"type": "float", "low": 1, "high": 2, "hihg": 3})"), {"'hihg'", "3", "remove it"}},
      {one(R"({"type": "fixed", "value": 1, "low": 0})"), {"'low'", "'fixed'"}},
      {one(R"({"type": "float", "high": 2})"), {"'low' is missing"}},
      {one(R"({"type": "float", "low": "0", "high": 2})"), {"'low' is \"0\"", "a number between"}},
      {one(R"({"type": "float", "low": 3, "high": 2})"), {"'low' is 3", "'high', which is 2"}},
      {one(R"({"type": "float", "low": -1e308, "high": 1})"), {"'low' is -1e+308", "1e300"}},
      {one(R"({"type": "float", "low": 0, "high": 2, "log": true})"), {"'low' is 0", "'log'"}},
      {one(R"({"type": "float", "low": 0, "high": 2, "log": 1})"), {"'log' is 1", "true or false"}},
      {one(R"({"type": "float", "low": 0, "high": 2, "step": 0})"), {"'step' is 0", "at least"}},
      {one(R"({"type": "float", "low": 0, "high": 1e6, "step": 1e-6})"), {"'step'", "billionth"}},
      {one(R"({"type": "float", "low": 1, "high": 2, "step": 1, "log": true})"), {"'step'", "log"}},
      {one(R"({"type": "int", "low": 1.5, "high": 2})"), {"'low' is 1.5", "whole number"}},
      {one(R"({"type": "int", "low": 1, "high": 1e300})"), {"'high' is 1e+300", "2^53"}},
      {one(R"({"type": "int", "low": 1, "high": 18446744073709551615})"), {"'high'", "2^53"}},
      {one(R"({"type": "int", "low": 1, "high": 9, "step": 0})"), {"'step' is 0", "at least 1"}},
      {one(R"({"type": "categorical"})"), {"'choices' is null", "1 to 1000"}},
      {one(R"({"type": "categorical", "choices": []})"), {"'choices' is []"}},
      {one(R"({"type": "categorical", "choices": [1, true]})"), {"'choices' is true", "word"}},
      {one(R"({"type": "categorical", "choices": [1, 2, 1.0]})"), {"1.0 twice"}},
      {one(R"({"type": "fixed"})"), {"'value' is null"}},
      {one(R"({"type": "fixed", "value": 18446744073709551615})"),
       {"'value' is 18446744073709551615"}},
      {one(R"({"type": "fixed", "value": 1, "when": {}})"), {"'when' is {}"}},
      {one(R"({"type": "fixed", "value": 1, "when": {"b": [1]}})"), {"'when.b'", "named before"}},
      {one(R"({"type": "fixed", "value": 1, "when": {"p": [1]}})"), {"'when.p'", "named before"}},
      {one(R"({"type": "fixed", "value": 1, "when": {"a": "x"}})"), {"'when.a' is \"x\"", "list"}},
      {one(R"({"type": "fixed", "value": 1, "when": {"a": ["z"]}})"), {"'z'", "'a' never is"}},
      {R"({"r": {"type": "float", "low": 0, "high": 1},
           "p": {"type": "fixed", "value": 1, "when": {"r": [0.5]}}})",
       {"'when.r'", "int, cat"}},
  };
}

TEST(SearchSpace, RefusesWithTheWordsOneNeeds) {
  for (const Refusal& refusal : refusals()) {
    const auto space = parse_search_space(refusal.json);
    ASSERT_FALSE(space) << refusal.json;
    EXPECT_EQ(space.error().code, Errc::invalid_argument);
    for (const std::string& word : refusal.words)
      EXPECT_THAT(space.error().detail, HasSubstr(word)) << refusal.json;
    EXPECT_LT(space.error().detail.size(), 300U);
  }
  EXPECT_EQ(parse_search_space(std::string((1 << 20) + 1, ' ')).error().code, Errc::too_large);
}

const char* const kWide = R"({
  "family": {"type": "categorical", "choices": ["mlp", 2, 0.5, "ünï"]},
  "lr": {"type": "float", "low": 0.0001, "high": 0.01, "log": true, "when": {"family": ["mlp", 2]}},
  "n": {"type": "int", "low": -4, "high": 1000000, "step": 4},
  "q": {"type": "float", "low": 0, "high": 1, "step": 0.3},
  "far": {"type": "float", "low": 1000000, "high": 1000001},
  "point": {"type": "float", "low": 5, "high": 5},
  "f": {"type": "fixed", "value": "text", "when": {"n": [0, 4], "family": ["mlp"]}}})";

TEST(SearchSpace, KeepsOrderAndComesBackFromJson) {
  const SearchSpace space = parse_search_space(kWide).value();
  ASSERT_EQ(space.parameters.size(), 7U);
  EXPECT_EQ(space.parameters[0].first, "family");
  EXPECT_EQ(space.parameters[6].first, "f");
  EXPECT_EQ(parse_search_space(to_json(space)).value(), space);
  EXPECT_EQ(parse_search_space(to_json(default_space())).value(), default_space());
}

TEST(SearchSpace, LowersHighToTheLastStep) {
  EXPECT_DOUBLE_EQ(parse_search_space(kWide).value().find("q")->high, 0.9);
}

TEST(SearchSpace, NumbersComeBackFromValues) {
  const SearchSpace space = parse_search_space(kWide).value();
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    for (const auto& [name, value] : sample_random(space, random)) {
      const Distribution& parameter = *space.find(name);
      if (parameter.kind == Distribution::Kind::fixed) continue;
      const auto number = to_number(parameter, value);
      ASSERT_TRUE(number) << name << " " << to_text(value);
      ASSERT_EQ(from_number(parameter, *number), value) << name;
    }
  }
}

TEST(CheckParams, TakesTheDefaultsAndSaysWhatIsWrongWithOthers) {
  const SearchSpace space = default_space();
  EXPECT_TRUE(check_params(space, default_params()));
  const auto complaint = [&](const std::string& name, std::optional<ParamValue> value) {
    Params params = default_params();
    params.erase(name);
    if (value) params[name] = *value;
    const auto fits = check_params(space, params);
    return fits ? std::string("no complaint") : fits.error().detail;
  };
  EXPECT_EQ(complaint("mlp.dropout", std::int64_t{0}), "no complaint");
  EXPECT_EQ(complaint("mlp.width", std::int64_t{512}),
            "parameter 'mlp.width' is 512, but must be a whole number from 32 to 256");
  EXPECT_THAT(complaint("mlp.width", 64.0), HasSubstr("whole number"));
  EXPECT_THAT(complaint("mlp.batch_size", std::int64_t{65}), HasSubstr("one of 32, 64, 128, 256"));
  EXPECT_THAT(complaint("mlp.dropout", std::nan("")), HasSubstr("from 0 to 0.5"));
  EXPECT_THAT(complaint("mlp.dropout", std::nullopt), HasSubstr("'mlp.dropout' is missing"));
  EXPECT_THAT(complaint("mlp.depth", std::int64_t{2}), HasSubstr("not in the search space"));
}

TEST(CheckParams, KnowsConditionsAndFixedValues) {
  const SearchSpace space = parse_search_space(R"({
    "family": {"type": "categorical", "choices": ["mlp", "tree"]},
    "drop": {"type": "float", "low": 0, "high": 1, "when": {"family": ["mlp"]}},
    "depth": {"type": "fixed", "value": 6, "when": {"family": ["tree"]}}})")
                                .value();
  EXPECT_TRUE(check_params(space, {{"family", "mlp"}, {"drop", 0.5}}));
  EXPECT_TRUE(check_params(space, {{"family", "tree"}}));
  EXPECT_TRUE(check_params(space, {{"family", "tree"}, {"depth", std::int64_t{6}}}));
  EXPECT_FALSE(check_params(space, {{"family", "tree"}, {"depth", std::int64_t{7}}}));
  EXPECT_THAT(check_params(space, {{"family", "tree"}, {"drop", 0.5}}).error().detail,
              HasSubstr("'when' does not hold"));
  EXPECT_EQ(conform(space, {{"family", "tree"}}),
            (Params{{"depth", std::int64_t{6}}, {"family", "tree"}}));
  EXPECT_EQ(conform(space, {{"family", "mlp"}, {"drop", std::int64_t{1}}}),
            (Params{{"drop", 1.0}, {"family", "mlp"}}));
}

/// A valid text with some bytes changed, removed or doubled.
std::string damaged(std::string text, Random& random) {
  static constexpr std::string_view kBytes = "{}[]\",:.0123456789eE+-truefalsnl\\u\n\xc3\xff";
  for (std::uint64_t i = 0; i <= random.below(6) && !text.empty(); ++i) {
    const auto at = static_cast<std::size_t>(random.below(text.size()));
    const auto length = static_cast<std::size_t>(1 + random.below(12));
    switch (random.below(3)) {
      case 0: text[at] = kBytes[random.below(kBytes.size())]; break;
      case 1: text.erase(at, length); break;
      default: text.insert(at, text.substr(random.below(text.size()), length)); break;
    }
  }
  return text;
}

TEST(SearchSpace, DamagedTextIsRefusedOrWorks) {
  Random random(11);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto space =
        parse_search_space(damaged(i % 2 == 0 ? kWide : to_json(default_space()), random));
    if (!space) {
      ASSERT_FALSE(space.error().detail.empty());
      continue;
    }
    ++accepted;
    ASSERT_EQ(parse_search_space(to_json(*space)).value(), *space);
    const auto fits = check_params(*space, sample_random(*space, random));
    ASSERT_TRUE(fits) << fits.error().detail << to_json(*space);
  }
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 19'000);
}

}  // namespace
}  // namespace starling::ml
