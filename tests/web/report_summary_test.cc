#include "web/report/report_summary.h"

#include "tests/web/report_examples.h"
#include "web/report/html_text.h"
#include "web/report/number_text.h"
#include "web/report/plot.h"
#include "web/report/report_cautions.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace starling::web {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string question(const ReportFacts& facts, std::string_view asked) {
  std::string text;
  for (const SummaryPoint& point : summary_of(facts)) {
    if (point.question != asked) continue;
    for (const std::string& sentence : point.sentences)
      text += (text.empty() ? "" : " ") + sentence;
  }
  return text;
}

TEST(ReportSummary, SaysInPlainWordsWhatARegressionDoes) {
  const ReportFacts facts = regression_bag();
  EXPECT_EQ(plain(question(facts, "What it predicts")),
            "The model predicts “price”, a number, from 4 columns of a table with 1,000 rows. It "
            "was chosen and trained on 800 rows and judged on 200 others, which decided nothing.");
  EXPECT_EQ(plain(question(facts, "How good it is")),
            "On 200 test rows its RMSE is 200.0, in the units of “price”; nine in ten samples of "
            "so many rows would score from 180.0 to 220.0. That is 60 % less error than saying the "
            "mean every time (RMSE 500.0 on validation rows). On average it is off by 150 (MAE). "
            "It explains 84 % of the differences between rows (R² 0.84).");
  EXPECT_EQ(plain(question(facts, "What matters most")),
            "Of 4 columns: “area” (75 % of all importance), “rooms” (15 %) and “age” (10 %). When "
            "the values of “area” are dealt out to other rows, the RMSE gets worse by 300.");
  EXPECT_EQ(plain(question(facts, "How sure it is")),
            "Its intervals promise to hold the truth 90 % of the time; they held 88 % of 200 test "
            "rows, a difference that chance explains. They are 640 wide on average.");
  EXPECT_EQ(plain(question(facts, "What it cost")),
            "4 trials, 2.0 s of training on 2 nodes; the largest took 63 MB of memory. From start "
            "to end, with the final model, it took 1 min 05 s.");
}

TEST(ReportSummary, SaysHowManyOfAClassAreFound) {
  const ReportFacts facts = binary_bag();
  EXPECT_EQ(plain(question(facts, "How good it is")),
            "On 1,000 test rows its log loss is 0.3500; nine in ten samples of so many rows would "
            "score from 0.3300 to 0.3700. That is 30 % less log loss than saying how often each "
            "class occurs (log loss 0.5000 on validation rows). It names the right class of 85 % "
            "of rows; always saying “no” would be right for 80 %. Of 200 rows that are “yes” it "
            "finds 150 (75 %); of 250 that it calls so, 150 (60 %) are.");
  EXPECT_EQ(question(facts, "How sure it is"),
            "The chances it states are off by 2.1 percentage points on average.");
}

TEST(ReportSummary, JudgesByWhereTheIntervalLies) {
  const auto verdict = [](double value, double low, double high) {
    ReportFacts facts = regression_bag();
    facts.report["evidence"]["scores"]["rmse"] = score(value, low, high);
    return verdict_of(facts);
  };
  EXPECT_EQ(verdict(200, 180, 220).headline, "Clearly better than the baseline");
  EXPECT_EQ(verdict(480, 440, 520).headline, "Not clearly better than the baseline");
  EXPECT_EQ(verdict(510, 480, 540).headline, "No better than the baseline");
  EXPECT_EQ(plain(verdict(510, 480, 540).sentence),
            "2 % more error than saying the mean every time, on 200 test rows.");
}

TEST(ReportSummary, ComparesWithGuessingWhereNoBaselineWasTried) {
  ReportFacts facts = regression_bag();
  facts.report["families"].erase(0);
  EXPECT_EQ(verdict_of(facts).headline, "Clearly better than guessing");
  EXPECT_EQ(verdict_of(facts).sentence, "R² 0.8400, against 0 of guessing, on 200 test rows.");
}

TEST(ReportSummary, TurnsRoundWhereMoreIsBetter) {
  ReportFacts facts = regression_bag();
  facts.study["metric"] = "r2";
  facts.study["direction"] = "maximize";
  facts.report["families"] = families(-0.001, 0.86);
  EXPECT_EQ(verdict_of(facts).headline, "Clearly better than the baseline");
  facts.report["families"] = families(0.81, 0.86);
  EXPECT_EQ(verdict_of(facts).headline, "Not clearly better than the baseline");
  facts.report["families"] = families(0.85, 0.86);
  EXPECT_EQ(verdict_of(facts).headline, "No better than the baseline");
}

TEST(ReportSummary, SaysThatNothingWasMeasuredWhereAllRowsTaught) {
  ReportFacts facts = refit_without_evidence();
  facts.study["final_model"] = "refit_all";
  facts.study["result"]["test"] = Json::object();
  const Verdict verdict = verdict_of(facts);
  EXPECT_EQ(verdict.headline, "Not measured on test rows");
  EXPECT_EQ(plain(verdict.sentence),
            "On validation rows 62 % less error than saying the mean every time.");
  EXPECT_THAT(cautions_of(facts),
              Contains(StartsWith("The final model learned from the test rows")));
}

TEST(ReportCautions, SayThatAModelThatWasToBeReadCannotBe) {
  ReportFacts facts = regression_bag();
  facts.study["constraints"] = {{"interpretable", true}};
  EXPECT_THAT(cautions_of(facts), Contains(StartsWith("The model was to be interpretable")));
  facts.study["best"]["params"] = {{"family", "linear"}};
  EXPECT_THAT(cautions_of(facts), Contains(StartsWith("The model was to be"))) << "it is a bag";
  facts.study["final_model"] = "refit";
  facts.report["evidence"]["bag"] = nullptr;
  EXPECT_THAT(cautions_of(facts), Not(Contains(StartsWith("The model was to be"))));
}

TEST(ReportCautions, CountLooksAtTheTestRows) {
  ReportFacts facts = regression_bag();
  facts.report["test_looks"] = kManyLooks - 1;
  EXPECT_THAT(cautions_of(facts), Not(Contains(StartsWith("9 studies"))));
  facts.report["test_looks"] = kManyLooks;
  EXPECT_THAT(cautions_of(facts), Contains(StartsWith("10 studies have been judged")));
}

TEST(ReportCautions, SayThatTheFileIsLargerThanAsked) {
  ReportFacts facts = regression_bag();
  facts.study["constraints"] = {{"model_mb", 2}};
  facts.study["result"]["model"]["bytes"] = 2'000'000;
  EXPECT_THAT(cautions_of(facts), Not(Contains(StartsWith("The model's file"))));
  facts.study["result"]["model"]["bytes"] = 2'600'000;
  EXPECT_THAT(cautions_of(facts), Contains(StartsWith("The model's file is 2.6 MB, and 2 MB")));
  facts.study["result"]["cost"] = {{"bytes", 1'900'000}, {"predict_ms", 0.1}};
  EXPECT_THAT(cautions_of(facts), Not(Contains(StartsWith("The model's file"))))
      << "but for the report in it";
}

TEST(ReportCautions, SayThatAnAnswerTakesLongerThanAsked) {
  ReportFacts facts = regression_bag();
  facts.study["constraints"] = {{"predict_ms", 0.5}};
  facts.study["result"]["cost"] = {{"bytes", 1000}, {"predict_ms", 0.5}};
  EXPECT_THAT(cautions_of(facts), Not(Contains(StartsWith("An answer takes"))));
  facts.study["result"]["cost"]["predict_ms"] = 1.25;
  EXPECT_THAT(cautions_of(facts),
              Contains(testing::HasSubstr("were asked for: try again with fewer")));
}

TEST(ReportCautions, AreNoneWhereNothingStandsOut) {
  ReportFacts facts = regression_bag();
  facts.report["evidence"]["candidates"] = Json::array();
  EXPECT_THAT(cautions_of(facts), IsEmpty());
  EXPECT_EQ(question(facts, "What to beware of"), "Nothing stands out in what was computed.");
}

TEST(ReportCautions, WarnOfFewRowsAndOfACommonSearch) {
  ReportFacts facts = regression_bag();
  facts.report["evidence"]["rows"] = 199;
  facts.study["result"]["validation"]["rmse"] = 150.0;
  EXPECT_THAT(
      cautions_of(facts),
      AllOf(Contains("There are only 199 test rows: on others the scores can differ a lot, as the "
                     "intervals show."),
            Contains("On the rows that chose the model its RMSE is 150.0, better than the test "
                     "rows allow (180.0 to 220.0): the choice has adapted to these rows. Trust the "
                     "test score only."),
            Contains("Which model is best is partly chance: 1 of 2 single models is within chance "
                     "of the best (trial 2).")));
}

TEST(ReportCautions, WarnOfColumnsThatTellTheTarget) {
  ReportFacts facts = regression_bag();
  facts.dataset["relations"] = {
      {{"column", "price"}, {"from", {"area", "fee"}}, {"factors", {1, 1}}, {"constant", 0}}};
  EXPECT_THAT(cautions_of(facts),
              Contains(StartsWith("“price” can be worked out from other columns, of which the "
                                  "model learned from “area”.")));
  facts.report["evidence"]["importance"] = importance("rmse", {{"area", 90}, {"rooms", 10}});
  EXPECT_THAT(cautions_of(facts),
              Contains(StartsWith("“area” alone carries 90\u00A0% of all importance.")));
  facts.report["evidence"]["scores"]["r2"] = score(0.999, 0.998, 1);
  EXPECT_THAT(cautions_of(facts), Contains(StartsWith("The scores are nearly perfect")));
}

TEST(ReportCautions, WarnOfUnevenClassesAndOfErrorsOnOneSide) {
  ReportFacts facts = binary_bag();
  EXPECT_THAT(cautions_of(facts), Not(Contains(StartsWith("The classes are uneven"))));
  facts.dataset["columns"].back()["top"][1]["count"] = 32;
  EXPECT_THAT(
      cautions_of(facts),
      Contains("The classes are uneven: 1\u00A0% of rows are “yes”. Always saying “no” would "
               "name 99\u00A0% of them rightly, so accuracy alone says little."));
  facts = regression_bag();
  facts.report["evidence"]["residuals"]["quantiles"] = {-900, 20, 60, 90, 140};
  EXPECT_THAT(cautions_of(facts),
              Contains("More than three in four predictions are too high: the one in the middle by "
                       "60. A few large errors the other way make up for it."));
}

TEST(ReportCautions, WarnOfIntervalsAndChancesThatDoNotHold) {
  ReportFacts facts = regression_bag();
  facts.report["evidence"]["coverage"]["share"] = 0.8;
  EXPECT_THAT(cautions_of(facts),
              Contains(StartsWith("The intervals hold less than they promise")));
  facts = binary_bag();
  facts.report["evidence"]["calibration"]["error"] = 0.12;
  EXPECT_THAT(cautions_of(facts),
              Contains("The chances it states are off by 12.0 percentage points on average: do not "
                       "take them at their word."));
}

TEST(ReportCautions, TellOfTheTableInThreeSentencesAtMost) {
  ReportFacts facts = regression_bag();
  for (int i = 0; i < 200; ++i)
    facts.dataset["warnings"].push_back(fmt::format("column {} is odd", i));
  const auto cautions = cautions_of(facts);
  EXPECT_THAT(cautions, Contains("The table: column 0 is odd."));
  EXPECT_EQ(cautions.back(), "The table: 197 more remarks below, with the data.");
  EXPECT_THAT(cautions, SizeIs(5));
}

TEST(NumberText, ShowsFourDigitsThatCount) {
  EXPECT_EQ(number_text(4587.265), "4,587");
  EXPECT_EQ(number_text(1'234'567.8), "1,234,568");
  EXPECT_EQ(number_text(0.86257), "0.8626");
  EXPECT_EQ(number_text(-12.3456), "−12.35");
  EXPECT_EQ(number_text(999.99), "1,000");
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(-0.0), "0");
  EXPECT_EQ(number_text(0.0000321), "3.21e-05");
  EXPECT_EQ(number_text(1e20), "1e+20");
  EXPECT_EQ(number_text(std::nullopt), "–");
  EXPECT_EQ(number_text(std::numeric_limits<double>::infinity()), "–");
  EXPECT_EQ(range_text(0.41, 0.3808, 0.43767), "0.3808 to 0.4377");
}

TEST(NumberText, SaysSharesTimesAndSizes) {
  EXPECT_EQ(plain(share_text(0.886)), "88.6 %");
  EXPECT_EQ(plain(share_text(0.9)), "90 %");
  EXPECT_EQ(plain(share_text(0.9999)), "> 99.9 %");
  EXPECT_EQ(plain(share_text(0.0001)), "< 0.1 %");
  EXPECT_EQ(plain(rough_share_text(0.6169)), "62 %");
  EXPECT_EQ(plain(seconds_text(0.0312)), "31 ms");
  EXPECT_EQ(plain(milliseconds_text(0.35)), "350 µs");
  EXPECT_EQ(plain(milliseconds_text(8.2)), "8.2 ms");
  EXPECT_EQ(plain(milliseconds_text(1300)), "1.3 s");
  EXPECT_EQ(milliseconds_text({}), "–");
  EXPECT_EQ(plain(seconds_text(59.99)), "1 min 00 s");
  EXPECT_EQ(plain(seconds_text(7800)), "2 h 10 min");
  EXPECT_EQ(plain(seconds_text(400'000)), "4 d 15 h");
  EXPECT_EQ(plain(megabytes_text(1843)), "1.8 GB");
  EXPECT_EQ(plain(bytes_text(5'598'205)), "5.6 MB");
  EXPECT_EQ(count_text(1, "row"), "1 row");
  EXPECT_EQ(count_text(1338, "row"), "1,338 rows");
}

TEST(HtmlText, MendsWhatIsNoUtf8) {
  EXPECT_EQ(valid_text("a\xF0\x90\x28"
                       "b"),
            "a\uFFFD(b");
  EXPECT_EQ(valid_text("\xC0\xAF"), "\uFFFD\uFFFD");
  EXPECT_EQ(valid_text("tab\tbell\a"), "tab\tbell\uFFFD");
  EXPECT_EQ(html_escaped("<a href='x' b=\"y\">&"),
            "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;");
}

TEST(HtmlText, CutsBetweenCharacters) {
  EXPECT_EQ(shortened_text("日本語", 3), "日本語");
  EXPECT_EQ(shortened_text("日本語です", 3), "日本…");
  EXPECT_EQ(shortened_text(std::string(10'000, '\xFF'), 4), "\uFFFD\uFFFD\uFFFD…");
}

TEST(Plot, MarksAnAxisAtRoundNumbers) {
  EXPECT_THAT(round_steps(1254, 63770, 4), ElementsAre(20000, 40000, 60000));
  EXPECT_THAT(round_steps(-1, 1, 4), ElementsAre(-1, -0.5, 0, 0.5, 1));
  EXPECT_THAT(round_steps(0, 1, 5), SizeIs(6));
  EXPECT_THAT(round_steps(5, 5, 4), IsEmpty());
  EXPECT_THAT(round_steps(-1.7e308, 1.7e308, 4), IsEmpty());
}

}  // namespace
}  // namespace starling::web
