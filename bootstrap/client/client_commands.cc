#include "bootstrap/client/client_commands.h"

#include "bootstrap/client/commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>

namespace starling::bootstrap {

int finish(const Ending& ending) {
  return ending ? *ending : report_failure(ending.error());
}

CLI::App* add_group(CLI::App& app, const std::string& name, const std::string& text) {
  CLI::App* group = app.add_subcommand(name, text);
  group->require_subcommand(1);
  return group;
}

void print_json(const Json& json) {
  std::puts(json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

std::FILE* people_file(const ClientOptions& options) {
  return options.json ? stderr : stdout;
}

void add_client_commands(CLI::App& app, std::function<int()>& chosen) {
  add_demo_command(app, chosen);
  add_run_command(app, chosen);
  add_predict_command(app, chosen);
  add_dataset_commands(app, chosen);
  add_study_commands(app, chosen);
  add_model_commands(app, chosen);
  add_member_commands(app, chosen);
  add_backup_command(app, chosen);
  add_adopt_command(app, chosen);
}

int parse_and_run(CLI::App& app,
                  const std::function<int()>& chosen,
                  int argc,
                  const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  if (chosen) return chosen();
  std::fputs(app.help().c_str(), stderr);
  return kUsage;
}

}  // namespace starling::bootstrap
