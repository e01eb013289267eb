#include "web/report/report_pictures.h"

#include "web/report/findings.h"
#include "web/report/metric_words.h"
#include "web/report/number_text.h"
#include "web/report/sentence_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace starling::web {

namespace {

constexpr std::size_t kPointsMax = 400;
constexpr std::size_t kBinsMax = 100;
constexpr double kDrawnMax = 1e150;  // beyond, a difference might be no number

/// Pairs of numbers that can be drawn.
std::vector<PlotPoint> points_in(const Json& list) {
  std::vector<PlotPoint> points;
  for (const Json& pair : list) {
    if (!pair.is_array() || pair.size() != 2 || points.size() == kPointsMax) continue;
    const auto x = number_at(pair[0], {});
    const auto y = number_at(pair[1], {});
    if (!x || !y || std::abs(*x) > kDrawnMax || std::abs(*y) > kDrawnMax) continue;
    points.emplace_back(*x, *y);
  }
  return points;
}

Axis share_axis(std::string title) {
  return {.low = 0, .high = 1, .title = std::move(title), .is_share = true};
}

/// With air at its ends, and from 0 on where that is near.
Axis roomy(Axis axis) {
  if (axis.low > 0 && axis.low < 0.25 * axis.high) axis.low = 0;
  const double air = 0.03 * (axis.high - axis.low);
  if (axis.low != 0) axis.low -= air;
  axis.high += air;
  return axis;
}

/// Where on the curves the model says the second class.
struct SaidAt {
  double false_positives = 0, recall = 0, precision = 0, share = 0;
};

std::optional<SaidAt> said_at(const ReportFacts& facts) {
  const auto classes = class_counts(facts);
  if (classes.size() != 2 || classes[0].rows == 0 || classes[1].rows == 0) return std::nullopt;
  const auto part = [](std::uint64_t one, std::uint64_t all) {
    return all == 0 ? 0 : static_cast<double>(one) / static_cast<double>(all);
  };
  const std::uint64_t wrong = classes[0].rows - std::min(classes[0].hits, classes[0].rows);
  return SaidAt{part(wrong, classes[0].rows),
                part(classes[1].hits, classes[1].rows),
                part(classes[1].hits, classes[1].said),
                part(classes[1].rows, classes[0].rows + classes[1].rows)};
}

std::string score_note(const ReportFacts& facts, const char* metric) {
  const auto score = test_score(facts, metric);
  return score ? fmt::format("{} {}. ", metric_words(metric).label, score_text(score->value))
               : std::string{};
}

void caption(HtmlWriter& html, std::string_view title) {
  html.add("figcaption", title);
}

void note(HtmlWriter& html, std::string_view text) {
  html.add("p", {{"class", "hint"}}, text);
}

/// One share against another, both from 0 to 1.
struct ShareCurve {
  std::string description;
  const char* across = "";
  const char* upward = "";
  PlotPoint guess_from{0, 0};
  std::optional<PlotPoint> guess_to;  ///< without it no line of guessing is drawn
  std::optional<PlotPoint> decided;   ///< where the model decides
};

void draw_shares(const ShareCurve& curve, const std::vector<PlotPoint>& points, HtmlWriter& html) {
  Plot plot{html, curve.description, {}, share_axis(curve.across), share_axis(curve.upward)};
  if (curve.guess_to) plot.segment(curve.guess_from, *curve.guess_to, "diagonal");
  plot.line(points, "curve");
  if (curve.decided) plot.dot(*curve.decided, 5, "decided");
}

}  // namespace

void draw_said_against_true(const ReportFacts& facts, HtmlWriter& html) {
  const auto points = points_in(list_at(evidence_of(facts), {"points"}));
  if (points.empty()) return;
  std::vector<double> all;
  for (const auto& [truth, said] : points)
    all.insert(all.end(), {truth, said});
  const auto figure = html.open("figure");
  caption(html, "Said against true");
  const Axis axis = roomy(axis_around(all, "true"));
  Axis upward = axis;
  upward.title = "said";
  {
    Plot plot{html,
              fmt::format("Scatter of {}: what was said against what was true, both from {} to {}",
                          count_text(points.size(), "test row"),
                          number_text(axis.low),
                          number_text(axis.high)),
              {},
              axis,
              upward};
    plot.segment({axis.low, axis.low}, {axis.high, axis.high}, "diagonal");
    for (const PlotPoint& point : points)
      plot.dot(point, 2.6, "dot");
  }
  note(html,
       fmt::format("{}. On the dashed line a prediction is right; above it, it is too high.",
                   capital(count_text(points.size(), "test row"))));
}

void draw_residuals(const ReportFacts& facts, HtmlWriter& html) {
  const Json& residuals = part_at(evidence_of(facts), {"residuals"});
  const auto from = number_at(residuals, {"from"});
  const auto to = number_at(residuals, {"to"});
  const Json& counts = list_at(residuals, {"counts"});
  if (!from || !to || !(*from < *to) || counts.empty() || counts.size() > kBinsMax) return;
  if (std::abs(*from) > kDrawnMax || std::abs(*to) > kDrawnMax) return;
  double most = 1;
  for (const Json& count : counts)
    most = std::max(most, number_at(count, {}).value_or(0));
  const auto figure = html.open("figure");
  caption(html, "Residuals: how far off");
  {
    Plot plot{html,
              fmt::format("Histogram of the errors, said minus true, from {} to {}",
                          number_text(*from),
                          number_text(*to)),
              {},
              {.low = *from, .high = *to, .title = "said minus true"},
              {.low = 0, .high = most, .title = "test rows", .is_whole = true}};
    const double width = (*to - *from) / static_cast<double>(counts.size());
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const double low = *from + width * static_cast<double>(i);
      const double count = number_at(counts[i], {}).value_or(0);
      if (count > 0) plot.bar(low, low + width, count, "bin");
    }
    if (*from < 0 && *to > 0) plot.segment({0, 0}, {0, most}, "diagonal");
  }
  const Json& quantiles = list_at(residuals, {"quantiles"});
  if (quantiles.size() != 5) return;
  const auto at = [&](std::size_t i) { return number_text(number_at(quantiles[i], {})); };
  note(html,
       fmt::format("Half of all errors lie between {} and {}, nine in ten between {} and {}; the "
                   "one in the middle is {}.",
                   at(1),
                   at(3),
                   at(0),
                   at(4),
                   at(2)));
}

void draw_roc(const ReportFacts& facts, HtmlWriter& html) {
  const auto points = points_in(list_at(evidence_of(facts), {"roc"}));
  if (points.empty()) return;
  const auto figure = html.open("figure");
  caption(html, "ROC: found against false alarms");
  const auto said = said_at(facts);
  ShareCurve curve;
  curve.description = fmt::format("ROC curve of {}: share found against share of false alarms",
                                  second_class(facts));
  curve.across = "false alarms among the others";
  curve.upward = "found of the class (recall)";
  curve.guess_to = PlotPoint{1, 1};
  if (said) curve.decided = PlotPoint{said->false_positives, said->recall};
  draw_shares(curve, points, html);
  note(html,
       fmt::format("{}The further to the upper left the better; the dashed line is guessing.{}",
                   score_note(facts, "roc_auc"),
                   said ? " The large dot is where the model decides." : ""));
}

void draw_precision(const ReportFacts& facts, HtmlWriter& html) {
  const auto points = points_in(list_at(evidence_of(facts), {"pr"}));
  if (points.empty()) return;
  const auto figure = html.open("figure");
  caption(html, "Precision-recall: right when named");
  const auto said = said_at(facts);
  ShareCurve curve;
  curve.description =
      fmt::format("Precision-recall curve of {}: share right of those named against share found",
                  second_class(facts));
  curve.across = "found of the class (recall)";
  curve.upward = "right when named (precision)";
  if (said) {
    curve.guess_from = {0, said->share};
    curve.guess_to = PlotPoint{1, said->share};
    curve.decided = PlotPoint{said->recall, said->precision};
  }
  draw_shares(curve, points, html);
  note(html,
       fmt::format("{}{}",
                   score_note(facts, "pr_auc"),
                   said ? fmt::format("The dashed line is guessing: {} of the test rows are of "
                                      "the class.",
                                      share_text(said->share))
                        : std::string{}));
}

void draw_calibration(const ReportFacts& facts, HtmlWriter& html) {
  struct Bin {
    PlotPoint at;
    double rows;
  };

  std::vector<Bin> bins;
  double most = 1;
  for (const Json& bin : list_at(evidence_of(facts), {"calibration", "bins"})) {
    const auto said = number_at(bin, {"said"});
    const auto hits = number_at(bin, {"hits"});
    const double rows = std::max(0.0, number_at(bin, {"rows"}).value_or(0));
    if (!said || !hits || bins.size() == kBinsMax) continue;
    bins.push_back({{*said, *hits}, rows});
    most = std::max(most, rows);
  }
  if (bins.empty()) return;
  const auto figure = html.open("figure");
  caption(html, "Calibration: do chances come true");
  {
    Plot plot{html,
              "Calibration: how often what was said came true, against the chance that was said",
              {},
              share_axis("chance that was said"),
              share_axis("came true")};
    plot.segment({0, 0}, {1, 1}, "diagonal");
    for (const Bin& bin : bins)
      plot.dot(bin.at, 2.5 + 7.5 * std::sqrt(bin.rows / most), "dot");
  }
  const auto error = number_at(evidence_of(facts), {"calibration", "error"});
  note(html,
       fmt::format(
           "{}On the dashed line chances are right; larger dots stand for more rows.",
           error ? fmt::format("Off by {} on average. ", points_text(*error)) : std::string{}));
}

void draw_bar(double mean, double spread, double most, HtmlWriter& html) {
  const auto place = [most](double value) {
    return most > 0 ? std::clamp(100 * value / most, 0.0, 100.0) : 0.0;
  };
  const auto svg = html.open("svg",
                             {{"class", "bar"},
                              {"viewBox", "0 0 100 14"},
                              {"preserveAspectRatio", "none"},
                              {"aria-hidden", "true"}});
  html.add_shape("rect",
                 {{"class", mean > spread ? "length" : "length weak"},
                  {"y", "2"},
                  {"width", fmt::format("{:.1f}", place(mean))},
                  {"height", "10"}});
  if (spread > 0) {
    html.add_shape("line",
                   {{"class", "spread"},
                    {"x1", fmt::format("{:.1f}", place(mean - spread))},
                    {"x2", fmt::format("{:.1f}", place(mean + spread))},
                    {"y1", "7"},
                    {"y2", "7"}});
  }
}

void draw_effect(double effect, double most, HtmlWriter& html) {
  const double length = most > 0 ? std::clamp(50 * std::abs(effect) / most, 0.0, 50.0) : 0.0;
  const auto svg = html.open("svg",
                             {{"class", "bar"},
                              {"viewBox", "0 0 100 14"},
                              {"preserveAspectRatio", "none"},
                              {"aria-hidden", "true"}});
  html.add_shape("rect",
                 {{"class", effect < 0 ? "length lowers" : "length"},
                  {"x", fmt::format("{:.1f}", effect < 0 ? 50 - length : 50.0)},
                  {"y", "2"},
                  {"width", fmt::format("{:.1f}", length)},
                  {"height", "10"}});
  html.add_shape("line",
                 {{"class", "spread"}, {"x1", "50"}, {"x2", "50"}, {"y1", "0"}, {"y2", "14"}});
}

void draw_whisker(const Whisker& whisker, double best, const Axis& axis, HtmlWriter& html) {
  const auto place = [&](double value) {
    const double span = axis.high - axis.low;
    const double part = span > 0 ? (value - axis.low) / span : 0.5;
    return fmt::format("{:.1f}", 6 + 148 * std::clamp(part, 0.0, 1.0));
  };
  const auto upright = [&](double at, const char* style) {
    html.add_shape(
        "line",
        {{"class", style}, {"x1", place(at)}, {"x2", place(at)}, {"y1", "1"}, {"y2", "15"}});
  };
  const auto svg =
      html.open("svg", {{"class", "whisker"}, {"viewBox", "0 0 160 16"}, {"aria-hidden", "true"}});
  upright(best, "best");
  if (whisker.low && whisker.high) {
    html.add_shape("line",
                   {{"class", "range"},
                    {"x1", place(*whisker.low)},
                    {"x2", place(*whisker.high)},
                    {"y1", "8"},
                    {"y2", "8"}});
  }
  html.add_shape("circle", {{"cx", place(whisker.value)}, {"cy", "8"}, {"r", "4"}});
}

}  // namespace starling::web
