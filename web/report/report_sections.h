/// The parts of the page, from top to bottom. A part whose facts are missing says so in one line.
///
/// Threads: none. Pure.
#pragma once

#include "web/report/html_writer.h"
#include "web/report/report_facts.h"

#include <string>
#include <string_view>

namespace starling::web {

/// Where a link of the contents leads, and what it is called.
struct SectionName {
  std::string_view id, title;
};

inline constexpr SectionName kSummary{"summary", "In short"};
inline constexpr SectionName kModel{"model", "The final model"};
inline constexpr SectionName kSearch{"search", "The search"};
inline constexpr SectionName kTest{"test", "On the test rows"};
inline constexpr SectionName kImportance{"importance", "What matters"};
inline constexpr SectionName kColumns{"columns", "How it uses the columns"};
inline constexpr SectionName kData{"data", "The data"};
inline constexpr SectionName kAgain{"again", "How to do it again"};

/// Title, verdict, key figures, contents.
void write_head(const ReportFacts& facts, HtmlWriter& html);

void write_summary(const ReportFacts& facts, HtmlWriter& html);
void write_model(const ReportFacts& facts, HtmlWriter& html);
void write_search(const ReportFacts& facts, HtmlWriter& html);
void write_test(const ReportFacts& facts, HtmlWriter& html);
void write_importance(const ReportFacts& facts, HtmlWriter& html);
void write_use_of_columns(const ReportFacts& facts, HtmlWriter& html);
void write_data(const ReportFacts& facts, HtmlWriter& html);
void write_again(const ReportFacts& facts, HtmlWriter& html);

}  // namespace starling::web
