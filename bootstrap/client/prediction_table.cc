#include "bootstrap/client/prediction_table.h"

#include "ml/table/cell.h"
#include "ml/table/csv_parser.h"

#include <fmt/format.h>

#include <set>
#include <variant>

namespace starling::bootstrap {
namespace {

std::set<std::string> number_columns(const ml::Encoder& encoder) {
  std::set<std::string> names;
  for (const auto& feature : encoder.features())
    if (std::holds_alternative<ml::NumberCoding>(feature.coding)) names.insert(feature.name);
  return names;
}

ml::CellValue value_of(std::string_view cell, bool is_number) {
  if (ml::is_missing(cell)) return std::monostate();
  if (is_number)
    if (const auto number = ml::parse_number(cell)) return *number;
  return std::string(ml::trimmed(cell));
}

std::string quoted(const std::string& cell, char delimiter) {
  const bool needs_quotes = cell.find_first_of("\"\r\n") != std::string::npos ||
                            cell.find(delimiter) != std::string::npos;
  if (!needs_quotes) return cell;
  std::string text = "\"";
  for (const char c : cell)
    text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

void append_line(std::string& text, const std::vector<std::string>& cells, char delimiter) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) text += delimiter;
    text += quoted(cells[i], delimiter);
  }
  text += '\n';
}

}  // namespace

Result<PredictionTable> read_prediction_table(std::string_view csv,
                                              const ml::Encoder& encoder,
                                              std::size_t rows_max) {
  PredictionTable table;
  ml::CsvParser parser([&](const ml::CsvRow& row) -> Result<> {
    if (table.cells.size() == rows_max)
      return Error{Errc::too_large,
                   fmt::format("more than {} rows; send fewer at a time", rows_max)};
    table.cells.emplace_back(row.fields.begin(), row.fields.end());
    return {};
  });
  if (const auto fed = parser.feed(csv); !fed) return fed.error();
  if (const auto finished = parser.finish(); !finished) return finished.error();
  if (table.cells.empty())
    return Error{Errc::invalid_argument, "there are no rows below the header"};
  table.header = parser.header();
  table.delimiter = parser.delimiter();
  const auto numbers = number_columns(encoder);
  for (const auto& cells : table.cells) {
    ml::RawRow row;
    for (std::size_t i = 0; i < std::min(cells.size(), table.header.size()); ++i)
      row[table.header[i]] = value_of(cells[i], numbers.contains(table.header[i]));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string write_prediction_table(const PredictionTable& table,
                                   const ml::Predictions& predictions) {
  std::string text;
  auto header = table.header;
  header.push_back("prediction");
  for (const auto& name : predictions.classes)
    header.push_back("p_" + name);
  append_line(text, header, table.delimiter);
  for (std::size_t row = 0; row < table.cells.size(); ++row) {
    auto cells = table.cells[row];
    cells.push_back(predictions.classes.empty() ? ml::number_text(predictions.values[row])
                                                : predictions.labels[row]);
    if (!predictions.classes.empty())
      for (const double probability : predictions.probabilities[row])
        cells.push_back(ml::number_text(probability));
    append_line(text, cells, table.delimiter);
  }
  return text;
}

}  // namespace starling::bootstrap
