#include "web/report/report_page.h"

#include "tests/web/report_examples.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace starling::web {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Tag {
  std::string name;
  bool is_end = false, is_whole = false;  ///< whole: <meta ...> or <path .../>
  std::string attributes;
};

/// The tags of a page, in order. What is no tag of this code's own is reported as a failure.
std::vector<Tag> tags_of(const std::string& page) {
  std::vector<Tag> tags;
  const std::string_view letters = "abcdefghijklmnopqrstuvwxyz123456";
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    if (page.compare(at, 15, "<!doctype html>") == 0) continue;
    const std::size_t end = page.find('>', at);
    std::string inside = page.substr(at + 1, end - at - 1);
    Tag tag;
    tag.is_end = inside.starts_with('/');
    if (tag.is_end) inside.erase(0, 1);
    tag.is_whole = inside.ends_with('/');
    const std::size_t name = inside.find_first_not_of(letters);
    tag.name = inside.substr(0, name);
    tag.attributes = name == std::string::npos ? "" : inside.substr(name);
    tag.is_whole = tag.is_whole || tag.name == "meta";
    EXPECT_FALSE(tag.name.empty()) << "at " << page.substr(at, 60);
    EXPECT_EQ(std::ranges::count(tag.attributes, '"') % 2, 0) << inside;
    EXPECT_EQ(tag.attributes.find('<'), std::string::npos) << inside;
    tags.push_back(std::move(tag));
  }
  return tags;
}

std::size_t count_of(const std::string& page, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = page.find(part); at != std::string::npos; at = page.find(part, at + 1))
    ++count;
  return count;
}

/// Everything that is opened is closed, in turn; no element but those that the page is made of.
void expect_well_formed(const std::string& page) {
  const std::vector<std::string> known{
      "html", "head",   "meta", "title", "style",  "body",    "main",       "header",   "p",
      "h1",   "h2",     "h3",   "nav",   "a",      "section", "div",        "dl",       "dt",
      "dd",   "strong", "ul",   "li",    "figure", "svg",     "figcaption", "polyline", "rect",
      "line", "circle", "path", "text",  "table",  "thead",   "tbody",      "tr",       "th",
      "td",   "span",   "b",    "pre",   "code"};
  std::vector<std::string> open;
  for (const Tag& tag : tags_of(page)) {
    EXPECT_THAT(known, Contains(tag.name));
    if (tag.is_whole) continue;
    if (!tag.is_end) {
      open.push_back(tag.name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << "</" << tag.name << ">";
    ASSERT_EQ(open.back(), tag.name);
    open.pop_back();
  }
  EXPECT_THAT(open, IsEmpty());
}

/// nlohmann's writer refuses what is no UTF-8.
void expect_utf8(const std::string& page) {
  EXPECT_NO_THROW((void)Json(page).dump());
}

TEST(ReportPage, IsWellFormedUtf8OfModestSizeInEveryCase) {
  for (const ReportFacts& facts : all_examples()) {
    const std::string page = report_page(facts);
    expect_well_formed(page);
    expect_utf8(page);
    EXPECT_LT(page.size(), 300'000);
  }
}

TEST(ReportPage, GivesTheSameBytesForTheSameFacts) {
  EXPECT_EQ(report_page(regression_bag()), report_page(regression_bag()));
}

TEST(ReportPage, NeedsNothingFromOutsideAndRunsNothing) {
  for (const ReportFacts& facts : all_examples()) {
    const std::string page = report_page(facts);
    EXPECT_THAT(page, Not(AnyOf(HasSubstr("<script"), HasSubstr("://"), HasSubstr("@import"))));
    EXPECT_THAT(page, HasSubstr("default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;"));
  }
}

TEST(ReportPage, ShowsHowAnswersMoveAndWhereTheyAreWorse) {
  const std::string page = report_page(regression_bag());
  EXPECT_THAT(page, HasSubstr("How the answer moves with a column"));
  EXPECT_EQ(count_of(page, "class=\"single\""), 2U) << "two rows of area";
  EXPECT_THAT(page, HasSubstr("Answers by street"));
  EXPECT_THAT(page, HasSubstr("61 to 200"));
  const std::string of_classes = report_page(binary_bag());
  EXPECT_THAT(of_classes, HasSubstr("chance of "));
  EXPECT_THAT(plain(of_classes), HasSubstr("90 % (77 to 96)"));
  const std::string of_three = report_page(three_classes());
  EXPECT_EQ(count_of(of_three, "curve beyond beyond-2"), 2U) << "a line, and its sign in the key";
}

TEST(ReportPage, SaysHowAClassIsSaid) {
  const auto text_of = [](const ReportFacts& facts) { return plain(report_page(facts)); };
  EXPECT_THAT(text_of(binary_bag()), HasSubstr("It says “yes” from a chance of 25 % on."));
  EXPECT_THAT(text_of(three_classes()),
              HasSubstr("a chance of “c” counts 14 times as much as one of “a”."));
  ReportFacts facts = binary_bag();
  Json& evidence = facts.report["evidence"];
  evidence.erase("rule");
  evidence["bag"]["threshold"] = 0.4;
  EXPECT_THAT(text_of(facts), HasSubstr("from a chance of 40 % on")) << "a report of before";
  evidence["bag"].erase("threshold");
  EXPECT_THAT(text_of(facts), Not(HasSubstr("It says")));
  facts = three_classes();
  for (const char* factors : {"[1, 0, 2]", "[1, \"x\"]", "{}", "[]", "7"}) {
    facts.report["evidence"]["rule"]["class_factors"] = Json::parse(factors);
    EXPECT_THAT(text_of(facts), Not(HasSubstr("likeliest class"))) << factors;
  }
}

TEST(ReportPage, SaysWhatColumnsAddToAnAnswer) {
  const std::string page = plain(report_page(regression_bag()));
  EXPECT_THAT(page, HasSubstr("Said 700, true 650"));
  EXPECT_THAT(page, HasSubstr("+350"));
  EXPECT_THAT(page, HasSubstr("of 25 test rows"));
  EXPECT_THAT(page, HasSubstr("all others"));
  EXPECT_EQ(count_of(page, "length lowers"), 1U);
  EXPECT_THAT(plain(report_page(binary_bag())), HasSubstr("70 % chance of yes, true: no"));
}

TEST(ReportPage, LeavesOutColumnsOfAnotherShapeThanExpected) {
  for (const Json& spoiled :
       {Json::parse(R"([{"name":"a","values":[1,"x"],"means":[[1],[2]]}])"),
        Json::parse(R"([{"name":"a","values":[1,2],"means":[[1]]}])"),
        Json::parse(R"([{"name":"a","values":[1,2],"means":[[1],[2,3]]}])"),
        Json::parse(R"([{"name":"a","values":[1,2],"means":[1,2]}])"),
        Json::parse(R"([{"name":"a","values":[1],"means":[[1]]}])"),
        Json::parse(R"([{"values":[1,2],"means":[[1],[1e300]]}, 7, null])")}) {
    ReportFacts facts = regression_bag();
    facts.report["evidence"]["dependence"]["columns"] = spoiled;
    const std::string page = report_page(facts);
    expect_well_formed(page);
    EXPECT_THAT(page, Not(HasSubstr("How the answer moves")));
  }
}

TEST(ReportPage, SaysWhatWasDecidedAndHowTheBestLearned) {
  const std::string page = report_page(regression_bag());
  EXPECT_THAT(page, HasSubstr("What was decided, and why"));
  EXPECT_THAT(page, HasSubstr("&quot;price&quot; is a number"));
  EXPECT_THAT(page, HasSubstr("The best trial of xgboost"));
}

TEST(ReportPage, HasItsSectionsInOrderWithLinksToEach) {
  const std::string page = report_page(regression_bag());
  std::size_t last = 0;
  for (const char* id :
       {"summary", "model", "search", "test", "importance", "columns", "data", "again"}) {
    EXPECT_THAT(page, HasSubstr(fmt::format("href=\"#{}\"", id)));
    const std::size_t at = page.find(fmt::format(" id=\"{}\"", id));
    ASSERT_NE(at, std::string::npos) << id;
    EXPECT_GT(at, last) << id;
    last = at;
  }
}

TEST(ReportPage, CanBeReadByEar) {
  for (const ReportFacts& facts : all_examples()) {
    const std::string page = report_page(facts);
    EXPECT_EQ(count_of(page, "<h1>"), 1U);
    int level = 0;
    for (const Tag& tag : tags_of(page)) {
      if (tag.is_end) continue;
      if (tag.name == "svg") {
        EXPECT_THAT(tag.attributes,
                    AnyOf(AllOf(HasSubstr("role=\"img\""), HasSubstr("aria-label=\"")),
                          HasSubstr("aria-hidden=\"true\"")));  // its numbers stand beside it
      }
      if (tag.name == "th") {
        EXPECT_THAT(tag.attributes, HasSubstr("scope=\""));
      }
      if (tag.name.size() != 2 || tag.name[0] != 'h' || tag.name == "hr") continue;
      EXPECT_LE(tag.name[1] - '0', level + 1) << "no level of headings is left out";
      level = tag.name[1] - '0';
    }
  }
}

TEST(ReportPage, ShowsWhatARegressionIsJudgedBy) {
  const std::string page = plain(report_page(regression_bag()));
  EXPECT_THAT(page, HasSubstr("<h1>houses</h1>"));
  EXPECT_THAT(page,
              HasSubstr("<strong>Clearly better than the baseline.</strong> 60 % less error "
                        "than saying the mean every time, on 200 test rows."));
  EXPECT_THAT(page, HasSubstr("Said against true"));
  EXPECT_THAT(page, HasSubstr("Residuals: how far off"));
  EXPECT_THAT(page, HasSubstr("smallest that is as good"));
  EXPECT_THAT(page, HasSubstr("<code>starling study reproduce s-0000aaaa</code>"));
  EXPECT_THAT(page, HasSubstr("3d8d8138"));
  EXPECT_THAT(page, HasSubstr("Root mean squared error"));
  EXPECT_THAT(page, Not(HasSubstr("ROC")));
}

TEST(ReportPage, ShowsWhatTwoClassesAreJudgedBy) {
  const std::string page = plain(report_page(binary_bag()));
  for (const char* part : {"ROC: found against false alarms",
                           "Precision-recall: right when named",
                           "Calibration: do chances come true",
                           "What was taken for what (confusion)",
                           "It says “yes” from a chance of 25 % on"})
    EXPECT_THAT(page, HasSubstr(part));
  EXPECT_THAT(page, Not(HasSubstr("Residuals")));
}

TEST(ReportPage, ShowsConfusionAndCalibrationOfMoreClasses) {
  const std::string page = report_page(three_classes());
  EXPECT_THAT(page, HasSubstr("What was taken for what"));
  EXPECT_THAT(page, HasSubstr("Calibration"));
  EXPECT_THAT(page, Not(HasSubstr("ROC: ")));
}

TEST(ReportPage, SaysWhyAPartIsMissing) {
  EXPECT_THAT(report_page(refit_without_evidence()),
              AllOf(HasSubstr("Intervals and pictures are left out"),
                    HasSubstr("trained once more on the rows that trained and validated"),
                    HasSubstr("3d8d8138")));
  ReportFacts removed = regression_bag();
  removed.dataset = nullptr;
  EXPECT_THAT(report_page(removed),
              AllOf(HasSubstr("the data set was removed"), HasSubstr("How the rows were divided")));
  ReportFacts untried = regression_bag();
  untried.trials = Json::array();
  EXPECT_THAT(report_page(untried), HasSubstr("no trial with a result is known"));
  EXPECT_THAT(report_page({}),
              AllOf(HasSubstr("<h1>Report</h1>"), HasSubstr("Left out: the study is not known.")));
}

TEST(ReportPage, TrialsThatBreakALimitAreBehindAllOthers) {
  ReportFacts facts = regression_bag();
  const auto first_of = [](const std::string& page) {
    const auto table = page.find("aria-label=\"Best trials\"");
    const auto row = page.find("<th scope=\"row\"", table);
    return page.substr(page.find('>', row) + 1, 1);
  };
  EXPECT_EQ(first_of(report_page(facts)), "2");
  facts.trials[2]["violation"] = 0.1;
  EXPECT_EQ(first_of(report_page(facts)), "3");
}

TEST(ReportPage, TakesHostileNamesAsText) {
  const std::vector<std::string> names{"<script>alert(1)</script>",
                                       "\" onmouseover=\"alert(1)",
                                       "' onload='alert(1)",
                                       "</style></svg><img src=x>",
                                       std::string(10'000, 'x'),
                                       std::string(5'000, '\xFF'),
                                       "half a character \xE2\x82",
                                       "sur\xED\xA0\x80rogate",
                                       std::string("nul\0nul", 7),
                                       "\u202Etxt.exe",
                                       "&amp; 日本語 🐦"};
  for (const std::string& name : names) {
    ReportFacts facts = binary_bag();
    facts.study["name"] = name;
    facts.study["target"] = name;
    facts.study["use_case"] = name;
    facts.study["stop_reason"] = name;
    facts.dataset["name"] = name;
    facts.dataset["columns"][0]["name"] = name;
    facts.dataset["columns"][5]["top"][0]["value"] = name;
    facts.dataset["warnings"].push_back(name);
    facts.report["families"][1]["family"] = name;
    facts.report["reproduce"] = name;
    facts.report["evidence"]["classes"][1] = name;
    facts.report["evidence"]["importance"]["columns"][0]["name"] = name;
    facts.report["evidence"]["scores"][name] = score(1, 0, 2);
    facts.report["evidence"]["slices"][0]["name"] = name;
    facts.report["evidence"]["slices"][0]["parts"][0]["level"] = name;
    facts.report["evidence"]["dependence"]["columns"].push_back(
        {{"name", name}, {"values", {name, name}}, {"means", {{0.1, 0.9}, {0.2, 0.8}}}});
    Json& answer = facts.report["evidence"]["answers"]["rows"][0];
    answer["columns"][0]["name"] = name;
    answer["columns"][0]["value"] = name;
    facts.study["decisions"][0] = {{"what", name}, {"choice", name}, {"reason", name}};
    facts.trials[0]["params"] = {{"family", name}, {name, name}};
    facts.trials[0]["node_name"] = name;
    facts.trials[3]["state"] = "failed";
    facts.trials[3]["error"] = name;
    facts.generated = name;
    const std::string page = report_page(facts);
    expect_well_formed(page);
    expect_utf8(page);
    EXPECT_THAT(page, Not(AnyOf(HasSubstr("<script"), HasSubstr("<img"), HasSubstr("\u202E"))));
    EXPECT_LT(page.size(), 300'000);
  }
}

TEST(ReportPage, StaysSmallOfManyTrialsColumnsAndClasses) {
  ReportFacts facts = binary_bag();
  for (int i = 0; i < 10'000; ++i) {
    facts.trials.push_back(trial(4 + i, "mlp", 0.4 + 0.0001 * (i * 37 % 1000), {{"mlp.width", i}}));
    if (i % 3 == 0) {
      facts.trials.back()["state"] = "failed";
      facts.trials.back()["error"] = fmt::format("{} {}", i, std::string(500, 'e'));
    }
  }
  Json& evidence = facts.report["evidence"];
  for (int i = 0; i < 5'000; ++i) {
    const std::string name = fmt::format("column {} {}", i, std::string(150, 'n'));
    facts.dataset["columns"].push_back(column(name.c_str(), "number", 1, 2));
    evidence["importance"]["columns"].push_back({{"name", name}, {"mean", 0.01}, {"spread", 0.1}});
    facts.dataset["warnings"].push_back(std::string(1'000, 'w'));
    evidence["roc"].push_back({0.5, 0.5});
    evidence["candidates"].push_back(candidate(i, 0.1, 0.4, true, false));
    for (const char* list : {"dependence", "answers"}) {
      Json& all = evidence[list][list == std::string{"answers"} ? "rows" : "columns"];
      all.push_back(Json{all[0]}[0]);
    }
    Json& slices = evidence["slices"];
    slices[0]["parts"].push_back(Json{slices[0]["parts"][0]}[0]);
    slices.push_back({{"name", name}, {"parts", {slices[0]["parts"][0], slices[0]["parts"][1]}}});
    facts.study["decisions"].push_back({{"what", name}, {"choice", name}, {"reason", name}});
  }
  evidence["classes"] = Json::array();
  evidence["confusion"] = Json::array();
  for (int i = 0; i < 30; ++i) {
    evidence["classes"].push_back(fmt::format("class {} {}", i, std::string(200, 'c')));
    evidence["confusion"].push_back(std::vector<int>(30, 1'000'000));
  }
  const std::string page = report_page(facts);
  expect_well_formed(page);
  EXPECT_LT(page.size(), 300'000);
}

/// Calls `each` with every value within, those of lists up to the second.
template <class Each>
void visit_values(Json& json, const Each& each) {
  if (json.is_structured()) {
    std::size_t seen = 0;
    for (Json& inner : json) {
      if (json.is_array() && ++seen > 2) break;
      visit_values(inner, each);
    }
  }
  each(json);
}

TEST(ReportPage, ThrowsNothingWhateverStandsInAnyPlace) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Json> odd{nullptr,
                              "text",
                              "\xFF",
                              -1,
                              0,
                              1e308,
                              5e-324,
                              nan,
                              std::numeric_limits<std::uint64_t>::max(),
                              Json::array(),
                              Json::array({nullptr, {{"a", 1}}, "b"}),
                              Json::object(),
                              Json{{"", Json::array()}}};
  for (ReportFacts facts : {regression_bag(), binary_bag()}) {
    for (Json* part : {&facts.study, &facts.report, &facts.trials, &facts.dataset}) {
      visit_values(*part, [&](Json& place) {
        if (HasFatalFailure()) return;
        const Json whole = place;
        for (const Json& value : odd) {
          place = value;
          std::string page;
          ASSERT_NO_THROW(page = report_page(facts));
          ASSERT_EQ(count_of(page, "<div"), count_of(page, "</div"));
          const std::size_t nan_at = page.find("nan\"");
          ASSERT_EQ(nan_at, std::string::npos) << page.substr(nan_at - 200, 220);
        }
        place = whole;
      });
    }
  }
}

}  // namespace
}  // namespace starling::web
