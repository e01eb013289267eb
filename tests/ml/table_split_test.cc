// Which rows test: the dataset decides, not the seed, not the order, not the node.
#include "ml/table/split.h"
#include "node/base/hash.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
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

ContentHash hash_of(const std::vector<SplitRow>& rows, const Split& split) {
  std::vector<RowHash> hashes;
  for (const SplitRow& row : rows)
    hashes.push_back(row.hash);
  return hash_of_split(hashes, split);
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
  EXPECT_NE(hash_of(rows, a), hash_of(rows, b));
  EXPECT_EQ(hash_of(rows, split_rows(rows, 1)), hash_of(rows, a));
}

TEST(Split, TheOrderOfTheRowsDoesNotMatter) {
  auto rows = rows_of(500, 2);
  const Split before = split_rows(rows, 7);
  const auto test = contents(rows, before.test);
  const auto validation = contents(rows, before.validation);
  const ContentHash hash = hash_of(rows, before);
  std::reverse(rows.begin(), rows.end());
  const Split after = split_rows(rows, 7);
  EXPECT_EQ(contents(rows, after.test), test);
  EXPECT_EQ(contents(rows, after.validation), validation);
  EXPECT_EQ(hash_of(rows, after), hash);
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
    rows[i * 10].stratum = 1;
  const Split split = split_rows(rows, 5);
  for (const auto* part : {&split.train, &split.validation, &split.test}) {
    EXPECT_EQ(
        std::count_if(part->begin(), part->end(), [&](auto r) { return rows[r].stratum == 1; }), 1);
  }
}

TEST(Split, RowsWithoutATargetAreDroppedAndCounted) {
  auto rows = rows_of(50, 1);
  rows[3].stratum = rows[4].stratum = -1;
  const Split split = split_rows(rows, 5);
  EXPECT_EQ(split.dropped, 2U);
  EXPECT_EQ(split.train.size() + split.validation.size() + split.test.size(), 48U);
}

TEST(Split, RowsThatAreAllEqualCannotTest) {
  const Split split = split_rows(rows_of(40, 1, 40), 1);
  EXPECT_TRUE(split.test.empty());
  EXPECT_TRUE(split.validation.empty());
}

TEST(Folds, EachRowThatDoesNotTestValidatesOnce) {
  for (const std::size_t count : {40, 1000, 7000}) {
    const auto rows = rows_of(count, 3);
    const Split split = split_rows(rows, 42, 5);
    EXPECT_EQ(split.test, split_rows(rows, 42).test);
    ASSERT_EQ(split.folds.size(), 5U);
    RowNumbers all;
    for (const RowNumbers& fold : split.folds) {
      all.insert(all.end(), fold.begin(), fold.end());
      EXPECT_NEAR(
          static_cast<double>(fold.size()), static_cast<double>(split.train.size()) / 5.0, 4)
          << count;
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, split.train);
    EXPECT_EQ(final_rows(split), split.train);
    for (const SplitRound& round : rounds_of(split)) {
      RowNumbers both = round.train;
      both.insert(both.end(), round.validation.begin(), round.validation.end());
      std::sort(both.begin(), both.end());
      EXPECT_EQ(both, split.train);
    }
  }
}

/// Of a third class there are two rows.
std::vector<SplitRow> rows_with_rare(std::size_t count) {
  auto rows = rows_of(count, 2);
  rows[7].stratum = 2;
  rows[count - 1].stratum = 2;
  return rows;
}

TEST(RareRows, OnlyTrainWhateverTurnItIs) {
  for (const std::size_t count : {100U, 6000U}) {
    const auto rows = rows_with_rare(count);
    const RowNumbers rare{7, static_cast<std::uint32_t>(count - 1)};
    for (const std::uint32_t folds : {1U, 5U}) {
      const Split split = split_rows(rows, 3, folds, 3);
      EXPECT_EQ(split.dropped, 0U);
      EXPECT_TRUE(std::ranges::includes(final_rows(split), rare));
      for (const SplitRound& round : rounds_of(split)) {
        EXPECT_TRUE(std::ranges::includes(round.train, rare));
        for (const RowNumbers* part : {&round.validation, &split.validation, &split.test})
          for (const std::uint32_t row : rare)
            EXPECT_FALSE(std::ranges::binary_search(*part, row));
      }
    }
  }
}

TEST(RareRows, AreInTheHashWhereFoldsValidateInTurn) {
  auto rows = rows_with_rare(300);
  const ContentHash with = hash_of(rows, split_rows(rows, 3, 5, 3));
  for (SplitRow& row : rows)
    if (row.stratum == 2) row.stratum = -1;
  EXPECT_NE(hash_of(rows, split_rows(rows, 3, 5, 3)), with);
}

TEST(RareRows, MoveNoOther) {
  auto rows = rows_with_rare(300);
  const Split with = split_rows(rows, 3, 1, 3);
  for (SplitRow& row : rows)
    if (row.stratum == 2) row.stratum = -1;
  const Split without = split_rows(rows, 3);
  EXPECT_EQ(with.test, without.test);
  EXPECT_EQ(with.validation, without.validation);
  EXPECT_EQ(with.train.size(), without.train.size() + 2);
}

TEST(Folds, KeepEqualRowsTogether) {
  const auto rows = rows_of(900, 2, 3);
  const Split split = split_rows(rows, 3, 4);
  std::set<RowHash> seen;
  for (const RowNumbers& fold : split.folds)
    for (const RowHash& hash : contents(rows, fold))
      EXPECT_TRUE(seen.insert(hash).second);
}

TEST(Folds, TheSeedAndTheFoldsAreInTheHash) {
  const auto rows = rows_of(300, 2);
  const std::set<ContentHash> hashes{hash_of(rows, split_rows(rows, 1)),
                                     hash_of(rows, split_rows(rows, 1, 2)),
                                     hash_of(rows, split_rows(rows, 1, 3)),
                                     hash_of(rows, split_rows(rows, 2, 3))};
  EXPECT_EQ(hashes.size(), 4U);
}

TEST(Parts, AreAsGivenAndValidationIsDrawnWhereThereIsNone) {
  const auto rows = rows_of(1000, 2);
  std::vector<RowPart> parts(1000, RowPart::train);
  std::fill(parts.begin() + 800, parts.begin() + 950, RowPart::test);
  std::fill(parts.begin() + 950, parts.end(), RowPart::none);
  const Split drawn = split_by_parts(rows, parts, Validation::drawn, 7);
  EXPECT_EQ(drawn.test.size(), 150U);
  EXPECT_EQ(drawn.test.front(), 800U);
  EXPECT_EQ(drawn.unused, 50U);
  EXPECT_EQ(drawn.train.size() + drawn.validation.size(), 800U);
  EXPECT_NEAR(static_cast<double>(drawn.validation.size()), 160, 2);
  EXPECT_NE(split_by_parts(rows, parts, Validation::drawn, 8).validation, drawn.validation);
  EXPECT_EQ(split_by_parts(rows, parts, Validation::drawn, 7, 4).folds.size(), 4U);

  std::fill(parts.begin(), parts.begin() + 100, RowPart::validation);
  const Split given = split_by_parts(rows, parts, Validation::given, 7);
  EXPECT_EQ(given.validation.size(), 100U);
  EXPECT_EQ(given.validation, split_by_parts(rows, parts, Validation::given, 8).validation);
  EXPECT_EQ(given.train.size(), 700U);
}

TEST(Times, TheOldestTrainAndTheNewestTest) {
  const auto rows = rows_of(1000, 2);
  std::vector<double> times;
  for (std::size_t i = 0; i < 1000; ++i)
    times.push_back(static_cast<double>(i * 37 % 1000 / 2));  // in no order, each time twice
  times[5] = std::numeric_limits<double>::quiet_NaN();
  const Split split = split_by_time(rows, times, 0);
  EXPECT_EQ(split.unused, 1U);
  const auto range = [&](const RowNumbers& part) {
    std::vector<double> all;
    for (const std::uint32_t row : part)
      all.push_back(times[row]);
    const auto [least, most] = std::minmax_element(all.begin(), all.end());
    return std::pair{*least, *most};
  };
  EXPECT_LT(range(split.train).second, range(split.validation).first);
  EXPECT_LT(range(split.validation).second, range(split.test).first);
  EXPECT_NEAR(static_cast<double>(split.test.size()), 150, 2);
  EXPECT_NEAR(static_cast<double>(split.validation.size()), 170, 2);

  const Split apart = split_by_time(rows, times, 10);
  EXPECT_EQ(apart.test, split.test);
  EXPECT_LE(range(apart.train).second, range(apart.validation).first - 10);
  EXPECT_LE(range(apart.validation).second, range(apart.test).first - 10);
  EXPECT_EQ(apart.unused, 1U + 18U);  // nine times before the test rows, each twice
  EXPECT_EQ(apart.between.size(),
            18U);  // and as many before validation: the final learns from them
  EXPECT_EQ(final_rows(apart).size(),
            apart.train.size() + apart.validation.size() + apart.between.size());
}

/// Rows of groups whose sizes are given.
std::vector<SplitRow> groups_of(const std::vector<std::size_t>& sizes) {
  std::vector<SplitRow> rows;
  for (std::size_t group = 0; group < sizes.size(); ++group) {
    const std::string text = fmt::format("group {}", group);
    const SplitRow row{short_hash_of(std::as_bytes(std::span{text})), 0};
    rows.insert(rows.end(), sizes[group], row);
  }
  return rows;
}

TEST(Groups, FewOfManyRowsFillEveryPart) {
  for (const std::size_t groups : {3, 5, 10, 40}) {
    const auto rows = groups_of(std::vector<std::size_t>(groups, 10'000 / groups));
    const Split split = split_groups(rows, 1);
    EXPECT_FALSE(split.test.empty()) << groups;
    EXPECT_FALSE(split.validation.empty()) << groups;
    EXPECT_FALSE(split.train.empty()) << groups;
    EXPECT_LE(split.test.size(), rows.size() / 3 + 1) << groups;
    EXPECT_EQ(split_groups(rows, 2).test, split.test);
  }
}

TEST(Groups, AGiantOneTrains) {
  std::vector<std::size_t> sizes(50, 20);
  sizes[7] = 4000;
  const auto rows = groups_of(sizes);
  const Split split = split_groups(rows, 1);
  EXPECT_TRUE(contents(rows, split.train).contains(rows[7 * 20].hash));
  EXPECT_GT(split.test.size(), 500U);
  const Split folds = split_groups(rows, 1, 5);
  for (const RowNumbers& fold : folds.folds)
    EXPECT_FALSE(fold.empty());
}

TEST(Groups, ThreeAreEnoughWhateverTheirSizes) {
  std::vector<std::size_t> sizes(21, 10);
  sizes[4] = 9000;
  for (const auto& each : {std::vector<std::size_t>{98, 1, 1}, {1, 98, 1}, {1, 1, 98}, sizes}) {
    const auto rows = groups_of(each);
    for (std::uint64_t seed = 1; seed < 20; ++seed) {
      const Split split = split_groups(rows, seed);
      EXPECT_FALSE(split.test.empty() || split.validation.empty() || split.train.empty());
    }
    if (each.size() < 10) continue;
    for (const RowNumbers& fold : split_groups(rows, 1, 5).folds)
      EXPECT_FALSE(fold.empty());
  }
}

TEST(Groups, OneOfFewLargeOnesTestsBesideATinyOne) {
  const auto rows = groups_of({1000, 1000, 3, 1000, 1000, 1000});
  EXPECT_GE(split_groups(rows, 1).test.size(), 1000U);
  EXPECT_GE(split_groups(rows, 1).validation.size(), 1000U);
}

TEST(Groups, AGiantAmongManyTrains) {
  std::vector<std::size_t> sizes(6000, 1);
  for (const std::size_t giant : {0U, 17U, 400U, 5000U, 5500U}) {
    auto each = sizes;
    each[giant] = 40'000;
    const auto rows = groups_of(each);
    EXPECT_LT(split_groups(rows, 1).test.size(), 2000U) << giant;
  }
}

TEST(Groups, ManyAreDividedByAThresholdThatAppendedOnesDoNotMove) {
  const auto before = groups_of(std::vector<std::size_t>(6000, 2));
  const auto after = groups_of(std::vector<std::size_t>(6500, 2));
  const auto first = contents(before, split_groups(before, 1).test);
  const auto second = contents(after, split_groups(after, 1).test);
  EXPECT_TRUE(std::includes(second.begin(), second.end(), first.begin(), first.end()));
  EXPECT_NEAR(static_cast<double>(first.size()), 900, 100);
}

}  // namespace
}  // namespace starling::ml
