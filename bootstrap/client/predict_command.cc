#include "bootstrap/client/commands.h"
#include "bootstrap/client/local_predict.h"
#include "bootstrap/client/report_text.h"
#include "ml/table/csv_parser.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <fstream>
#include <sstream>

namespace starling::bootstrap {
namespace {

struct PredictOptions : ClientOptions {
  std::string model;
  std::string rows;
  std::string out;
};

struct ModelName {
  std::string name;
  std::uint64_t version = 0;  ///< 0: the latest
};

Result<ModelName> parse_model(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return ModelName{text, 0};
  ModelName model{text.substr(0, colon), 0};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, model.version);
  if (parsed.ec != std::errc() || parsed.ptr != end || model.version == 0)
    return Error{
        Errc::invalid_argument,
        fmt::format(
            "{}: the version after the colon is a number from 1, like {}:2", text, model.name)};
  return model;
}

bool is_model_file(const std::string& model) {
  return model.ends_with(".zip") && std::filesystem::exists(model);
}

Result<std::string> predict_over_http(const PredictOptions& options, std::string csv) {
  const auto model = parse_model(options.model);
  if (!model) return model.error();
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  std::string path = "/api/v1/models/" + url_encoded(model->name) + "/predict";
  if (model->version > 0) path += fmt::format("?version={}", model->version);
  return swarm->ask_csv(path, std::move(csv));
}

/// A cell as JSON: a number if it reads as one.
Json json_cell(std::string_view cell) {
  double number = 0;
  const auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == cell.data() + cell.size()) return number;
  return std::string(cell);
}

/// What --json prints: {"model", "rows", "predictions", "probabilities"}. The added columns are the
/// last ones: as many as the answer has more than the question.
Result<Json> as_json(const std::string& model,
                     const std::string& question,
                     const std::string& answer) {
  std::size_t asked = 0;
  ml::CsvOptions options;
  options.has_header = true;
  ml::CsvParser header([](const ml::CsvBatch&) -> Result<> { return {}; }, options);
  if (const auto fed = header.feed(question); !fed) return fed.error();
  if (const auto finished = header.finish(); !finished) return finished.error();
  asked = header.header().size();
  Json predictions = Json::array();
  Json probabilities = Json::array();
  ml::CsvParser* answered = nullptr;
  const auto add_row = [&](std::span<const std::string_view> fields) {
    const auto& names = answered->header();
    predictions.push_back(json_cell(fields[asked]));
    Json each = Json::object();
    for (std::size_t i = asked + 1; i < names.size(); ++i)
      each[names[i].substr(std::min<std::size_t>(2, names[i].size()))] = json_cell(fields[i]);
    if (!each.empty()) probabilities.push_back(std::move(each));
  };
  options.delimiter = ',';
  ml::CsvParser parser(
      [&](const ml::CsvBatch& batch) -> Result<> {
        if (batch.columns <= asked)
          return Error{Errc::corrupt, "the answer has no column `prediction`"};
        for (std::size_t i = 0; i < batch.rows(); ++i)
          add_row(batch.row(i));
        return {};
      },
      options);
  answered = &parser;
  if (const auto fed = parser.feed(answer); !fed) return fed.error();
  if (const auto finished = parser.finish(); !finished) return finished.error();
  return as_result({{"model", model},
                    {"rows", predictions.size()},
                    {"predictions", predictions},
                    {"probabilities", probabilities.empty() ? Json() : probabilities}});
}

Ending predict(const PredictOptions& options) {
  std::ifstream in(options.rows, std::ios::binary);
  std::ostringstream rows;
  rows << in.rdbuf();
  const std::string csv = rows.str();
  const auto answer = is_model_file(options.model) ? predict_without_node(options.model, csv)
                                                   : predict_over_http(options, csv);
  if (!answer) return answer.error();
  if (!options.out.empty()) {
    std::ofstream out(options.out, std::ios::binary);
    out << *answer;
    out.close();
    if (!out) return Error{Errc::io, fmt::format("--out {} cannot be written", options.out)};
  }
  if (options.json) {
    const auto json = as_json(options.model, csv, *answer);
    if (!json) return json.error();
    print_json(*json);
  } else if (options.out.empty()) {
    std::fwrite(answer->data(), 1, answer->size(), stdout);
  } else {
    Screen(stdout).say("wrote " + options.out);
  }
  return kDone;
}

}  // namespace

void add_predict_command(CLI::App& app, Chosen& chosen) {
  add_command<PredictOptions>(
      app,
      "predict",
      "Predict the rows of a CSV file",
      "Examples:\n"
      "  starling predict insurance new.csv --out predicted.csv\n"
      "  starling predict insurance:2 new.csv --json\n"
      "  starling predict insurance.starling.zip new.csv\n"
      "The last needs no node.",
      chosen,
      predict,
      [](CLI::App& command, PredictOptions& options) {
        command
            .add_option(
                "MODEL", options.model, "Name of a model, NAME:VERSION, or a downloaded model file")
            ->required();
        command.add_option("ROWS", options.rows, "CSV file with the model's columns")
            ->required()
            ->check(CLI::ExistingFile);
        command.add_option("--out", options.out, "File to write (default: the terminal)");
      });
}

}  // namespace starling::bootstrap
