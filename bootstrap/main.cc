// starling: node, command line and demo in one program.
#include "bootstrap/client/client_commands.h"
#include "bootstrap/recover_command.h"
#include "bootstrap/restore_command.h"
#include "bootstrap/settings.h"
#include "bootstrap/swarm_node.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>
#include <google/protobuf/stubs/logging.h>

namespace starling::bootstrap {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int run_node(const Settings& settings) {
  auto node = SwarmNode::open(settings);
  if (!node) {
    std::fprintf(stderr, "starling node: %s\n", node.error().detail.c_str());
    return node.error().code == Errc::invalid_argument ? kUsage : kFailed;
  }
  return (*node)->run();
}

int run_program(int argc, char** argv) {
  CLI::App app{
      "Starling: a self-organizing swarm that turns a table into a tuned, served and monitored "
      "model"};
  app.name("starling");
  app.set_version_flag("--version", STARLING_VERSION);
  app.require_subcommand(1);
  Settings settings;
  std::function<int()> chosen;
  add_node_command(app, settings)->callback([&] { chosen = [&] { return run_node(settings); }; });
  add_recover_command(app, chosen);
  add_restore_command(app, chosen);
  add_client_commands(app, chosen);
  return parse_and_run(app, chosen, argc, argv);
}

}  // namespace
}  // namespace starling::bootstrap

int main(int argc, char** argv) {
  // What does not parse is refused and said by its reader; protobuf's own lines would only let a
  // stranger fill the log.
  google::protobuf::SetLogHandler(nullptr);
  try {
    return starling::bootstrap::run_program(argc, argv);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "starling: stopped by an error it did not expect: %s\n", failure.what());
    return 70;
  }
}
