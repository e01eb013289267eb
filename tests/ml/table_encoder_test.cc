// Rows in, numbers out: the same at training and at prediction.
#include "ml/table/encoder_json.h"
#include "ml/table/table_file.h"
#include "tests/ml/table_support.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace starling::ml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Table small_table(std::vector<double> n = {1, 2, 3, 4, kNaN, 100}) {
  return TableMaker{}
      .number("n", std::move(n))
      .category("c", {0, 1, 0, 2, -1, 1}, {"b", "a", "z"})
      .number("k", {5, 5, 5, 5, 5, 5})
      .number("y", {10, 20, 30, 40, 50, 60})
      .table();
}

Encoder fitted(const std::vector<std::uint32_t>& rows) {
  return Encoder::fit(small_table(), rows, {"y", TaskKind::regression, {}, 0, 1});
}

float clipped(double x) {
  return static_cast<float>(x / std::sqrt(1 + x * x / 9));
}

TEST(Encoder, ScalesByMedianAndQuartilesOfTheFitRowsOnly) {
  const Encoder encoder = fitted({0, 1, 2, 3});
  const auto& number = std::get<NumberCoding>(encoder.features()[0].coding);
  EXPECT_DOUBLE_EQ(number.centre, 2.5);
  EXPECT_DOUBLE_EQ(number.factor, 1 / 1.5);
  EXPECT_FALSE(number.has_flag);
  const std::vector<std::uint32_t> rows{0, 5};
  const Matrix matrix = encoder.encode(small_table(), rows).dense();
  EXPECT_EQ(matrix.columns, 5U);  // n, three levels, k
  EXPECT_FLOAT_EQ(matrix.values[0], clipped(-1.0));
  EXPECT_FLOAT_EQ(matrix.values[5], clipped(65));
  EXPECT_LT(matrix.values[5], 3);
}

TEST(Encoder, MissingIsTheMedianWithAFlagIfItWasMissingAtFit) {
  const Encoder encoder = fitted({0, 1, 2, 3, 4});
  const std::vector<std::uint32_t> rows{4, 0};
  const Matrix matrix = encoder.encode(small_table(), rows).dense();
  EXPECT_EQ(matrix.columns, 6U);
  EXPECT_EQ(matrix.values[0], 0);
  EXPECT_EQ(matrix.values[1], 1);
  EXPECT_EQ(matrix.values[7], 0);
}

TEST(Encoder, LevelsAreThoseOfTheFitRowsAndConstantsAreZero) {
  const Encoder encoder = fitted({0, 1, 2});
  EXPECT_THAT(std::get<CategoryCoding>(encoder.features()[1].coding).levels, ElementsAre("a", "b"));
  EXPECT_EQ(std::get<NumberCoding>(encoder.features()[2].coding).factor, 0);
  const std::vector<std::uint32_t> rows{3};
  EXPECT_THAT(encoder.encode(small_table(), rows).dense().values, ElementsAre(clipped(2), 0, 0, 0));
}

TEST(Encoder, AColumnThatIsMostlyOneNumberUsesHalfItsRange) {
  const Table table = small_table({0, 0, 0, 0, 0, 8});
  const std::vector<std::uint32_t> rows{0, 1, 2, 3, 4, 5};
  const Encoder encoder = Encoder::fit(table, rows, {"y", TaskKind::regression, {}, 0, 1});
  EXPECT_DOUBLE_EQ(std::get<NumberCoding>(encoder.features()[0].coding).factor, 0.25);
}

TEST(Encoder, FarOutliersAreThreeAndNotZero) {
  const Table table = small_table({1, 2, 3, 4, 1e300, -1e300});
  const std::vector<std::uint32_t> fit_rows{0, 1, 2, 3};
  const Encoder encoder = Encoder::fit(table, fit_rows, {"y", TaskKind::regression, {}, 0, 1});
  const std::vector<std::uint32_t> rows{4, 5};
  const Matrix matrix = encoder.encode(table, rows).dense();
  EXPECT_EQ(matrix.values[0], 3);
  EXPECT_EQ(matrix.values[matrix.columns], -3);
}

Table dated_table() {
  std::vector<double> days;
  for (const char* day : {"1/2/2024", "2/2/2024", "5/3/2024", "9/4/2024", "", "11/5/2024"})
    days.push_back(parse_date(day, DateOrder::day_first).value_or(kNaN));
  return TableMaker{}
      .number("n", days, ColumnType::date)
      .number("y", {10, 20, 30, 40, 50, 60})
      .table();
}

TEST(Encoder, DatesBecomeTheirPartsAndTheSameFromARawRow) {
  const Table table = dated_table();
  const std::vector<std::uint32_t> rows{0, 1, 2, 3, 4, 5};
  const Encoder fitted_on_all = Encoder::fit(table, rows, {"y", TaskKind::regression, {}, 0, 1});
  EXPECT_EQ(fitted_on_all.width(), 5U);  // time, month, day, weekday and the flag: never an hour
  const auto encoder = encoder_from_json(to_json(fitted_on_all));
  ASSERT_TRUE(encoder) << encoder.error().detail;
  const Matrix whole = encoder->encode(table, rows).dense();
  const std::vector<RawRow> raw{{{"n", std::string{"5/3/2024"}}}, {{"n", std::string{""}}}};
  std::vector<PredictWarning> warnings;
  const auto one = encoder->encode(raw, MissingColumns::refuse, warnings);
  ASSERT_TRUE(one) << one.error().detail;
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_EQ(one->values[k], whole.values[2 * 5 + k]) << k;
    EXPECT_EQ(one->values[5 + k], whole.values[4 * 5 + k]) << k;
  }
  EXPECT_EQ(whole.values[4 * 5 + 4], 1);
  // Digits are the same day as text and as a number of JSON.
  const std::vector<RawRow> digits{{{"n", std::string{"20240305"}}}, {{"n", 20240305.0}}};
  const auto day = encoder->encode(digits, MissingColumns::refuse, warnings);
  ASSERT_TRUE(day) << day.error().detail;
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_EQ(day->values[k], whole.values[2 * 5 + k]) << k;
    EXPECT_EQ(day->values[5 + k], whole.values[2 * 5 + k]) << k;
  }
  const std::vector<RawRow> far{{{"n", 1e300}}};
  EXPECT_THAT(encoder->encode(far, MissingColumns::refuse, warnings).error().detail,
              HasSubstr("is not a date"));
  const std::vector<RawRow> wrong{{{"n", std::string{"soon"}}}};
  EXPECT_THAT(encoder->encode(wrong, MissingColumns::refuse, warnings).error().detail,
              HasSubstr("row 0, column \"n\": \"soon\" is not a date"));
}

TEST(Encoder, ABooleanIsKnownInEverySpelling) {
  const Table table = TableMaker{}
                          .category("c", {0, 1, 0, 1, -1, 1}, {"yes", "no"}, ColumnType::boolean)
                          .number("y", {10, 20, 30, 40, 50, 60})
                          .table();
  const std::vector<std::uint32_t> rows{0, 1, 2, 3, 4, 5};
  const auto encoder =
      encoder_from_json(to_json(Encoder::fit(table, rows, {"y", TaskKind::regression, {}, 0, 1})));
  ASSERT_TRUE(encoder) << encoder.error().detail;
  std::vector<PredictWarning> warnings;
  const std::vector<RawRow> raw{
      {{"c", std::string{"true"}}}, {{"c", std::string{"N"}}}, {{"c", std::string{"so"}}}};
  const auto matrix = encoder->encode(raw, MissingColumns::refuse, warnings);
  ASSERT_TRUE(matrix);
  EXPECT_THAT(matrix->values, ElementsAre(0, 1, 1, 0, 0, 0));
  EXPECT_THAT(warnings, ElementsAre(PredictWarning{2, "c", "unknown_category"}));
}

TEST(Encoder, NumbersAreReadWithTheTablesDecimalMark) {
  Table table = small_table();
  table.decimal = ',';
  const std::vector<std::uint32_t> fit_rows{0, 1, 2, 3};
  const auto encoder = encoder_from_json(
      to_json(Encoder::fit(table, fit_rows, {"y", TaskKind::regression, {}, 0, 1})));
  ASSERT_TRUE(encoder);
  std::vector<PredictWarning> warnings;
  const std::vector<RawRow> raw{{{"n", std::string{"2,5"}}, {"c", {}}, {"k", std::string{"inf"}}}};
  const auto matrix = encoder->encode(raw, MissingColumns::refuse, warnings);
  ASSERT_TRUE(matrix) << matrix.error().detail;
  EXPECT_EQ(matrix->values[0], 0);
  EXPECT_THAT(warnings, ElementsAre(PredictWarning{0, "k", "infinite"}));
}

TEST(Encoder, LearnsNothingFromRowsThatItIsNotFittedOn) {
  const auto table = [](double n, std::int32_t code, double y) {
    return TableMaker{}
        .number("n", {1, 2, kNaN, 4, n, n * 2})
        .category("c", {0, 1, 0, -1, code, code}, {"b", "a", "z", "q"})
        .number("day", {1e9, 2e9, 3e9, 4e9, n, kNaN}, ColumnType::date)
        .number("y", {10, 20, 30, 40, y, -y})
        .table();
  };
  const std::vector<std::uint32_t> fit_rows{0, 1, 2, 3};
  const TargetCoding target{"y", TaskKind::regression, {}, 0, 1};
  const Table calm = table(3, 1, 25);
  const Table wild = table(-1e12, 3, 1e9);
  const Encoder a = Encoder::fit(calm, fit_rows, target);
  const Encoder b = Encoder::fit(wild, fit_rows, target);
  EXPECT_EQ(to_json(a), to_json(b));
  EXPECT_EQ(a.encode(calm, fit_rows).dense().values, b.encode(wild, fit_rows).dense().values);
}

TEST(Encoder, StandardisesTheTarget) {
  const Encoder encoder = fitted({0, 1, 2});
  EXPECT_DOUBLE_EQ(encoder.target().mean, 20);
  EXPECT_NEAR(encoder.target().std, std::sqrt(200.0 / 3), 1e-12);
}

TEST(Encoder, MoreThanFiftyLevelsShareOneColumn) {
  std::vector<std::int32_t> codes;
  std::vector<std::string> levels;
  std::vector<std::uint32_t> rows;
  for (std::int32_t i = 0; i < 120; ++i) {
    codes.push_back(i % 60);
    rows.push_back(static_cast<std::uint32_t>(i));
    if (i < 60) levels.push_back(fmt::format("l{}", i));
  }
  const Table table =
      TableMaker{}.category("c", codes, levels).number("y", std::vector<double>(120)).table();
  const Encoder encoder = Encoder::fit(table, rows, {"y", TaskKind::regression, {}, 0, 1});
  EXPECT_EQ(encoder.width(), 53U);
  std::vector<PredictWarning> warnings;
  const std::vector<RawRow> strange{{{"c", std::string{"never seen"}}}};
  const auto encoded = encoder.encode(strange, MissingColumns::refuse, warnings);
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->values[50], 1);
  EXPECT_TRUE(warnings.empty());
}

TEST(EncoderRows, AreEncodedAsTheTableWas) {
  const Encoder encoder = fitted({0, 1, 2, 3, 4});
  const auto rows = rows_from_json(
      R"([{"n": 4, "c": "z", "k": 5, "extra": true}, {"n": " 4 ", "c": " z ", "k": "5"},
          {"n": null, "c": null, "k": "NA"}])");
  ASSERT_TRUE(rows) << rows.error().detail;
  std::vector<PredictWarning> warnings;
  const auto encoded = encoder.encode(*rows, MissingColumns::refuse, warnings);
  ASSERT_TRUE(encoded) << encoded.error().detail;
  const std::vector<std::uint32_t> known{3, 3, 4};
  EXPECT_EQ(encoded->values, encoder.encode(small_table(), known).dense().values);
  EXPECT_TRUE(warnings.empty());
}

TEST(EncoderRows, UnknownCategoriesAreZeroWithAWarning) {
  const Encoder encoder = fitted({0, 1, 2});
  const auto rows = rows_from_json(R"([{"n":1,"c":"a","k":1},{"n":1,"c":"mars","k":1}])").value();
  std::vector<PredictWarning> warnings;
  ASSERT_TRUE(encoder.encode(rows, MissingColumns::refuse, warnings));
  EXPECT_THAT(warnings, ElementsAre(PredictWarning{1, "c", "unknown_category"}));
}

TEST(EncoderRows, ErrorsNameRowAndColumn) {
  const Encoder encoder = fitted({0, 1, 2});
  std::vector<PredictWarning> warnings;
  const auto text = rows_from_json(R"([{"n":1,"c":"a","k":1},{"n":"old","c":"a","k":1}])").value();
  const auto refused = encoder.encode(text, MissingColumns::refuse, warnings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "row 1, column \"n\": \"old\" is not a number");

  const auto missing = rows_from_json(R"([{"n":1,"k":1}])").value();
  const auto without = encoder.encode(missing, MissingColumns::refuse, warnings);
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().detail, "row 0, column \"c\": the column is missing");
  EXPECT_TRUE(encoder.encode(missing, MissingColumns::allow, warnings));
}

TEST(EncoderRows, OnlyFlatObjectsAreRows) {
  EXPECT_FALSE(rows_from_json("{}"));
  EXPECT_FALSE(rows_from_json("[1]"));
  EXPECT_FALSE(rows_from_json("[{"));
  EXPECT_THAT(rows_from_json(R"([{"a":[1]}])").error().detail, HasSubstr("row 0, column \"a\""));
}

TEST(EncoderJson, ComesBackTheSame) {
  const Encoder encoder = fitted({0, 1, 2, 3, 4});
  const auto back = encoder_from_json(to_json(encoder));
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(to_json(*back), to_json(encoder));
  const std::vector<std::uint32_t> rows{0, 1, 2, 3, 4, 5};
  EXPECT_EQ(back->encode(small_table(), rows).dense().values,
            encoder.encode(small_table(), rows).dense().values);
  for (const char* text : {"", "{}", "{\"format\":2}", "[]"})
    EXPECT_FALSE(encoder_from_json(text));
}

TEST(EncoderJson, AsManyClassesAsTheTaskHas) {
  const auto with = [](const char* task, const char* classes) {
    const std::string text = fmt::format(
        R"({{"format":1,"width":0,"features":[],
            "target":{{"name":"y","task":"{}","classes":{},"mean":0,"std":1}}}})",
        task,
        classes);
    return encoder_from_json(text).has_value();
  };
  EXPECT_TRUE(with("regression", "[]"));
  EXPECT_TRUE(with("binary", R"(["no","yes"])"));
  EXPECT_TRUE(with("multiclass", R"(["a","b","c"])"));
  EXPECT_FALSE(with("regression", R"(["no"])"));
  EXPECT_FALSE(with("binary", "[]"));
  EXPECT_FALSE(with("binary", R"(["a","b","c"])"));
  EXPECT_FALSE(with("multiclass", R"(["a"])"));
}

TEST(EncoderJson, FeaturesSayWhatAPredictionNeeds) {
  EXPECT_EQ(features_json(fitted({0, 1, 2})),
            R"([{"name":"n","type":"number"},{"name":"c","type":"category","levels":["a","b"]},)"
            R"({"name":"k","type":"number"}])");
}

}  // namespace
}  // namespace starling::ml
