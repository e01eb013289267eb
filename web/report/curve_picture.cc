// How the best trial of each kind of model learned: its score on the validation rows by epoch.
#include "web/report/findings.h"
#include "web/report/metric_words.h"
#include "web/report/report_pictures.h"
#include "web/report/sentence_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace starling::web {

namespace {

constexpr std::size_t kPointsMax = 300;
constexpr std::size_t kCurvesMax = 8;
constexpr double kDrawnMax = 1e150;

struct LearningCurve {
  std::string family;
  std::vector<PlotPoint> points = {};
  double best_epoch = 0;
};

std::vector<LearningCurve> curves_in(const ReportFacts& facts) {
  std::vector<LearningCurve> curves;
  for (const Json& trial : list_at(facts.trials, {})) {
    LearningCurve curve{.family = family_of(facts, trial)};
    curve.best_epoch = number_at(trial, {"best_epoch"}).value_or(0);
    for (const Json& point : list_at(trial, {"curve"})) {
      const auto epoch = number_at(point, {"epoch"});
      const auto value = number_at(point, {"value"});
      const bool is_drawn =
          epoch && value && std::abs(*epoch) <= kDrawnMax && std::abs(*value) <= kDrawnMax;
      if (is_drawn && curve.points.size() < kPointsMax) curve.points.emplace_back(*epoch, *value);
    }
    if (curve.points.size() > 1 && curves.size() < kCurvesMax) curves.push_back(std::move(curve));
  }
  return curves;
}

}  // namespace

void draw_curves(const ReportFacts& facts, HtmlWriter& html) {
  const auto curves = curves_in(facts);
  if (curves.empty()) return;
  html.add("h3", "How they learned");
  const auto pictures = html.open("div", {{"class", "pictures"}});
  for (const LearningCurve& curve : curves) {
    std::vector<double> values;
    std::vector<double> at{0};
    for (const auto& [epoch, value] : curve.points) {
      at.push_back(epoch);
      values.push_back(value);
    }
    Axis epochs = axis_around(at, "epoch");
    epochs.is_whole = true;
    const auto figure = html.open("figure");
    html.add("figcaption", fmt::format("The best trial of {}", curve.family));
    const Axis upward = axis_around(values, metric_words(metric_of(facts)).label);
    Plot plot{html,
              fmt::format("Learning curve of the best trial of {}: {} on validation rows by epoch",
                          curve.family,
                          label_within(metric_of(facts))),
              {.height = 220},
              epochs,
              upward};
    plot.line(curve.points, "curve");
    for (const PlotPoint& point : curve.points)
      if (point.first == curve.best_epoch) plot.dot(point, 4, "decided");
  }
}

}  // namespace starling::web
