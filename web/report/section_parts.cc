#include "web/report/section_parts.h"

#include "web/report/html_text.h"
#include "web/report/number_text.h"

#include <fmt/format.h>

namespace starling::web {

namespace {

constexpr std::size_t kTitleMax = 200;
constexpr std::size_t kBriefMax = 24;
constexpr std::size_t kParamsMax = 30;
constexpr std::size_t kParamTextMax = 40;

/// For what was cut: nothing where all is shown.
std::string whole_name(std::string_view name) {
  const std::string shown = shortened_text(name, kCellTextMax);
  return shown == valid_text(name) ? std::string{} : shortened_text(name, kTitleMax);
}

/// What is short stays in one line.
std::string style_of(std::string_view text) {
  return text.size() <= kBriefMax ? "brief" : "";
}

}  // namespace

HtmlWriter::Element open_section(HtmlWriter& html, const SectionName& name) {
  const std::string heading = fmt::format("{}-title", name.id);
  html.literal("\n");
  auto section = html.open(
      "section", {{"class", "card"}, {"id", std::string{name.id}}, {"aria-labelledby", heading}});
  html.add("h2", {{"id", heading}}, name.title);
  return section;
}

void write_absent(HtmlWriter& html, std::string_view why) {
  html.add("p", {{"class", "absent"}}, why);
}

void write_hint(HtmlWriter& html, std::string_view text) {
  html.add("p", {{"class", "hint"}}, text);
}

ReportTable::ReportTable(HtmlWriter& html,
                         std::string label,
                         const std::vector<std::string>& columns)
    : box_(html.open("div",
                     {{"class", "table-box"},
                      {"role", "region"},
                      {"tabindex", "0"},
                      {"aria-label", std::move(label)}})),
      table_(html.open("table")) {
  const auto head = html.open("thead");
  const auto row = html.open("tr");
  for (const std::string& column : columns) {
    const bool is_number = column.starts_with('#');
    const std::string_view name = std::string_view{column}.substr(is_number ? 1 : 0);
    html.add("th", {{"scope", "col"}, {"class", is_number ? "num" : ""}}, name);
  }
}

void write_row_name(HtmlWriter& html, std::string_view name, std::string_view below) {
  const auto cell =
      html.open("th", {{"scope", "row"}, {"class", style_of(name)}, {"title", whole_name(name)}});
  html.text(shortened_text(name, kCellTextMax));
  if (!below.empty()) html.add("span", {{"class", "sub"}}, below);
}

void write_cell(HtmlWriter& html, std::string_view text) {
  html.add("td", {{"class", style_of(text)}}, text);
}

void write_number(HtmlWriter& html, std::string_view text, std::string_view beside) {
  const auto cell = html.open("td", {{"class", "num"}});
  html.text(text);
  if (!beside.empty()) html.add("span", {{"class", "sub"}}, beside);
}

std::string param_text(const Json& value) {
  if (value.is_string()) return shortened_text(value.get<std::string>(), kParamTextMax);
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number()) return number_text(number_at(value, {}));
  return value.is_null() ? "none" : "…";
}

std::string short_param(const std::string& name) {
  const std::size_t dot = name.find('.');
  return shortened_text(dot == 0 || dot == std::string::npos ? name : name.substr(dot + 1),
                        kParamTextMax);
}

void write_params(const Json& params, HtmlWriter& html) {
  if (!params.is_object()) return;
  std::size_t shown = 0;
  for (const auto& [name, value] : params.items()) {
    if (name == "family") continue;
    if (++shown > kParamsMax) break;
    if (shown > 1) html.text(" ");
    const auto param = html.open("span", {{"class", "param"}});
    html.text(short_param(name));
    html.literal("\xC2\xA0");
    html.add("b", param_text(value));
  }
  if (shown > kParamsMax) html.text(" …");
}

}  // namespace starling::web
