// The search: how it went, by kind of model, and its best trials.
#include "web/report/findings.h"
#include "web/report/html_text.h"
#include "web/report/metric_words.h"
#include "web/report/number_text.h"
#include "web/report/report_pictures.h"
#include "web/report/section_parts.h"
#include "web/report/sentence_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace starling::web {

namespace {

constexpr std::size_t kTrialsShown = 10;
constexpr std::size_t kFamiliesMax = 50;
constexpr std::size_t kErrorsShown = 3;
constexpr std::size_t kDecisionsShown = 32;
constexpr std::size_t kErrorMax = 300;

/// "24 trials asked for: 20 completed, 3 pruned and 1 failed."
std::string counts_sentence(const ReportFacts& facts) {
  const Json& counts = part_at(facts.study, {"trials"});
  std::vector<std::string> parts;
  for (const char* state : {"completed",
                            "pruned",
                            "failed",
                            "infeasible",
                            "cancelled",
                            "running",
                            "queued",
                            "waiting"}) {
    const std::uint64_t count = count_at(counts, {state}).value_or(0);
    if (count > 0) parts.push_back(fmt::format("{} {}", count_text(count), state));
  }
  const auto requested = count_at(counts, {"requested"});
  if (!requested || parts.empty()) return "";
  return fmt::format("{} asked for: {}.", count_text(*requested, "trial"), joined(parts));
}

std::vector<const Json*> families_by_score(const ReportFacts& facts) {
  std::vector<const Json*> families;
  for (const Json& family : list_at(facts.report, {"families"}))
    families.push_back(&family);
  std::ranges::stable_sort(families, [&](const Json* one, const Json* other) {
    const auto value = number_at(*one, {"best", "value"});
    const auto other_value = number_at(*other, {"best", "value"});
    if (!value || !other_value) return value.has_value() && !other_value.has_value();
    return is_better(facts, *value, *other_value);
  });
  if (families.size() > kFamiliesMax) families.resize(kFamiliesMax);
  return families;
}

void write_families(const ReportFacts& facts, HtmlWriter& html) {
  html.add("h3", "By kind of model");
  const auto families = families_by_score(facts);
  if (families.empty()) {
    write_absent(html, "Left out: the report could not be read.");
    return;
  }
  const ReportTable table{html,
                          "Kinds of models",
                          {"Kind",
                           fmt::format("#Best {}", label_within(metric_of(facts))),
                           "#By trial",
                           "#Trials",
                           "#Completed",
                           "#Training"}};
  const auto body = html.open("tbody");
  for (const Json* family : families) {
    const auto row = html.open("tr");
    const std::string name = text_at(*family, {"family"});
    const auto number = count_at(*family, {"best", "number"});
    write_row_name(html, name.empty() ? "trials" : name, family_words(name));
    write_number(html, score_text(number_at(*family, {"best", "value"})));
    write_number(html, number ? count_text(*number) : "–");
    write_number(html, count_text(count_at(*family, {"trials"}).value_or(0)));
    write_number(html, count_text(count_at(*family, {"completed"}).value_or(0)));
    write_number(html, seconds_text(number_at(*family, {"seconds"})));
  }
}

void write_trial(const ReportFacts& facts, const Json& trial, HtmlWriter& html) {
  const auto row = html.open("tr");
  const auto best_epoch = count_at(trial, {"best_epoch"});
  const auto epochs = count_at(trial, {"epochs"});
  write_row_name(html,
                 count_text(count_at(trial, {"number"}).value_or(0)),
                 shortened_text(family_of(facts, trial), kCellTextMax));
  write_number(html, score_text(number_at(trial, {"value"})));
  {
    const auto cell = html.open("td", {{"class", "params"}});
    write_params(part_at(trial, {"params"}), html);
  }
  write_number(html, best_epoch && epochs ? fmt::format("{} of {}", *best_epoch, *epochs) : "–");
  write_number(html, seconds_text(number_at(trial, {"seconds"})));
  write_number(html, megabytes_text(number_at(trial, {"peak_mb"})));
  write_cell(html, shortened_text(text_at(trial, {"node_name"}), kCellTextMax));
}

void write_best_trials(const ReportFacts& facts, std::vector<TrialMark> marks, HtmlWriter& html) {
  std::ranges::stable_sort(marks, [&](const TrialMark& one, const TrialMark& other) {
    if (one.violation != other.violation) return one.violation < other.violation;
    return is_better(facts, one.value, other.value);
  });
  if (marks.size() > kTrialsShown) marks.resize(kTrialsShown);
  html.add("h3", fmt::format("The best {}", marks.size() == 1 ? "trial" : "trials"));
  const ReportTable table{html,
                          "Best trials",
                          {"Trial",
                           fmt::format("#{}", metric_words(metric_of(facts)).label),
                           "Parameters",
                           "#Best epoch",
                           "#Training",
                           "#Memory",
                           "Node"}};
  const auto body = html.open("tbody");
  for (const TrialMark& mark : marks)
    write_trial(facts, trial_at(facts, mark.number), html);
}

/// What nobody asked for in so many words.
void write_decisions(const ReportFacts& facts, HtmlWriter& html) {
  const Json& decisions = list_at(facts.study, {"decisions"});
  if (decisions.empty()) return;
  html.add("h3", "What was decided, and why");
  const ReportTable table{html, "Decisions", {"What", "Choice", "Why"}};
  const auto body = html.open("tbody");
  for (std::size_t i = 0; i < std::min(decisions.size(), kDecisionsShown); ++i) {
    const Json& decision = decisions[i];
    const auto row = html.open("tr");
    write_row_name(html, shortened_text(text_at(decision, {"what"}), kCellTextMax));
    write_cell(html, shortened_text(text_at(decision, {"choice"}), kErrorMax));
    write_cell(html, shortened_text(text_at(decision, {"reason"}), kErrorMax));
  }
}

struct ErrorCount {
  std::string error;
  std::uint64_t trials = 0;
};

/// Of trials without a result: what was said, the most frequent first.
std::vector<ErrorCount> errors_of(const ReportFacts& facts) {
  std::vector<ErrorCount> errors;
  for (const Json& trial : list_at(facts.trials, {})) {
    const std::string state = text_at(trial, {"state"});
    const std::string error = shortened_text(text_at(trial, {"error"}), kErrorMax);
    if (error.empty() || (state != "failed" && state != "infeasible")) continue;
    const auto known = std::ranges::find(errors, error, &ErrorCount::error);
    if (known == errors.end()) {
      errors.push_back({error, 1});
    } else {
      ++known->trials;
    }
  }
  std::ranges::stable_sort(errors, std::ranges::greater{}, &ErrorCount::trials);
  return errors;
}

void write_errors(const ReportFacts& facts, HtmlWriter& html) {
  const auto errors = errors_of(facts);
  if (errors.empty()) return;
  html.add("h3", "What went wrong");
  const auto list = html.open("ul");
  for (std::size_t i = 0; i < std::min(errors.size(), kErrorsShown); ++i) {
    const auto item = html.open("li");
    html.text(fmt::format("{}: {}", count_text(errors[i].trials, "trial"), errors[i].error));
  }
  if (errors.size() > kErrorsShown)
    html.add("li", fmt::format("and {} of other kinds", errors.size() - kErrorsShown));
}

}  // namespace

void write_search(const ReportFacts& facts, HtmlWriter& html) {
  const auto section = open_section(html, kSearch);
  const std::string counts = counts_sentence(facts);
  if (!counts.empty()) html.add("p", counts);
  write_decisions(facts, html);
  const auto marks = trial_marks(facts);
  if (marks.empty()) {
    write_absent(html, "The course of the search is left out: no trial with a result is known.");
  } else {
    draw_search(facts, marks, html);
  }
  write_families(facts, html);
  if (!marks.empty()) write_best_trials(facts, marks, html);
  draw_curves(facts, html);
  write_errors(facts, html);
}

}  // namespace starling::web
