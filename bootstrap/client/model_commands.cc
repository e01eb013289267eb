#include "bootstrap/client/commands.h"
#include "bootstrap/client/report_text.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

namespace starling::bootstrap {
namespace {

struct ModelOptions : ClientOptions {
  std::string model;
};

struct DownloadOptions : ModelOptions {
  std::uint64_t version = 0;
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
}

}  // namespace starling::bootstrap
