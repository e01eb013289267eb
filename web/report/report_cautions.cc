#include "web/report/report_cautions.h"

#include "web/report/findings.h"
#include "web/report/html_text.h"
#include "web/report/metric_words.h"
#include "web/report/number_text.h"
#include "web/report/sentence_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace starling::web {

namespace {

using Caution = std::optional<std::string>;

constexpr std::size_t kProfileWarningsShown = 3;
constexpr std::size_t kNamesShown = 6;
constexpr std::size_t kSentenceMax = 300;

/// The final model learned from the test rows too.
Caution unmeasured(const ReportFacts& facts) {
  if (text_at(facts.study, {"final_model"}) != "refit_all") return std::nullopt;
  return "The final model learned from the test rows too, so nothing measures it. Expect it to be "
         "about as good as the search's best trial was on its validation rows, which chose it and "
         "so flatter it a little.";
}

Caution no_better(const ReportFacts& facts) {
  const Against against = against_baseline(facts);
  const std::string what = against.is_guessing ? "guessing" : baseline_words(facts);
  if (against.standing == Standing::worse)
    return fmt::format("The model is no better than {}: do not use it.", what);
  if (against.standing != Standing::unclear) return std::nullopt;
  return fmt::format(
      "On other rows it could be no better than {}: the interval of its score reaches that far.",
      what);
}

Caution few_rows(const ReportFacts& facts) {
  const auto rows = test_rows(facts);
  const auto test = test_score(facts, metric_of(facts));
  if (!rows || *rows >= kFewTestRows || !test) return std::nullopt;
  return fmt::format("There {} only {}: on others the scores can differ a lot{}.",
                     *rows == 1 ? "is" : "are",
                     count_text(*rows, "test row"),
                     test->has_range ? ", as the intervals show" : "");
}

Caution often_looked_at(const ReportFacts& facts) {
  const auto looks = count_at(facts.report, {"test_looks"});
  if (!looks || *looks < kManyLooks) return std::nullopt;
  return fmt::format(
      "{} studies have been judged on these test rows. The best of many looks better than it is: "
      "keep rows aside that none of them has seen.",
      count_text(*looks));
}

Caution overfitted(const ReportFacts& facts) {
  const std::string metric = metric_of(facts);
  const auto test = test_score(facts, metric);
  const auto validation = validation_score(facts, metric);
  if (!test || !test->has_range || !validation) return std::nullopt;
  const double best_end = is_maximized(facts) ? test->high : test->low;
  if (!is_better(facts, *validation, best_end)) return std::nullopt;
  return fmt::format(
      "On the rows that chose the model its {} is {}, better than the test rows allow ({}): the "
      "choice has adapted to these rows. Trust the test score only.",
      label_within(metric),
      score_text(*validation),
      range_text(test->value, test->low, test->high));
}

bool is_nearly_perfect(const ReportFacts& facts) {
  const auto score = test_score(facts, is_regression(facts) ? "r2" : "accuracy");
  return score && score->value >= kNearlyPerfect;
}

/// A model that is this good has often been told the answer.
Caution too_good(const ReportFacts& facts) {
  if (!is_nearly_perfect(facts)) return std::nullopt;
  const auto columns = column_shares(facts);
  const std::string suspect =
      columns.empty() || columns[0].share <= 0
          ? std::string{}
          : fmt::format(" The first to ask about is {}.", in_quotes(columns[0].name));
  return fmt::format(
      "The scores are nearly perfect, which is rare outside of exercises. Make sure that no column "
      "holds what is known only afterwards.{}",
      suspect);
}

bool is_about(const Json& relation, const std::string& column) {
  if (text_at(relation, {"column"}) == column) return true;
  return std::ranges::any_of(list_at(relation, {"from"}),
                             [&](const Json& name) { return text_at(name, {}) == column; });
}

/// Of columns that add up to the target, those that the model learned from.
std::vector<std::string> telling_columns(const ReportFacts& facts, const Json& relation) {
  std::vector<std::string> names{text_at(relation, {"column"})};
  for (const Json& name : list_at(relation, {"from"}))
    names.push_back(text_at(name, {}));
  const auto used = column_shares(facts);
  std::erase_if(names, [&](const std::string& name) {
    return std::ranges::find(used, name, &ColumnShare::name) == used.end();
  });
  return names;
}

Caution told_by_others(const ReportFacts& facts) {
  const std::string target = text_at(facts.study, {"target"});
  for (const Json& relation : list_at(facts.dataset, {"relations"})) {
    if (target.empty() || !is_about(relation, target)) continue;
    std::vector<std::string> names = telling_columns(facts, relation);
    if (names.empty()) continue;
    if (names.size() > kNamesShown) names.resize(kNamesShown);
    for (std::string& name : names)
      name = in_quotes(name);
    return fmt::format(
        "{} can be worked out from other columns, of which the model learned from {}. If these "
        "are not known beforehand, it will not be as good in use.",
        in_quotes(target),
        joined(names));
  }
  return std::nullopt;
}

Caution dominated(const ReportFacts& facts) {
  const auto columns = column_shares(facts);
  if (columns.empty() || !(columns[0].share > kDominantShare)) return std::nullopt;
  return fmt::format(
      "{} alone carries {} of all importance. Where it is missing, wrong or known only afterwards, "
      "little is left.",
      in_quotes(columns[0].name),
      rough_share_text(columns[0].share));
}

Caution imbalanced(const ReportFacts& facts) {
  if (is_regression(facts)) return std::nullopt;
  const auto classes = class_shares(facts);
  if (classes.size() < 2) return std::nullopt;
  const ClassShare& rare = classes.back();
  if (rare.share * static_cast<double>(classes.size()) >= kRareShare) return std::nullopt;
  return fmt::format(
      "The classes are uneven: {} of rows are {}. Always saying {} would name {} of them rightly, "
      "so accuracy alone says little.",
      rough_share_text(rare.share),
      in_quotes(rare.name),
      in_quotes(classes.front().name),
      rough_share_text(classes.front().share));
}

Caution one_sided(const ReportFacts& facts) {
  const Json& quantiles = list_at(evidence_of(facts), {"residuals", "quantiles"});
  if (quantiles.size() != 5) return std::nullopt;
  const auto quarter = number_at(quantiles[1], {});
  const auto middle = number_at(quantiles[2], {});
  const auto three_quarters = number_at(quantiles[3], {});
  if (!quarter || !middle || !three_quarters) return std::nullopt;
  if (*quarter <= 0 && *three_quarters >= 0) return std::nullopt;
  return fmt::format(
      "More than three in four predictions are too {}: the one in the middle by {}. A few large "
      "errors the other way make up for it.",
      *quarter > 0 ? "high" : "low",
      number_text(std::abs(*middle)));
}

Caution uncovered(const ReportFacts& facts) {
  const auto coverage = coverage_of(facts);
  if (!coverage || !coverage->is_low) return std::nullopt;
  return fmt::format(
      "The intervals hold less than they promise: {} of the test rows instead of {}, which is more "
      "than chance explains. Take them wider.",
      share_text(coverage->share),
      share_text(coverage->level));
}

Caution uncalibrated(const ReportFacts& facts) {
  const auto error = number_at(evidence_of(facts), {"calibration", "error"});
  if (!error || *error <= kPoorCalibration) return std::nullopt;
  return fmt::format(
      "The chances it states are off by {} on average: do not take them at their word.",
      points_text(*error));
}

Caution tied(const ReportFacts& facts) {
  const auto candidates = candidates_of(facts);
  std::vector<std::uint64_t> tying;
  std::uint64_t single = 0;
  for (const Candidate& one : candidates) {
    if (!one.trial) continue;
    ++single;
    if (one.ties) tying.push_back(*one.trial);
  }
  if (tying.empty() || single < 2) return std::nullopt;
  return fmt::format(
      "Which model is best is partly chance: {} of {} single models {} within chance of the best "
      "({}).",
      tying.size(),
      single,
      tying.size() == 1 ? "is" : "are",
      trials_text(tying));
}

/// Asked to be readable, and is not.
Caution unreadable(const ReportFacts& facts) {
  if (!flag_at(facts.study, {"constraints", "interpretable"})) return std::nullopt;
  const std::string family = text_at(facts.study, {"best", "params", "family"});
  const bool can_be_read = family == "baseline" || family == "linear" || family == "xgboost";
  if (can_be_read && !is_bag(facts)) return std::nullopt;
  return "The model was to be interpretable, but what was asked for besides made it a network or a "
         "bag: leave families, search_space and final out.";
}

/// Larger than was asked for.
Caution too_large(const ReportFacts& facts) {
  const auto asked = number_at(facts.study, {"constraints", "model_mb"});
  const auto measured = number_at(facts.study, {"result", "cost", "bytes"});
  const auto bytes = measured ? measured : number_at(facts.study, {"result", "model", "bytes"});
  if (!asked || !bytes || *bytes <= *asked * 1e6) return std::nullopt;
  return fmt::format(
      "The model's file is {} MB, and {} MB was asked for: try again with fewer families, or with "
      "a search space of smaller models.",
      number_text(*bytes / 1e6),
      number_text(*asked));
}

/// Slower than was asked for.
Caution too_slow(const ReportFacts& facts) {
  const auto asked = number_at(facts.study, {"constraints", "predict_ms"});
  const auto measured = number_at(facts.study, {"result", "cost", "predict_ms"});
  if (!asked || !measured || *measured <= *asked) return std::nullopt;
  return fmt::format(
      "An answer takes {}, and {} were asked for: try again with fewer families, with a search "
      "space of smaller models, or with more trials.",
      milliseconds_text(measured),
      milliseconds_text(asked));
}

Caution failed(const ReportFacts& facts) {
  const std::uint64_t count = count_at(facts.study, {"trials", "failed"}).value_or(0);
  const std::uint64_t requested = count_at(facts.study, {"trials", "requested"}).value_or(0);
  if (count == 0) return std::nullopt;
  return fmt::format("{} of {} failed; why is told with the search.",
                     count_text(count),
                     count_text(std::max(count, requested), "trial"));
}

Caution ended_early(const ReportFacts& facts) {
  const std::string reason = text_at(facts.study, {"stop_reason"});
  if (reason.empty()) return std::nullopt;
  return fmt::format("The search did not run to its end: {}.",
                     shortened_text(reason, kSentenceMax));
}

Caution dropped(const ReportFacts& facts) {
  const auto rows = count_at(facts.study, {"result", "rows", "dropped"});
  if (!rows || *rows == 0) return std::nullopt;
  return fmt::format(
      "{} {} left out: without a target, of a class that is too rare, or in no part "
      "of the split.",
      count_text(*rows, "row"),
      *rows == 1 ? "was" : "were");
}

/// What uploading the table found.
void add_profile_warnings(const ReportFacts& facts, std::vector<std::string>& cautions) {
  const Json& warnings = list_at(facts.dataset, {"warnings"});
  std::size_t shown = 0;
  for (const Json& warning : warnings) {
    const std::string sentence = text_at(warning, {});
    if (sentence.empty() || shown == kProfileWarningsShown) continue;
    cautions.push_back(fmt::format("The table: {}.", shortened_text(sentence, kSentenceMax)));
    ++shown;
  }
  if (warnings.size() > shown) {
    cautions.push_back(fmt::format("The table: {} more {} below, with the data.",
                                   count_text(warnings.size() - shown),
                                   warnings.size() - shown == 1 ? "remark" : "remarks"));
  }
}

}  // namespace

std::vector<std::string> cautions_of(const ReportFacts& facts) {
  std::vector<std::string> cautions;
  for (const auto find : {&no_better,
                          &unmeasured,
                          &told_by_others,
                          &too_good,
                          &overfitted,
                          &often_looked_at,
                          &few_rows,
                          &dominated,
                          &imbalanced,
                          &one_sided,
                          &uncovered,
                          &uncalibrated,
                          &tied,
                          &too_large,
                          &too_slow,
                          &unreadable,
                          &failed,
                          &ended_early,
                          &dropped}) {
    if (const Caution caution = find(facts)) cautions.push_back(*caution);
  }
  add_profile_warnings(facts, cautions);
  return cautions;
}

}  // namespace starling::web
