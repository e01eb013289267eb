// Which task a target asks for, and why some columns cannot be one.
#include "ml/table/task_inference.h"
#include "tests/ml/table_support.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace starling::ml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

/// A table with a feature "f" and the target "y".
TableProfile table_of(int rows, const std::function<std::string(int)>& target) {
  std::vector<std::vector<std::string>> table;
  for (int i = 0; i < rows; ++i)
    table.push_back({fmt::format("{}.5", i * 7 % 13), target(i)});
  return profile_of({"f", "y"}, table);
}

struct Case {
  std::string name;
  int rows;
  std::function<std::string(int)> target;
  TaskKind task;
  std::size_t classes;
};

class TaskInference : public testing::TestWithParam<Case> {};

TEST_P(TaskInference, FollowsTheTarget) {
  const Case& given = GetParam();
  const auto choice = infer_task(table_of(given.rows, given.target), "y");
  ASSERT_TRUE(choice) << choice.error().detail;
  EXPECT_EQ(choice->task, given.task);
  EXPECT_THAT(choice->classes, SizeIs(given.classes));
}

const auto kRegression = TaskKind::regression;
const auto kBinary = TaskKind::binary;
const auto kMulticlass = TaskKind::multiclass;

INSTANTIATE_TEST_SUITE_P(
    Table,
    TaskInference,
    testing::Values(
        Case{"words2", 40, [](int i) { return i % 3 ? "yes" : "no"; }, kBinary, 2},
        Case{"words3", 40, [](int i) { return fmt::format("c{}", i % 3); }, kMulticlass, 3},
        Case{"zero_one", 40, [](int i) { return std::to_string(i % 2); }, kBinary, 2},
        Case{"zero_one_floats", 40, [](int i) { return i % 2 ? "1.0" : "0.0"; }, kBinary, 2},
        Case{"grades", 60, [](int i) { return std::to_string(i % 7); }, kMulticlass, 7},
        Case{"fifteen_few_rows", 60, [](int i) { return std::to_string(i % 15); }, kRegression, 0},
        Case{"fifteen_many_rows",
             900,
             [](int i) { return std::to_string(i * 7 % 15); },
             kMulticlass,
             15},
        Case{"halves", 40, [](int i) { return i % 2 ? "0.5" : "1.5"; }, kRegression, 0},
        Case{"money",
             200,
             [](int i) { return fmt::format("{}.99", i * 37 % 191); },
             kRegression,
             0}),
    [](const auto& instance) { return instance.param.name; });

struct Refusal {
  std::string name;
  int rows;
  std::function<std::string(int)> target;
  std::string says;
};

class TargetRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(TargetRefusal, SaysWhy) {
  const auto choice = infer_task(table_of(GetParam().rows, GetParam().target), "y");
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().code, Errc::invalid_argument);
  EXPECT_THAT(choice.error().detail, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    TargetRefusal,
    testing::Values(
        Refusal{"missing", 40, [](int) { return "NA"; }, "\"y\" is missing in every row"},
        Refusal{"constant", 40, [](int) { return "a"; }, "\"y\" is \"a\" in every row"},
        Refusal{
            "two_rows", 2, [](int i) { return i ? "a" : "b"; }, "2 rows: at least 20 are needed"},
        Refusal{"few_usable", 40, [](int i) { return i < 19 ? "7" : ""; }, "19 rows: at least 20"},
        Refusal{"row_number", 40, [](int i) { return std::to_string(i); }, "like an id"},
        Refusal{"text", 300, [](int i) { return fmt::format("t{}", i / 2); }, "text with 150"},
        Refusal{"many", 5000, [](int i) { return fmt::format("t{}", i % 101); }, "has 101 classes"},
        Refusal{"rare", 40, [](int i) { return i == 0 ? "a" : "b"; }, "fewer than two classes"}),
    [](const auto& instance) { return instance.param.name; });

TEST(TaskInferenceNames, AColumnThatIsNotThereIsGuessed) {
  const auto table = table_of(40, [](int i) { return std::to_string(i % 2); });
  const TableProfile names = profile_of({"charges", "age"}, {{"1", "2"}});
  EXPECT_EQ(nearest_column(names, "chrages"), "charges");
  EXPECT_EQ(nearest_column(names, "AGE"), "age");
  EXPECT_EQ(nearest_column(names, "zzzzzz"), "");
  const auto choice = infer_task(table, "Y");
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().detail, "no column \"Y\" in this table; did you mean \"y\"?");
}

TEST(TaskInferenceClasses, AreSortedAsNumbersAndRareOnesLeftOut) {
  const auto table = table_of(42, [](int i) { return i < 2 ? "5" : i % 2 ? "10" : "9"; });
  const auto choice = infer_task(table, "y");
  ASSERT_TRUE(choice) << choice.error().detail;
  EXPECT_THAT(choice->classes, ElementsAre("9", "10"));
  EXPECT_EQ(choice->usable_rows, 40U);
  EXPECT_THAT(choice->rare, ElementsAre("5"));
  EXPECT_FALSE(choice->keeps_rare);
}

TEST(TaskInferenceClasses, RareOnesAreKeptBesideThreeOthersWhereAskedFor) {
  const auto table = table_of(42, [](int i) { return i < 2 ? "5" : fmt::format("{}", 9 + i % 3); });
  EXPECT_THAT(infer_task(table, "y")->classes, ElementsAre("9", "10", "11"));
  const auto kept = infer_task(table, "y", std::nullopt, RareClasses::train);
  ASSERT_TRUE(kept) << kept.error().detail;
  EXPECT_TRUE(kept->keeps_rare);
  EXPECT_THAT(kept->classes, ElementsAre("5", "9", "10", "11"));
  EXPECT_EQ(kept->usable_rows, 42U);
  const auto two = table_of(42, [](int i) { return i < 2 ? "5" : i % 2 ? "10" : "9"; });
  const auto binary = infer_task(two, "y", std::nullopt, RareClasses::train);
  EXPECT_EQ(binary->task, TaskKind::binary) << "a slip makes no third class";
  EXPECT_FALSE(binary->keeps_rare);
  EXPECT_EQ(binary->usable_rows, 40U);
}

TEST(TaskInferenceClasses, ADotBehindAClassIsThatClass) {
  const auto table = table_of(
      42, [](int i) { return i < 2 ? "b." : std::string(1, static_cast<char>('a' + i % 3)); });
  const auto choice = infer_task(table, "y", std::nullopt, RareClasses::train);
  ASSERT_TRUE(choice) << choice.error().detail;
  EXPECT_THAT(choice->classes, ElementsAre("a", "b", "c"));
  EXPECT_TRUE(choice->rare.empty());
  EXPECT_EQ(choice->usable_rows, 42U);
}

TEST(TaskInferenceWanted, OverrulesAsFarAsTheColumnAllows) {
  const auto grades = table_of(60, [](int i) { return std::to_string(i % 7); });
  EXPECT_EQ(infer_task(grades, "y", TaskKind::regression)->task, TaskKind::regression);
  EXPECT_FALSE(infer_task(grades, "y", TaskKind::binary));
  const auto words = table_of(60, [](int i) { return i % 2 ? "a" : "b"; });
  const auto refused = infer_task(words, "y", TaskKind::regression);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("regression needs numbers"));
}

}  // namespace
}  // namespace starling::ml
