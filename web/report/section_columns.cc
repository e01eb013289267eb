// What the model does with the columns that matter most: how its answers move with each, and on
// which parts of the rows it is better or worse.
#include "web/report/findings.h"
#include "web/report/html_text.h"
#include "web/report/metric_words.h"
#include "web/report/number_text.h"
#include "web/report/report_pictures.h"
#include "web/report/section_parts.h"
#include "web/report/sentence_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace starling::web {

namespace {

constexpr std::size_t kColumnsMax = 6;  // as a report has
constexpr std::size_t kValuesMax = 12;  // of numbers; of categories eight
constexpr std::size_t kSinglesMax = 20;
constexpr std::size_t kPartsMax = 9;  // eight and the others
constexpr std::size_t kClassesDrawn = 8;
constexpr double kDrawnMax = 1e150;

bool can_be_drawn(std::optional<double> value) {
  return value && std::abs(*value) <= kDrawnMax;
}

/// Of one column: how the answer moves. All lists are as long as `values`.
struct Moves {
  std::string name;
  std::vector<double> numbers;               ///< of a number
  std::vector<std::string> levels;           ///< of a category
  std::vector<std::vector<double>> means;    ///< by output that is shown
  std::vector<std::vector<double>> singles;  ///< by row
};

/// Nothing if it is not a list of as many numbers.
std::vector<double> numbers_in(const Json& list, std::size_t count) {
  std::vector<double> numbers;
  if (!list.is_array() || list.size() != count) return numbers;
  for (const Json& one : list) {
    const auto number = number_at(one, {});
    if (!can_be_drawn(number)) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

/// Which outputs are shown: of two classes the second, else all.
std::vector<std::size_t> outputs_shown(std::size_t outputs) {
  if (outputs == 2) return {1};
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < std::min(outputs, kClassesDrawn); ++i)
    all.push_back(i);
  return all;
}

bool read_values(const Json& values, Moves& moves) {
  for (const Json& value : values) {
    const auto number = number_at(value, {});
    if (number && !can_be_drawn(number)) return false;
    if (number)
      moves.numbers.push_back(*number);
    else
      moves.levels.push_back(text_at(value, {}));
  }
  return moves.numbers.empty() || moves.levels.empty();
}

bool read_means(const Json& means, std::size_t count, Moves& moves) {
  if (means.size() != count || means.empty() || !means[0].is_array()) return false;
  const std::size_t outputs = means[0].size();
  for (const std::size_t output : outputs_shown(outputs)) {
    std::vector<double>& line = moves.means.emplace_back();
    for (const Json& at_value : means) {
      const auto numbers = numbers_in(at_value, outputs);
      if (numbers.empty()) return false;
      line.push_back(numbers[output]);
    }
  }
  return !moves.means.empty();
}

std::optional<Moves> moves_in(const Json& column) {
  Moves moves;
  moves.name = text_at(column, {"name"});
  const Json& values = list_at(column, {"values"});
  if (values.size() < 2 || values.size() > kValuesMax) return std::nullopt;
  if (!read_values(values, moves)) return std::nullopt;
  if (!read_means(list_at(column, {"means"}), values.size(), moves)) return std::nullopt;
  for (const Json& single : list_at(column, {"singles"})) {
    auto line = numbers_in(single, values.size());
    if (!line.empty() && moves.singles.size() < kSinglesMax)
      moves.singles.push_back(std::move(line));
  }
  return moves;
}

std::vector<Moves> all_moves(const ReportFacts& facts) {
  std::vector<Moves> all;
  for (const Json& column : list_at(evidence_of(facts), {"dependence", "columns"})) {
    if (all.size() == kColumnsMax) break;
    if (auto moves = moves_in(column)) all.push_back(std::move(*moves));
  }
  return all;
}

std::string answer_words(const ReportFacts& facts) {
  if (is_regression(facts)) return text_at(facts.study, {"target"});
  if (class_counts(facts).size() == 2) return fmt::format("chance of {}", second_class(facts));
  return "chance of a class";
}

/// The same for all columns, so that they can be compared. Single rows may go beyond it.
Axis answer_axis(const ReportFacts& facts, const std::vector<Moves>& all) {
  std::vector<double> values;
  for (const Moves& moves : all) {
    for (const auto* lines : {&moves.means, &moves.singles})
      for (const auto& line : *lines)
        values.insert(values.end(), line.begin(), line.end());
  }
  Axis axis = axis_around(values, shortened_text(answer_words(facts), 40));
  axis.is_share = !is_regression(facts);
  return axis;
}

std::vector<PlotPoint> points_of(const Moves& moves, const std::vector<double>& line) {
  std::vector<PlotPoint> points;
  for (std::size_t i = 0; i < line.size(); ++i)
    points.emplace_back(moves.numbers[i], line[i]);
  return points;
}

void draw_number(const ReportFacts& facts, const Moves& moves, const Axis& axis, HtmlWriter& html) {
  const auto figure = html.open("figure");
  const std::string name = shortened_text(moves.name, kCellTextMax);
  html.add("figcaption", name);
  Plot plot{html,
            fmt::format("The {} as {} goes from {} to {}",
                        answer_words(facts),
                        name,
                        number_text(moves.numbers.front()),
                        number_text(moves.numbers.back())),
            {.height = 240},
            axis_around(moves.numbers, name),
            axis};
  for (const auto& line : moves.singles)
    plot.line(points_of(moves, line), "single");
  const bool is_one = moves.means.size() == 1;
  for (std::size_t i = 0; i < moves.means.size(); ++i)
    plot.line(points_of(moves, moves.means[i]),
              is_one ? "curve" : fmt::format("curve beyond beyond-{}", i));
}

void write_levels(const ReportFacts& facts,
                  const Moves& moves,
                  const Axis& axis,
                  HtmlWriter& html) {
  const auto figure = html.open("figure");
  const std::string name = shortened_text(moves.name, kCellTextMax);
  html.add("figcaption", name);
  const auto classes = class_counts(facts);
  const bool is_one = moves.means.size() == 1;
  std::vector<std::string> columns{"Value"};
  if (is_one) columns.emplace_back("On average");
  for (std::size_t i = 0; i < moves.means.size(); ++i)
    columns.push_back(is_one               ? "#"
                      : i < classes.size() ? "#" + shortened_text(classes[i].name, 24)
                                           : fmt::format("#class {}", i + 1));
  const ReportTable table{html, "Answers by " + name, columns};
  const auto body = html.open("tbody");
  for (std::size_t level = 0; level < moves.levels.size(); ++level) {
    const auto row = html.open("tr");
    write_row_name(html, moves.levels[level].empty() ? "(empty)" : moves.levels[level]);
    if (is_one) {
      const auto cell = html.open("td");
      draw_whisker({.value = moves.means[0][level]}, moves.means[0].front(), axis, html);
    }
    for (const auto& line : moves.means)
      write_number(html, axis.is_share ? share_text(line[level]) : number_text(line[level]));
  }
}

void write_key(const ReportFacts& facts, HtmlWriter& html) {
  const auto classes = class_counts(facts);
  if (classes.size() <= 2 || classes.size() > kClassesDrawn) return;
  const auto list = html.open("ul", {{"class", "key"}});
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const auto item = html.open("li");
    {
      const auto svg =
          html.open("svg", {{"class", "sign"}, {"viewBox", "0 0 12 12"}, {"aria-hidden", "true"}});
      html.add_shape("path",
                     {{"class", fmt::format("curve beyond beyond-{}", i)}, {"d", "M0 6H12"}});
    }
    html.text(shortened_text(classes[i].name, 24));
  }
}

void write_moves(const ReportFacts& facts, const std::vector<Moves>& all, HtmlWriter& html) {
  const Axis axis = answer_axis(facts, all);
  html.add("h3", "How the answer moves with a column");
  {
    const auto pictures = html.open("div", {{"class", "pictures"}});
    for (const Moves& moves : all)
      if (!moves.numbers.empty()) draw_number(facts, moves, axis, html);
  }
  {
    const auto tables = html.open("div", {{"class", "pictures tables"}});
    for (const Moves& moves : all)
      if (moves.numbers.empty()) write_levels(facts, moves, axis, html);
  }
  write_key(facts, html);
  const auto rows = count_at(evidence_of(facts), {"dependence", "rows"}).value_or(0);
  write_hint(html,
             fmt::format("The {} on average over {} when the column alone takes another value "
                         "(partial dependence); pale lines are single rows. It tells what the "
                         "model does, not what would happen in the world.",
                         answer_words(facts),
                         count_text(rows, "test row")));
}

struct Part {
  std::string name;
  double rows = 0;
  std::optional<double> error;
  Whisker hits;
};

std::optional<Part> part_in(const Json& json) {
  Part part;
  const auto from = number_at(json, {"from"});
  const auto to = number_at(json, {"to"});
  part.name = from && to
                  ? (*from == *to ? number_text(*from)
                                  : fmt::format("{} to {}", number_text(*from), number_text(*to)))
                  : text_at(json, {"level"});
  if (part.name.empty()) part.name = "(empty)";
  part.rows = number_at(json, {"rows"}).value_or(0);
  part.error = number_at(json, {"error"});
  const auto share = number_at(json, {"hits", "share"});
  if (!share && !part.error) return std::nullopt;
  part.hits = {
      share.value_or(0), number_at(json, {"hits", "low"}), number_at(json, {"hits", "high"})};
  return part;
}

/// One over all rows, for a thin line to compare with.
double overall_hits(const ReportFacts& facts) {
  const auto score = test_score(facts, "accuracy");
  return score ? score->value : 0;
}

/// "92 % (85 to 96)"
std::string hits_text(const Whisker& hits) {
  const std::string share = rough_share_text(hits.value);
  if (!hits.low || !hits.high) return share;
  return fmt::format("{} ({:.0f} to {:.0f})", share, 100 * *hits.low, 100 * *hits.high);
}

void write_part(const ReportFacts& facts, const Part& part, double most, HtmlWriter& html) {
  const auto row = html.open("tr");
  write_row_name(html, shortened_text(part.name, kCellTextMax));
  write_number(html, count_text(static_cast<std::uint64_t>(std::max(part.rows, 0.0))));
  {
    const auto cell = html.open("td", {{"class", "bar-cell"}});
    if (part.error)
      draw_bar(*part.error, 0, most, html);
    else
      draw_whisker(part.hits, overall_hits(facts), {.low = 0, .high = 1}, html);
  }
  write_number(html, part.error ? number_text(*part.error) : hits_text(part.hits));
}

void write_slices(const ReportFacts& facts, HtmlWriter& html) {
  const Json& slices = list_at(evidence_of(facts), {"slices"});
  if (slices.empty()) return;
  html.add("h3", "Where it is better and worse");
  {
    const auto tables = html.open("div", {{"class", "pictures tables"}});
    for (std::size_t i = 0; i < std::min(slices.size(), kColumnsMax); ++i) {
      std::vector<Part> parts;
      double most = 0;
      for (const Json& json : list_at(slices[i], {"parts"})) {
        auto part = part_in(json);
        if (!part || parts.size() == kPartsMax) continue;
        most = std::max(most, part->error.value_or(0));
        parts.push_back(std::move(*part));
      }
      if (parts.empty()) continue;
      const std::string name = shortened_text(text_at(slices[i], {"name"}), kCellTextMax);
      const auto figure = html.open("figure");
      const ReportTable table{
          html,
          "Parts by " + name,
          {name, "#Rows", is_regression(facts) ? "Mean error" : "Said right", "#"}};
      const auto body = html.open("tbody");
      for (const Part& part : parts)
        write_part(facts, part, most, html);
    }
  }
  write_hint(
      html,
      is_regression(facts)
          ? "On the test rows of each part: how far off the model is on average (mean absolute "
            "error). "
            "Numbers are "
            "cut into quarters; parts of fewer than 5 rows are left out."
          : "On the test rows of each part: the share that is said right, with the range that "
            "holds the share of all such rows at 95 % (Wilson). The dashed line is all test "
            "rows together. Numbers are cut into quarters.");
}

/// Of one answer: what its columns add.
struct Effect {
  std::string name, value;
  double effect = 0;
};

std::vector<Effect> effects_in(const Json& answer) {
  std::vector<Effect> effects;
  for (const Json& column : list_at(answer, {"columns"})) {
    const auto effect = number_at(column, {"effect"});
    if (!can_be_drawn(effect) || effects.size() == kPartsMax) continue;
    const auto number = number_at(column, {"value"});
    effects.push_back({text_at(column, {"name"}),
                       number ? number_text(*number) : text_at(column, {"value"}),
                       *effect});
  }
  if (effects.empty()) return effects;
  const auto others = number_at(answer, {"others"});
  if (can_be_drawn(others) && *others != 0) effects.push_back({"all others", "", *others});
  return effects;
}

std::string answer_text(const ReportFacts& facts, double value) {
  return is_regression(facts) ? number_text(value) : share_text(value);
}

std::string class_at(const ReportFacts& facts, std::optional<std::uint64_t> place) {
  const auto classes = class_counts(facts);
  return place && *place < classes.size() ? shortened_text(classes[*place].name, 24) : "a class";
}

/// "Said 31,900, true 30,200": of classes the chance of which one.
std::string answer_caption(const ReportFacts& facts, const Json& answer, double said) {
  if (is_regression(facts)) {
    return fmt::format(
        "Said {}, true {}", number_text(said), number_text(number_at(answer, {"true"})));
  }
  return fmt::format("{} chance of {}, true: {}",
                     share_text(said),
                     class_at(facts, count_at(answer, {"class"})),
                     class_at(facts, count_at(answer, {"true"})));
}

/// "of 25 test rows"
std::string rows_words(const ReportFacts& facts) {
  const auto rows = count_at(evidence_of(facts), {"answers", "background"});
  return rows ? "of " + count_text(*rows, "test row") : "";
}

std::string effect_text(const ReportFacts& facts, double effect) {
  return is_regression(facts) ? (effect > 0 ? "+" : "") + number_text(effect)
                              : fmt::format("{:+.1f} points", 100 * effect);
}

void write_answer(const ReportFacts& facts, const Json& answer, double most, HtmlWriter& html) {
  const auto said = number_at(answer, {"said"});
  const auto base = number_at(answer, {"base"});
  const auto effects = effects_in(answer);
  if (!said || !base || effects.empty()) return;
  const auto figure = html.open("figure");
  html.add("figcaption", answer_caption(facts, answer, *said));
  const ReportTable table{html, "What its columns add", {"Column", "Lowers or raises", "#By"}};
  const auto body = html.open("tbody");
  {
    const auto row = html.open("tr");
    write_row_name(html, "on average", rows_words(facts));
    html.add("td", "");
    write_number(html, answer_text(facts, *base));
  }
  for (const Effect& one : effects) {
    const auto row = html.open("tr");
    write_row_name(html, one.name, shortened_text(one.value, kCellTextMax));
    {
      const auto cell = html.open("td", {{"class", "bar-cell"}});
      draw_effect(one.effect, most, html);
    }
    write_number(html, effect_text(facts, one.effect));
  }
}

void write_answers(const ReportFacts& facts, HtmlWriter& html) {
  const Json& answers = list_at(evidence_of(facts), {"answers", "rows"});
  const std::size_t shown = std::min(answers.size(), kColumnsMax);
  double most = 0;
  for (std::size_t i = 0; i < shown; ++i)
    for (const Effect& one : effects_in(answers[i]))
      most = std::max(most, std::abs(one.effect));
  if (most == 0) return;
  html.add("h3", "Why it says what it says");
  {
    const auto tables = html.open("div", {{"class", "pictures tables"}});
    for (std::size_t i = 0; i < shown; ++i)
      write_answer(facts, answers[i], most, html);
  }
  write_hint(
      html,
      "A few test rows: the least and the greatest answer, some between, and the one that is "
      "most wrong. What the columns add to the average sums to the answer (Shapley values by "
      "sampling); columns that go together share it.");
}

}  // namespace

void write_use_of_columns(const ReportFacts& facts, HtmlWriter& html) {
  const auto section = open_section(html, kColumns);
  const auto moves = all_moves(facts);
  const bool has_slices = !list_at(evidence_of(facts), {"slices"}).empty();
  const bool has_answers = !list_at(evidence_of(facts), {"answers", "rows"}).empty();
  if (moves.empty() && !has_slices && !has_answers) {
    write_absent(html, "Left out: the model's file holds nothing about single columns.");
    return;
  }
  if (!moves.empty()) write_moves(facts, moves, html);
  write_slices(facts, html);
  write_answers(facts, html);
}

}  // namespace starling::web
