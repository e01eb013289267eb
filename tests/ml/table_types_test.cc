// Which type a column is given, what its owner may say, and what people's data does to it.
#include "ml/table/cell.h"
#include "ml/table/level_counter.h"
#include "ml/table/profile_json.h"
#include "ml/table/task_inference.h"
#include "tests/ml/table_support.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

namespace starling::ml {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TableProfile column_of(int rows,
                       const std::function<std::string(int)>& cell,
                       const TableOptions& options = {}) {
  std::vector<std::vector<std::string>> table;
  for (int i = 0; i < rows; ++i)
    table.push_back({cell(i), fmt::format("r{}", i)});  // so that no row equals another
  return profile_of({"x", "row"}, table, options);
}

TableOptions chosen(ColumnChoice choice) {
  TableOptions options;
  options.columns["x"] = choice;
  return options;
}

struct NumberCase {
  std::string text;
  char decimal;
  std::optional<double> number;
};

TEST(NumbersOfPeople, AreRead) {
  const std::vector<NumberCase> cases{{"1,234", '.', 1234.0},
                                      {"1,234.5", '.', 1234.5},
                                      {"12,34", '.', {}},
                                      {"1,23,456", '.', 123456.0},
                                      {"1.234,5", ',', 1234.5},
                                      {"1,5", ',', 1.5},
                                      {"1.5", ',', {}},
                                      {"200.000.000", ',', 200e6},
                                      {"1 234 567", '.', 1234567.0},
                                      {"1\xC2\xA0"
                                       "234,5",
                                       ',',
                                       1234.5},
                                      {"1'234.50", '.', 1234.5},
                                      {"$1,200", '.', 1200.0},
                                      {"-$5.25", '.', -5.25},
                                      {"$-5.25", '.', -5.25},
                                      {"12 €", ',', 12.0},
                                      {"EUR 12,50", ',', 12.5},
                                      {"45%", '.', 45.0},
                                      {"(1,234)", '.', -1234.0},
                                      {"1e300", '.', 1e300},
                                      {"2e300", '.', {}},
                                      {"1e-400", '.', 0.0},
                                      {"$", '.', {}},
                                      {"%", '.', {}},
                                      {"()", '.', {}},
                                      {"(-5)", '.', {}},
                                      {"1,", '.', {}},
                                      {",1", '.', {}},
                                      {"2014-01-02", '.', {}},
                                      {"1.2.3", '.', {}}};
  for (const auto& given : cases)
    EXPECT_EQ(parse_number(given.text, given.decimal), given.number) << given.text;
}

TEST(NumbersOfPeople, EveryShortNumberIsWhatTheSlowWayReads) {
  for (const char* sign : {"", "-", "+"}) {
    for (const char* text : {"0",
                             "7",
                             "12",
                             "123",
                             "1234",
                             "12345",
                             "123456",
                             "1234567",
                             "12345678",
                             ".5",
                             "6.",
                             "0.1",
                             "3.14159",
                             "00012",
                             "1.234567",
                             "99999999",
                             "0.000001",
                             "1234567."}) {
      const double expected = std::stod(std::string{"0"} + text) * (*sign == '-' ? -1 : 1);
      EXPECT_EQ(parse_number(std::string{sign} + text), expected) << sign << text;
    }
  }
  for (const char* text : {"-", "+", ".", "-.", "1..2", "1.2.", "1-2", "--1", "1:2", "1/2", "12a"})
    EXPECT_FALSE(parse_number(text)) << text;
}

TEST(NumbersOfPeople, InfiniteIsNoWordAndNoNumber) {
  for (const char* text : {"inf", "-inf", "Infinity", "+INF", "1e999", "-2e300"}) {
    EXPECT_TRUE(is_infinite(text)) << text;
    EXPECT_FALSE(parse_number(text)) << text;
  }
  for (const char* text : {"info", "", "1", "infinite loop", "1e300"})
    EXPECT_FALSE(is_infinite(text)) << text;
}

TEST(ColumnTypes, FewWordsAmongNumbersAreTakenAsMissing) {
  const auto profile =
      column_of(200, [](int i) { return i % 100 == 0 ? "unknown" : fmt::format("{}.5", i); });
  const ColumnProfile& x = profile.columns[0];
  EXPECT_EQ(x.type, ColumnType::number);
  EXPECT_EQ(x.unreadable, 2U);
  EXPECT_EQ(x.missing, 0U);
  EXPECT_THAT(profile.warnings, Contains(HasSubstr("is a number, but 2 cells can not be read")));
}

TEST(ColumnTypes, ManyWordsAmongNumbersMakeWords) {
  const auto profile =
      column_of(200, [](int i) { return i % 10 == 0 ? "x" : std::to_string(i % 7); });
  EXPECT_EQ(profile.columns[0].type, ColumnType::category);
  EXPECT_EQ(profile.columns[0].distinct, 8U);
}

TEST(ColumnTypes, InfiniteNumbersAreCountedAndTakenAsMissing) {
  const auto profile =
      column_of(100, [](int i) { return i % 4 == 0 ? "inf" : fmt::format("{}.25", i); });
  EXPECT_EQ(profile.columns[0].type, ColumnType::number);
  EXPECT_EQ(profile.columns[0].infinite, 25U);
  EXPECT_LT(profile.columns[0].max, 100);
  EXPECT_THAT(profile.warnings, Contains(HasSubstr("is infinite in 25 rows")));
}

TEST(ColumnTypes, HugeNumbersHaveAFiniteProfile) {
  const auto profile = column_of(50, [](int i) { return i % 2 == 0 ? "1e300" : "-1e300"; });
  EXPECT_EQ(profile.columns[0].std, kNumberMax);
  EXPECT_EQ(profile.columns[0].max, 1e300);
  EXPECT_TRUE(profile_from_json(to_json(profile)));
}

TEST(ColumnTypes, WholeNumbersWithLeadingZerosAreCodes) {
  const auto profile = column_of(300, [](int i) { return fmt::format("{:05}", i * 37 % 40); });
  EXPECT_EQ(profile.columns[0].type, ColumnType::category);
  EXPECT_THAT(profile.columns[0].levels, Contains(testing::Field(&LevelCount::value, "00037")));
}

TEST(ColumnTypes, YesAndNoAreBooleanInAnySpelling) {
  for (const auto& [yes, no] : std::vector<std::pair<std::string, std::string>>{
           {"yes", "no"}, {"True", "FALSE"}, {"y", "n"}, {"T", "F"}, {"on", "off"}}) {
    const auto cell = [&yes = yes, &no = no](int i) {
      return i % 3 == 0 ? yes : i % 3 == 1 ? no : "";
    };
    EXPECT_EQ(column_of(30, cell).columns[0].type, ColumnType::boolean) << yes;
  }
  EXPECT_EQ(column_of(30, [](int) { return "yes"; }).columns[0].type, ColumnType::category);
  EXPECT_EQ(
      column_of(30, [](int i) { return i % 3   ? "yes"
                                       : i % 2 ? "No"
                                               : "no"; }).columns[0].type,
      ColumnType::category);
  EXPECT_EQ(column_of(30, [](int i) { return i % 2 ? "yes" : "perhaps"; }).columns[0].type,
            ColumnType::category);
}

TEST(ColumnTypes, DatesInTwoOrdersAreReadAndSaid) {
  const auto profile = column_of(60, [](int i) {
    return i % 3 == 0 ? fmt::format("{}/3/2014", 13 + i % 15)
                      : fmt::format("3/{}/2014", 13 + i % 15);
  });
  const ColumnProfile& x = profile.columns[0];
  EXPECT_EQ(x.type, ColumnType::date);
  EXPECT_EQ(x.date_order, DateOrder::month_first);
  EXPECT_EQ(x.unreadable, 0U);
  EXPECT_EQ(date_text(x.min), "2014-03-13");
  EXPECT_THAT(profile.warnings,
              Contains(HasSubstr("dates in two orders: 20 only with the day first, 40")));
}

TEST(ColumnTypes, DatesInTwoFormatsAreOneColumn) {
  const auto profile = column_of(40, [](int i) {
    return i % 2 ? fmt::format("2014-01-{:02}", 1 + i % 28)
                 : fmt::format("{} Jan 2014", 1 + i % 28);
  });
  EXPECT_EQ(profile.columns[0].type, ColumnType::date);
  EXPECT_EQ(profile.columns[0].unreadable, 0U);
}

TEST(ColumnTypes, SentencesAreTextAndNamesAreIds) {
  const auto sentences = column_of(40, [](int i) {
    return fmt::format("The parcel number {} arrived late and I was not amused at all", i);
  });
  EXPECT_EQ(sentences.columns[0].type, ColumnType::text);
  EXPECT_EQ(column_of(40, [](int i) { return fmt::format("n{}", i); }).columns[0].type,
            ColumnType::id);
}

TEST(ColumnTypes, ASingleValueThatIsSometimesMissingTellsSomething) {
  const auto ticked = column_of(40, [](int i) { return i % 3 ? "" : "1"; });
  EXPECT_TRUE(is_feature(ticked.columns[0]));
  EXPECT_FALSE(is_feature(column_of(40, [](int) { return "1"; }).columns[0]));
}

TEST(ColumnChoices, TypeAndRoleAreTheOwners) {
  const auto zip = column_of(
      400, [](int i) { return std::to_string(10000 + i); }, chosen({ColumnType::category}));
  EXPECT_EQ(zip.columns[0].type, ColumnType::category);
  EXPECT_EQ(zip.columns[0].levels.size(), kLevelsShownMax);
  const auto ignored = column_of(
      40, [](int i) { return std::to_string(i * i); }, chosen({{}, ColumnRole::ignore}));
  EXPECT_FALSE(is_feature(ignored.columns[0]));
  const auto row = column_of(
      40, [](int i) { return std::to_string(i); }, chosen({{}, ColumnRole::feature}));
  EXPECT_EQ(row.columns[0].type, ColumnType::integer);
  EXPECT_TRUE(is_feature(row.columns[0]));
  EXPECT_THAT(row.warnings, Not(Contains(HasSubstr("\"x\""))));
  const auto day = column_of(
      40, [](int i) { return fmt::format("201401{:02}", 1 + i % 28); }, chosen({ColumnType::date}));
  EXPECT_EQ(date_text(day.columns[0].min), "2014-01-01");
  EXPECT_EQ(*profile_from_json(to_json(day)), day);
}

TEST(ColumnChoices, WhatCannotBeIsRefusedByName) {
  const auto why = [](ColumnChoice choice, const std::string& name) {
    auto builder = ProfileBuilder::make({"x"}, '.', {{name, choice}});
    if (!builder) return builder.error().detail;
    CsvParser parser{[&builder](const CsvBatch& batch) -> Result<> {
      builder->add(batch);
      return {};
    }};
    parser.feed("x\na\nb\nc\n").value();
    parser.finish().value();
    const auto profile = builder->finish({}, {});
    return profile ? std::string{} : profile.error().detail;
  };
  EXPECT_THAT(why({ColumnType::number}, "x"), HasSubstr("columns: \"x\" cannot be number"));
  EXPECT_THAT(why({ColumnType::date}, "x"), HasSubstr("cannot be date"));
  EXPECT_THAT(why({ColumnType::boolean}, "x"), HasSubstr("more than two values"));
  EXPECT_THAT(why({ColumnType::id, ColumnRole::feature}, "x"),
              HasSubstr("cannot be a feature as id"));
  EXPECT_EQ(why({ColumnType::text, ColumnRole::feature}, "x"), "");
  EXPECT_THAT(why({ColumnType::text}, "xx"), HasSubstr("no column \"xx\" in this table"));
  EXPECT_EQ(why({ColumnType::text}, "x"), "");
  EXPECT_THAT(why({{}, ColumnRole::weight}, "x"),
              HasSubstr("columns: \"x\" cannot say what rows count: it is category, not number"));
}

TEST(ColumnChoices, WeightsAreNumbersOfZeroOrMore) {
  const auto why = [](const std::function<std::string(int)>& cell) {
    auto builder = ProfileBuilder::make({"w"}, '.', {{"w", {{}, ColumnRole::weight}}});
    std::string text = "w\n";
    for (int i = 0; i < 40; ++i)
      text += cell(i) + "\n";
    CsvParser parser{[&builder](const CsvBatch& batch) -> Result<> {
      builder->add(batch);
      return {};
    }};
    parser.feed(text).value();
    parser.finish().value();
    const auto profile = builder->finish({}, {});
    EXPECT_TRUE(!profile || !is_feature(profile->columns[0]));
    return profile ? std::string{"taken"} : profile.error().detail;
  };
  EXPECT_EQ(why([](int i) { return std::to_string(i); }), "taken") << "not an id";
  EXPECT_EQ(why([](int i) { return fmt::format("{}.5", i % 7); }), "taken");
  EXPECT_THAT(why([](int i) { return std::to_string(i - 3); }), HasSubstr("it holds -3"));
  EXPECT_THAT(why([](int i) { return i == 5 ? "NA" : std::to_string(i); }),
              HasSubstr("1 of its cells are no number"));
  EXPECT_THAT(why([](int) { return "0"; }), HasSubstr("0 of every row"));
}

TEST(Relations, SumsCopiesAndScalesAreFound) {
  std::vector<std::vector<std::string>> rows;
  for (int i = 0; i < 300; ++i) {
    const int a = i * 37 % 101;
    const int b = i * i % 53;
    const int c = (i * 7 + 5) % 89;
    rows.push_back({std::to_string(a),
                    std::to_string(b),
                    std::to_string(a + b),
                    std::to_string(c),
                    fmt::format("{}", 32 + 1.8 * c),
                    std::to_string(i * i * i % 97)});
  }
  const auto profile = profile_of({"a", "b", "total", "c", "f", "free"}, rows);
  ASSERT_EQ(profile.relations.size(), 2U);
  EXPECT_EQ(to_string(profile.relations[0]), "total = a + b");
  EXPECT_EQ(to_string(profile.relations[1]), "f = 1.8 * c + 32");
  EXPECT_THAT(profile.warnings,
              Contains(HasSubstr("total = a + b: if one of these columns is the target")));
}

TEST(Relations, ALeftOutRowOrNoiseIsNoRelation) {
  std::vector<std::vector<std::string>> rows;
  for (int i = 0; i < 300; ++i) {
    const int a = i * 37 % 101;
    const int b = i * i % 53;
    rows.push_back(
        {std::to_string(a), std::to_string(b), std::to_string(a + b + (i == 150 ? 1 : 0))});
  }
  EXPECT_THAT(profile_of({"a", "b", "total"}, rows).relations, IsEmpty());
}

TEST(Profile, TheClassesOfATargetStayWholeHoweverWideTheTable) {
  for (const int width : {75, 100, 1400}) {
    std::vector<std::string> names{"class"};
    std::vector<std::vector<std::string>> rows;
    for (int r = 0; r < 960; ++r) {
      rows.push_back({fmt::format("the class with the number {} of eighty", r % 80)});
      for (int c = 0; c < width; ++c)
        rows.back().push_back(std::to_string((r * (c + 3)) % 200));
    }
    for (int c = 0; c < width; ++c)
      names.push_back(fmt::format("c{}", c));
    const auto stored = stored_profile(profile_of(names, rows));
    ASSERT_TRUE(stored) << stored.error().detail;
    const auto choice = infer_task(profile_from_stored(*stored).value(), "class");
    ASSERT_TRUE(choice) << width << choice.error().detail;
    EXPECT_EQ(choice->classes.size(), 80U) << width;
    EXPECT_EQ(choice->usable_rows, 960U) << width;
  }
}

TEST(Profile, TheWidestTableFitsTheLogAndATargetWithoutItsClassesIsRefused) {
  TableProfile profile;
  profile.rows = 1000;
  for (std::size_t c = 0; c < kCsvColumnsMax; ++c) {
    ColumnProfile column;
    const auto noise = [c](std::uint64_t salt) {
      return static_cast<double>(mixed(c * 16 + salt)) / 1e18;
    };
    column.name = fmt::format("{:016x}{:016x}{:016x}", mixed(c), mixed(c + 1), mixed(c + 2));
    column.type = c == 0 ? ColumnType::category : ColumnType::number;
    column.distinct = c == 0 ? 50 : 900;
    column.min = noise(1);
    column.max = noise(2);
    column.mean = noise(3);
    column.std = noise(4);
    for (int level = 0; level < 50; ++level)
      column.levels.push_back(
          {fmt::format("{:016x}", mixed(c * 64 + static_cast<std::uint64_t>(level))), 20});
    profile.columns.push_back(std::move(column));
  }
  const auto stored = stored_profile(profile);
  if (!stored) {
    EXPECT_EQ(stored.error().code, Errc::too_large);
    EXPECT_THAT(stored.error().detail, HasSubstr("the profile of 4096 columns takes"));
  } else {
    EXPECT_LE(stored->size(), kStoredProfileMax);
  }
  profile.columns.resize(3000);
  const auto narrower = stored_profile(profile);
  ASSERT_TRUE(narrower) << narrower.error().detail;
  EXPECT_LE(narrower->size(), kStoredProfileMax);
  const auto back = profile_from_stored(*narrower).value();
  const auto choice = infer_task(back, back.columns[0].name);
  if (back.columns[0].levels.size() < 50) {
    ASSERT_FALSE(choice);
    EXPECT_THAT(choice.error().detail, HasSubstr("upload it with fewer columns"));
  }
}

TEST(Profile, OddDatesAndScalesCanBeReadAgain) {
  std::vector<std::vector<std::string>> rows;
  for (int i = 0; i < 40; ++i) {
    const bool is_odd = i % 30 == 0;
    rows.push_back({is_odd ? "0001-01-01T00:00:00+01:00" : fmt::format("2024-01-{:02}", 1 + i % 28),
                    fmt::format("{}e-300", i * i % 37),
                    fmt::format("{}e299", i * i % 37),
                    is_odd ? "9999-12-31T24:00" : "2024-02-02"});
  }
  const auto profile = profile_of({"day", "tiny", "huge", "end"}, rows);
  EXPECT_EQ(profile.columns[0].type, ColumnType::date);
  EXPECT_EQ(profile.columns[0].unreadable, 2U);
  const auto back = profile_from_stored(stored_profile(profile).value());
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(to_json(*back), to_json(profile));
  EXPECT_EQ(*back, profile);
}

TEST(Profile, TwoThousandColumnsFitTheLogAndComeBack) {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows(60);
  for (int c = 0; c < 2000; ++c) {
    names.push_back(fmt::format("column number {}", c));
    for (int r = 0; r < 60; ++r) {
      const bool is_word = c % 3 == 0;
      rows[static_cast<std::size_t>(r)].push_back(
          is_word ? fmt::format("level {}", r * c % 9)
                  : fmt::format("{}.{}", r * c % 997, r * 31 % 10));
    }
  }
  const auto profile = profile_of(names, rows);
  const std::string stored = stored_profile(profile).value();
  EXPECT_TRUE(is_packed_profile(stored));
  EXPECT_LE(stored.size(), kStoredProfileMax);
  const auto back = profile_from_stored(stored);
  ASSERT_TRUE(back) << back.error().detail;
  ASSERT_EQ(back->columns.size(), 2000U);
  for (std::size_t c = 0; c < 2000; ++c) {
    EXPECT_EQ(back->columns[c].name, profile.columns[c].name);
    EXPECT_EQ(back->columns[c].type, profile.columns[c].type);
    EXPECT_EQ(back->columns[c].mean, profile.columns[c].mean);
  }
  std::string damaged = stored;
  damaged[3] = '\x7F';  // 8 MiB and more
  EXPECT_EQ(profile_from_stored(damaged).error().code, Errc::corrupt);
  EXPECT_EQ(profile_from_stored(stored.substr(0, 100)).error().code, Errc::corrupt);
  EXPECT_EQ(profile_from_stored(stored.substr(0, 3)).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace starling::ml
