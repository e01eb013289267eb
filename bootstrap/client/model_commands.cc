#include "bootstrap/client/commands.h"
#include "bootstrap/client/report_text.h"
#include "bootstrap/client/temporary_folder.h"
#include "ml/export/c_source.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

namespace starling::bootstrap {
namespace {

struct ModelOptions : ClientOptions {
  std::string model;
};

struct DownloadOptions : ModelOptions {
  std::uint64_t version = 0;
  std::string out;
};

struct ExportOptions : ClientOptions {
  std::string file;
  std::string out;
};

Ending list_models(const ClientOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto models = swarm->get("/api/v1/models");
  if (!models) return models.error();
  if (options.json)
    print_json(*models);
  else
    Screen(stdout).say(models_text(*models, style_of(stdout)));
  return kDone;
}

Ending show_model(const ModelOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto model = swarm->get("/api/v1/models/" + url_encoded(options.model));
  if (!model) return model.error();
  if (options.json)
    print_json(*model);
  else
    Screen(stdout).say(model_text(*model, style_of(stdout)));
  return kDone;
}

Ending download_model(const DownloadOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const std::string path = "/api/v1/models/" + url_encoded(options.model);
  std::uint64_t version = options.version;
  if (version == 0) {
    const auto model = swarm->get(path);
    if (!model) return model.error();
    version = count_field(*model, "latest");
  }
  const std::filesystem::path out =
      options.out.empty() ? options.model + ".starling.zip" : options.out;
  const auto done = swarm->download(fmt::format("{}/versions/{}/download", path, version), out);
  if (!done) return done.error();
  std::error_code ignored;
  const auto bytes = std::filesystem::file_size(out, ignored);
  if (options.json)
    print_json(
        {{"model", options.model}, {"version", version}, {"file", out.string()}, {"bytes", bytes}});
  else
    Screen(stdout).say(fmt::format(
        "{} version {} is in {} ({})", options.model, version, out.string(), bytes_text(bytes)));
  return kDone;
}

/// Needs no node.
Ending export_model(const ExportOptions& options) {
  const auto folder = TemporaryFolder::make();
  if (!folder) return folder.error();
  const auto artifact = ml::open_artifact(options.file, (*folder)->path());
  if (!artifact) return artifact.error();
  const auto source = ml::c_source(*artifact);
  if (!source) return source.error();
  const std::filesystem::path out = options.out.empty()
                                        ? std::filesystem::path{options.file}.stem().string() + ".c"
                                        : options.out;
  std::ofstream file(out, std::ios::binary | std::ios::trunc);
  file << *source;
  file.close();
  if (!file) return Error{Errc::io, fmt::format("{} cannot be written", out.string())};
  if (options.json)
    print_json({{"file", out.string()}, {"bytes", source->size()}});
  else
    Screen(stdout).say(
        fmt::format("{} is in {} ({}): compile it with any C compiler, and call "
                    "starling_predict",
                    options.file,
                    out.string(),
                    bytes_text(source->size())));
  return kDone;
}

void declare_model(CLI::App& command, ModelOptions& options) {
  command.add_option("MODEL", options.model, "Name of the model")->required();
}

}  // namespace

void add_model_commands(CLI::App& app, Chosen& chosen) {
  CLI::App* models = add_group(app, "model", "What studies have trained");
  add_command<ClientOptions>(*models,
                             "list",
                             "List the models",
                             "Example: starling model list",
                             chosen,
                             list_models,
                             [](CLI::App&, ClientOptions&) {});
  add_command<ModelOptions>(*models,
                            "show",
                            "Show a model's versions and metrics",
                            "Example: starling model show insurance",
                            chosen,
                            show_model,
                            declare_model);
  add_command<DownloadOptions>(
      *models,
      "download",
      "Save a model as a file that predicts without a node",
      "Example: starling model download insurance --version 2 --out insurance-2.zip",
      chosen,
      download_model,
      [](CLI::App& command, DownloadOptions& options) {
        declare_model(command, options);
        command.add_option("--version", options.version, "Version (default: the latest)")
            ->check(CLI::PositiveNumber);
        command.add_option("--out", options.out, "File to write (default: MODEL.starling.zip)");
      });
  add_command<ExportOptions>(
      *models,
      "export",
      "Write a model's file as one file of C that needs no library",
      "For trees and networks of up to 4 MB of text; needs no node.\n"
      "Example: starling model export insurance.starling.zip --out insurance.c",
      chosen,
      export_model,
      [](CLI::App& command, ExportOptions& options) {
        command.add_option("FILE", options.file, "A downloaded model file")->required();
        command.add_option("--out", options.out, "File to write (default: FILE.c)");
      });
}

}  // namespace starling::bootstrap
