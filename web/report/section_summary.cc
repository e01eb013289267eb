// The head of the page and the summary: what is read where nothing else is.
#include "web/report/html_text.h"
#include "web/report/report_summary.h"
#include "web/report/section_parts.h"
#include "web/report/sentence_parts.h"

#include <fmt/format.h>

namespace starling::web {

namespace {

constexpr std::size_t kTitleMax = 120;

std::string style_of(Tone tone) {
  switch (tone) {
    case Tone::good: return "verdict good";
    case Tone::careful: return "verdict careful";
    case Tone::bad: return "verdict bad";
    case Tone::open: break;
  }
  return "verdict";
}

void write_origin(const ReportFacts& facts, HtmlWriter& html) {
  std::string origin = "Starling report";
  const auto add = [&origin](std::string_view what, const std::string& text) {
    if (!text.empty()) origin += fmt::format(" · {}{}", what, shortened_text(text, kTitleMax));
  };
  add("study ", text_at(facts.study, {"id"}));
  const std::string model = text_at(facts.study, {"result", "model", "name"});
  const auto version = count_at(facts.study, {"result", "model", "version"});
  if (!model.empty() && version)
    add("model ", fmt::format("{} version {}", shortened_text(model, kTitleMax), *version));
  add("", facts.generated);
  html.add("p", {{"class", "origin"}}, origin);
}

void write_figures(const ReportFacts& facts, HtmlWriter& html) {
  const auto figures = key_figures_of(facts);
  if (figures.empty()) return;
  const auto list = html.open("dl", {{"class", "figures"}});
  for (const KeyFigure& figure : figures) {
    const auto one = html.open("div");
    html.add("dt", figure.label);
    html.add("dd", {{"class", "large"}}, figure.value);
    if (!figure.note.empty()) html.add("dd", {{"class", "sub"}}, figure.note);
  }
}

void write_contents(HtmlWriter& html) {
  const auto nav = html.open("nav", {{"aria-label", "Contents"}});
  for (const SectionName& section :
       {kSummary, kModel, kSearch, kTest, kImportance, kColumns, kData, kAgain}) {
    html.add("a", {{"href", fmt::format("#{}", section.id)}}, section.title);
    html.text(" ");
  }
}

void write_list(const std::vector<std::string>& sentences, HtmlWriter& html) {
  const auto list = html.open("ul", {{"class", "cautions"}});
  for (const std::string& sentence : sentences)
    html.add("li", sentence);
}

void write_point(const SummaryPoint& point, HtmlWriter& html) {
  const auto row = html.open("div", {{"class", "answer"}});
  html.add("h3", point.question);
  if (point.is_list) {
    write_list(point.sentences, html);
    return;
  }
  const auto paragraph = html.open("p");
  for (std::size_t i = 0; i < point.sentences.size(); ++i) {
    if (i > 0) html.text(" ");
    html.text(point.sentences[i]);
  }
}

}  // namespace

void write_head(const ReportFacts& facts, HtmlWriter& html) {
  const auto head = html.open("header");
  write_origin(facts, html);
  const std::string name = text_at(facts.study, {"name"});
  html.add("h1", name.empty() ? "Report" : shortened_text(name, kTitleMax));
  const std::string target = text_at(facts.study, {"target"});
  if (!target.empty())
    html.add("p", {{"class", "lead"}}, fmt::format("A model that predicts {}", in_quotes(target)));
  const Verdict verdict = verdict_of(facts);
  {
    const auto line = html.open("p", {{"class", style_of(verdict.tone)}});
    html.add("strong", verdict.headline + ".");
    html.text(" ");
    html.text(verdict.sentence);
  }
  write_figures(facts, html);
  write_contents(html);
}

void write_summary(const ReportFacts& facts, HtmlWriter& html) {
  const auto section = open_section(html, kSummary);
  const auto points = summary_of(facts);
  if (points.empty()) {
    write_absent(html, "Left out: the study is not known.");
    return;
  }
  for (const SummaryPoint& point : points)
    write_point(point, html);
}

}  // namespace starling::web
