#include "tools/bench_core/starling_swarm.h"

#include "bootstrap/member_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace starling::bench {
namespace {

using namespace std::chrono_literals;
using bootstrap::count_field;
using bootstrap::field;
using bootstrap::text_field;

constexpr std::size_t kNodes = 3;
constexpr auto kStartPatience = 30s;
constexpr std::size_t kOutputShown = 1500;
constexpr std::string_view kScheme = "http://";

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

Result<std::unique_ptr<StarlingSwarm>> StarlingSwarm::start(const std::filesystem::path& dir,
                                                            const std::filesystem::path& program) {
  std::unique_ptr<StarlingSwarm> swarm{new StarlingSwarm{dir, program}};
  const auto started = swarm->start_all();
  if (!started) return started.error();
  return swarm;
}

Result<> StarlingSwarm::start_all() {
  nodes_.resize(kNodes);
  for (std::size_t i = 0; i < kNodes; ++i) {
    nodes_[i].name = fmt::format("node-{}", i + 1);
    nodes_[i].data = dir_ / nodes_[i].name;
    if (const auto up = start_again(i); !up) return up;
    if (i > 0) continue;
    const bool has_token = wait_until(kStartPatience, [&] {
      token_ = content_of(nodes_.front().data / "admin-token");
      return !token_.empty();
    });
    if (!has_token) return failure("the founder has no token");
  }
  if (const auto together = wait_until_together(kStartPatience); !together) return together;
  const auto status = status_of(0);
  const auto swarm = SwarmId::from_hex(status ? text_field(*status, "swarm_id") : std::string{});
  if (!swarm) return failure("the founder names no swarm");
  auto ring = bootstrap::read_key_ring(nodes_.front().data / "swarm-keys");
  if (!ring) return ring.error();
  access_ = {.swarm = *swarm, .ring = std::move(*ring)};
  return {};
}

Result<> StarlingSwarm::start_again(std::size_t node) {
  Node& one = nodes_[node];
  std::error_code absent;
  std::filesystem::remove(one.data / "addresses.json", absent);
  if (const auto started = launch(node); !started) return started;
  const bool listens = wait_until(kStartPatience, [&] {
    const auto json =
        bootstrap::Json::parse(content_of(one.data / "addresses.json"), nullptr, false);
    one.listen = text_field(json, "listen");
    one.http = text_field(json, "http");
    return !one.listen.empty() && one.http.size() > kScheme.size();
  });
  if (!listens) return failure(one.name + " does not listen");
  one.http_listen = one.http.substr(kScheme.size());
  return {};
}

Result<> StarlingSwarm::launch(std::size_t node) {
  Node& one = nodes_[node];
  std::vector<std::string> words{program_, "node", "--data", one.data, "--name", one.name};
  words.insert(words.end(), {"--listen", one.listen, "--http", one.http_listen, "--slots", "1"});
  if (node == 0)
    words.emplace_back("--found");
  else
    words.insert(
        words.end(),
        {"--join", nodes_.front().listen, "--secret-file", nodes_.front().data / "swarm-keys"});
  auto process = ChildProcess::start(words, dir_ / (one.name + ".out"));
  if (!process) return process.error();
  one.process = std::move(*process);
  return {};
}

std::vector<pid_t> StarlingSwarm::pids() const {
  std::vector<pid_t> pids;
  for (const Node& node : nodes_)
    pids.push_back(node.process.pid());
  return pids;
}

std::vector<std::string> StarlingSwarm::urls_without(std::size_t node) const {
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (i != node) urls.push_back(nodes_[i].http);
  return urls;
}

std::optional<bootstrap::Json> StarlingSwarm::status_of(std::size_t node) {
  if (!nodes_[node].process.is_running()) return std::nullopt;
  bootstrap::SwarmClient client{nodes_[node].http, token_, {.attempts = 1, .pause = 1ms}};
  auto status = client.get("/api/v1/swarm");
  if (!status) return std::nullopt;
  return std::move(*status);
}

std::optional<std::size_t> StarlingSwarm::leader_by(const bootstrap::Json& status) const {
  for (const auto& member : field(status, "members")) {
    const auto& leads = field(member, "is_leader");
    if (!leads.is_boolean() || !leads.get<bool>()) continue;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].process.is_running() && text_field(member, "http") == nodes_[i].http) return i;
  }
  return std::nullopt;
}

Result<std::size_t> StarlingSwarm::leader() {
  std::optional<std::size_t> found;
  wait_until(kStartPatience, [&] {
    for (std::size_t i = 0; i < nodes_.size() && !found; ++i)
      if (const auto status = status_of(i)) found = leader_by(*status);
    return found.has_value();
  });
  if (found) return *found;
  return failure("nobody leads");
}

std::uint64_t StarlingSwarm::commit_index(std::size_t node) {
  const auto status = status_of(node);
  return status ? count_field(*status, "commit_index") : 0;
}

Result<> StarlingSwarm::wait_until_together(std::chrono::seconds patience) {
  const auto leads = leader();
  if (!leads) return leads.error();
  const std::uint64_t wanted = commit_index(*leads);
  const auto is_with_all = [&](std::size_t node) {
    const auto status = status_of(node);
    if (!status || count_field(*status, "applied_index") < wanted) return false;
    const auto& members = field(*status, "members");
    return leader_by(*status).has_value() && std::ranges::count_if(members, [](const auto& member) {
                                               return text_field(member, "role") == "voter" &&
                                                      text_field(member, "state") == "alive";
                                             }) == std::ssize(nodes_);
  };
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!wait_until(patience, [&] { return is_with_all(i); }))
      return failure(fmt::format(
          "{} did not see all three vote within {} s", nodes_[i].name, patience.count()));
  }
  return {};
}

std::string StarlingSwarm::output(std::size_t node) const {
  return content_of(dir_ / (nodes_[node].name + ".out"));
}

Error StarlingSwarm::failure(const std::string& what) const {
  std::string text = what;
  for (const Node& node : nodes_) {
    const auto said = content_of(dir_ / (node.name + ".out"));
    const auto shown = said.substr(said.size() - std::min(said.size(), kOutputShown));
    text += fmt::format("\n--- the end of {}'s output:\n{}", node.name, shown);
  }
  return Error{Errc::unavailable, text};
}

}  // namespace starling::bench
