#include "bootstrap/settings.h"

#include "node/base/labels.h"
#include "node/secure/join_token.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>

namespace starling::bootstrap {
namespace {

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool is_any_address(const std::string& host) {
  return host == "0.0.0.0" || host == "::";
}

Result<> check_peer_addresses(const Settings& settings) {
  const auto listen = parse_host_port("--listen", settings.listen);
  if (!listen) return listen.error();
  const bool has_nobody_to_look_towards = settings.advertise.empty() && settings.join.empty();
  if (is_any_address(listen->host) && has_nobody_to_look_towards) {
    return Error{Errc::invalid_argument,
                 fmt::format("--listen {} accepts on every address of this machine, so say with "
                             "--advertise HOST:PORT which one others shall use",
                             settings.listen)};
  }
  if (!settings.advertise.empty()) {
    const auto advertise = parse_host_port("--advertise", settings.advertise);
    if (!advertise) return advertise.error();
    if (is_any_address(advertise->host)) {
      return Error{Errc::invalid_argument,
                   fmt::format("--advertise {}: nobody can connect to that; give the address that "
                               "others reach this node by",
                               settings.advertise)};
    }
  }
  for (const auto& seed : settings.join) {
    if (auto parsed = parse_host_port("--join", seed); !parsed) return parsed.error();
  }
  return {};
}

Result<> check_http_address(const Settings& settings) {
  const auto http = parse_host_port("--http", settings.http);
  if (!http) return http.error();
  if (is_loopback(http->host) || settings.insecure_http) return {};
  return Error{
      Errc::invalid_argument,
      fmt::format("--http {}: HTTP on an address that others reach needs TLS, which this "
                  "version does not have; use 127.0.0.1:{} and a tunnel or a reverse proxy, or "
                  "--insecure-http where the network is trusted",
                  settings.http,
                  http->port)};
}

/// --slots, slots: STARLING_SLOTS
std::string variable_of(std::string_view option) {
  std::string variable = "STARLING_";
  for (const char c : option.substr(std::min(option.find_first_not_of('-'), option.size())))
    variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

/// A node's file holds its options without a section. CLI11 reads files for the whole program
/// only, and would let them win over the environment.
class NodeFile : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    auto lines = CLI::ConfigTOML::from_config(input);
    std::erase_if(lines, [](const CLI::ConfigItem& item) {
      return std::getenv(variable_of(item.name).c_str()) != nullptr;
    });
    for (auto& item : lines)
      item.parents.insert(item.parents.begin(), "node");
    return lines;
  }
};

void read_file_of_node(CLI::App& app, CLI::App& node) {
  const char* file = std::getenv("STARLING_CONFIG");  // CLI11 reads the file before its variable
  app.set_config("--config",
                 file == nullptr ? "" : file,
                 "File with a node's options as name = value lines",
                 file != nullptr)
      ->group("");
  app.config_formatter(std::make_shared<NodeFile>());
  app.allow_config_extras(CLI::config_extras_mode::error);
  node.allow_config_extras(CLI::config_extras_mode::error);
  node.fallthrough();
}

}  // namespace

CLI::App* add_node_command(CLI::App& app, Settings& settings) {
  auto* node = app.add_subcommand("node", "Run a node: found a swarm, or join one");
  read_file_of_node(app, *node);
  const auto add = [node](const std::string& name, auto& value, const std::string& text) {
    return node->add_option(name, value, text)->envname(variable_of(name));
  };
  add("--data", settings.data, "Directory for identity, state and models (created if absent)")
      ->required();
  add("--join",
      settings.join,
      "HOST:PORT of a member to join through; may be repeated. The node that owns the first "
      "one founds the swarm if there is none");
  node->add_flag("--found", settings.found, "Found a new swarm (empty data directory only)")
      ->envname("STARLING_FOUND");
  add("--secret-file",
      settings.secret_file,
      "File with the swarm's secret, 64 hex digits. With --found it is made if it does not exist "
      "(default then: DATA/swarm-keys)");
  add("--join-token",
      settings.join_token,
      "Join by a token of `starling member invite` instead of the secret");
  add("--listen", settings.listen, "HOST:PORT for peers, TCP and UDP")->capture_default_str();
  add("--advertise",
      settings.advertise,
      "HOST:PORT that peers are told, if not that of --listen; with --listen 0.0.0.0:PORT the "
      "address "
      "that leads to --join");
  add("--http", settings.http, "HOST:PORT of dashboard and API")->capture_default_str();
  add("--http-advertise", settings.http_advertise, "URL that people are told, if not --http");
  add("--memory",
      settings.memory,
      "Memory budget, like 512M (default: the cgroup's limit, else "
      "what is available)");
  add("--slots", settings.slots, "Trials at a time (default: one per core)");
  add("--name", settings.name, "Name shown to people");
  add("--label", settings.labels, "KEY=VALUE; may be repeated");
  add("--upload-limit", settings.upload_limit, "Largest dataset upload")->capture_default_str();
  add("--disk-reserve",
      settings.disk_reserve,
      "Free disk below which nothing that grows is taken (507)")
      ->capture_default_str();
  add("--log-level", settings.log_level, "debug, info, warn or error")->capture_default_str();
  add("--worker",
      settings.worker,
      "A worker program for all work (default: starling-native-worker beside this one; "
      "starling-torch-worker where a network needs LibTorch)");
  node->add_flag("--insecure-http",
                 settings.insecure_http,
                 "Serve HTTP without TLS on an address that others reach")
      ->envname("STARLING_INSECURE_HTTP");
  node->add_flag("--insecure-no-auth",
                 settings.insecure_no_auth,
                 "Let anyone on this machine use the API without a token")
      ->envname("STARLING_INSECURE_NO_AUTH");
  node->footer(
      "Examples:\n"
      "  starling node --data /var/lib/starling --found\n"
      "  starling node --data /tmp/n2 --secret-file /var/lib/starling/swarm-keys \\\n"
      "      --join 127.0.0.1:7400 --listen 127.0.0.1:7401 --http 127.0.0.1:8401\n"
      "Every option may also be given as STARLING_NAME in the environment, or as a line like\n"
      "slots = 2 in a file named by --config FILE (STARLING_CONFIG). The command line wins over "
      "the\n"
      "environment, the environment over the file.");
  return node;
}

Result<HostPort> parse_host_port(std::string_view what, std::string_view text) {
  const auto colon = text.rfind(':');
  const auto bad = [&](std::string_view why) {
    return Error{Errc::invalid_argument,
                 fmt::format("{} {}: {}; write HOST:PORT, like 127.0.0.1:7400", what, text, why)};
  };
  if (colon == std::string_view::npos || colon == 0) return bad("no host or no port");
  HostPort parsed{.host = std::string{text.substr(0, colon)}, .port = 0};
  if (parsed.host.front() == '[' && parsed.host.back() == ']')
    parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  const auto digits = text.substr(colon + 1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), parsed.port);
  if (error != std::errc{} || end != digits.data() + digits.size())
    return bad("the port is not a number from 0 to 65535");
  return parsed;
}

Result<std::uint64_t> parse_size(std::string_view what, std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
  if (unit.ends_with("iB")) unit.remove_suffix(2);
  if (unit.ends_with("B")) unit.remove_suffix(1);
  const int shift = unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : unit.empty() ? 0 : -1;
  if (error != std::errc{} || shift < 0 || number > (std::uint64_t{1} << 50 >> shift)) {
    return Error{
        Errc::invalid_argument,
        fmt::format(
            "{} {}: not a size; write bytes or a number with K, M or G, like 512M", what, text)};
  }
  return number << shift;
}

Result<> check(const Settings& settings) {
  if (auto ok = check_peer_addresses(settings); !ok) return ok;
  if (!settings.join_token.empty()) {
    if (auto token = node::parse_join_token(settings.join_token); !token)
      return Error{Errc::invalid_argument, "--join-token: " + token.error().detail};
  }
  if (auto ok = check_http_address(settings); !ok) return ok;
  if (settings.slots > 1024) {
    return Error{Errc::invalid_argument,
                 fmt::format("--slots {}: at most 1024 trials at a time", settings.slots)};
  }
  if (settings.name.size() > 64) {
    return Error{Errc::invalid_argument,
                 fmt::format("--name has {} characters; at most 64", settings.name.size())};
  }
  if (auto labels = parse_labels(settings.labels, "--label"); !labels) return labels.error();
  if (!settings.memory.empty()) {
    const auto memory = parse_size("--memory", settings.memory);
    if (!memory) return memory.error();
    constexpr std::uint64_t kSmallest = 128 << 20;
    if (*memory < kSmallest) {
      return Error{Errc::invalid_argument,
                   fmt::format("--memory {}: at least 128M are needed", settings.memory)};
    }
  }
  const auto upload = parse_size("--upload-limit", settings.upload_limit);
  if (!upload) return upload.error();
  const auto reserve = parse_size("--disk-reserve", settings.disk_reserve);
  if (!reserve) return reserve.error();
  return {};
}

}  // namespace starling::bootstrap
