#include "web/report/report_summary.h"

#include "web/report/findings.h"
#include "web/report/html_text.h"
#include "web/report/metric_words.h"
#include "web/report/number_text.h"
#include "web/report/report_cautions.h"
#include "web/report/sentence_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace starling::web {

namespace {

using Sentences = std::vector<std::string>;

constexpr std::size_t kClassesNamed = 4;
constexpr std::size_t kColumnsNamed = 3;
constexpr std::size_t kPurposeMax = 500;

std::string label_of(const ReportFacts& facts) {
  return metric_words(metric_of(facts)).label;
}

/// "error" where it is one, else the metric's name.
std::string loss_word(const ReportFacts& facts) {
  return is_regression(facts) ? "error" : label_within(metric_of(facts));
}

/// "62 % less error than saying the mean every time"
std::string change_text(const ReportFacts& facts, const Against& against) {
  if (!against.less) {
    return fmt::format("{} {}, against {} of {}",
                       label_within(against.metric),
                       score_text(against.test.value),
                       number_text(against.other),
                       against.is_guessing ? "guessing" : baseline_words(facts));
  }
  return fmt::format("{} {} {} than {}",
                     rough_share_text(std::abs(*against.less)),
                     *against.less < 0 ? "more" : "less",
                     loss_word(facts),
                     baseline_words(facts));
}

std::string judged_on(const ReportFacts& facts) {
  const auto rows = test_rows(facts);
  return rows ? fmt::format("on {}", count_text(*rows, "test row")) : "on the test rows";
}

/// Nothing was measured on test rows.
Verdict unmeasured_verdict(const ReportFacts& facts, const Against& against) {
  if (part_at(facts.study, {"result"}).is_object()) {
    const std::string change = against.standing == Standing::unknown
                                   ? "nothing was tried to compare it with"
                                   : "on validation rows " + change_text(facts, against);
    return {Tone::careful, "Not measured on test rows", capital(change) + "."};
  }
  const std::string status = text_at(facts.study, {"status"});
  const auto best = number_at(facts.study, {"best", "value"});
  const std::string reached = best ? fmt::format(" The best trial reached {} {}.",
                                                 label_within(metric_of(facts)),
                                                 score_text(*best))
                                   : std::string{};
  if (status.empty()) return {Tone::open, "No final model", "The study is not known."};
  return {Tone::open,
          "No final model",
          fmt::format("The study is {}.{}", shortened_text(status, kNameMax), reached)};
}

Verdict verdict_without_other(const ReportFacts& facts) {
  const auto test = test_score(facts, metric_of(facts));
  return {Tone::open,
          "Not compared",
          fmt::format("{} {} {}; no baseline was tried.",
                      label_of(facts),
                      score_text(test->value),
                      judged_on(facts))};
}

std::string class_list(const ReportFacts& facts) {
  const auto classes = class_shares(facts);
  Sentences names;
  for (std::size_t i = 0; i < std::min(classes.size(), kClassesNamed); ++i)
    names.push_back(in_quotes(classes[i].name));
  if (classes.size() > kClassesNamed)
    names.push_back(fmt::format("{} more", classes.size() - kClassesNamed));
  if (names.empty()) return "one of several classes";
  return fmt::format("one of {} classes ({})", classes.size(), joined(names));
}

std::string columns_text(const ReportFacts& facts) {
  const std::size_t used = column_shares(facts).size();
  if (used > 0) return count_text(used, "column");
  const std::size_t all = list_at(facts.dataset, {"columns"}).size();
  return all > 1 ? count_text(all - 1, "column") : "the other columns";
}

void add_rows(const ReportFacts& facts, Sentences& sentences) {
  const auto learned = learning_rows(facts);
  const auto tested = test_rows(facts);
  if (!learned) return;
  if (text_at(facts.study, {"final_model"}) == "refit_all") {
    sentences.push_back("The final model learned from all rows, the test rows too.");
  } else if (tested) {
    sentences.push_back(fmt::format(
        "It was chosen and trained on {} and judged on {} others, which decided nothing.",
        count_text(*learned, "row"),
        count_text(*tested)));
  }
}

SummaryPoint what_it_is(const ReportFacts& facts) {
  SummaryPoint point{.question = "What it predicts", .sentences = {}};
  const std::string target = text_at(facts.study, {"target"});
  if (target.empty()) return point;
  const auto rows = count_at(facts.dataset, {"rows"});
  const std::string table =
      rows ? fmt::format(" of a table with {}", count_text(*rows, "row")) : std::string{};
  point.sentences.push_back(fmt::format("The model predicts {}, {}, from {}{}.",
                                        in_quotes(target),
                                        is_regression(facts) ? "a number" : class_list(facts),
                                        columns_text(facts),
                                        table));
  add_rows(facts, point.sentences);
  const std::string purpose = text_at(facts.study, {"use_case"});
  if (!purpose.empty()) {
    point.sentences.push_back(fmt::format("What it is for, in its owner's words: “{}”",
                                          shortened_text(purpose, kPurposeMax)));
  }
  return point;
}

std::string test_sentence(const ReportFacts& facts, const MeasuredScore& test) {
  const MetricWords words = metric_words(metric_of(facts));
  std::string text = fmt::format("{} its {} is {}",
                                 capital(judged_on(facts)),
                                 label_within(metric_of(facts)),
                                 score_text(test.value));
  if (words.kind == ScoreKind::error_in_units)
    text += fmt::format(", in the units of {}", in_quotes(text_at(facts.study, {"target"})));
  if (test.has_range) {
    text += fmt::format("; nine in ten samples of so many rows would score from {}",
                        range_text(test.value, test.low, test.high));
  }
  return text + ".";
}

std::string comparison_sentence(const ReportFacts& facts, const Against& against) {
  if (against.less) {
    return fmt::format("That is {} ({} {} on validation rows).",
                       change_text(facts, against),
                       label_within(against.metric),
                       score_text(against.other));
  }
  return fmt::format("The baseline, {}, scores {} on validation rows.",
                     baseline_words(facts),
                     score_text(against.other));
}

void add_numbers(const ReportFacts& facts, Sentences& sentences) {
  const std::string metric = metric_of(facts);
  const auto mae = test_score(facts, "mae");
  const auto r2 = test_score(facts, "r2");
  if (mae && metric != "mae")
    sentences.push_back(fmt::format("On average it is off by {} (MAE).", number_text(mae->value)));
  if (r2 && r2->value > 0) {
    sentences.push_back(fmt::format("It explains {} of the differences between rows (R² {}).",
                                    rough_share_text(r2->value),
                                    number_text(r2->value)));
  }
}

/// How often one class is found, and how often it is meant rightly: of two classes the second.
void add_second_class(const std::vector<ClassCount>& classes, Sentences& sentences) {
  if (classes.size() != 2 || classes[1].rows == 0) return;
  const ClassCount& one = classes[1];
  std::string text =
      fmt::format("Of {} that are {} it finds {} ({})",
                  count_text(one.rows, "row"),
                  in_quotes(one.name),
                  count_text(one.hits),
                  share_text(static_cast<double>(one.hits) / static_cast<double>(one.rows)));
  if (one.said > 0) {
    text += fmt::format("; of {} that it calls so, {} ({}) are",
                        count_text(one.said),
                        count_text(one.hits),
                        share_text(static_cast<double>(one.hits) / static_cast<double>(one.said)));
  }
  sentences.push_back(text + ".");
}

void add_classes(const ReportFacts& facts, Sentences& sentences) {
  const auto accuracy = test_score(facts, "accuracy");
  const auto classes = class_counts(facts);
  if (accuracy) {
    std::string text =
        fmt::format("It names the right class of {} of rows", share_text(accuracy->value));
    const auto most = std::ranges::max_element(classes, {}, &ClassCount::rows);
    std::uint64_t all = 0;
    for (const ClassCount& one : classes)
      all += one.rows;
    if (all > 0) {
      text += fmt::format("; always saying {} would be right for {}",
                          in_quotes(most->name),
                          share_text(static_cast<double>(most->rows) / static_cast<double>(all)));
    }
    sentences.push_back(text + ".");
  }
  add_second_class(classes, sentences);
}

SummaryPoint how_good(const ReportFacts& facts) {
  SummaryPoint point{.question = "How good it is", .sentences = {}};
  const Against against = against_baseline(facts);
  const auto test = test_score(facts, metric_of(facts));
  const auto validation = validation_score(facts, metric_of(facts));
  if (test) {
    point.sentences.push_back(test_sentence(facts, *test));
  } else if (validation) {
    point.sentences.push_back(
        fmt::format("There is no test score. On the validation rows of the search, which chose "
                    "it, its {} was {}.",
                    label_within(metric_of(facts)),
                    score_text(*validation)));
  } else {
    return point;
  }
  if (against.standing != Standing::unknown && !against.is_guessing)
    point.sentences.push_back(comparison_sentence(facts, against));
  if (test && is_regression(facts)) add_numbers(facts, point.sentences);
  if (test && !is_regression(facts)) add_classes(facts, point.sentences);
  return point;
}

SummaryPoint what_matters(const ReportFacts& facts) {
  SummaryPoint point{.question = "What matters most", .sentences = {}};
  const auto columns = column_shares(facts);
  if (columns.empty()) return point;
  Sentences named;
  for (const ColumnShare& column : columns) {
    if (named.size() == kColumnsNamed || column.mean <= 0) break;
    const std::string of = named.empty() ? " of all importance" : "";
    named.push_back(
        fmt::format("{} ({}{})", in_quotes(column.name), rough_share_text(column.share), of));
  }
  if (named.empty()) {
    point.sentences.push_back(
        "No single column: dealing the values of any one out to other rows costs nothing.");
    return point;
  }
  point.sentences.push_back(
      fmt::format("Of {}: {}.", count_text(columns.size(), "column"), joined(named)));
  const std::string metric = text_at(evidence_of(facts), {"importance", "metric"});
  point.sentences.push_back(
      fmt::format("When the values of {} are dealt out to other rows, the {} gets worse by {}.",
                  in_quotes(columns[0].name),
                  label_within(metric.empty() ? metric_of(facts) : metric),
                  number_text(columns[0].mean)));
  return point;
}

std::string coverage_sentence(const Coverage& coverage) {
  const bool is_high = coverage.share > coverage.level;
  const char* judgement = coverage.is_low ? "fewer than chance explains"
                          : is_high       ? "no fewer than promised"
                                          : "a difference that chance explains";
  return fmt::format(
      "Its intervals promise to hold the truth {} of the time; they held {} of {}, "
      "{}. They are {} wide on average.",
      share_text(coverage.level),
      share_text(coverage.share),
      count_text(coverage.rows, "test row"),
      judgement,
      number_text(coverage.width));
}

SummaryPoint how_sure(const ReportFacts& facts) {
  SummaryPoint point{.question = "How sure it is", .sentences = {}};
  if (const auto coverage = coverage_of(facts))
    point.sentences.push_back(coverage_sentence(*coverage));
  const auto error = number_at(evidence_of(facts), {"calibration", "error"});
  if (error) {
    point.sentences.push_back(
        fmt::format("The chances it states are off by {} on average.", points_text(*error)));
  }
  if (point.sentences.empty() && test_score(facts, metric_of(facts))) {
    point.sentences.push_back(is_regression(facts)
                                  ? "It gives no intervals with its predictions."
                                  : "How well its chances come true was not measured.");
  }
  return point;
}

SummaryPoint what_to_beware_of(const ReportFacts& facts) {
  SummaryPoint point{"What to beware of", cautions_of(facts), true};
  const bool is_known = part_at(facts.study, {"result"}).is_object();
  if (point.sentences.empty() && is_known)
    return {"What to beware of", {"Nothing stands out in what was computed."}, false};
  return point;
}

SummaryPoint what_it_cost(const ReportFacts& facts) {
  SummaryPoint point{.question = "What it cost", .sentences = {}};
  const SearchCost cost = cost_of(facts);
  if (cost.trials > 0) {
    std::string text = fmt::format("{}, {} of training",
                                   capital(count_text(cost.trials, "trial")),
                                   seconds_text(cost.trial_seconds));
    if (cost.nodes > 0) text += fmt::format(" on {}", count_text(cost.nodes, "node"));
    if (cost.peak_mb.value_or(0) > 0)
      text += fmt::format("; the largest took {} of memory", megabytes_text(cost.peak_mb));
    point.sentences.push_back(text + ".");
  } else if (const auto seconds = number_at(facts.study, {"cost", "trial_seconds"})) {
    point.sentences.push_back(fmt::format("{} of training.", seconds_text(*seconds)));
  }
  if (cost.wall_seconds) {
    const bool has_model = part_at(facts.study, {"result"}).is_object();
    point.sentences.push_back(fmt::format("From start to end{} it took {}.",
                                          has_model ? ", with the final model," : "",
                                          seconds_text(*cost.wall_seconds)));
  }
  return point;
}

void add_score_figures(const ReportFacts& facts, std::vector<KeyFigure>& figures) {
  const std::string metric = metric_of(facts);
  if (const auto test = test_score(facts, metric)) {
    figures.push_back({fmt::format("{} on test rows", label_of(facts)),
                       score_text(test->value),
                       test->has_range ? range_text(test->value, test->low, test->high) : ""});
  }
  const Against against = against_baseline(facts);
  const char* where = against.is_measured ? "" : ", on validation rows";
  if (against.less) {
    figures.push_back({(*against.less < 0 ? "More " : "Less ") + loss_word(facts),
                       rough_share_text(std::abs(*against.less)),
                       "than " + baseline_words(facts) + where});
  }
  const auto r2 = test_score(facts, "r2");
  if (is_regression(facts) && metric != "r2" && r2 && r2->value > 0) {
    figures.push_back(
        {"Differences explained", rough_share_text(r2->value), "R² " + score_text(r2->value)});
  }
  const auto accuracy = test_score(facts, "accuracy");
  if (!is_regression(facts) && metric != "accuracy" && accuracy)
    figures.push_back({"Named rightly", share_text(accuracy->value), "of the test rows"});
}

}  // namespace

Verdict verdict_of(const ReportFacts& facts) {
  const Against against = against_baseline(facts);
  if (!test_score(facts, metric_of(facts))) return unmeasured_verdict(facts, against);
  const std::string other = against.is_guessing ? "guessing" : "the baseline";
  const std::string change =
      fmt::format("{}, {}.", capital(change_text(facts, against)), judged_on(facts));
  switch (against.standing) {
    case Standing::clear: return {Tone::good, "Clearly better than " + other, change};
    case Standing::better: return {Tone::good, "Better than " + other, change};
    case Standing::unclear: return {Tone::careful, "Not clearly better than " + other, change};
    case Standing::worse: return {Tone::bad, "No better than " + other, change};
    case Standing::unknown: break;
  }
  return verdict_without_other(facts);
}

std::vector<SummaryPoint> summary_of(const ReportFacts& facts) {
  std::vector<SummaryPoint> points;
  for (const auto answer :
       {&what_it_is, &how_good, &what_matters, &how_sure, &what_to_beware_of, &what_it_cost}) {
    SummaryPoint point = answer(facts);
    if (!point.sentences.empty()) points.push_back(std::move(point));
  }
  return points;
}

std::vector<KeyFigure> key_figures_of(const ReportFacts& facts) {
  std::vector<KeyFigure> figures;
  add_score_figures(facts, figures);
  if (const auto coverage = coverage_of(facts)) {
    figures.push_back({"Held by intervals",
                       share_text(coverage->share),
                       fmt::format("{} promised", share_text(coverage->level))});
  }
  if (const auto error = number_at(evidence_of(facts), {"calibration", "error"})) {
    figures.push_back(
        {"Chances off by", fmt::format("{:.1f}", 100 * *error), "percentage points, on average"});
  }
  const auto rows = test_rows(facts);
  if (rows && test_score(facts, metric_of(facts)))
    figures.push_back({"Test rows", count_text(*rows), "decided nothing"});
  return figures;
}

}  // namespace starling::web
