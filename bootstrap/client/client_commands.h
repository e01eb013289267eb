/// Every command of `starling` that talks to a swarm: demo, run, dataset, study, trial, model,
/// member, predict.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace starling::bootstrap {

/// Declares the commands; the one that was given sets `chosen`, which runs it and returns the exit
/// code: 0 done, 1 failed, 2 usage, 3 unreachable or outcome unknown. `chosen` must outlive `app`.
void add_client_commands(CLI::App& app, std::function<int()>& chosen);

/// Parses the command line and runs what was chosen. Help is 0; a wrong command line is 2.
int parse_and_run(CLI::App& app,
                  const std::function<int()>& chosen,
                  int argc,
                  const char* const* argv);

}  // namespace starling::bootstrap
