#include "web/report/plot.h"

#include "web/report/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace starling::web {

namespace {

constexpr double kLetterWidth = 6.6;  // of a digit, at the size of the axes' texts
constexpr double kBesideUpward = 26;  // its title
constexpr double kBelow = 44;
constexpr int kStepsMax = 12;

std::string place(double value) {
  std::string text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

/// How many code points: all that labels hold are as wide as a digit.
std::size_t letters_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string step_label(const Axis& axis, double value) {
  return axis.is_share ? share_text(value) : number_text(value);
}

/// Never of no width, which nothing could be divided by.
void widen(Axis& axis) {
  if (axis.high > axis.low) return;
  const double size = std::max(std::abs(axis.low), 1e-6);
  axis.low -= 0.5 * size;
  axis.high += 0.5 * size;
}

double part_of(const Axis& axis, double value) {
  const double half = value / 2 - axis.low / 2;  // halves: the whole may be beyond all numbers
  return std::clamp(half / (axis.high / 2 - axis.low / 2), 0.0, 1.0);
}

std::vector<double> steps_of(const Axis& axis, int wanted) {
  std::vector<double> steps = round_steps(axis.low, axis.high, wanted);
  if (axis.is_whole) std::erase_if(steps, [](double step) { return step != std::floor(step); });
  return steps;
}

HtmlWriter::Element open_picture(HtmlWriter& html, std::string label, PlotSize size) {
  return html.open("svg",
                   {{"class", size.width > 400 ? "plot wide" : "plot"},
                    {"viewBox", fmt::format("0 0 {} {}", size.width, size.height)},
                    {"role", "img"},
                    {"aria-label", std::move(label)}});
}

}  // namespace

Axis axis_around(const std::vector<double>& values, std::string title) {
  Axis axis{.low = 0, .high = 1, .title = std::move(title)};
  if (values.empty()) return axis;
  const auto [low, high] = std::ranges::minmax(values);
  axis.low = low;
  axis.high = high;
  return axis;
}

std::vector<double> round_steps(double low, double high, int wanted) {
  const double span = high - low;
  std::vector<double> steps;
  if (!(span > 0) || !std::isfinite(span) || wanted < 1) return steps;
  const double rough = span / wanted;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double digit : {5.0, 2.0, 1.0}) {
    if (digit * power >= rough * 0.8) step = digit * power;
  }
  if (!(step > 0) || !std::isfinite(step)) return steps;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i < kStepsMax; ++i) {
    const double value = (first + i) * step;
    if (value > high + step * 1e-9) break;
    steps.push_back(std::abs(value) < step * 1e-9 ? 0 : value);
  }
  return steps;
}

Plot::Plot(HtmlWriter& html, std::string label, PlotSize size, Axis across, Axis upward)
    : html_(html),
      size_(size),
      across_(std::move(across)),
      upward_(std::move(upward)),
      svg_(open_picture(html, std::move(label), size)) {
  widen(across_);
  widen(upward_);
  std::size_t letters = 1;
  for (const double step : steps_of(upward_, 5))
    letters = std::max(letters, letters_of(step_label(upward_, step)));
  left_ = kBesideUpward + 8 + kLetterWidth * static_cast<double>(letters);
  right_ = size.width - 24;
  bottom_ = size.height - kBelow;
  draw_frame();
}

double Plot::x(double value) const {
  return left_ + part_of(across_, value) * (right_ - left_);
}

double Plot::y(double value) const {
  return bottom_ - part_of(upward_, value) * (bottom_ - top_);
}

void Plot::draw_frame() {
  html_.add_shape("rect",
                  {{"class", "frame"},
                   {"x", place(left_)},
                   {"y", place(top_)},
                   {"width", place(right_ - left_)},
                   {"height", place(bottom_ - top_)}});
  draw_across();
  draw_upward();
}

void Plot::draw_across() {
  const double wanted = (right_ - left_) / 75;
  for (const double step : steps_of(across_, std::clamp(static_cast<int>(wanted), 2, 8))) {
    segment({step, upward_.low}, {step, upward_.high}, "grid");
    html_.add("text",
              {{"class", "step"},
               {"x", place(x(step))},
               {"y", place(bottom_ + 16)},
               {"text-anchor", "middle"}},
              step_label(across_, step));
  }
  html_.add("text",
            {{"class", "axis"},
             {"x", place((left_ + right_) / 2)},
             {"y", place(bottom_ + 36)},
             {"text-anchor", "middle"}},
            across_.title);
}

void Plot::draw_upward() {
  for (const double step : steps_of(upward_, 5)) {
    segment({across_.low, step}, {across_.high, step}, "grid");
    html_.add("text",
              {{"class", "step"},
               {"x", place(left_ - 7)},
               {"y", place(y(step) + 4)},
               {"text-anchor", "end"}},
              step_label(upward_, step));
  }
  const std::string middle = place((top_ + bottom_) / 2);
  html_.add("text",
            {{"class", "axis"},
             {"x", "14"},
             {"y", middle},
             {"text-anchor", "middle"},
             {"transform", fmt::format("rotate(-90 14 {})", middle)}},
            upward_.title);
}

void Plot::line(const std::vector<PlotPoint>& points, std::string style) {
  std::string places;
  for (const auto& [across, upward] : points)
    places += fmt::format("{}{},{}", places.empty() ? "" : " ", place(x(across)), place(y(upward)));
  html_.add_shape("polyline", {{"class", std::move(style)}, {"points", places}});
}

void Plot::segment(PlotPoint from, PlotPoint to, std::string style) {
  html_.add_shape("line",
                  {{"class", std::move(style)},
                   {"x1", place(x(from.first))},
                   {"y1", place(y(from.second))},
                   {"x2", place(x(to.first))},
                   {"y2", place(y(to.second))}});
}

void Plot::dot(PlotPoint at, double radius, std::string style) {
  html_.add_shape("circle",
                  {{"class", std::move(style)},
                   {"cx", place(x(at.first))},
                   {"cy", place(y(at.second))},
                   {"r", place(radius)}});
}

void Plot::bar(double from, double to, double top, std::string style) {
  html_.add_shape("rect",
                  {{"class", std::move(style)},
                   {"x", place(x(from) + 0.5)},
                   {"y", place(y(top))},
                   {"width", place(std::max(0.5, x(to) - x(from) - 1))},
                   {"height", place(y(0) - y(top))}});
}

void Plot::mark(PlotPoint at, std::size_t form, std::string style) {
  html_.add_shape(
      "path", {{"class", std::move(style)}, {"d", mark_outline(x(at.first), y(at.second), form)}});
}

void Plot::mark_beyond(double at, bool is_above, std::string style) {
  const double edge = is_above ? top_ + 2 : bottom_ - 2;
  const double base = is_above ? edge + 7 : edge - 7;
  html_.add_shape("path",
                  {{"class", std::move(style)},
                   {"d",
                    fmt::format("M{} {}L{} {}L{} {}z",
                                place(x(at)),
                                place(edge),
                                place(x(at) - 4),
                                place(base),
                                place(x(at) + 4),
                                place(base))}});
}

std::string mark_outline(double x, double y, std::size_t form) {
  switch (form % kMarkForms) {
    case 0: return fmt::format("M{} {}a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", place(x - 4), place(y));
    case 1: return fmt::format("M{} {}h7v7h-7z", place(x - 3.5), place(y - 3.5));
    case 2: return fmt::format("M{} {}l4.6 8h-9.2z", place(x), place(y - 5));
    default: return fmt::format("M{} {}l5 5-5 5-5-5z", place(x), place(y - 5));
  }
}

}  // namespace starling::web
