// Partial dependence and slices against models and cases worked by hand.
#include "ml/report/attribution.h"
#include "ml/report/dependence.h"
#include "ml/report/evidence_json.h"
#include "ml/report/slices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

namespace starling::ml {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::uint32_t> all_of(std::size_t count) {
  std::vector<std::uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

TableColumn number_column(const std::vector<double>& numbers) {
  TableColumn column;
  column.name = "n";
  column.type = ColumnType::number;
  column.numbers = Numbers{std::span{numbers}};
  return column;
}

TableColumn level_column(const std::vector<std::int32_t>& codes) {
  TableColumn column;
  column.name = "c";
  column.type = ColumnType::category;
  column.codes = codes;
  column.levels = {"red", "green", "blue"};
  return column;
}

TEST(ValuesOf, NumbersAreAtEvenRanksWithTheEndsAndWithoutRepeats) {
  std::vector<double> numbers;
  for (int i = 0; i < 100; ++i)
    numbers.push_back((i * 37) % 100);
  numbers[5] = std::numeric_limits<double>::quiet_NaN();
  const auto values = values_of(number_column(numbers), all_of(100)).value();
  EXPECT_THAT(values.numbers, SizeIs(kDependenceValuesMax));
  EXPECT_EQ(values.numbers.front(), 0);
  EXPECT_EQ(values.numbers.back(), 99);
  EXPECT_TRUE(std::ranges::is_sorted(values.numbers));
  for (std::size_t i = 0; i < values.donors.size(); ++i)
    EXPECT_EQ(numbers[values.donors[i]], values.numbers[i]) << "the donor has the value";

  const std::vector<double> few{3, 1, 3, 1, 3};
  EXPECT_THAT(values_of(number_column(few), all_of(5))->numbers, ElementsAre(1, 3));
  const std::vector<double> one{2, 2, 2};
  EXPECT_FALSE(values_of(number_column(one), all_of(3)));
}

TEST(ValuesOf, LevelsAreTheMostFrequentFirst) {
  const std::vector<std::int32_t> codes{2, 0, 2, -1, 0, 2, 1};
  const auto values = values_of(level_column(codes), all_of(7)).value();
  EXPECT_THAT(values.levels, ElementsAre("blue", "red", "green"));
  EXPECT_THAT(values.donors, ElementsAre(0, 1, 6));
  TableColumn text = level_column(codes);
  text.type = ColumnType::text;
  EXPECT_FALSE(values_of(text, all_of(7)));
}

/// y = 3 a + b, where a is the first float and b the second.
std::vector<float> linear(const Matrix& rows) {
  std::vector<float> said;
  for (std::size_t row = 0; row < rows.rows; ++row)
    said.push_back(3 * rows.values[row * rows.columns] + rows.values[row * rows.columns + 1]);
  return said;
}

TEST(Dependence, OfALinearModelIsItsSlope) {
  DependenceTask task;
  task.rows = {4, 2, {0, 10, 1, 20, 2, 30, 3, 40}};
  task.predict = linear;
  const std::vector<double> numbers{0, 1, 2, 3};
  task.columns = {{{"n", {{0, 1}}}, values_of(number_column(numbers), all_of(4)).value()}};
  const auto found = dependence_of(task);
  EXPECT_EQ(found.rows, 4U);
  ASSERT_THAT(found.columns, SizeIs(1));
  const Dependence& one = found.columns[0];
  ASSERT_THAT(one.means, SizeIs(4));
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_THAT(one.means[i], ElementsAre(3.0 * static_cast<double>(i) + 25));
  ASSERT_THAT(one.singles, SizeIs(4));
  EXPECT_THAT(one.singles[3], ElementsAre(40, 43, 46, 49));
}

TEST(Dependence, SetsEachEncodingOfAColumn) {
  DependenceTask task;
  task.rows = {2, 4, {1, 7, 1, 0, 5, 8, 5, 0}};  // the column is at 0 and, once more, at 2
  const std::vector<double> numbers{1, 5};
  task.columns = {{{"n", {{0, 1}, {2, 1}}}, values_of(number_column(numbers), all_of(2)).value()}};
  task.predict = [](const Matrix& rows) {
    std::vector<float> said;
    for (std::size_t row = 0; row < rows.rows; ++row) {
      EXPECT_EQ(rows.values[row * 4], rows.values[row * 4 + 2]);
      said.push_back(rows.values[row * 4]);
    }
    return said;
  };
  const auto found = dependence_of(task);
  EXPECT_THAT(found.columns[0].means, ElementsAre(ElementsAre(1), ElementsAre(5)));
}

TEST(Dependence, OfClassesIsAMeanForEach) {
  DependenceTask task;
  task.outputs = 3;
  task.rows = {2, 1, {0, 1}};
  const std::vector<double> numbers{0, 1};
  task.columns = {{{"n", {{0, 1}}}, values_of(number_column(numbers), all_of(2)).value()}};
  task.predict = [](const Matrix& rows) {
    std::vector<float> said;
    for (const float value : rows.values)
      said.insert(said.end(), {0.5F - value / 4, 0.25F, 0.25F + value / 4});
    return said;
  };
  const auto found = dependence_of(task);
  EXPECT_THAT(found.columns[0].means,
              ElementsAre(ElementsAre(0.5, 0.25, 0.25), ElementsAre(0.25, 0.25, 0.5)));
  EXPECT_THAT(found.columns[0].singles, IsEmpty());
}

TEST(Dependence, AsksNoMoreThanItsTimeAllows) {
  DependenceTask task;
  task.models = 40;
  task.rows = {500, 1, std::vector<float>(500)};
  std::vector<double> numbers(500);
  for (std::size_t i = 0; i < 500; ++i)
    numbers[i] = static_cast<double>(i);
  const auto values = values_of(number_column(numbers), all_of(500)).value();
  for (int i = 0; i < 6; ++i)
    task.columns.push_back({{"n", {{0, 1}}}, values});
  std::size_t asked = 0;
  task.predict = [&asked](const Matrix& rows) {
    asked += rows.rows;
    return rows.values;
  };
  const auto found = dependence_of(task);
  EXPECT_EQ(asked, found.rows * 6 * kDependenceValuesMax);
  EXPECT_LE(found.rows, 20U) << "forty models answer";
  EXPECT_EQ(dependence_rows(10'000, 1 << 20), 0U);
  EXPECT_EQ(dependence_rows(10'000, 1 << 17), 32U);
  EXPECT_EQ(dependence_rows(100, 10), 100U);
}

/// Four columns, of which the last has two floats; x0 x1 makes that columns share an effect.
std::vector<float> with_product(const Matrix& rows) {
  std::vector<float> said;
  for (std::size_t row = 0; row < rows.rows; ++row) {
    const float* x = rows.values.data() + row * rows.columns;
    said.push_back(x[0] * x[1] + 2 * x[2] + x[3] + x[4]);
  }
  return said;
}

AttributionTask product_task() {
  AttributionTask task;
  task.rows = {2, 5, {2, 3, 1, 1, 1, 0, 0, 5, 0, 0}};
  task.background = {1, 5, {0, 0, 0, 0, 0}};
  task.columns = {{"a", {{0, 1}}}, {"b", {{1, 1}}}, {"c", {{2, 1}}}, {"d", {{3, 2}}}};
  task.predict = with_product;
  return task;
}

TEST(Attribution, AgainstOneBackgroundRowIsTheShapleyValue) {
  const auto all = attributions_of(product_task()).rows;
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].said, 10);
  EXPECT_EQ(all[0].base, 0);
  // A pair of orders has each of two columns come first once, so even a product is shared exactly.
  EXPECT_THAT(all[0].effects, ElementsAre(3, 3, 2, 2));
  EXPECT_THAT(all[1].effects, ElementsAre(0, 0, 10, 0));
}

TEST(Attribution, SumsToTheAnswerHoweverFewTheOrders) {
  AttributionTask task = product_task();
  task.background = {3, 5, {1, 2, 3, 4, 5, -1, 0.5, 2, 2, 1, 0, 1, 1, 0, 7}};
  task.models = 100'000;
  EXPECT_EQ(attribution_pairs(task), 2U);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    task.seed = seed;
    const auto found = attributions_of(task);
    EXPECT_EQ(found.background, 2U);
    EXPECT_EQ(found.rows[0].base, found.rows[1].base) << "of the same rows";
    for (const Attribution& one : found.rows)
      EXPECT_NEAR(
          std::accumulate(one.effects.begin(), one.effects.end(), one.base), one.said, 1e-5);
  }
}

TEST(Attribution, OfClassesIsOfTheSecondOfTwoAndTheGreatestOfMore) {
  AttributionTask task;
  task.rows = {1, 1, {1}};
  task.background = {1, 1, {0}};
  task.columns = {{"a", {{0, 1}}}};
  task.outputs = 2;
  task.predict = [](const Matrix& rows) {
    std::vector<float> said;
    for (const float x : rows.values)
      said.insert(said.end(), {0.75F - x / 2, 0.25F + x / 2});
    return said;
  };
  EXPECT_EQ(attributions_of(task).rows[0].output, 1U);
  EXPECT_THAT(attributions_of(task).rows[0].effects, ElementsAre(0.5));
  task.outputs = 3;
  task.predict = [](const Matrix& rows) {
    std::vector<float> said;
    for (const float x : rows.values)
      said.insert(said.end(), {0.25F + x / 2, 0.5F - x / 2, 0.25F});
    return said;
  };
  EXPECT_EQ(attributions_of(task).rows[0].output, 0U);
}

TEST(WilsonInterval, IsAsInBrownCaiAndDasGupta) {
  // The interval of 8 of 10, as R's prop.test without correction says it.
  const auto of_ten = wilson_interval(8, 10);
  EXPECT_NEAR(of_ten.low, 0.4901625, 1e-6);
  EXPECT_NEAR(of_ten.high, 0.9433178, 1e-6);
  EXPECT_EQ(wilson_interval(0, 20).low, 0);
  EXPECT_NEAR(wilson_interval(0, 20).high, 0.1611252, 1e-6);
  EXPECT_EQ(wilson_interval(20, 20).high, 1);
}

TEST(Slices, OfClassesAreSharesSaidRight) {
  Judged judged;
  judged.task = TaskKind::binary;
  judged.class_count = 2;
  std::vector<std::int32_t> codes;
  for (int i = 0; i < 30; ++i) {
    codes.push_back(i < 20 ? 1 : i < 27 ? 0 : 2);
    judged.truth_classes.push_back(0);
    const double wrong = i < 5 ? 0.9 : 0.1;
    judged.probabilities.insert(judged.probabilities.end(), {1 - wrong, wrong});
  }
  const auto slices = slices_by(level_column(codes), all_of(30), judged);
  ASSERT_THAT(slices, SizeIs(2)) << "three rows of blue are too few";
  EXPECT_EQ(slices[0].level, "green");
  EXPECT_EQ(slices[0].rows, 20U);
  EXPECT_EQ(slices[0].hits->share, 0.75);
  EXPECT_EQ(slices[1].hits->share, 1);
}

TEST(Slices, OfNumbersAreQuartersThatKeepEqualOnesTogether) {
  Judged judged;
  std::vector<double> numbers;
  for (int i = 0; i < 40; ++i) {
    numbers.push_back(i < 18 ? 1 : i);
    judged.values.push_back(i < 18 ? 2 : 0);
    judged.truth_values.push_back(0);
  }
  const auto slices = slices_by(number_column(numbers), all_of(40), judged);
  ASSERT_THAT(slices, SizeIs(3));
  EXPECT_EQ(slices[0].rows, 18U);
  EXPECT_EQ(slices[0].from, 1);
  EXPECT_EQ(slices[0].to, 1);
  EXPECT_DOUBLE_EQ(slices[0].error, 2);
  EXPECT_EQ(slices[1].error, 0);
  EXPECT_EQ(slices[0].rows + slices[1].rows + slices[2].rows, 40U);
  EXPECT_EQ(slices[2].to, 39);
  EXPECT_FALSE(slices[2].hits);
}

TEST(EvidenceJson, TellsOfColumns) {
  Dependence one{.column = {.name = "c", .levels = {"red", "blue"}, .donors = {0, 1}},
                 .means = {{1}, {2}},
                 .singles = {{1, 3}}};
  EXPECT_EQ(to_json(DependenceFound{7, {one}}).dump(),
            R"({"rows":7,"columns":[{"name":"c","values":["red","blue"],)"
            R"("means":[[1.0],[2.0]],"singles":[[1.0,3.0]]}]})");
  Slice part;
  part.from = 1;
  part.to = 2;
  part.rows = 9;
  part.error = 0.5;
  EXPECT_EQ(to_json(std::vector<Slice>{part}).dump(),
            R"([{"from":1.0,"to":2.0,"rows":9,"error":0.5}])");
}

}  // namespace
}  // namespace starling::ml
