/// The report's pictures, each a figure with its caption. What cannot be drawn is left out.
///
/// Threads: none. Pure.
#pragma once

#include "web/report/html_writer.h"
#include "web/report/plot.h"
#include "web/report/report_facts.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace starling::web {

/// One trial that has a value.
struct TrialMark {
  std::uint64_t number = 0;
  double value = 0;
  std::string family;
  double violation = 0;  ///< of the study's limits; 0: it keeps to them
};

/// By number.
std::vector<TrialMark> trial_marks(const ReportFacts& facts);

/// Of a trial's parameters; "" in a study whose trials other programs compute.
std::string family_of(const ReportFacts& facts, const Json& trial);

/// Every trial, and the best so far as steps. There is at least one.
void draw_search(const ReportFacts& facts, const std::vector<TrialMark>& marks, HtmlWriter& html);

/// Of the trials that have their curve: score by epoch, with the best one marked.
void draw_curves(const ReportFacts& facts, HtmlWriter& html);

/// Of numbers: what was said against what was true, and how far off it was.
void draw_said_against_true(const ReportFacts& facts, HtmlWriter& html);
void draw_residuals(const ReportFacts& facts, HtmlWriter& html);

/// Of classes.
void draw_roc(const ReportFacts& facts, HtmlWriter& html);
void draw_precision(const ReportFacts& facts, HtmlWriter& html);
void draw_calibration(const ReportFacts& facts, HtmlWriter& html);

/// In a table's cell: a bar of `mean` with a line of its spread around the end, both of `most`.
void draw_bar(double mean, double spread, double most, HtmlWriter& html);

/// In a table's cell: a bar to the right, or to the left of what lowers; `most` reaches the end.
void draw_effect(double effect, double most, HtmlWriter& html);

/// In a table's cell: a dot at `value` on a line from low to high, and a thin line at `best`.
struct Whisker {
  double value = 0;
  std::optional<double> low = {}, high = {};
};

void draw_whisker(const Whisker& whisker, double best, const Axis& axis, HtmlWriter& html);

}  // namespace starling::web
