#include "tools/bench_core/etcd_cluster.h"

#include "bootstrap/client/http_client.h"
#include "bootstrap/client/json_access.h"

#include <fmt/format.h>

#include <charconv>

namespace starling::bench {
namespace {

using namespace std::chrono_literals;
using bootstrap::field;
using bootstrap::text_field;

constexpr std::size_t kMembers = 3;
constexpr auto kPatience = 30s;

/// The gateway writes 64-bit numbers as strings.
std::uint64_t number_in(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Result<std::unique_ptr<EtcdCluster>> EtcdCluster::start(const std::filesystem::path& dir,
                                                        const std::filesystem::path& program) {
  std::unique_ptr<EtcdCluster> cluster{new EtcdCluster{dir, program}};
  cluster->members_.resize(kMembers);
  for (std::size_t i = 0; i < kMembers; ++i) {
    auto& member = cluster->members_[i];
    member.name = fmt::format("etcd-{}", i + 1);
    member.client_port = free_port();
    member.peer_port = free_port();
  }
  for (std::size_t i = 0; i < kMembers; ++i)
    if (const auto started = cluster->start_again(i); !started) return started.error();
  if (const auto together = cluster->wait_until_together(kPatience); !together)
    return together.error();
  return cluster;
}

std::string EtcdCluster::peers() const {
  std::string peers;
  for (const Member& member : members_)
    peers += fmt::format(
        "{}{}=http://127.0.0.1:{}", peers.empty() ? "" : ",", member.name, member.peer_port);
  return peers;
}

Result<> EtcdCluster::start_again(std::size_t member) {
  Member& one = members_[member];
  const std::string client = url(member);
  const std::string peer = fmt::format("http://127.0.0.1:{}", one.peer_port);
  auto process = ChildProcess::start({program_,
                                      "--name",
                                      one.name,
                                      "--data-dir",
                                      dir_ / one.name,
                                      "--listen-client-urls",
                                      client,
                                      "--advertise-client-urls",
                                      client,
                                      "--listen-peer-urls",
                                      peer,
                                      "--initial-advertise-peer-urls",
                                      peer,
                                      "--initial-cluster",
                                      peers(),
                                      "--initial-cluster-state",
                                      "new"},
                                     dir_ / (one.name + ".out"));
  if (!process) return process.error();
  one.process = std::move(*process);
  return {};
}

std::vector<pid_t> EtcdCluster::pids() const {
  std::vector<pid_t> pids;
  for (const Member& member : members_)
    pids.push_back(member.process.pid());
  return pids;
}

std::string EtcdCluster::url(std::size_t member) const {
  return fmt::format("http://127.0.0.1:{}", members_[member].client_port);
}

std::vector<std::string> EtcdCluster::urls_without(std::size_t member) const {
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < members_.size(); ++i)
    if (i != member) urls.push_back(url(i));
  return urls;
}

std::optional<EtcdCluster::Status> EtcdCluster::status_of(std::size_t member) const {
  if (!members_[member].process.is_running()) return std::nullopt;
  bootstrap::HttpClient client;
  bootstrap::HttpCall call;
  call.method = "POST";
  call.url = url(member) + "/v3/maintenance/status";
  call.body = "{}";
  call.timeout = 2s;
  const auto answer = client.send(call);
  if (!answer || !answer->is_success()) return std::nullopt;
  const auto json = bootstrap::Json::parse(answer->body, nullptr, false);
  return Status{.id = text_field(field(json, "header"), "member_id"),
                .leader = text_field(json, "leader"),
                .applied = number_in(text_field(json, "raftAppliedIndex"))};
}

Result<std::size_t> EtcdCluster::leader() {
  std::optional<std::size_t> found;
  wait_until(kPatience, [&] {
    for (std::size_t i = 0; i < members_.size() && !found; ++i) {
      const auto status = status_of(i);
      if (status && !status->id.empty() && status->id == status->leader) found = i;
    }
    return found.has_value();
  });
  if (found) return *found;
  return Error{Errc::unavailable,
               fmt::format("no etcd member leads within {} s; see {}", 30, dir_.string())};
}

Result<> EtcdCluster::wait_until_together(std::chrono::seconds patience) {
  const auto leads = leader();
  if (!leads) return leads.error();
  const auto wanted = status_of(*leads);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const bool is_there = wait_until(patience, [&] {
      const auto status = status_of(i);
      return status && !status->leader.empty() && wanted && status->applied >= wanted->applied;
    });
    if (!is_there)
      return Error{Errc::unavailable,
                   fmt::format("{} did not catch up within {} s; see {}",
                               members_[i].name,
                               patience.count(),
                               dir_.string())};
  }
  return {};
}

}  // namespace starling::bench
