// Encoders against NumPy and pandas (goldens/make_preprocessing.py), and their own promises.
#include "ml/table/encoder.h"
#include "ml/table/encoder_json.h"
#include "node/base/hash.h"
#include "tests/ml/table_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

namespace starling::ml {
namespace {

using testing::HasSubstr;
using Json = nlohmann::ordered_json;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<std::pair<const char*, NumberScaling>, 3> kScalings{
    {{"robust", NumberScaling::robust},
     {"standard", NumberScaling::standard},
     {"quantile", NumberScaling::quantile}}};

class Golden : public testing::TestWithParam<std::pair<const char*, NumberScaling>> {
 protected:
  Golden() {
    std::ifstream file(std::string(STARLING_TESTS_DIR) + "/ml/goldens/preprocessing.json");
    golden_ = Json::parse(file);
    for (const auto& [name, cells] : golden_.at("columns").items()) {
      std::vector<double> numbers;
      for (const Json& cell : cells)
        numbers.push_back(cell.is_null() ? kNaN : cell.get<double>());
      maker_.number(name, std::move(numbers));
    }
    table_ = maker_.table();  // the last one is the target
    fit_rows_.resize(golden_.at("fit_rows").get<std::size_t>());
    std::iota(fit_rows_.begin(), fit_rows_.end(), 0U);
    rows_.resize(table_.rows());
    std::iota(rows_.begin(), rows_.end(), 0U);
  }

  Json golden_;
  TableMaker maker_;
  Table table_;
  std::vector<std::uint32_t> fit_rows_, rows_;
};

TEST_P(Golden, IsWhatNumpyMakesOfIt) {
  const auto& [name, scaling] = GetParam();
  const Encoder encoder =
      Encoder::fit(table_, fit_rows_, {"target", TaskKind::regression, {}, 0, 1, false}, {scaling});
  const Matrix matrix = encoder.encode(table_, rows_).dense();
  const Json& expected = golden_.at("expected").at(name);
  ASSERT_EQ(matrix.columns, expected.size());
  std::size_t column = 0;
  for (const auto& [of, values] : expected.items()) {
    for (std::size_t row = 0; row < matrix.rows; ++row) {
      const double wanted = values.at(row).get<double>();
      EXPECT_NEAR(matrix.values[row * matrix.columns + column],
                  wanted,
                  1e-6 * std::max(1.0, std::abs(wanted)))
          << of << " row " << row;
    }
    ++column;
  }
}

/// What trained and what is asked later go through other code, and must be the same float.
TEST_P(Golden, ARowAloneIsTheSameToTheBitAlsoAfterAJourneyAsJson) {
  const Encoder fitted = Encoder::fit(
      table_, fit_rows_, {"target", TaskKind::regression, {}, 0, 1, false}, {GetParam().second});
  const auto encoder = encoder_from_json(to_json(fitted));
  ASSERT_TRUE(encoder) << encoder.error().detail;
  const Matrix whole = fitted.encode(table_, rows_).dense();
  for (std::size_t row = 0; row < table_.rows(); ++row) {
    RawRow raw;
    for (const TableColumn& column : table_.features) {
      const double number = column.numbers[row];
      raw[column.name] = std::isnan(number) ? CellValue{} : CellValue{number};
    }
    std::vector<PredictWarning> warnings;
    const auto one = encoder->encode(std::span{&raw, 1}, MissingColumns::refuse, warnings);
    ASSERT_TRUE(one) << one.error().detail;
    for (std::size_t c = 0; c < whole.columns; ++c)
      EXPECT_EQ(one->values[c], whole.values[row * whole.columns + c]) << row << " " << c;
  }
}

INSTANTIATE_TEST_SUITE_P(Scalings,
                         Golden,
                         testing::ValuesIn(kScalings),
                         [](const auto& param_info) {
                           return std::string{param_info.param.first};
                         });

TEST_P(Golden, TheTargetIsStandardisedAsItIsOrAsALogarithm) {
  const Json& golden = golden_.at("target");
  for (const bool is_log : {false, true}) {
    const Encoder encoder =
        Encoder::fit(table_, fit_rows_, {"target", TaskKind::regression, {}, 0, 1, is_log});
    const double mean = golden.at(is_log ? "log1p_mean" : "mean").get<double>();
    const double std = golden.at(is_log ? "log1p_std" : "std").get<double>();
    EXPECT_NEAR(encoder.target().mean, mean, 1e-9 * mean);
    EXPECT_NEAR(encoder.target().std, std, 1e-9 * std);
    const double learned = to_learned(encoder.target(), 100);
    EXPECT_NEAR(learned, ((is_log ? std::log1p(100.0) : 100.0) - mean) / std, 1e-9);
    EXPECT_EQ(encoder_from_json(to_json(encoder))->target().is_log, is_log);
  }
}

TEST(Scaling, AnyNumbersGiveFiniteFloats) {
  const double huge = 1e300;
  for (const auto& [name, scaling] : kScalings) {
    for (std::vector<double> numbers : {std::vector<double>{},
                                        {1},
                                        {0, 0, 0},
                                        {-huge, huge, 0, 1},
                                        {1, 1 + 1e-15, 1, 1},
                                        {5e-324, 0, 0, 0},
                                        {huge, huge, huge, huge * 0.5}}) {
      const NumberCoding coding = fit_number(numbers, scaling);
      for (const double number : {-huge, -1.0, 0.0, 1.0, 5e-324, huge})
        EXPECT_TRUE(std::isfinite(scaled(coding, number))) << name << " " << number;
    }
  }
}

TEST(Scaling, AnUnknownOrDamagedOneIsRefused) {
  const Table table = TableMaker{}.number("n", {1, 2, 3}).number("y", {1, 2, 3}).table();
  const std::vector<std::uint32_t> rows{0, 1, 2};
  const Encoder encoder = Encoder::fit(
      table, rows, {"y", TaskKind::regression, {}, 0, 1, false}, {NumberScaling::quantile});
  Json json = Json::parse(to_json(encoder));
  EXPECT_EQ(json.at("format"), 2);
  json["features"][0]["quantiles"] = {3, 1, 2};
  EXPECT_THAT(encoder_from_json(json.dump()).error().detail, HasSubstr("quantiles do not rise"));
  json["features"][0]["scaling"] = "magic";
  EXPECT_THAT(encoder_from_json(json.dump()).error().detail, HasSubstr("unknown scaling"));
}

/// 3,000 rows of 300 words, of which 150 do with the target what their number says.
struct ManyWords {
  ManyWords() {
    std::vector<std::int32_t> codes;
    std::vector<double> targets;
    for (std::int32_t row = 0; row < 3000; ++row) {
      const std::int32_t word = row * 37 % 300;
      codes.push_back(row % 97 == 0 ? -1 : word);
      targets.push_back(word % 2 + row * 7919 % 101 / 100.0);
      hashes.push_back({});
      const auto bytes = std::as_bytes(std::span{&row, 1});
      hashes.back() = short_hash_of(bytes);
    }
    std::vector<std::string> words;
    for (int i = 0; i < 300; ++i)
      words.push_back("word " + std::to_string(i * 17 % 300));
    for (std::uint32_t row = 0; row < 3000; ++row)
      (row < 2500 ? fit_rows : rows).push_back(row);
    table = TableMaker{}.category("w", codes, words).number("y", targets).table();
    table.row_hashes = hashes;
  }

  std::vector<RowHash> hashes;
  std::vector<std::uint32_t> fit_rows, rows;
  Table table;
};

TEST(LevelStatisticsTest, SayWhatALevelDoesAndHowOftenItIs) {
  const ManyWords many;
  const Encoder encoder =
      Encoder::fit(many.table, many.fit_rows, {"y", TaskKind::regression, {}, 0, 1, false});
  const auto& coding = std::get<CategoryCoding>(encoder.features()[0].coding);
  EXPECT_EQ(encoder.width(), 51U + 2U);
  const LevelStatistics& statistics = coding.statistics;
  ASSERT_EQ(statistics.levels.size(), 300U);
  // By hand, of one level: its targets, standardised, summed, with ten rows of mean 0 beside.
  const auto& levels = many.table.features[0].levels;
  for (const std::size_t code : {0U, 7U, 299U}) {
    double sum = 0;
    double count = 0;
    for (const std::uint32_t row : many.fit_rows) {
      if (many.table.features[0].codes[row] != static_cast<std::int32_t>(code)) continue;
      sum += to_learned(encoder.target(), many.table.target.numbers[row]);
      count += 1;
    }
    const auto at = std::ranges::lower_bound(statistics.levels, levels[code]);
    const auto values = statistics.of(static_cast<std::size_t>(at - statistics.levels.begin()));
    EXPECT_NEAR(values[0], sum / (count + 10), 1e-5);
    EXPECT_NEAR(values[1], std::log1p(count) / std::log1p(2500), 1e-6);
  }
  const auto back = encoder_from_json(to_json(encoder));
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(std::get<CategoryCoding>(back->features()[0].coding).statistics, statistics);
  const Matrix whole = encoder.encode(many.table, many.rows).dense();
  for (std::size_t i = 0; i < many.rows.size(); ++i) {
    const std::int32_t code = many.table.features[0].codes[many.rows[i]];
    RawRow raw{{"w", code < 0 ? CellValue{} : CellValue{levels[static_cast<std::size_t>(code)]}}};
    std::vector<PredictWarning> warnings;
    const auto one = back->encode(std::span{&raw, 1}, MissingColumns::refuse, warnings);
    ASSERT_TRUE(one) << one.error().detail;
    for (std::size_t c = 0; c < whole.columns; ++c)
      EXPECT_EQ(one->values[c], whole.values[i * whole.columns + c]);
  }
}

/// The leak that target encoding is known for: a row's own target in its own features.
TEST(LevelStatisticsTest, NoRowIsToldItsOwnTarget) {
  ManyWords many;
  const TargetCoding target{"y", TaskKind::regression, {}, 0, 1, false};
  const Encoder encoder = Encoder::fit(many.table, many.fit_rows, target);
  const Matrix before = encoder.encode_fit_rows(many.table, many.fit_rows, {}).dense();
  std::vector<double> numbers;
  for (std::size_t row = 0; row < many.table.rows(); ++row)
    numbers.push_back(many.table.target.numbers[row]);
  constexpr std::uint32_t kRow = 1234;
  // Its target is exchanged with that of a row of its own fold: mean and deviation stay.
  std::uint32_t other = kRow + 1;
  const auto fold_of = [&](std::uint32_t row) { return many.hashes[row].back() % 5; };
  while (fold_of(other) != fold_of(kRow) || numbers[other] == numbers[kRow])
    ++other;
  ASSERT_LT(other, 2500U);
  std::swap(numbers[kRow], numbers[other]);
  many.table.target.numbers = Numbers{std::span<const double>{numbers}};
  const Encoder again = Encoder::fit(many.table, many.fit_rows, target);
  const Matrix after = again.encode_fit_rows(many.table, many.fit_rows, {}).dense();
  for (std::size_t c = 0; c < before.columns; ++c) {
    EXPECT_NEAR(
        after.values[kRow * after.columns + c], before.values[kRow * before.columns + c], 1e-6);
    EXPECT_NEAR(
        after.values[other * after.columns + c], before.values[other * before.columns + c], 1e-6);
  }
  EXPECT_NE(before.values, after.values);  // rows of other folds with those words see the change
}

TEST(LevelStatisticsTest, ClassesHaveANumberEachAndTwoHaveOne) {
  const ManyWords many;
  std::vector<std::int32_t> classes;
  for (std::size_t row = 0; row < many.table.rows(); ++row)
    classes.push_back(static_cast<std::int32_t>(row * 37 % 300 % 3));
  const EncoderFit fit{NumberScaling::robust, classes};
  const Encoder three = Encoder::fit(
      many.table, many.fit_rows, {"y", TaskKind::multiclass, {"a", "b", "c"}, 0, 1, false}, fit);
  EXPECT_EQ(three.width(), 51U + 4U);
  for (std::int32_t& each : classes)
    each = each == 2 ? 1 : each;
  const Encoder two = Encoder::fit(
      many.table, many.fit_rows, {"y", TaskKind::binary, {"a", "b"}, 0, 1, false}, fit);
  EXPECT_EQ(two.width(), 51U + 2U);
  const auto& statistics = std::get<CategoryCoding>(two.features()[0].coding).statistics;
  const auto [least, most] = std::ranges::minmax(statistics.values);
  EXPECT_LT(least, -0.5);
  EXPECT_GT(most, 0.2);
}

}  // namespace
}  // namespace starling::ml
