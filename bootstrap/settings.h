/// Everything an operator may choose for a node.
///
/// Precedence: default here < config file < environment STARLING_* < command line.
#pragma once

#include "node/base/error.h"

#include <CLI/App.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace starling::bootstrap {

struct Settings {
  std::filesystem::path data;
  std::string listen = "127.0.0.1:7400";  ///< Peers: TCP and UDP. Port 0: any free one.
  std::string advertise;                  ///< What peers are told. Empty: what `listen` became.
  std::string http = "127.0.0.1:8400";    ///< Dashboard and API. Port 0: any free one.
  std::string http_advertise;             ///< URL shown to people. Empty: what `http` became.
  std::vector<std::string> join;          ///< Members to ask first.
  bool found = false;                     ///< Start a new swarm.
  std::filesystem::path secret_file;      ///< The swarm's secret; empty: as the node knows it.
  std::string join_token;
  bool insecure_http = false;
  std::string name;                 ///< Empty: "node-" and the first digits of the id.
  std::vector<std::string> labels;  ///< KEY=VALUE
  std::string memory;               ///< like 512M; empty: the cgroup's limit, else MemAvailable
  std::uint32_t slots = 0;          ///< Trials at a time. 0: one per core.
  bool insecure_no_auth = false;
  std::string upload_limit = "4G";
  std::string disk_reserve = "256M";  ///< Free disk below which nothing that grows is taken.
  std::string log_level = "info";
  std::filesystem::path worker;  ///< Empty: those beside this program.
};

/// Declares `starling node` and its options.
CLI::App* add_node_command(CLI::App& app, Settings& settings);

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

/// HOST:PORT or [V6]:PORT. Errors: `invalid_argument` naming `what` and the text.
Result<HostPort> parse_host_port(std::string_view what, std::string_view text);

/// 512M, 2G, 1073741824. Errors: `invalid_argument` naming `what`, the text and the limits.
Result<std::uint64_t> parse_size(std::string_view what, std::string_view text);

/// Errors: `invalid_argument`, naming the option, the value and what to use instead.
Result<> check(const Settings& settings);

}  // namespace starling::bootstrap
