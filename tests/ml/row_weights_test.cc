// What rows count: by a column, by their class, and what undoes the latter.
#include "ml/train/row_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace starling::ml {
namespace {

using testing::ElementsAre;

/// Six rows of class 0, three of 1, two of 2, and one that has no class.
const std::vector<std::int32_t> kClasses{0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, -1};

std::vector<std::uint32_t> all_with_a_class() {
  std::vector<std::uint32_t> rows(kClasses.size() - 1);
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

Table weighed(const std::vector<double>& weights) {
  Table table;
  table.weight.name = "w";
  table.weight.numbers = Numbers{std::span{weights}};
  return table;
}

TEST(ClassWeightsOfRows, MakeClassesCountTheSameButThoseThatAreNeverJudged) {
  const auto weights = balanced_class_weights(Table{}, all_with_a_class(), kClasses, 3);
  ASSERT_TRUE(weights) << weights.error().detail;
  EXPECT_THAT(*weights, ElementsAre(4.5 / 6, 4.5 / 3, 1)) << "nine rows, two classes";
  EXPECT_THAT(logit_adjustment(*weights), ElementsAre(-std::log(0.75), -std::log(1.5), 0));
}

TEST(ClassWeightsOfRows, GoByTheWeightColumn) {
  const std::vector<double> counts{1, 1, 1, 1, 1, 1, 10, 10, 4, 7, 7, 7};
  const auto weights = balanced_class_weights(weighed(counts), all_with_a_class(), kClasses, 3);
  ASSERT_TRUE(weights) << weights.error().detail;
  EXPECT_THAT(*weights, ElementsAre(15.0 / 6, 15.0 / 24, 1));
}

TEST(ClassWeightsOfRows, OfAClassWhoseRowsCountNothingOrAreElsewhereIsOne) {
  const std::vector<double> counts{1, 1, 1, 1, 1, 1, 0, 0, 0, 7, 7, 7};
  const auto weights = balanced_class_weights(weighed(counts), all_with_a_class(), kClasses, 4);
  ASSERT_TRUE(weights) << weights.error().detail;
  EXPECT_THAT(*weights, ElementsAre(1, 1, 1, 1));
  const auto some = balanced_class_weights(Table{}, {0, 1, 6}, kClasses, 3);
  EXPECT_THAT(*some, ElementsAre(0.75, 1.5, 1)) << "by the rows that are asked for";
}

TEST(RowWeights, AreThoseOfColumnAndClassAndOneOnAverage) {
  EXPECT_TRUE(row_weights(Table{}, all_with_a_class(), kClasses, {})->empty());
  const std::vector<double> counts{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const auto by_column = row_weights(weighed(counts), {0, 2}, {}, {});
  EXPECT_THAT(*by_column, ElementsAre(0.5F, 1.5F));
  const auto both = row_weights(weighed(counts), {0, 6, 9}, kClasses, {2, 1, 0.1});
  EXPECT_THAT(*both, ElementsAre(0.6F, 2.1F, 0.3F));
}

TEST(RowWeights, OfRowsThatSayNoneAreRefused) {
  const std::vector<double> nothing{0, 0};
  const auto none = row_weights(weighed(nothing), {0, 1}, {}, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().detail, "the rows to learn from count nothing by column \"w\"");
  const std::vector<double> negative{1, -1};
  const auto wrong = balanced_class_weights(weighed(negative), {0, 1}, {0, 1}, 2);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().detail, "row 1 (from 0) does not say in column \"w\" what it counts: -1");
}

}  // namespace
}  // namespace starling::ml
