/// `starling restore`: a new swarm from a backup, when every node of the old one is lost.
#pragma once

#include <CLI/App.hpp>
#include <functional>

namespace starling::bootstrap {

void add_restore_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace starling::bootstrap
