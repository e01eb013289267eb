// Whatever divides the rows (groups, times, a column, other files), no row does two things.
#include "ml/table/encoder.h"
#include "ml/table/encoder_json.h"
#include "ml/table/profile.h"
#include "ml/table/split_spec.h"
#include "ml/table/table_file.h"
#include "ml/table/table_split.h"
#include "ml/table/text_tokens.h"
#include "tests/support/scratch_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace starling::ml {
namespace {

using testing::HasSubstr;
using tests::ScratchFolder;
using Json = nlohmann::ordered_json;

SplitSpec spec_of(const std::string& json) {
  return split_from_json(Json::parse(json)).value().value();
}

std::string refusal_of(const std::string& json) {
  const auto spec = split_from_json(Json::parse(json));
  EXPECT_FALSE(spec) << json;
  return spec ? "" : spec.error().detail;
}

TEST(SplitSpec, KnowsWhichSplitsHaveTheSameTestRows) {
  const SplitSpec holdout;
  const SplitSpec by_a = spec_of(R"({"method":"group","column":"a"})");
  const SplitSpec by_b = spec_of(R"({"method":"group","column":"b"})");
  EXPECT_TRUE(has_same_test_rows(holdout, spec_of(R"({"method":"kfold","folds":4})")));
  EXPECT_TRUE(has_same_test_rows(by_a, by_a));
  EXPECT_FALSE(has_same_test_rows(by_a, by_b));
  EXPECT_FALSE(has_same_test_rows(by_a, holdout));
  EXPECT_FALSE(has_same_test_rows(spec_of(R"({"method":"datasets","test":"d-1"})"),
                                  spec_of(R"({"method":"datasets","test":"d-2"})")));
}

TEST(SplitSpecJson, ReadsWhatItWrites) {
  for (const char* json :
       {R"({"method":"holdout"})",
        R"({"method":"kfold","folds":5})",
        R"({"method":"group","column":"who","folds":3})",
        R"({"method":"time","column":"day","gap":7.5})",
        R"({"method":"column","column":"part","train":["a"],"validation":["b"],"test":["c","d"]})",
        R"({"method":"datasets","validation":["d-1"],"test":["d-2"]})"})
    EXPECT_EQ(to_json(spec_of(json)).dump(), json);
  EXPECT_EQ(spec_of(R"({"method":"column","test":"c"})").test, std::vector<std::string>{"c"});
  EXPECT_EQ(spec_of(R"({"method":"kfold"})").folds, 5U);
  EXPECT_EQ(split_from_json(Json::parse(R"({"method":"auto"})")).value(), std::nullopt);
  EXPECT_EQ(split_from_json(Json::object()).value(), std::nullopt);
}

TEST(SplitSpecJson, RefusesWhatItWouldHaveToIgnore) {
  EXPECT_THAT(refusal_of("[1]"), HasSubstr("split: it must be an object"));
  EXPECT_THAT(refusal_of(R"({"method":"grup"})"), HasSubstr("auto, holdout, kfold, group, time"));
  EXPECT_THAT(refusal_of(R"({"folds":3})"), HasSubstr("say the method"));
  EXPECT_THAT(refusal_of(R"({"method":"kfold","fold":3})"), HasSubstr("no field \"fold\""));
  EXPECT_THAT(refusal_of(R"({"method":"kfold","folds":21})"), HasSubstr("from 2 to 20, not 21"));
  EXPECT_THAT(refusal_of(R"({"method":"kfold","folds":1})"), HasSubstr("from 2 to 20, not 1"));
  EXPECT_THAT(refusal_of(R"({"method":"time","gap":-1})"),
              HasSubstr("gap must be a number from 0"));
  EXPECT_THAT(refusal_of(R"({"method":"group","gap":1})"), HasSubstr("gap has no meaning"));
  EXPECT_THAT(refusal_of(R"({"method":"time","folds":3})"), HasSubstr("folds has no meaning"));
  EXPECT_THAT(refusal_of(R"({"method":"holdout","column":"x"})"), HasSubstr("column has no"));
  EXPECT_THAT(refusal_of(R"({"method":"group","test":"x"})"), HasSubstr("no meaning for method"));
  EXPECT_THAT(refusal_of(R"({"method":"column","column":"p","train":"a","test":"a"})"),
              HasSubstr("must not share a value"));
  EXPECT_THAT(refusal_of(R"({"method":"column","test":"a","validation":"b","folds":3})"),
              HasSubstr("either folds or validation"));
  EXPECT_THAT(refusal_of(R"({"method":"datasets","test":["a","b"]})"), HasSubstr("one data set"));
  EXPECT_THAT(refusal_of(R"({"method":"column","test":[1]})"), HasSubstr("test must be a text"));
}

/// A table of one file or more, and its rows divided.
class SplitTable : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  TableSource source(const std::string& path, const TableOptions& options = {}) {
    auto profile = profile_file(path, options);
    EXPECT_TRUE(profile) << profile.error().detail;
    return {path, std::move(profile).value()};
  }

  Result<Split> divide(const std::vector<TableSource>& sources,
                       const SplitSpec& spec,
                       std::uint64_t seed = 1) {
    auto loaded = load_table(sources, {"y", spec.column}, columns_);
    EXPECT_TRUE(loaded) << loaded.error().detail;
    table_ = std::move(loaded).value();
    std::vector<std::int32_t> strata(table_.rows());
    for (std::size_t i = 0; i < strata.size(); ++i)
      strata[i] = std::isnan(table_.target.numbers[i]) ? -1 : 0;
    return split_table(table_, spec, strata, seed);
  }

  ScratchFolder folder_;
  const std::string columns_ = folder_ / "table.columns";
  Table table_;
};

/// 600 rows of 60 people, whose names are of a type that the test chooses.
std::string people(const std::function<std::string(int)>& name) {
  std::string csv = "who,x,y\n";
  for (int i = 0; i < 600; ++i)
    csv += fmt::format("{},{}.5,{}.25\n", name(i * 7 % 60), i * 31 % 97, i % 13);
  return csv;
}

TEST_F(SplitTable, GroupsStayTogetherWhateverTheTypeOfTheirNames) {
  const std::map<std::string, std::function<std::string(int)>> names{
      {"category", [](int who) { return fmt::format("person {}", who); }},
      {"number", [](int who) { return fmt::format("{}.75", who); }},
      {"integer", [](int who) { return std::to_string(who * 3); }},
      {"text", [](int who) { return fmt::format("a person with the long name number {}", who); }},
      {"id", [](int who) { return fmt::format("{:08x}-{}", who * 2654435761U, who); }},
      {"date", [](int who) { return fmt::format("20{:02}-01-{:02}", who / 20, who % 20 + 1); }}};
  for (const auto& [type, name] : names) {
    const std::string path = write("people.csv", people(name));
    std::filesystem::remove(columns_);
    TableOptions options;
    options.columns["who"].type = type_from_name(type);
    for (const int folds : {1, 4}) {
      SplitSpec spec = spec_of(R"({"method":"group","column":"who"})");
      spec.folds = static_cast<std::uint32_t>(folds);
      const auto split = divide({source(path, options)}, spec);
      ASSERT_TRUE(split) << type << split.error().detail;
      std::map<int, std::set<std::string>> places;
      const auto note = [&](const RowNumbers& rows, const std::string& place) {
        for (const std::uint32_t row : rows)
          places[static_cast<int>(row) * 7 % 60].insert(place);
      };
      note(split->test, "test");
      if (folds == 1) note(split->train, "train");
      if (folds == 1) note(split->validation, "validation");
      for (std::size_t k = 0; k < split->folds.size(); ++k)
        note(split->folds[k], std::to_string(k));
      ASSERT_EQ(places.size(), 60U) << type;
      std::set<std::string> used;
      for (const auto& [who, where] : places) {
        EXPECT_EQ(where.size(), 1U) << type << " " << who;
        used.insert(where.begin(), where.end());
      }
      EXPECT_EQ(used.size(), folds == 1 ? 3U : 5U) << type;
    }
  }
}

TEST_F(SplitTable, TheGroupsThatTestDoNotDependOnSeedOrOrder) {
  const auto name = [](int who) { return fmt::format("person {}", who); };
  const SplitSpec spec = spec_of(R"({"method":"group","column":"who"})");
  const auto names_of = [&](const Split& split) {
    std::set<std::string> names;
    for (const std::uint32_t row : split.test)
      names.insert(table_.key.levels[static_cast<std::size_t>(table_.key.codes[row])]);
    return names;
  };
  const std::string csv = people(name);
  const auto one = divide({source(write("a.csv", csv))}, spec, 1).value();
  const auto first = names_of(one);
  const auto two = divide({source(folder_ / "a.csv")}, spec, 2).value();
  EXPECT_EQ(names_of(two), first);
  EXPECT_NE(two.validation, one.validation);
  std::vector<std::string> lines;
  std::istringstream in(csv);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  std::reverse(lines.begin() + 1, lines.end());
  std::filesystem::remove(columns_);
  const auto three =
      divide({source(write("b.csv", fmt::format("{}\n", fmt::join(lines, "\n"))))}, spec, 1)
          .value();
  EXPECT_EQ(names_of(three), first);
  EXPECT_EQ(three.hash, one.hash);
}

TEST_F(SplitTable, RowsWithoutAGroupAreEachTheirOwn) {
  std::string csv = "who,x,y\n";
  for (int i = 0; i < 300; ++i)
    csv += fmt::format("{},{},{}.5\n", i % 3 == 0 ? "" : "everybody else", i, i % 7);
  const auto split =
      divide({source(write("a.csv", csv))}, spec_of(R"({"method":"group","column":"who"})"));
  ASSERT_TRUE(split) << split.error().detail;
  // 200 rows are one group; of the other hundred each goes where it would have gone alone.
  EXPECT_EQ(split->train.size() + split->validation.size() + split->test.size(), 300U);
  std::size_t alone = 0;
  for (const std::uint32_t row : split->test)
    alone += row % 3 == 0 ? 1 : 0;
  EXPECT_GT(alone, 0U);
}

TEST_F(SplitTable, AColumnSaysItInWordsOrNumbers) {
  std::string csv = "part,year,x,y\n";
  const std::array parts{"train", "val", "test", "unused"};
  for (std::size_t i = 0; i < 400; ++i)
    csv += fmt::format("{},{},{}.5,{}\n", parts[i % 4], 2000 + i % 5, i, i * 7 % 11);
  const auto file = source(write("a.csv", csv));
  const auto words =
      divide({file},
             spec_of(R"({"method":"column","column":"part","train":"train","validation":"val",)"
                     R"("test":"test"})"));
  ASSERT_TRUE(words) << words.error().detail;
  EXPECT_EQ(words->train.size(), 100U);
  EXPECT_EQ(words->validation.size(), 100U);
  EXPECT_EQ(words->test.size(), 100U);
  EXPECT_EQ(words->unused, 100U);
  for (const std::uint32_t row : words->test)
    EXPECT_EQ(row % 4, 2U);
  const auto years =
      divide({file}, spec_of(R"({"method":"column","column":"year","test":["2004"]})"));
  ASSERT_TRUE(years) << years.error().detail;
  EXPECT_EQ(years->test.size(), 80U);
  EXPECT_EQ(years->train.size() + years->validation.size(), 320U);
  EXPECT_NEAR(static_cast<double>(years->validation.size()), 64, 2);
  const auto folds =
      divide({file}, spec_of(R"({"method":"column","column":"year","test":["2004"],"folds":4})"));
  EXPECT_EQ(folds->folds.size(), 4U);
  const auto none = divide({file}, spec_of(R"({"method":"column","column":"year","test":"1999"})"));
  EXPECT_THAT(none.error().detail, HasSubstr("split: by column, no row is left to test"));
}

TEST_F(SplitTable, TimesAreDividedWithDaysBetween) {
  std::string csv = "day,x,y\n";
  for (int i = 0; i < 364; ++i) {
    const int day = i * 101 % 364;
    csv += fmt::format("2021-{:02}-{:02},{}.5,{}.25\n", day / 28 % 12 + 1, day % 28 + 1, i, i % 9);
  }
  const auto file = source(write("a.csv", csv));
  const auto split = divide({file}, spec_of(R"({"method":"time","column":"day","gap":7})"));
  ASSERT_TRUE(split) << split.error().detail;
  const auto edge = [&](const RowNumbers& rows, bool is_last) {
    double found = table_.key.numbers[rows.front()];
    for (const std::uint32_t row : rows) {
      const double time = table_.key.numbers[row];
      found = is_last ? std::max(found, time) : std::min(found, time);
    }
    return found / 86'400;
  };
  EXPECT_LE(edge(split->train, true), edge(split->validation, false) - 7);
  EXPECT_LE(edge(split->validation, true), edge(split->test, false) - 7);
  EXPECT_EQ(table_.features.size(), 2U);  // the day is a feature
}

TEST_F(SplitTable, OtherDataSetsValidateAndTest) {
  std::string train = "x,kind,day,y,extra\n";
  std::string test = "y;kind;day;x;other\n";  // another order, another way to write numbers
  for (int i = 0; i < 200; ++i)
    train += fmt::format("{}.5,{},2021-03-{:02},{}.5,q\n", i, i % 2 ? "a" : "b", i % 28 + 1, i % 9);
  for (int i = 0; i < 50; ++i)
    test += fmt::format("{},25;{};{}.03.2021;{},75;7\n", i, i % 2 ? "a" : "c", i % 28 + 1, i);
  test += ";a;01.03.2021;1,5;7\n";  // without a target
  const std::vector sources{source(write("train.csv", train)), source(write("test.csv", test))};
  const auto split = divide(sources, spec_of(R"({"method":"datasets","test":"d-2"})"));
  ASSERT_TRUE(split) << split.error().detail;
  EXPECT_EQ(split->train.size() + split->validation.size(), 200U);
  EXPECT_NEAR(static_cast<double>(split->validation.size()), 40, 1);
  ASSERT_EQ(split->test.size(), 50U);
  EXPECT_EQ(split->dropped, 1U);
  EXPECT_EQ(split->test.front(), 200U);
  ASSERT_EQ(table_.features.size(), 3U);
  EXPECT_EQ(table_.target.numbers[201], 1.25);
  EXPECT_EQ(table_.features[0].numbers[201], 1.75);
  const TableColumn& kind = table_.features[1];
  EXPECT_EQ(kind.levels[static_cast<std::size_t>(kind.codes[200])], "c");
  EXPECT_EQ(table_.features[2].numbers[201], table_.features[2].numbers[1]);  // 2 March

  std::filesystem::remove(columns_);
  const std::vector three{sources[0], sources[1], source(write("last.csv", test))};
  const auto given =
      divide(three, spec_of(R"({"method":"datasets","validation":"d-2","test":"d-3"})"));
  EXPECT_EQ(given->train.size(), 200U);
  EXPECT_EQ(given->validation.size(), 50U);
  EXPECT_EQ(given->test.front(), 251U);
}

TEST_F(SplitTable, WhatASecondDataSetLacksIsMissingAndNumbersKeepTheirBits) {
  std::string train = "x,z,y\n";
  std::string test = "x,y\n";
  for (int i = 0; i < 60; ++i)
    train += fmt::format(
        "{},{},{}.5\n", i * 7 % 60, i * 3 % 7, i % 9);  // whole: would be kept as floats
  for (int i = 0; i < 20; ++i)
    test += fmt::format("{}.123456789,{}.5\n", i, i % 5);
  const std::vector sources{source(write("train.csv", train)), source(write("test.csv", test))};
  const auto split = divide(sources, spec_of(R"({"method":"datasets","test":"d-2"})"));
  ASSERT_TRUE(split) << split.error().detail;
  EXPECT_EQ(table_.features[0].numbers[61], 1.123456789);
  EXPECT_TRUE(std::isnan(table_.features[1].numbers[61]));
}

TEST_F(SplitTable, TooFewGroupsOrTimesAreRefusedWithAdvice) {
  std::string csv = "who,day,x,y\n";
  for (int i = 0; i < 100; ++i)
    csv += fmt::format("{},2021-01-0{},{},{}\n", i % 2 ? "a" : "b", i % 2 + 1, i, i % 9);
  const auto file = source(write("a.csv", csv));
  EXPECT_THAT(divide({file}, spec_of(R"({"method":"group","column":"who"})")).error().detail,
              HasSubstr("more groups"));
  EXPECT_THAT(divide({file}, spec_of(R"({"method":"time","column":"day"})")).error().detail,
              HasSubstr("three different times"));
}

TEST_F(SplitTable, TextIsTheSameFromAFileAsFromARawRow) {
  std::string csv = "note,x,y\n";
  std::vector<std::string> notes;
  for (int i = 0; i < 200; ++i) {
    notes.push_back(i % 50 == 0 ? ""
                                : fmt::format("The Quick {} fox, jumps over dög {}", i % 7, i));
    csv += fmt::format("\"{}\",{}.5,{}\n", notes.back(), i, i % 9);
  }
  TableOptions options;
  options.columns["note"].type = ColumnType::text;
  const auto split = divide({source(write("a.csv", csv), options)}, {});
  ASSERT_TRUE(split) << split.error().detail;
  const Encoder encoder =
      Encoder::fit(table_, split->train, {"y", TaskKind::regression, {}, 0, 1, false});
  EXPECT_EQ(encoder.width(), kTextBuckets + 1);
  const auto back = encoder_from_json(to_json(encoder));
  ASSERT_TRUE(back) << back.error().detail;
  const Matrix whole = encoder.encode(table_, split->test).dense();
  for (std::size_t i = 0; i < split->test.size(); ++i) {
    const std::uint32_t row = split->test[i];
    const RawRow raw{{"note", notes[row]}, {"x", row + 0.5}};
    std::vector<PredictWarning> warnings;
    const auto one = back->encode(std::span{&raw, 1}, MissingColumns::refuse, warnings);
    ASSERT_TRUE(one) << one.error().detail;
    double length = 0;
    for (std::size_t c = 0; c < whole.columns; ++c) {
      EXPECT_EQ(one->values[c], whole.values[i * whole.columns + c]);
      if (c < kTextBuckets) length += one->values[c] * one->values[c];
    }
    EXPECT_NEAR(length, notes[row].empty() ? 0 : 1, 1e-6);
  }
}

TEST(TextCounts, WordsCountWithoutCaseAndOrder) {
  EXPECT_EQ(text_counts("Mr. Smith, mr"), text_counts("MR smith mr!"));
  EXPECT_NE(text_counts("a b"), text_counts("a c"));
  EXPECT_NE(text_counts("dög"), text_counts("dg"));
  EXPECT_EQ(text_counts(" ,. "), TextCounts{});
  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += "word ";
  int sum = 0;
  for (const std::int8_t each : text_counts(many))
    sum += std::abs(each);
  EXPECT_EQ(sum, 127);
}

/// A thousand words fill all buckets about evenly, and as many count up as down.
TEST(TextCounts, BucketsAreUsedEvenly) {
  std::array<int, kTextBuckets> used{};
  int ups = 0;
  for (int i = 0; i < 1000; ++i) {
    const TextCounts counts = text_counts(fmt::format("w{}", i));
    for (std::size_t b = 0; b < kTextBuckets; ++b) {
      used[b] += std::abs(counts[b]);
      ups += counts[b] > 0 ? 1 : 0;
    }
  }
  const auto [least, most] = std::ranges::minmax(used);
  EXPECT_GT(least, 12);
  EXPECT_LT(most, 60);
  EXPECT_NEAR(ups, 500, 80);
}

}  // namespace
}  // namespace starling::ml
