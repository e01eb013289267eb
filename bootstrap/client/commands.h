/// How the client commands are declared and run. For the files of this room.
#pragma once

#include "bootstrap/client/client_options.h"
#include "bootstrap/client/screen.h"

#include <CLI/App.hpp>
#include <functional>
#include <memory>
#include <string>

namespace starling::bootstrap {

using Chosen = std::function<int()>;

/// A command's own ending: an exit code, or why it could not go on.
using Ending = Result<int>;

int finish(const Ending& ending);

/// Declares one command. Its options live as long as `parent`; `Options` is a ClientOptions.
template <class Options>
CLI::App* add_command(CLI::App& parent,
                      const std::string& name,
                      const std::string& text,
                      const std::string& examples,
                      Chosen& chosen,
                      Ending (*run)(const Options&),
                      const std::function<void(CLI::App&, Options&)>& declare) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent.add_subcommand(name, text);
  declare(*command, *options);
  add_client_options(*command, *options);
  command->footer(examples);
  command->callback(
      [options, run, &chosen] { chosen = [options, run] { return finish(run(*options)); }; });
  return command;
}

/// A command that only has commands below it.
CLI::App* add_group(CLI::App& app, const std::string& name, const std::string& text);

/// One line of JSON on stdout.
void print_json(const Json& json);

/// stdout for people; with --json stdout belongs to the JSON, and people read stderr.
std::FILE* people_file(const ClientOptions& options);

void add_dataset_commands(CLI::App& app, Chosen& chosen);
void add_study_commands(CLI::App& app, Chosen& chosen);
/// Below `study`.
void add_outside_commands(CLI::App& studies, Chosen& chosen);
void add_model_commands(CLI::App& app, Chosen& chosen);
void add_member_commands(CLI::App& app, Chosen& chosen);
void add_adopt_command(CLI::App& app, Chosen& chosen);
void add_backup_command(CLI::App& app, Chosen& chosen);
void add_run_command(CLI::App& app, Chosen& chosen);
void add_demo_command(CLI::App& app, Chosen& chosen);
void add_predict_command(CLI::App& app, Chosen& chosen);

}  // namespace starling::bootstrap
