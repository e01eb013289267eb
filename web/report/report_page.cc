#include "web/report/report_page.h"

#include "web/report/html_text.h"
#include "web/report/html_writer.h"
#include "web/report/page_style.h"
#include "web/report/report_sections.h"

#include <fmt/format.h>

namespace starling::web {

namespace {

constexpr std::size_t kTitleMax = 120;

// Were anything to get past the escaping, the browser would still load and run nothing.
constexpr const char* kPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

void write_document_head(const ReportFacts& facts, HtmlWriter& html) {
  const auto head = html.open("head");
  html.add_void("meta", {{"charset", "utf-8"}});
  html.add_void("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", kPolicy}});
  html.add_void("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  html.add_void("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  const std::string name = text_at(facts.study, {"name"});
  html.add("title",
           name.empty() ? "Report" : fmt::format("Report: {}", shortened_text(name, kTitleMax)));
  const auto style = html.open("style");
  html.literal(page_style());
}

}  // namespace

std::string report_page(const ReportFacts& facts) {
  HtmlWriter html;
  html.literal("<!doctype html>\n");
  {
    const auto document = html.open("html", {{"lang", "en"}});
    write_document_head(facts, html);
    const auto body = html.open("body");
    const auto main = html.open("main");
    write_head(facts, html);
    for (const auto write : {&write_summary,
                             &write_model,
                             &write_search,
                             &write_test,
                             &write_importance,
                             &write_use_of_columns,
                             &write_data,
                             &write_again})
      write(facts, html);
  }
  html.literal("\n");
  return html.take();
}

}  // namespace starling::web
