// The table, how it was divided, and what it takes to get the same model again.
#include "web/report/findings.h"
#include "web/report/html_text.h"
#include "web/report/metric_words.h"
#include "web/report/number_text.h"
#include "web/report/section_parts.h"
#include "web/report/sentence_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace starling::web {

namespace {

constexpr std::size_t kColumnsMax = 150;
constexpr std::size_t kWarningsMax = 30;
constexpr std::size_t kWarningMax = 400;
constexpr std::size_t kLevelsNamed = 3;
constexpr std::size_t kLevelMax = 24;
constexpr std::size_t kHashMax = 128;

std::string split_words(const ReportFacts& facts) {
  const Json& split = part_at(facts.study, {"split"});
  const std::string method = text_at(split, {"method"});
  const std::string column = in_quotes(text_at(split, {"column"}));
  const std::string folds = count_text(count_at(split, {"folds"}).value_or(5), "part");
  if (method == "holdout") {
    return "Rows were divided by what they hold: which of them test follows from the table alone, "
           "the seed moves only those that validate.";
  }
  if (method == "kfold") {
    return fmt::format(
        "Which rows test follows from what they hold; the others validate in turn, "
        "in {}.",
        folds);
  }
  if (method == "group")
    return fmt::format("Rows with the same value of {} stay together, on one side.", column);
  if (method == "time") {
    return fmt::format(
        "Rows were divided by time, as {} has it: the oldest train, the newest test.", column);
  }
  if (method == "column") return fmt::format("{} says what each row is for.", column);
  if (method == "datasets") return "The test rows are a table of their own.";
  return "";
}

void write_part(std::string_view name, std::optional<std::uint64_t> rows, HtmlWriter& html) {
  if (!rows) return;
  const auto part = html.open("div");
  html.add("dt", name);
  html.add("dd", count_text(*rows));
}

void write_split(const ReportFacts& facts, HtmlWriter& html) {
  const Json& rows = part_at(facts.study, {"result", "rows"});
  if (!rows.is_object()) return;
  html.add("h3", "How the rows were divided");
  const std::string words = split_words(facts);
  if (!words.empty()) html.add("p", words);
  const auto list = html.open("dl", {{"class", "facts"}});
  if (is_in_turn(facts)) {
    write_part("train and validate in turn", count_at(rows, {"train"}), html);
  } else {
    write_part("train", count_at(rows, {"train"}), html);
    write_part("validate", count_at(rows, {"validation"}), html);
  }
  write_part("test", count_at(rows, {"test"}), html);
  write_part("left out", count_at(rows, {"dropped"}), html);
}

std::string range_of_column(const Json& column) {
  const Json& low = part_at(column, {"min"});
  const Json& high = part_at(column, {"max"});
  if (low.is_string() && high.is_string())
    return fmt::format("{} to {}", param_text(low), param_text(high));
  if (!low.is_number() || !high.is_number()) return "";
  return fmt::format("{} to {}, mean {}",
                     number_text(number_at(low, {})),
                     number_text(number_at(high, {})),
                     number_text(number_at(column, {"mean"})));
}

/// What the column holds. Names and texts of single rows are nobody's business.
std::string values_of(const Json& column) {
  const std::string type = text_at(column, {"type"});
  if (type == "id" || type == "text") return "";
  std::string range = range_of_column(column);
  if (!range.empty()) return range;
  const Json& levels = list_at(column, {"top"});
  std::vector<std::string> parts;
  for (const Json& level : levels) {
    if (parts.size() == kLevelsNamed) break;
    parts.push_back(fmt::format("{} ({})",
                                shortened_text(text_at(level, {"value"}), kLevelMax),
                                count_text(count_at(level, {"count"}).value_or(0))));
  }
  std::string text;
  for (const std::string& part : parts)
    text += text.empty() ? part : ", " + part;
  return levels.size() > parts.size() ? text + ", …" : text;
}

/// What the model does with it.
std::string use_of(const ReportFacts& facts,
                   const Json& column,
                   const std::set<std::string>& learned) {
  const std::string name = text_at(column, {"name"});
  if (name == text_at(facts.study, {"target"})) return "target";
  std::string role = text_at(column, {"role"});
  if (learned.contains(name)) return role.empty() ? "learned from" : "learned from, " + role;
  if (!role.empty()) return role;
  return learned.empty() ? "" : "not used";
}

void write_column(const ReportFacts& facts,
                  const Json& column,
                  const std::set<std::string>& learned,
                  HtmlWriter& html) {
  const auto rows = number_at(facts.dataset, {"rows"});
  const auto missing = number_at(column, {"missing"});
  const std::string use = use_of(facts, column, learned);
  const auto row = html.open("tr", {{"class", use == "target" ? "chosen" : ""}});
  write_row_name(html, text_at(column, {"name"}));
  write_cell(html, shortened_text(text_at(column, {"type"}), kLevelMax));
  write_cell(html, shortened_text(use, kCellTextMax));
  write_number(
      html,
      missing && rows && *rows > 0 ? (*missing > 0 ? share_text(*missing / *rows) : "0") : "–");
  const auto distinct = count_at(column, {"distinct"});
  const bool is_estimate = part_at(column, {"exact"}) == false;
  write_number(html, distinct ? (is_estimate ? "about " : "") + count_text(*distinct) : "–");
  const auto cell = html.open("td", {{"class", "values"}});
  html.text(values_of(column));
}

void write_columns(const ReportFacts& facts, HtmlWriter& html) {
  const Json& columns = list_at(facts.dataset, {"columns"});
  if (columns.empty()) return;
  std::set<std::string> learned;
  for (const ColumnShare& column : column_shares(facts))
    learned.insert(column.name);
  const std::size_t shown = std::min(columns.size(), kColumnsMax);
  html.add("h3", "Columns");
  {
    const ReportTable table{
        html, "Columns", {"Column", "Type", "Use", "#Missing", "#Distinct", "Values"}};
    const auto body = html.open("tbody");
    for (std::size_t i = 0; i < shown; ++i)
      write_column(facts, columns[i], learned, html);
  }
  if (columns.size() > shown) {
    write_hint(html,
               fmt::format("{} more are left out.", count_text(columns.size() - shown, "column")));
  }
}

void write_warnings(const ReportFacts& facts, HtmlWriter& html) {
  const Json& warnings = list_at(facts.dataset, {"warnings"});
  if (warnings.empty()) return;
  html.add("h3", "What was remarked when it was read");
  const auto list = html.open("ul");
  std::size_t shown = 0;
  for (const Json& warning : warnings) {
    if (shown++ == kWarningsMax) break;
    html.add("li", capital(shortened_text(text_at(warning, {}), kWarningMax)));
  }
  if (warnings.size() > kWarningsMax)
    html.add("li", fmt::format("and {} more", warnings.size() - kWarningsMax));
}

std::string table_sentence(const ReportFacts& facts) {
  const std::string name = text_at(facts.dataset, {"name"});
  const auto rows = count_at(facts.dataset, {"rows"});
  const std::size_t columns = list_at(facts.dataset, {"columns"}).size();
  std::string text = name.empty() ? "The table" : in_quotes(name);
  if (rows)
    text += fmt::format(": {} and {}", count_text(*rows, "row"), count_text(columns, "column"));
  if (const auto bytes = number_at(facts.dataset, {"bytes"}))
    text += fmt::format(", {}", bytes_text(*bytes));
  if (const auto same = count_at(facts.dataset, {"duplicate_rows"}); same && *same > 0) {
    text += fmt::format(
        "; {} {} an earlier one", count_text(*same, "row"), *same == 1 ? "equals" : "equal");
  }
  return text + ".";
}

void write_fact(std::string_view name, const std::string& text, HtmlWriter& html) {
  if (text.empty()) return;
  const auto one = html.open("div");
  html.add("dt", name);
  html.add("dd", {{"class", "mono"}}, shortened_text(text, kHashMax));
}

void write_origins(const ReportFacts& facts, HtmlWriter& html) {
  const auto list = html.open("dl", {{"class", "origins"}});
  const Json& seed = part_at(facts.study, {"seed"});
  write_fact("Study", text_at(facts.study, {"id"}), html);
  const auto number = count_at(seed, {});
  write_fact("Seed", number ? fmt::format("{}", *number) : std::string{}, html);
  write_fact("Split hash", text_at(facts.study, {"result", "split_hash"}), html);
  write_fact("Data set", text_at(facts.study, {"dataset"}), html);
  write_fact("Data, BLAKE2b-256", text_at(facts.dataset, {"sha"}), html);
}

/// A word of the report, and what it means.
struct Term {
  std::string word, meaning;
};

void add_metrics(const ReportFacts& facts, std::vector<Term>& terms) {
  std::set<std::string> metrics{metric_of(facts)};
  for (const Json* scores : {&part_at(evidence_of(facts), {"scores"}),
                             &part_at(facts.study, {"result", "test"}),
                             &part_at(facts.study, {"result", "validation"})}) {
    if (!scores->is_object()) continue;
    for (const auto& [name, score] : scores->items())
      metrics.insert(name);
  }
  for (const std::string& metric : metrics) {
    const MetricWords words = metric_words(metric);
    if (!words.meaning.empty()) terms.push_back({words.label, words.meaning});
  }
}

std::vector<Term> terms_of(const ReportFacts& facts) {
  std::vector<Term> terms;
  add_metrics(facts, terms);
  if (!column_shares(facts).empty()) {
    terms.push_back({"Importance",
                     "How much worse the model scores when one column's values are dealt out to "
                     "other rows at random, so that they say nothing any more."});
  }
  if (coverage_of(facts)) {
    terms.push_back({"Intervals",
                     "From where to where the truth lies, by how far off the model was on rows "
                     "that it had not learned from (split conformal prediction)."});
  }
  if (part_at(evidence_of(facts), {"calibration"}).is_object()) {
    terms.push_back({"Calibration",
                     "Whether what is said to come true in three of four cases does so in three of "
                     "four; the error is how far off that is, averaged over rows."});
  }
  if (!candidates_of(facts).empty()) {
    terms.push_back({"Bag",
                     "Several models, each trained without a part of the rows, whose answers are "
                     "averaged by weight."});
  }
  return terms;
}

}  // namespace

void write_data(const ReportFacts& facts, HtmlWriter& html) {
  const auto section = open_section(html, kData);
  if (!facts.dataset.is_object()) {
    write_absent(html, "The table is left out: the data set was removed, or there was none.");
    write_split(facts, html);
    return;
  }
  html.add("p", table_sentence(facts));
  write_split(facts, html);
  write_columns(facts, html);
  write_warnings(facts, html);
}

void write_again(const ReportFacts& facts, HtmlWriter& html) {
  const auto section = open_section(html, kAgain);
  const std::string command = text_at(facts.report, {"reproduce"});
  if (command.empty()) {
    write_absent(html, "The command is left out: the report could not be read.");
  } else {
    html.add("p", "This runs the study once more and compares every trial with what it was:");
    const auto block = html.open("pre");
    html.add("code", shortened_text(command, 200));
  }
  write_origins(facts, html);
  const auto terms = terms_of(facts);
  if (terms.empty()) return;
  html.add("h3", "What the words mean");
  const auto list = html.open("dl", {{"class", "terms"}});
  for (const Term& term : terms) {
    html.add("dt", term.word);
    html.add("dd", term.meaning);
  }
}

}  // namespace starling::web
