#include "bootstrap/client/swarm_client.h"
#include "node/base/durable_file.h"
#include "tools/bench_core/child_process.h"
#include "tools/bench_core/samples.h"
#include "tools/bench_core/usage.h"
#include "tools/bench_swarm/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace starling::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr auto kRest = 10s;  // before memory is read

std::filesystem::path program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "starling";
}

struct Started {
  ChildProcess process;
  std::string name;
  std::string listen;
  std::string http;
  double ready_after_s = 0;
};

Json addresses_of(const std::filesystem::path& data) {
  const auto text = read_file(data / "addresses.json");
  return text ? Json::parse(*text, nullptr, false) : Json{};
}

bool is_ready(const std::string& http) {
  bootstrap::SwarmClient client{http, "", {.attempts = 1, .pause = 1ms}};
  return client.get("/readyz").has_value();
}

/// The first founds; the others join it. Returns: once it is ready.
Result<Started> start(const std::filesystem::path& dir,
                      std::size_t number,
                      const std::string& first) {
  Started node;
  node.name = fmt::format("node-{}", number);
  const auto data = dir / node.name;
  std::vector<std::string> words{program().string(),
                                 "node",
                                 "--name",
                                 node.name,
                                 "--data",
                                 data.string(),
                                 "--listen",
                                 "127.0.0.1:0",
                                 "--http",
                                 "127.0.0.1:0"};
  if (number == 0) {
    words.emplace_back("--found");
  } else {
    const auto secret = (dir / "node-0" / "swarm-keys").string();
    words.insert(words.end(), {"--join", first, "--secret-file", secret});
  }
  const auto begun = Clock::now();
  auto process = ChildProcess::start(words, dir / (node.name + ".out"));
  if (!process) return process.error();
  node.process = std::move(*process);
  const bool is_up = wait_until(kPatience, [&] {
    const Json known = addresses_of(data);
    if (!known.is_object() || !known.contains("http")) return false;
    node.listen = known["listen"];
    node.http = known["http"];
    return is_ready(node.http);
  });
  node.ready_after_s = std::chrono::duration<double>(Clock::now() - begun).count();
  if (!is_up)
    return Error{Errc::timed_out, fmt::format("{} is not ready; see {}", node.name, dir.string())};
  return node;
}

/// By role, as the first node sees it: resident and anonymous memory.
Json memory_by_role(const std::vector<Started>& nodes, const std::string& token) {
  bootstrap::SwarmClient client{nodes.front().http, token};
  const auto status = client.get("/api/v1/swarm");
  Json roles = Json::object();
  if (!status) return roles;
  for (const auto& member : (*status)["members"]) {
    for (const Started& node : nodes) {
      if (node.name != member["name"]) continue;
      const Json one{{"resident_mb", rounded(resident_mb(node.process.pid()))},
                     {"anonymous_mb", rounded(anonymous_mb(node.process.pid()))}};
      roles[member["role"].get<std::string>()].push_back(one);
    }
  }
  return roles;
}

bool holds(bootstrap::SwarmClient& asked, const std::string& name, std::string_view state) {
  const auto status = asked.get("/api/v1/swarm");
  if (!status) return false;
  return std::ranges::any_of((*status)["members"], [&](const Json& member) {
    return member["name"] == name && member["state"] == state;
  });
}

/// Until every other node has said of `victim` that it is in `state`; nothing if one never does.
std::optional<double> seconds_until_all_hold(const std::vector<Started>& nodes,
                                             const Started& victim,
                                             const std::string& token,
                                             std::string_view state) {
  const auto begun = Clock::now();
  for (const Started& node : nodes) {
    if (node.name == victim.name) continue;
    bootstrap::SwarmClient client{node.http, token, {.attempts = 1, .pause = 1ms}};
    if (!wait_until(kPatience, [&] { return holds(client, victim.name, state); }))
      return std::nullopt;
  }
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

/// Kills one node after the other, never the first, and starts it again in between.
Json bench_kills(const std::filesystem::path& dir,
                 std::vector<Started>& nodes,
                 const std::string& token,
                 int rounds) {
  std::vector<double> dead;
  for (int round = 0; round < rounds && nodes.size() > 2; ++round) {
    const std::size_t number = 1 + static_cast<std::size_t>(round) % (nodes.size() - 1);
    nodes[number].process.kill();
    const auto took = seconds_until_all_hold(nodes, nodes[number], token, "dead");
    if (!took) return {{"failed", fmt::format("{} is not dead everywhere", nodes[number].name)}};
    dead.push_back(*took);
    auto again = start(dir, number, nodes.front().listen);
    if (!again) return {{"failed", again.error().detail}};
    nodes[number] = std::move(*again);
    if (!seconds_until_all_hold(nodes, nodes[number], token, "alive"))
      return {{"failed", fmt::format("{} is not alive everywhere", nodes[number].name)}};
  }
  return summary_of(std::move(dead));
}

}  // namespace

Json bench_nodes(const std::filesystem::path& dir, std::size_t count, int rounds) {
  std::vector<Started> nodes;
  Json ready = Json::array();
  for (std::size_t i = 0; i < count; ++i) {
    auto node = start(dir, i, nodes.empty() ? "" : nodes.front().listen);
    if (!node) return {{"failed", node.error().detail}};
    if (i > 0) ready.push_back(rounded(node->ready_after_s));
    nodes.push_back(std::move(*node));
  }
  const auto token = read_file(dir / "node-0" / "admin-token");
  static_cast<void>(wait_until(kRest, [] { return false; }));
  const Json memory = memory_by_role(nodes, token ? *token : "");
  return {{"nodes", count},
          {"joining_to_ready_s", ready},
          {"memory_at_rest", memory},
          {"kill_to_dead_everywhere_s", bench_kills(dir, nodes, token ? *token : "", rounds)}};
}

}  // namespace starling::bench
