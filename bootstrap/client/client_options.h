/// What every client command reads: where the swarm is, who asks, and for whose eyes.
#pragma once

#include "bootstrap/client/swarm_client.h"

#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace starling::bootstrap {

enum ExitCode : int { kDone = 0, kFailed = 1, kUsage = 2, kUnknown = 3 };

inline constexpr const char* kDefaultUrl = "http://127.0.0.1:8400";

struct ClientOptions {
  std::string url = kDefaultUrl;
  bool is_url_given = false;
  std::string token;
  std::string token_file;
  bool json = false;
};

/// Declares --url, --token, --token-file and --json. `options` must outlive `command`.
void add_client_options(CLI::App& command, ClientOptions& options);

/// Errors: `invalid_argument` (both tokens), `io` (the token's file).
Result<SwarmClient> client_of(const ClientOptions& options, RetryPlan plan = {});

/// 3 when nothing could be asked or the outcome is unknown, 1 for every refusal.
int exit_code_of(const Error& error);

/// Says on stderr what went wrong. Returns: the exit code.
int report_failure(const Error& error);

/// 90, 90s, 10m, 1h30m in seconds. Nothing if it is none of these.
std::optional<std::uint64_t> parse_duration(const std::string& text);

}  // namespace starling::bootstrap
