/// A picture with two axes, as SVG inside a page: round numbers along them, and what is drawn at
/// values instead of places. Colours come from the page's style, by class.
///
/// Threads: none. Pure.
#pragma once

#include "web/report/html_writer.h"

#include <string>
#include <utility>
#include <vector>

namespace starling::web {

/// From where to where an axis goes; any finite numbers, also equal ones.
struct Axis {
  double low = 0, high = 1;
  std::string title = {};
  bool is_share = false;  ///< written in percent
  bool is_whole = false;  ///< no fraction is written
};

/// Just wide enough for all; from 0 to 1 where there is none.
Axis axis_around(const std::vector<double>& values, std::string title);

/// Round numbers from low to high, about `wanted` of them.
std::vector<double> round_steps(double low, double high, int wanted);

struct PlotSize {
  int width = 340, height = 300;
};

using PlotPoint = std::pair<double, double>;

class Plot {
 public:
  /// `label` says in a sentence what the picture shows, for those who do not see it. `style` is a
  /// class of the whole.
  Plot(HtmlWriter& html, std::string label, PlotSize size, Axis across, Axis upward);

  double x(double value) const;
  double y(double value) const;

  void line(const std::vector<PlotPoint>& points, std::string style);
  void segment(PlotPoint from, PlotPoint to, std::string style);
  void dot(PlotPoint at, double radius, std::string style);

  /// Between 0 and `top`, from `from` to `to` along the lower axis.
  void bar(double from, double to, double top, std::string style);

  /// One of several marks that differ in form, so that they differ on paper too.
  void mark(PlotPoint at, std::size_t form, std::string style);

  /// At the frame's upper or lower edge, for what is beyond it.
  void mark_beyond(double at, bool is_above, std::string style);

 private:
  void draw_frame();
  void draw_across();
  void draw_upward();

  HtmlWriter& html_;
  PlotSize size_;
  Axis across_, upward_;
  double left_ = 0, right_ = 0, top_ = 10, bottom_ = 0;
  HtmlWriter::Element svg_;
};

/// The outline of a mark of a form, around a place.
std::string mark_outline(double x, double y, std::size_t form);

inline constexpr std::size_t kMarkForms = 4;

}  // namespace starling::web
