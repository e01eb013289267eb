/// The report in plain words: sentences made of what was computed, of nothing else. Plain text.
///
/// Threads: none. Pure.
#pragma once

#include "web/report/report_facts.h"

#include <string>
#include <vector>

namespace starling::web {

enum class Tone { good, careful, bad, open };

struct Verdict {
  Tone tone = Tone::open;
  std::string headline;  ///< a few words: "Clearly better"
  std::string sentence;
};

/// One line: is it better than saying the same for every row, and by how much.
Verdict verdict_of(const ReportFacts& facts);

/// A question that a reader has, and the answer.
struct SummaryPoint {
  std::string question;
  std::vector<std::string> sentences;  ///< not empty
  bool is_list = false;                ///< each stands alone
};

/// What it is, how good, what matters, how sure, what to beware of, what it cost. What cannot be
/// answered is left out.
std::vector<SummaryPoint> summary_of(const ReportFacts& facts);

/// A number that is shown large.
struct KeyFigure {
  std::string label, value, note;
};

std::vector<KeyFigure> key_figures_of(const ReportFacts& facts);

}  // namespace starling::web
