#include "bootstrap/client/client_options.h"

#include "bootstrap/client/terminal.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>

namespace starling::bootstrap {

void add_client_options(CLI::App& command, ClientOptions& options) {
  auto* url = command.add_option("--url", options.url, "A node of the swarm, any of them")
                  ->envname("STARLING_URL")
                  ->capture_default_str()
                  ->group("Swarm");
  auto* token = command.add_option("--token", options.token, "The swarm's admin token")
                    ->envname("STARLING_TOKEN")
                    ->group("Swarm");
  command
      .add_option("--token-file",
                  options.token_file,
                  "File with the token: DIR/admin-token of the founding node")
      ->check(CLI::ExistingFile)
      ->excludes(token)
      ->group("Swarm");
  command.add_flag("--json", options.json, "Print JSON, for programs");
  command.preparse_callback([](std::size_t) {});
  command.parse_complete_callback([url, &options] { options.is_url_given = url->count() > 0; });
}

Result<SwarmClient> client_of(const ClientOptions& options, RetryPlan plan) {
  std::string token = options.token;
  if (!options.token_file.empty()) {
    std::ifstream in(options.token_file);
    if (!(in >> token))
      return Error{
          Errc::io,
          fmt::format("--token-file {} has no token in it or cannot be read", options.token_file)};
  }
  return SwarmClient(options.url, std::move(token), plan);
}

int exit_code_of(const Error& error) {
  return error.code == Errc::unavailable || error.code == Errc::timed_out ? kUnknown : kFailed;
}

int report_failure(const Error& error) {
  std::fprintf(stderr, "starling: %s\n", error.detail.c_str());
  return exit_code_of(error);
}

std::optional<std::uint64_t> parse_duration(const std::string& text) {
  std::uint64_t seconds = 0;
  std::uint64_t number = 0;
  bool has_digits = false;
  bool has_unit = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      number = number * 10 + static_cast<std::uint64_t>(c - '0');
      has_digits = true;
      if (number > 1'000'000'000) return std::nullopt;
      continue;
    }
    const std::uint64_t unit = c == 's'   ? 1
                               : c == 'm' ? 60
                               : c == 'h' ? 3600
                               : c == 'd' ? 86400
                                          : 0;
    if (!has_digits || unit == 0) return std::nullopt;
    seconds += number * unit;
    number = 0;
    has_digits = false;
    has_unit = true;
  }
  if (has_digits && has_unit) return std::nullopt;  // "1h30" could mean two things
  if (has_digits) seconds = number;
  if (seconds == 0) return std::nullopt;
  return seconds;
}

}  // namespace starling::bootstrap
