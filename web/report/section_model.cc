// The final model: of what it is made, and how its candidates stand beside each other.
#include "web/report/findings.h"
#include "web/report/html_text.h"
#include "web/report/metric_words.h"
#include "web/report/number_text.h"
#include "web/report/report_pictures.h"
#include "web/report/section_parts.h"
#include "web/report/sentence_parts.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::web {

namespace {

constexpr std::size_t kCandidatesMax = 60;

std::string made_of(const ReportFacts& facts) {
  const Json& bag = part_at(evidence_of(facts), {"bag"});
  const auto folds = count_at(bag, {"folds"});
  const auto models = count_at(bag, {"models"});
  if (folds && models) {
    return fmt::format(
        "A bag of {}: each trial with a weight was trained {} times, without another "
        "part of the rows each time; what they say is blended by weight.",
        count_text(*models, "model"),
        *folds);
  }
  const std::string how = text_at(facts.study, {"final_model"});
  const auto best = count_at(facts.study, {"best", "number"});
  const std::string trial = best ? fmt::format("trial {}", *best) : "the best trial";
  if (how == "refit_all")
    return fmt::format("The parameters of {}, trained once more on all rows.", trial);
  if (how == "bag" && !is_bag(facts)) {
    return fmt::format(
        "No bag could be made, or none within the limits: the parameters of {}, trained once more "
        "on the rows that trained and validated.",
        trial);
  }
  if (how == "refit") {
    return fmt::format(
        "The parameters of {}, trained once more on the rows that trained and "
        "validated.",
        trial);
  }
  return "A bag: the best trials, each trained on all folds but one in turn, blended by weight.";
}

/// `It says "yes" from a chance of 12 % on.`, or of more classes what is said sooner.
std::string rule_sentence(const ReportFacts& facts) {
  const Json& evidence = evidence_of(facts);
  auto threshold = number_at(evidence, {"rule", "threshold"});
  if (!threshold) threshold = number_at(evidence, {"bag", "threshold"});  // an earlier report
  const bool is_binary = text_at(facts.study, {"task"}) == "binary";
  if (threshold && is_binary)
    return fmt::format(
        "It says {} from a chance of {} on.", second_class(facts), share_text(*threshold));
  const Json& factors = list_at(evidence, {"rule", "class_factors"});
  if (factors.empty()) return "";
  std::vector<double> counts;
  for (const Json& one : factors)
    counts.push_back(number_at(one, {}).value_or(0));
  const auto [least, most] = std::ranges::minmax_element(counts);
  if (!(*least > 0)) return "";
  const Json& classes = list_at(evidence, {"classes"});
  const auto name_of = [&](auto count) {
    const auto k = static_cast<std::size_t>(count - counts.begin());
    return k < classes.size() ? in_quotes(text_at(classes[k], {})) : fmt::format("class {}", k);
  };
  return fmt::format(
      "What it says is not always the likeliest class: a chance of {} counts {} times as much as "
      "one of {}.",
      name_of(most),
      number_text(*most / *least),
      name_of(least));
}

/// What was fitted after the models were.
void write_finish(const ReportFacts& facts, HtmlWriter& html) {
  if (is_regression(facts)) return;
  std::string text;
  const auto temperature = number_at(evidence_of(facts), {"bag", "temperature"});
  if (temperature)
    text = fmt::format("Its chances were calibrated with a temperature of {}. ",
                       number_text(*temperature));
  text += rule_sentence(facts);
  if (!text.empty()) html.add("p", text);
}

/// The best score on held-out rows; `axis` becomes just wide enough for all.
double best_on(const ReportFacts& facts, const std::vector<Candidate>& candidates, Axis& axis) {
  std::vector<double> values;
  for (const Candidate& one : candidates) {
    for (const auto& value : {one.low, one.validation, one.high}) {
      if (value) values.push_back(*value);
    }
  }
  axis = axis_around(values, "");
  double best = is_maximized(facts) ? axis.low : axis.high;
  for (const Candidate& one : candidates) {
    if (one.validation && is_better(facts, *one.validation, best)) best = *one.validation;
  }
  return best;
}

std::string remarks_of(const Candidate& candidate) {
  std::vector<std::string> remarks;
  if (candidate.ties) remarks.emplace_back("ties with the best");
  if (candidate.smallest) remarks.emplace_back("smallest that is as good");
  return joined(remarks);
}

std::string family_text(const ReportFacts& facts, const Candidate& candidate) {
  if (!candidate.trial) return "";
  const Json& trial = trial_at(facts, *candidate.trial);
  return trial.is_null() ? std::string{} : shortened_text(family_of(facts, trial), kCellTextMax);
}

void write_candidate(const ReportFacts& facts,
                     const Candidate& candidate,
                     double best,
                     const Axis& axis,
                     HtmlWriter& html) {
  const bool has_weight = candidate.weight.value_or(0) > 0;
  const auto row = html.open("tr", {{"class", has_weight ? "" : "faded"}});
  write_row_name(html, name_of(candidate), family_text(facts, candidate));
  write_number(html, candidate.trial ? share_text(candidate.weight) : "");
  const bool has_range = candidate.low && candidate.high && *candidate.low < *candidate.high;
  write_number(html,
               score_text(candidate.validation),
               has_range && candidate.validation
                   ? range_text(*candidate.validation, *candidate.low, *candidate.high)
                   : std::string{});
  {
    const auto cell = html.open("td", {{"class", "whisker-cell"}});
    if (candidate.validation)
      draw_whisker({*candidate.validation, candidate.low, candidate.high}, best, axis, html);
  }
  write_number(html, score_text(candidate.test));
  write_number(html, bytes_text(candidate.bytes));
  write_number(html, milliseconds_text(candidate.predict_ms));
  write_cell(html, remarks_of(candidate));
}

void write_candidates(const ReportFacts& facts, HtmlWriter& html) {
  const auto candidates = candidates_of(facts);
  const std::string label = metric_words(metric_of(facts)).label;
  Axis axis;
  const double best = best_on(facts, candidates, axis);
  {
    const ReportTable table{html,
                            "Candidates",
                            {"Model",
                             "#Weight",
                             fmt::format("#{} on held-out rows", label),
                             "Range of 19 in 20 samples",
                             fmt::format("#{} on test rows", label),
                             "#Size",
                             "#An answer",
                             "Standing"}};
    const auto body = html.open("tbody");
    for (std::size_t i = 0; i < std::min(candidates.size(), kCandidatesMax); ++i)
      write_candidate(facts, candidates[i], best, axis, html);
  }
  write_hint(
      html,
      "Held-out rows: each model was judged on the folds that it did not learn from. The "
      "weights were chosen on the same rows, so that all blended look a little better there "
      "than they are; the test rows decided nothing. What ties differs from the best by no "
      "more than chance; the smallest that is as good lies within one standard error of it.");
}

/// What those pay who use it; empty if nothing is known.
std::string cost_text(const ReportFacts& facts) {
  const auto bytes = number_at(facts.study, {"result", "model", "bytes"});
  const auto answer = number_at(facts.study, {"result", "cost", "predict_ms"});
  if (!bytes && !answer) return "";
  std::string text = bytes ? fmt::format("Its file has {}", bytes_text(bytes)) : "";
  if (answer) {
    text += fmt::format(
        "{}answer for one row takes {} on one core of the node that made it, "
        "without network and reading",
        bytes ? "; an " : "An ",
        milliseconds_text(answer));
  }
  return text + ".";
}

/// What is known of it without a bag.
void write_winner(const ReportFacts& facts, HtmlWriter& html) {
  const auto best = count_at(facts.study, {"best", "number"});
  if (!best) return;
  const Json& trial = trial_at(facts, *best);
  const Json& params =
      trial.is_null() ? part_at(facts.study, {"best", "params"}) : part_at(trial, {"params"});
  const std::string family = text_at(params, {"family"});
  const auto paragraph = html.open("p", {{"class", "params"}});
  html.add("strong", fmt::format("Trial {}", *best));
  if (!family.empty()) {
    html.text(fmt::format(
        ", {}{}",
        shortened_text(family, kNameMax),
        family_words(family).empty() ? std::string{} : fmt::format(" ({})", family_words(family))));
  }
  html.text(": ");
  write_params(params, html);
}

}  // namespace

void write_model(const ReportFacts& facts, HtmlWriter& html) {
  const auto section = open_section(html, kModel);
  if (!part_at(facts.study, {"result"}).is_object()) {
    write_absent(html, "Left out: the study has no final model.");
    return;
  }
  html.add("p", made_of(facts));
  write_finish(facts, html);
  if (const std::string cost = cost_text(facts); !cost.empty()) html.add("p", cost);
  if (!candidates_of(facts).empty()) {
    write_candidates(facts, html);
    return;
  }
  if (is_bag(facts)) {
    write_absent(html,
                 "Its candidates are left out: the report could not be read, or the model's file "
                 "holds none.");
  }
  write_winner(facts, html);
}

}  // namespace starling::web
