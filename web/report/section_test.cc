// What the model shows on rows that decided nothing, and which columns it goes by.
#include "web/report/findings.h"
#include "web/report/html_text.h"
#include "web/report/metric_words.h"
#include "web/report/number_text.h"
#include "web/report/report_pictures.h"
#include "web/report/section_parts.h"
#include "web/report/sentence_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace starling::web {

namespace {

constexpr std::size_t kScoresMax = 40;
constexpr std::size_t kColumnsShown = 25;
constexpr std::size_t kClassesMax = 30;
constexpr std::size_t kClassesWithShares = 8;  // of more, a cell holds the count only
constexpr std::size_t kClassNameMax = 24;
constexpr int kHeats = 8;

/// The study's own first.
std::vector<std::string> metrics_shown(const ReportFacts& facts) {
  const std::string own = metric_of(facts);
  std::vector<std::string> metrics;
  if (test_score(facts, own)) metrics.push_back(own);
  const Json& scores = part_at(evidence_of(facts), {"scores"});
  const Json& all = scores.is_object() ? scores : part_at(facts.study, {"result", "test"});
  if (!all.is_object()) return metrics;
  for (const auto& [name, score] : all.items()) {
    if (name != own && metrics.size() < kScoresMax) metrics.push_back(name);
  }
  return metrics;
}

/// Of a score that is 1 at best, what is nearly nothing is nothing.
std::string scored(const std::string& metric, std::optional<double> score) {
  const bool is_share = metric_words(metric).kind == ScoreKind::share_of_best;
  return is_share && score && std::abs(*score) < 0.0005 ? "0" : score_text(score);
}

void write_score(const ReportFacts& facts, const std::string& metric, HtmlWriter& html) {
  const auto test = test_score(facts, metric);
  const auto validation = validation_score(facts, metric);
  const auto baseline = baseline_score(facts, metric);
  const auto row = html.open("tr", {{"class", metric == metric_of(facts) ? "chosen" : ""}});
  write_row_name(html,
                 metric_words(metric).label,
                 metric == metric_of(facts) ? "what the study chose by" : "");
  write_number(html, scored(metric, test ? std::optional{test->value} : std::nullopt));
  write_number(html,
               test && test->has_range ? range_text(test->value, test->low, test->high) : "–");
  write_number(html, scored(metric, validation));
  write_number(html, scored(metric, baseline));
}

std::string looks_words(const ReportFacts& facts) {
  const auto looks = count_at(facts.report, {"test_looks"});
  if (!looks || *looks <= 1) return "they were looked at once";
  return fmt::format("with this study, they were looked at {} times", *looks);
}

void write_scores(const ReportFacts& facts,
                  const std::vector<std::string>& metrics,
                  HtmlWriter& html) {
  {
    const ReportTable table{html,
                            "Scores",
                            {"Metric",
                             "#Test rows",
                             "#Nine in ten samples",
                             "#Validation rows",
                             "#Baseline, validation rows"}};
    const auto body = html.open("tbody");
    for (const std::string& metric : metrics)
      write_score(facts, metric, html);
  }
  write_hint(
      html,
      "Nine in ten samples of so many rows would score within the range, if rows are "
      "independent of each other; there is none for rows that were divided by group or "
      "time. Validation rows are those by which the final model was put together, so it looks "
      "a little better there than it is.");
}

/// Darker for a greater share of the true class's rows.
std::string cell_style(std::uint64_t count, std::uint64_t rows, bool is_right) {
  if (rows == 0 || count == 0) return "num";
  const double share = static_cast<double>(count) / static_cast<double>(rows);
  const int heat = std::clamp(static_cast<int>(std::lround(share * kHeats)), 1, kHeats);
  return fmt::format("num {} heat-{}", is_right ? "right" : "wrong", heat);
}

std::string class_name(const ClassCount& one) {
  return one.name.empty() ? "(empty)" : shortened_text(one.name, kClassNameMax);
}

void write_confusion(const ReportFacts& facts, HtmlWriter& html) {
  const auto classes = class_counts(facts);
  if (classes.empty() || classes.size() > kClassesMax) return;
  html.add("h3", "What was taken for what (confusion)");
  std::vector<std::string> columns{"True ↓ said →"};
  for (const ClassCount& one : classes)
    columns.push_back("#" + class_name(one));
  columns.emplace_back("#Rows");
  columns.emplace_back("#Found (recall)");
  columns.emplace_back("#Right when named (precision)");
  const ReportTable table{html, "Confusion", columns};
  const auto body = html.open("tbody");
  const Json& confusion = list_at(evidence_of(facts), {"confusion"});
  for (std::size_t truth = 0; truth < classes.size(); ++truth) {
    const ClassCount& one = classes[truth];
    const auto row = html.open("tr");
    write_row_name(html, class_name(one));
    for (std::size_t said = 0; said < classes.size(); ++said) {
      const std::uint64_t count = count_at(confusion[truth][said], {}).value_or(0);
      const auto cell = html.open("td", {{"class", cell_style(count, one.rows, truth == said)}});
      html.text(count_text(count));
      if (classes.size() <= kClassesWithShares && one.rows > 0) {
        html.add("span",
                 {{"class", "sub"}},
                 share_text(static_cast<double>(count) / static_cast<double>(one.rows)));
      }
    }
    const auto part = [&one](std::uint64_t all) {
      return all == 0 ? std::string{"–"}
                      : share_text(static_cast<double>(one.hits) / static_cast<double>(all));
    };
    write_number(html, count_text(one.rows));
    write_number(html, part(one.rows));
    write_number(html, part(one.said));
  }
}

void write_pictures(const ReportFacts& facts, HtmlWriter& html) {
  const auto pictures = html.open("div", {{"class", "pictures"}});
  draw_said_against_true(facts, html);
  draw_residuals(facts, html);
  draw_roc(facts, html);
  draw_precision(facts, html);
  draw_calibration(facts, html);
}

std::string importance_hint(const ReportFacts& facts, std::size_t left) {
  const Json& importance = part_at(evidence_of(facts), {"importance"});
  const std::string metric = text_at(importance, {"metric"});
  std::string text =
      fmt::format("How much worse the {} gets when a column's values are dealt out to other rows",
                  label_within(metric.empty() ? metric_of(facts) : metric));
  const auto rows = count_at(importance, {"rows"});
  const auto repeats = count_at(importance, {"repeats"});
  if (rows && repeats) {
    text += fmt::format(" ({} {}, {})",
                        count_text(*rows),
                        flag_at(importance, {"held_out"}) ? "held-out rows" : "test rows",
                        *repeats == 1 ? "once" : fmt::format("{} times", *repeats));
  }
  text +=
      "; the line is the spread of these, and a pale bar is no longer than it, so it may be "
      "chance. Columns that say the same share what they matter.";
  if (left > 0)
    text += fmt::format(" {} that matter less are left out.", count_text(left, "column"));
  return text;
}

void write_column(const ColumnShare& column, double most, HtmlWriter& html) {
  const auto row = html.open("tr");
  write_row_name(html, column.name);
  {
    const auto cell = html.open("td", {{"class", "bar-cell"}});
    draw_bar(column.mean, column.spread, most, html);
  }
  write_number(html, aligned_text(column.mean, most));
  write_number(html, "± " + aligned_text(column.spread, most));
  write_number(html, column.share > 0 ? share_text(column.share) : "–");
}

}  // namespace

void write_test(const ReportFacts& facts, HtmlWriter& html) {
  const auto section = open_section(html, kTest);
  const auto metrics = metrics_shown(facts);
  if (metrics.empty()) {
    const bool has_all_rows = text_at(facts.study, {"final_model"}) == "refit_all";
    write_absent(html,
                 has_all_rows ? "Left out: the final model learned from the test rows too."
                              : "Left out: there is no score on test rows.");
    return;
  }
  const auto rows = test_rows(facts);
  if (rows) {
    html.add("p",
             fmt::format("{} on which nothing was trained or chosen; {}.",
                         count_text(*rows, "row"),
                         looks_words(facts)));
  }
  write_scores(facts, metrics, html);
  if (!evidence_of(facts).is_object()) {
    write_absent(html,
                 "Intervals and pictures are left out: the report could not be read, or the "
                 "model's file holds none.");
    return;
  }
  write_confusion(facts, html);
  write_pictures(facts, html);
}

void write_importance(const ReportFacts& facts, HtmlWriter& html) {
  const auto section = open_section(html, kImportance);
  const auto columns = column_shares(facts);
  if (columns.empty()) {
    write_absent(html, "Left out: the report could not be read, or the model's file holds none.");
    return;
  }
  const std::size_t shown = std::min(columns.size(), kColumnsShown);
  double most = 0;
  for (const ColumnShare& column : columns)
    most = std::max(most, column.mean + column.spread);
  {
    const ReportTable table{
        html, "Importance of columns", {"Column", "Importance", "#Costs", "#Spread", "#Share"}};
    const auto body = html.open("tbody");
    for (std::size_t i = 0; i < shown; ++i)
      write_column(columns[i], most, html);
  }
  write_hint(html, importance_hint(facts, columns.size() - shown));
}

}  // namespace starling::web
