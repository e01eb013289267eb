/// `starling recover`: a member whose swarm has lost most voters for good becomes the only voter.
#pragma once

#include <CLI/App.hpp>
#include <functional>

namespace starling::bootstrap {

void add_recover_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace starling::bootstrap
