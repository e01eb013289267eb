// The best so far over the trials: the one picture whose scale a few bad values must not decide.
#include "web/report/findings.h"
#include "web/report/html_text.h"
#include "web/report/metric_words.h"
#include "web/report/number_text.h"
#include "web/report/report_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace starling::web {

namespace {

constexpr std::size_t kMarksMax = 1000;
constexpr std::size_t kFamiliesMax = 8;
constexpr std::size_t kFamilyNameMax = 24;
constexpr double kDrawnMax = 1e150;
constexpr double kFence = 3;  // as many times the middle half's width beyond it are off the scale

/// In the order of their names, so that a family looks the same in every report of the four.
std::vector<std::string> families_of(const std::vector<TrialMark>& marks) {
  std::vector<std::string> families;
  for (const TrialMark& mark : marks) {
    if (std::ranges::find(families, mark.family) == families.end()) families.push_back(mark.family);
  }
  std::ranges::sort(families);
  return families;
}

std::size_t place_of(const std::vector<std::string>& families, const std::string& family) {
  const auto found = std::ranges::find(families, family);
  return std::min(static_cast<std::size_t>(found - families.begin()), kFamiliesMax - 1);
}

std::string style_of(std::size_t family) {
  return fmt::format("family-{}", family);
}

double at_share(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

/// All values, but for those far on the bad side.
Axis axis_of(const ReportFacts& facts, const std::vector<TrialMark>& marks) {
  std::vector<double> values;
  values.reserve(marks.size());
  for (const TrialMark& mark : marks)
    values.push_back(mark.value);
  std::ranges::sort(values);
  Axis axis = axis_around(values, metric_words(metric_of(facts)).label);
  const double low = at_share(values, 0.25);
  const double high = at_share(values, 0.75);
  const double fence = kFence * (high - low);
  if (fence > 0) {
    if (is_maximized(facts)) {
      axis.low = std::max(axis.low, low - fence);
    } else {
      axis.high = std::min(axis.high, high + fence);
    }
  }
  const double air = 0.05 * (axis.high - axis.low);
  axis.low -= air;
  axis.high += air;
  return axis;
}

std::vector<PlotPoint> best_so_far(const ReportFacts& facts, const std::vector<TrialMark>& marks) {
  std::vector<PlotPoint> steps;
  double best = marks.front().value;
  double violation = marks.front().violation;
  steps.emplace_back(static_cast<double>(marks.front().number), best);
  for (const TrialMark& mark : marks) {
    const bool keeps_better = mark.violation < violation;
    const bool is_next = mark.violation == violation && is_better(facts, mark.value, best);
    if (!keeps_better && !is_next) continue;
    violation = mark.violation;
    const auto at = static_cast<double>(mark.number);
    steps.emplace_back(at, best);
    best = mark.value;
    steps.emplace_back(at, best);
  }
  steps.emplace_back(static_cast<double>(marks.back().number), best);
  return steps;
}

void draw_marks(const std::vector<TrialMark>& marks,
                const std::vector<std::string>& families,
                const Axis& axis,
                Plot& plot) {
  const std::size_t step = (marks.size() - 1) / kMarksMax + 1;
  for (std::size_t i = 0; i < marks.size(); i += step) {
    const TrialMark& mark = marks[i];
    const std::size_t family = place_of(families, mark.family);
    const auto at = static_cast<double>(mark.number);
    if (mark.value > axis.high || mark.value < axis.low) {
      plot.mark_beyond(at, mark.value > axis.high, fmt::format("beyond beyond-{}", family));
    } else {
      plot.mark({at, mark.value}, family, "mark " + style_of(family));
    }
  }
}

void write_key(const std::vector<std::string>& families, HtmlWriter& html) {
  const auto list = html.open("ul", {{"class", "key"}});
  for (std::size_t i = 0; i < std::min(families.size(), kFamiliesMax); ++i) {
    const auto item = html.open("li");
    {
      const auto svg =
          html.open("svg", {{"class", "sign"}, {"viewBox", "0 0 12 12"}, {"aria-hidden", "true"}});
      html.add_shape("path", {{"class", "mark " + style_of(i)}, {"d", mark_outline(6, 6, i)}});
    }
    html.text(families[i].empty() ? "trials" : shortened_text(families[i], kFamilyNameMax));
  }
  const auto item = html.open("li");
  {
    const auto svg =
        html.open("svg", {{"class", "sign"}, {"viewBox", "0 0 12 12"}, {"aria-hidden", "true"}});
    html.add_shape("line",
                   {{"class", "curve"}, {"x1", "0"}, {"x2", "12"}, {"y1", "6"}, {"y2", "6"}});
  }
  html.text("best so far");
}

std::string hint_of(const ReportFacts& facts,
                    const std::vector<TrialMark>& marks,
                    const Axis& axis) {
  const bool is_outside = text_at(facts.study, {"task"}) == "outside";
  std::string text = is_outside
                         ? "Each mark is a trial"
                         : "Each mark is a trial, judged on the validation rows of the search";
  const auto beyond = std::ranges::count_if(marks, [&](const TrialMark& mark) {
    return mark.value > axis.high || mark.value < axis.low;
  });
  if (beyond > 0) {
    text += fmt::format("; {} beyond the scale {} shown at its edge as {}",
                        count_text(static_cast<std::uint64_t>(beyond), "trial"),
                        beyond == 1 ? "is" : "are",
                        beyond == 1 ? "a hollow triangle" : "hollow triangles");
  }
  return text + ".";
}

}  // namespace

std::string family_of(const ReportFacts& facts, const Json& trial) {
  std::string family = text_at(trial, {"params", "family"});
  if (!family.empty()) return family;
  return text_at(facts.study, {"task"}) == "outside" ? "" : "mlp";
}

std::vector<TrialMark> trial_marks(const ReportFacts& facts) {
  std::vector<TrialMark> marks;
  for (const Json& trial : list_at(facts.trials, {})) {
    const auto number = count_at(trial, {"number"});
    const auto value = number_at(trial, {"value"});
    if (!number || !value || std::abs(*value) > kDrawnMax) continue;
    if (text_at(trial, {"state"}) != "completed") continue;
    const double violation = number_at(trial, {"violation"}).value_or(0);
    marks.push_back({*number, *value, family_of(facts, trial), violation});
  }
  std::ranges::stable_sort(marks, {}, &TrialMark::number);
  return marks;
}

void draw_search(const ReportFacts& facts, const std::vector<TrialMark>& marks, HtmlWriter& html) {
  const auto families = families_of(marks);
  const Axis upward = axis_of(facts, marks);
  const auto steps = best_so_far(facts, marks);
  const auto figure = html.open("figure");
  html.add("figcaption", "The best so far, over the trials");
  {
    const auto box = html.open("div",
                               {{"class", "scroll"},
                                {"role", "region"},
                                {"tabindex", "0"},
                                {"aria-label", "The course of the search"}});
    Plot plot{html,
              fmt::format("{} by {}: the best so far went from {} to {}",
                          upward.title,
                          count_text(marks.size(), "trial"),
                          number_text(steps.front().second),
                          number_text(steps.back().second)),
              {720, 300},
              {.low = static_cast<double>(marks.front().number) - 0.5,
               .high = static_cast<double>(marks.back().number) + 0.5,
               .title = "trial",
               .is_whole = true},
              upward};
    plot.line(steps, "curve");
    draw_marks(marks, families, upward, plot);
  }
  write_key(families, html);
  html.add("p", {{"class", "hint"}}, hint_of(facts, marks, upward));
}

}  // namespace starling::web
