/// What the page's sections are built of. Threads: none. Pure.
#pragma once

#include "web/report/html_writer.h"
#include "web/report/report_facts.h"
#include "web/report/report_sections.h"

#include <string>
#include <string_view>
#include <vector>

namespace starling::web {

inline constexpr std::size_t kCellTextMax = 80;  ///< code points of a name in a table

/// With its heading.
HtmlWriter::Element open_section(HtmlWriter& html, const SectionName& name);

/// Why something is not there.
void write_absent(HtmlWriter& html, std::string_view why);

void write_hint(HtmlWriter& html, std::string_view text);

/// A table that scrolls in its own box, and tells what it is to those who do not see it.
class ReportTable {
 public:
  /// A column whose name begins with # holds numbers, which stand to the right.
  ReportTable(HtmlWriter& html, std::string label, const std::vector<std::string>& columns);

 private:
  HtmlWriter::Element box_, table_;
};

/// The body's cells. A name is cut where it is too long, and whole (nearly) when pointed at.
void write_row_name(HtmlWriter& html, std::string_view name, std::string_view below = "");
void write_cell(HtmlWriter& html, std::string_view text);
void write_number(HtmlWriter& html, std::string_view text, std::string_view beside = "");

/// "0.05", "adam", "yes": a value of a parameter, whatever it is.
std::string param_text(const Json& value);

/// The name without the family before the dot.
std::string short_param(const std::string& name);

/// All parameters but the family, as a list in a line.
void write_params(const Json& params, HtmlWriter& html);

}  // namespace starling::web
