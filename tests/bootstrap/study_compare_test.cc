// What counts as the same search.
#include "bootstrap/client/study_compare.h"

#include <gmock/gmock.h>

namespace starling::bootstrap {
namespace {

Json trial(int number, double value, const char* state = "completed") {
  return {{"number", number},
          {"params", {{"mlp.width", 64}}},
          {"state", state},
          {"value", value},
          {"best_epoch", 3},
          {"epochs", 9},
          {"seconds", value * 7},
          {"node", std::to_string(value)}};
}

Json list(std::vector<Json> trials) {
  return {{"trials", std::move(trials)}};
}

TEST(StudyComparison, LeavesAsideWhereAndHowFastTrialsRan) {
  Json again = trial(0, 1.5);
  again["seconds"] = 99;
  again["node"] = "another";
  const auto comparison =
      compare_trials(list({trial(0, 1.5), trial(1, 2)}), list({trial(1, 2), again}));
  EXPECT_EQ(comparison.trials, 2U);
  EXPECT_EQ(comparison.same, 2U);
  EXPECT_TRUE(comparison.differences.empty());
}

TEST(StudyComparison, NamesWhatDiffersAndWhatIsMissing) {
  Json changed = trial(0, 1.5);
  changed["params"]["mlp.width"] = 65;
  changed["value"] = 1.25;
  const auto comparison = compare_trials(list({trial(0, 1.5), trial(1, 2)}), list({changed}));
  EXPECT_EQ(comparison.same, 0U);
  EXPECT_THAT(
      comparison.differences,
      testing::ElementsAre(R"(trial 0: params was {"mlp.width":64} and is {"mlp.width":65})",
                           "trial 0: value was 1.5 and is 1.25",
                           "trial 1 is missing"));
}

TEST(StudyComparison, DoesNotAskForWhatWasCancelled) {
  const auto comparison =
      compare_trials(list({trial(0, 1), trial(1, 0, "cancelled")}), list({trial(0, 1)}));
  EXPECT_EQ(comparison.trials, 1U);
  EXPECT_EQ(comparison.same, 1U);
}

}  // namespace
}  // namespace starling::bootstrap
