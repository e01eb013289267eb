// What a person leaves out is inferred; what is wrong is named with its limit.
#include "ml/study/study_plan.h"

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

StudyRequest request(std::string target = "y") {
  StudyRequest request;
  request.dataset = "d-1";
  request.target = std::move(target);
  return request;
}

TEST(CompleteSpec, InfersTaskMetricNameAndParallelism) {
  const auto spec = complete_spec(request(), dataset(), small_profile(), 2).value();
  EXPECT_EQ(spec.task, "regression");
  EXPECT_EQ(spec.metric, "rmse");
  EXPECT_FALSE(spec.maximize);
  EXPECT_EQ(spec.name, "my-table");
  EXPECT_EQ(spec.trials, 20U);
  EXPECT_EQ(spec.parallelism, 4U);
  EXPECT_EQ(complete_spec(request("kind"), dataset(), small_profile(), 2)->task, "binary");
}

TEST(CompleteSpec, ParallelismIsTheSlotsButAtMostAQuarterOfTheTrials) {
  auto asked = request();
  asked.trials = 100;
  EXPECT_EQ(complete_spec(asked, dataset(), small_profile(), 12)->parallelism, 12U);
  EXPECT_EQ(complete_spec(asked, dataset(), small_profile(), 50)->parallelism, 25U);
  asked.trials = 3;
  EXPECT_EQ(complete_spec(asked, dataset(), small_profile(), 50)->parallelism, 1U);
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
  const auto spec = complete_spec(asked, dataset(), small_profile(), 2);
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
        BadCase{"space", [](auto& r) { r.search_space_json = "{"; }, "search_space: "},
        BadCase{"initial",
                [](auto& r) {
                  r.initial = {{{"x", 1.0}}};
                },
                "initial: entry 0"},
        BadCase{"tags", [](auto& r) { r.tags = {""}; }, "tags: "}),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace starling::ml
