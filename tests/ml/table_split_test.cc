// Which rows test: the dataset decides, not the seed, not the order, not the node.
#include "ml/table/split.h"
#include "node/base/hash.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace starling::ml {
namespace {

std::vector<SplitRow> rows_of(std::size_t count, std::size_t classes, std::size_t copies = 1) {
  std::vector<SplitRow> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t content = i / copies;
    const std::string text = fmt::format("row {}", content);
    rows.push_back({short_hash_of(std::as_bytes(std::span{text})),
                    static_cast<std::int32_t>(content % classes)});
  }
  return rows;
}

std::set<RowHash> contents(const std::vector<SplitRow>& rows,
                           const std::vector<std::uint32_t>& part) {
  std::set<RowHash> out;
  for (const std::uint32_t row : part)
    out.insert(rows[row].hash);
  return out;
}

TEST(Split, EveryRowIsInOnePart) {
  for (const std::size_t count : {20, 100, 4999, 5000, 20000}) {
    const auto rows = rows_of(count, 3);
    const Split split = split_rows(rows, 42);
    std::vector<std::uint32_t> all = split.train;
    all.insert(all.end(), split.validation.begin(), split.validation.end());
    all.insert(all.end(), split.test.begin(), split.test.end());
    std::sort(all.begin(), all.end());
    std::vector<std::uint32_t> expected(count);
    std::iota(expected.begin(), expected.end(), 0U);
    EXPECT_EQ(all, expected);
    const auto n = static_cast<double>(count);
    EXPECT_NEAR(static_cast<double>(split.test.size()) / n, 0.15, 0.02 + 1 / n) << count;
    EXPECT_NEAR(static_cast<double>(split.validation.size()) / n, 0.17, 0.02 + 2 / n) << count;
  }
}

TEST(Split, TheSeedMovesValidationButNotTest) {
  const auto rows = rows_of(1000, 2);
  const Split a = split_rows(rows, 1);
  const Split b = split_rows(rows, 2);
  EXPECT_EQ(a.test, b.test);
  EXPECT_NE(a.validation, b.validation);
  EXPECT_NE(a.hash, b.hash);
  EXPECT_EQ(split_rows(rows, 1).hash, a.hash);
}

TEST(Split, TheOrderOfTheRowsDoesNotMatter) {
  auto rows = rows_of(500, 2);
  const Split before = split_rows(rows, 7);
  const auto test = contents(rows, before.test);
  const auto validation = contents(rows, before.validation);
  std::reverse(rows.begin(), rows.end());
  const Split after = split_rows(rows, 7);
  EXPECT_EQ(contents(rows, after.test), test);
  EXPECT_EQ(contents(rows, after.validation), validation);
  EXPECT_EQ(after.hash, before.hash);
}

TEST(Split, EqualRowsStayTogether) {
  for (const std::size_t count : {300, 9000}) {
    const auto rows = rows_of(count, 2, 3);
    const Split split = split_rows(rows, 3);
    const auto train = contents(rows, split.train);
    const auto validation = contents(rows, split.validation);
    for (const auto& hash : contents(rows, split.test)) {
      EXPECT_FALSE(train.contains(hash) || validation.contains(hash));
    }
    for (const auto& hash : validation)
      EXPECT_FALSE(train.contains(hash));
  }
}

TEST(Split, AppendedRowsMoveNoTestRowFromFiveThousandOn) {
  auto rows = rows_of(6000, 1);
  const auto before = contents(rows, split_rows(rows, 1).test);
  rows = rows_of(7000, 1);
  const auto after = contents(rows, split_rows(rows, 1).test);
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
}

TEST(Split, EveryClassIsInEveryPartFromThreeRowsOn) {
  std::vector<SplitRow> rows = rows_of(100, 1);
  for (std::size_t i = 0; i < 3; ++i)
    rows[i * 10].group = 1;
  const Split split = split_rows(rows, 5);
  for (const auto* part : {&split.train, &split.validation, &split.test}) {
    EXPECT_EQ(std::count_if(part->begin(), part->end(), [&](auto r) { return rows[r].group == 1; }),
              1);
  }
}

TEST(Split, RowsWithoutATargetAreDroppedAndCounted) {
  auto rows = rows_of(50, 1);
  rows[3].group = rows[4].group = -1;
  const Split split = split_rows(rows, 5);
  EXPECT_EQ(split.dropped, 2U);
  EXPECT_EQ(split.train.size() + split.validation.size() + split.test.size(), 48U);
}

TEST(Split, RowsThatAreAllEqualCannotTest) {
  const Split split = split_rows(rows_of(40, 1, 40), 1);
  EXPECT_TRUE(split.test.empty());
  EXPECT_TRUE(split.validation.empty());
}

}  // namespace
}  // namespace starling::ml
