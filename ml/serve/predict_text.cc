#include "ml/serve/predict_text.h"

#include "ml/table/cell.h"
#include "ml/table/csv_parser.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::json;

Error wrong(std::string sentence) {
  return {Errc::invalid_argument, std::move(sentence)};
}

Result<CellValue> cell_from(const Json& value, std::size_t row, const std::string& column) {
  if (value.is_null()) return CellValue{std::monostate{}};
  if (value.is_number()) return CellValue{value.get<double>()};
  if (value.is_string()) return CellValue{value.get<std::string>()};
  if (value.is_boolean()) return CellValue{std::string{value.get<bool>() ? "true" : "false"}};
  return wrong(
      fmt::format("rows: row {}, column \"{}\": a cell is a number, a text or null, not {}",
                  row,
                  column,
                  value.type_name()));
}

Result<> check_row_count(std::size_t rows) {
  if (rows == 0) return wrong("rows: there are no rows; at least 1 is needed");
  if (rows > kPredictRowsMax)
    return wrong(fmt::format("rows: {} rows; at most {} at a time", rows, kPredictRowsMax));
  return {};
}

/// A cell that a spreadsheet reads back as the same text.
std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string{text};
  std::string quoted = "\"";
  for (const char c : text) {
    quoted.push_back(c);
    if (c == '"') quoted.push_back('"');
  }
  return quoted + "\"";
}

}  // namespace

Result<PredictQuestion> question_from_json(std::string_view body) {
  const auto json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return wrong("the body is not a JSON object like {\"rows\":[{...}]}");
  PredictQuestion question;
  for (const auto& [name, value] : json.items()) {
    if (name == "allow_missing" && value.is_boolean()) {
      question.missing = value.get<bool>() ? MissingColumns::allow : MissingColumns::refuse;
    } else if (name != "rows") {
      return wrong(fmt::format("{}: {}; the fields are rows and allow_missing",
                               name,
                               name == "allow_missing" ? "not true or false" : "no such field"));
    }
  }
  const auto rows = json.find("rows");
  if (rows == json.end() || !rows->is_array()) return wrong("rows: a list of objects is needed");
  if (auto ok = check_row_count(rows->size()); !ok) return ok.error();
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const auto& given = (*rows)[i];
    if (!given.is_object())
      return wrong(fmt::format("rows: row {} is not an object of column and value", i));
    RawRow row;
    for (const auto& [column, value] : given.items()) {
      auto cell = cell_from(value, i, column);
      if (!cell) return cell.error();
      row.emplace(column, std::move(*cell));
    }
    question.rows.push_back(std::move(row));
  }
  return question;
}

Result<PredictQuestion> question_from_csv(std::string_view body) {
  PredictQuestion question;
  CsvOptions options;
  options.has_header = true;  // what a cell is for is told by the name of its column
  options.skip = 0;
  CsvParser parser{
      [&question](const CsvBatch& batch) -> Result<> {
        if (question.fields.size() + batch.rows() > kPredictRowsMax) {
          return wrong(fmt::format("rows: more than {} rows at a time", kPredictRowsMax));
        }
        for (std::size_t i = 0; i < batch.rows(); ++i) {
          const auto row = batch.row(i);
          if (row.back().data() == nullptr) {
            return wrong(
                fmt::format("rows: line {} has fewer fields than the header", batch.lines[i]));
          }
          question.fields.emplace_back(row.begin(), row.end());
        }
        return {};
      },
      options};
  if (auto ok = parser.feed(body); !ok) return ok.error();
  if (auto ok = parser.finish(); !ok) return ok.error();
  if (auto ok = check_row_count(question.fields.size()); !ok) return ok.error();
  question.header = parser.header();
  for (const auto& fields : question.fields) {
    RawRow row;
    for (std::size_t i = 0; i < fields.size(); ++i)
      row.emplace(question.header[i], CellValue{fields[i]});
    question.rows.push_back(std::move(row));
  }
  return question;
}

std::string answer_as_json(std::string_view model,
                           std::uint64_t version,
                           const Predictions& predictions) {
  Json answer{{"model", model},
              {"version", version},
              {"predictions", Json::array()},
              {"probabilities", nullptr},
              {"intervals", nullptr},
              {"warnings", Json::array()}};
  for (const double value : predictions.values)
    answer["predictions"].push_back(value);
  for (const auto& label : predictions.labels)
    answer["predictions"].push_back(label);
  if (!predictions.probabilities.empty()) {
    answer["probabilities"] = Json::array();
    for (const auto& row : predictions.probabilities) {
      Json by_class = Json::object();
      for (std::size_t c = 0; c < row.size(); ++c)
        by_class[predictions.classes[c]] = row[c];
      answer["probabilities"].push_back(std::move(by_class));
    }
  }
  for (const auto& [low, high] : predictions.intervals)
    answer["intervals"].push_back({low, high});
  for (const auto& warning : predictions.warnings) {
    answer["warnings"].push_back(
        {{"row", warning.row}, {"column", warning.column}, {"kind", warning.kind}});
  }
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string answer_as_csv(const PredictQuestion& question, const Predictions& predictions) {
  std::string text;
  for (const auto& name : question.header)
    text += csv_cell(name) + ",";
  text += "prediction";
  for (const auto& name : predictions.classes)
    text += "," + csv_cell("p_" + name);
  text += predictions.intervals.empty() ? "\n" : ",lo,hi\n";
  for (std::size_t i = 0; i < question.fields.size(); ++i) {
    for (const auto& cell : question.fields[i])
      text += csv_cell(cell) + ",";
    text += predictions.labels.empty() ? number_text(predictions.values[i])
                                       : csv_cell(predictions.labels[i]);
    if (!predictions.probabilities.empty()) {
      for (const double p : predictions.probabilities[i])
        text += "," + number_text(p);
    }
    if (!predictions.intervals.empty()) {
      const auto& [low, high] = predictions.intervals[i];
      text += "," + number_text(low) + "," + number_text(high);
    }
    text += "\n";
  }
  return text;
}

}  // namespace starling::ml
