// What one pass over a table finds out about its columns.
#include "ml/table/cell.h"
#include "ml/table/profile_json.h"
#include "ml/table/table_file.h"
#include "node/base/random.h"
#include "tests/ml/table_support.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

namespace starling::ml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TableProfile profile_column(const std::function<std::string(int)>& cell, int rows) {
  std::vector<std::vector<std::string>> table;
  for (int i = 0; i < rows; ++i)
    table.push_back({cell(i)});
  return profile_of({"x"}, table);
}

struct NumberCase {
  std::string text;
  std::optional<double> number;
};

TEST(Cell, NumbersAreDecimalAndFinite) {
  const std::vector<NumberCase> cases{
      {"1", 1.0},   {"-2.5", -2.5},  {"+3", 3.0},     {" 4 ", 4.0},
      {".5", 0.5},  {"6.", 6.0},     {"1e3", 1000.0}, {"-1.5E-2", -0.015},
      {"0", 0.0},   {"00012", 12.0}, {"0.1", 0.1},    {"123456789012345678", 123456789012345678.0},
      {"1,5", {}},  {"inf", {}},     {"nan", {}},     {"1e999", {}},
      {"0x10", {}}, {"1 2", {}},     {"--1", {}},     {".", {}},
      {"e5", {}},   {"1e", {}},      {"abc", {}},     {"3.14159265358979", 3.14159265358979}};
  for (const auto& given : cases)
    EXPECT_EQ(parse_number(given.text), given.number) << given.text;
}

TEST(Cell, NumbersComeBackAsTheShortestText) {
  EXPECT_EQ(number_text(1.0), "1");
  EXPECT_EQ(number_text(-0.0), "0");
  EXPECT_EQ(number_text(2.5), "2.5");
  EXPECT_EQ(number_text(1e300), "1e+300");
}

TEST(Cell, MissingIsWhatPeopleWriteForIt) {
  for (const char* text : {"", " ", "NA", "N/A", "NaN", "nan", "null", "None", "?", "-"}) {
    EXPECT_TRUE(is_missing(text)) << text;
  }
  for (const char* text : {"0", "no", "Nan Smith", "---", "x", "N", "-1", "nil"})
    EXPECT_FALSE(is_missing(text)) << text;
}

TEST(Profile, NumbersHaveRangeMeanAndSpread) {
  const auto profile = profile_of({"x"}, {{"2"}, {"4"}, {"NA"}, {"4"}, {"6"}});
  const ColumnProfile& x = profile.columns[0];
  EXPECT_EQ(x.type, ColumnType::integer);
  EXPECT_EQ(x.missing, 1U);
  EXPECT_EQ(x.distinct, 3U);
  EXPECT_TRUE(x.is_whole);
  EXPECT_DOUBLE_EQ(x.min, 2);
  EXPECT_DOUBLE_EQ(x.max, 6);
  EXPECT_DOUBLE_EQ(x.mean, 4);
  EXPECT_NEAR(x.std, std::sqrt(8.0 / 3), 1e-12);
  EXPECT_THAT(x.levels, ElementsAre(LevelCount{"4", 2}, LevelCount{"2", 1}, LevelCount{"6", 1}));
}

TEST(Profile, TheSameNumberWrittenTwiceIsOneValue) {
  EXPECT_EQ(profile_of({"x"}, {{"1"}, {"1.0"}, {"1e0"}, {"2"}}).columns[0].distinct, 2U);
}

TEST(Profile, OneWordMakesTheColumnWords) {
  const auto profile = profile_of({"x"}, {{"1"}, {"2"}, {"many"}, {"1"}});
  EXPECT_EQ(profile.columns[0].type, ColumnType::category);
  EXPECT_EQ(profile.columns[0].levels[0], (LevelCount{"1", 2}));
  EXPECT_EQ(profile.columns[0].distinct, 3U);
}

TEST(Profile, RowNumbersAreIdsAndUniqueFloatsAreNot) {
  const auto ids = profile_column([](int i) { return std::to_string(i + 1); }, 100);
  EXPECT_EQ(ids.columns[0].type, ColumnType::id);
  EXPECT_THAT(ids.warnings, ElementsAre(HasSubstr("\"x\" looks like a row number")));
  const auto floats = profile_column([](int i) { return fmt::format("{}.5", i * i); }, 100);
  EXPECT_EQ(floats.columns[0].type, ColumnType::number);
}

TEST(Profile, NamesTicketsAndCategoriesAreToldApart) {
  const auto names = profile_column([](int i) { return fmt::format("person {}", i); }, 200);
  EXPECT_EQ(names.columns[0].type, ColumnType::id);
  const auto tickets = profile_column([](int i) { return fmt::format("T{}", i / 2); }, 200);
  EXPECT_EQ(tickets.columns[0].type, ColumnType::text);
  EXPECT_TRUE(is_feature(tickets.columns[0]));
  EXPECT_FALSE(is_feature(names.columns[0]));
  const auto cities = profile_column([](int i) { return fmt::format("city {}", i % 60); }, 2000);
  EXPECT_EQ(cities.columns[0].type, ColumnType::category);
  EXPECT_TRUE(is_feature(cities.columns[0]));
}

TEST(Profile, EmptyAndConstantColumnsAreSaid) {
  const auto empty = profile_column([](int) { return "NA"; }, 30);
  EXPECT_THAT(empty.warnings,
              ElementsAre(HasSubstr("has no values"), HasSubstr("29 of 30 rows equal")));
  EXPECT_FALSE(is_feature(empty.columns[0]));
  const auto constant = profile_column([](int) { return "7"; }, 30);
  EXPECT_THAT(constant.warnings,
              ElementsAre(HasSubstr("single value"), HasSubstr("29 of 30 rows equal")));
}

TEST(Profile, DistinctIsExactUpToAThousandThenWithinFivePercent) {
  const auto exact = profile_column([](int i) { return fmt::format("v{}", i % 1000); }, 4000);
  EXPECT_EQ(exact.columns[0].distinct, 1000U);
  EXPECT_TRUE(exact.columns[0].is_distinct_exact);
  for (const int count : {1001, 3000, 20000, 100000}) {
    const auto many =
        profile_column([&](int i) { return fmt::format("{}.25", (i % count) * 3); }, 2 * count);
    EXPECT_FALSE(many.columns[0].is_distinct_exact);
    EXPECT_NEAR(static_cast<double>(many.columns[0].distinct), count, 0.05 * count + 2) << count;
  }
}

TEST(Profile, ComesBackFromJson) {
  const auto profile =
      profile_of({"n", "c", "e"}, {{"1.5", "ä\"b", ""}, {"2.25", "c", "NA"}, {"-7", "c", "?"}});
  const auto back = profile_from_json(to_json(profile));
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(*back, profile);
}

TEST(Profile, DamagedJsonIsRefused) {
  for (const char* text : {"", "{}", "[]", "{\"rows\":\"x\"}", "nul"}) {
    const auto back = profile_from_json(text);
    ASSERT_FALSE(back) << text;
    EXPECT_EQ(back.error().code, Errc::corrupt);
  }
}

TEST(ProfileFile, InsuranceIsWhatItIs) {
  const auto profile = profile_file(std::string(STARLING_SOURCE_DIR) + "/data/insurance.csv");
  ASSERT_TRUE(profile) << profile.error().detail;
  EXPECT_GE(profile->rows, 1337U);
  EXPECT_EQ(profile->find("age")->type, ColumnType::integer);
  EXPECT_EQ(profile->find("smoker")->type, ColumnType::boolean);
  EXPECT_EQ(profile->find("region")->distinct, 4U);
  EXPECT_EQ(profile->find("charges")->type, ColumnType::number);
  EXPECT_THAT(profile->warnings, ElementsAre(HasSubstr("1 of 1338 rows equal an earlier one")));
}

TEST(ProfileFile, TitanicKeepsWhatCanBeLearntFrom) {
  const std::string path = std::string(STARLING_SHARED_DIR) + "/data/titanic/titanic.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the shared data sets are not here";
  const auto profile = profile_file(path);
  ASSERT_TRUE(profile) << profile.error().detail;
  EXPECT_EQ(profile->find("PassengerId")->type, ColumnType::id);
  EXPECT_EQ(profile->find("Name")->type, ColumnType::id);
  EXPECT_EQ(profile->find("Ticket")->type, ColumnType::text);
  EXPECT_EQ(profile->find("Cabin")->type, ColumnType::text);
  EXPECT_EQ(profile->find("Age")->missing, 177U);
  EXPECT_EQ(profile->find("Embarked")->type, ColumnType::category);
}

std::uint64_t peak_kb() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6));
  }
  return 0;
}

/// Of this thread alone, so that a busy machine does not change the speed.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

TEST(ProfileSpeed, MegabytesPerSecondAndMemory) {
  // 40 MB of mixed columns, streamed: memory must not grow with the rows.
  std::string piece;
  Random random{1};
  std::size_t bytes = 0;
  const std::uint64_t before = peak_kb();
  const double start = cpu_seconds();
  double generating = 0;
  auto builder = ProfileBuilder::make({"id", "price", "size", "city", "flag", "name"}, '.').value();
  CsvParser parser{[&](const CsvBatch& batch) -> Result<> {
    builder.add(batch);
    return {};
  }};
  ASSERT_TRUE(parser.feed("id,price,size,city,flag,name\n"));
  for (int i = 0; bytes < (40U << 20);) {
    const double from = cpu_seconds();
    piece.clear();
    while (piece.size() < kCsvPieceBytes) {
      fmt::format_to(std::back_inserter(piece),
                     "{},{:.2f},{},city{},{},\"n {}\"\n",
                     ++i,
                     random.unit() * 1000,
                     random.below(5000),
                     random.below(300),
                     random.chance(0.5) ? "yes" : "no",
                     random.next());
    }
    generating += cpu_seconds() - from;
    ASSERT_TRUE(parser.feed(piece));
    bytes += piece.size();
  }
  ASSERT_TRUE(parser.finish());
  const TableProfile profile = builder.finish(parser.dialect(), parser.remarks()).value();
  const double seconds = cpu_seconds() - start - generating;
  const auto mb = static_cast<double>(bytes) / 1e6;
  fmt::print("profiled {:.0f} MB at {:.0f} MB/s, {} rows, peak grew by {} KiB\n",
             mb,
             mb / seconds,
             profile.rows,
             peak_kb() - before);
  EXPECT_EQ(profile.find("id")->type, ColumnType::id);
#ifdef __SANITIZE_ADDRESS__
  constexpr std::uint64_t kGrownMb = 64;  // what was freed stays quarantined
#else
  constexpr std::uint64_t kGrownMb = 32;
#endif
  EXPECT_LT(peak_kb() - before, kGrownMb << 10);
}

}  // namespace
}  // namespace starling::ml
