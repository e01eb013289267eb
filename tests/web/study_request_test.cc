#include "ml/table/metrics.h"
#include "node/base/random.h"
#include "web/api/study_request_json.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace starling::web {
namespace {

struct Bad {
  std::string body;
  std::string says;
};

TEST(StudyRequest, NamesTheFieldTheValueAndTheLimitOfWhatIsWrong) {
  const std::string start = R"({"dataset":"d","target":"t",)";
  const std::vector<Bad> table{
      {R"([1])", "the body must be a JSON object, not a list"},
      {R"({"target":"t"})", "dataset: is needed and missing"},
      {R"({"dataset":"d","target":""})", "target: is needed and missing"},
      {R"({"dataset":7,"target":"t"})", "dataset: must be a text, not 7"},
      {start + R"("trails":5})", R"(no field "trails"; did you mean "trials"?)"},
      {start + R"("completely_else":5})", "there are: dataset, target"},
      {start + R"("trials":0})", "trials: must be a whole number from 1 to 10000, not 0"},
      {start + R"("trials":-3})", "not -3"},
      {start + R"("trials":10001})", "not 10001"},
      {start + R"("trials":2.5})", "not 2.5"},
      {start + R"("trials":"20"})", R"(not "20")"},
      {start + R"("trials":1e300})", "trials: must be a whole number"},
      {start + R"("seed":9007199254740993})", "seed: must be a whole number from 0"},
      {start + R"("name":"a b"})", "name: must be 1 to 64"},
      {start + R"("metric":"speed"})", "metric: must be one of rmse, mae"},
      {start + R"("search_space":[]})", "search_space: must be an object or a name, not a list"},
      {start + R"("initial":{}})", "initial: must be a list"},
      {start + R"("initial":[{"a":null}]})", "initial: \"a\" must be a number or a text, not null"},
      {start + R"("tags":"x"})", "tags: must be a list"},
      {start + R"("constraints":5})", "constraints: must be an object, not 5"},
      {start + R"("constraints":{"size":1}})", R"("size" is none of predict_ms, model_mb)"},
      {start + R"("constraints":{"predict_ms":0}})", "predict_ms must be a number above 0"},
      {start + R"("constraints":{"predict_ms":"5"}})", R"(at most 60000, not "5")"},
      {start + R"("constraints":{"model_mb":1e9}})", "model_mb must be a number above 0"},
      {start + R"("constraints":{"interpretable":1}})", "must be true or false, not 1"},
      {start + R"("use_case":")" + std::string(2001, 'x') + R"("})", "has 2001 characters"},
  };
  for (const Bad& given : table) {
    const auto json = parse_json(given.body);
    ASSERT_TRUE(json) << given.body;
    const auto request = study_request_from(json->value);
    ASSERT_FALSE(request) << given.body;
    EXPECT_EQ(request.error().code, Errc::invalid_argument);
    EXPECT_NE(request.error().detail.find(given.says), std::string::npos) << request.error().detail;
  }
}

TEST(StudyRequest, TakesEveryFieldAndLeavesTheOthersOpen) {
  const auto json = parse_json(
      R"({"dataset":"d","target":"t","name":"n","task":"auto","metric":"mae","trials":20.0,)"
      R"("time_limit_s":60,"seed":9007199254740992,"parallelism":null,"search_space":{"a":1},)"
      R"("initial":[{"x":1,"y":1.0,"z":"w"}],"epochs":5,"patience":3,"engine":"torch",)"
      R"("use_case":"u","tags":["a"]})");
  const auto request = study_request_from(json->value);
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_EQ(request->task, std::nullopt);
  EXPECT_EQ(request->trials, 20U);
  EXPECT_EQ(request->seed, std::uint64_t{1} << 53);
  EXPECT_EQ(request->parallelism, std::nullopt);
  EXPECT_EQ(request->search_space_json, R"({"a":1})");
  const ml::Params params{{"x", std::int64_t{1}}, {"y", 1.0}, {"z", std::string{"w"}}};
  EXPECT_EQ(request->initial, std::vector{params});
  EXPECT_EQ(request->engine, "torch");
}

TEST(StudyRequest, TakesConstraints) {
  const auto json = parse_json(
      R"({"dataset":"d","target":"t","constraints":{"predict_ms":2,"interpretable":true}})");
  const auto request = study_request_from(json->value);
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_EQ(request->constraints, (ml::Constraints{.predict_ms = 2, .is_interpretable = true}));
}

TEST(StudyRequest, TakesEveryMetric) {
  for (const std::string_view name : ml::metric_names()) {
    const auto json =
        parse_json(fmt::format(R"({{"dataset":"d","target":"t","metric":"{}"}})", name));
    const auto request = study_request_from(json->value);
    ASSERT_TRUE(request) << request.error().detail;
    EXPECT_EQ(request->metric, name);
  }
}

TEST(StudyRequest, TakesTheNameOfASearchSpace) {
  const auto json = parse_json(R"({"dataset":"d","target":"t","search_space":"nexusops"})");
  const auto request = study_request_from(json->value);
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_EQ(request->search_space_name, "nexusops");
  EXPECT_EQ(request->search_space_json, std::nullopt);
}

TEST(Json, RefusesWhatIsNestedTooDeepToWalk) {
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
  const auto deep = parse_json(std::string(1'000'000, '['));
  ASSERT_FALSE(deep);
  EXPECT_NE(deep.error().detail.find("the limit is 64"), std::string::npos);
  EXPECT_TRUE(parse_json("\"" + std::string(1000, '[') + "\""));
}

}  // namespace
}  // namespace starling::web
