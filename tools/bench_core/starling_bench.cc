#include "tools/bench_core/starling_bench.h"

#include "tools/bench_core/register_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <thread>

namespace starling::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kIdleTime = 5s;

// The state of the memory measurement: 2,560 registers of 4,000 B.
constexpr std::size_t kFillWriters = 64;
constexpr std::size_t kFillKeysEach = 40;
constexpr std::size_t kFillValueBytes = 4000;

/// More than a leader keeps in its log for a member that is behind.
constexpr std::uint64_t kEntriesMissed = 45'000;

LoadPlan plan_of(const StarlingSwarm& swarm, const BenchOptions& options, std::size_t writers) {
  LoadPlan plan;
  plan.writers = writers;
  plan.time = options.time;
  plan.servers = swarm.pids();
  return plan;
}

/// From now on the peak counts anew.
void forget_peak(pid_t pid) {
  std::ofstream(fmt::format("/proc/{}/clear_refs", pid)) << 5;
}

Json memory_of(pid_t pid) {
  return {{"rss_mb", rounded(resident_mb(pid))},
          {"anonymous_mb", rounded(anonymous_mb(pid))},
          {"peak_rss_mb", rounded(resident_peak_mb(pid))}};
}

Json memory_of_all(const StarlingSwarm& swarm, std::size_t leader) {
  Json followers = Json::array();
  for (std::size_t i = 0; i < swarm.size(); ++i)
    if (i != leader) followers.push_back(memory_of(swarm.pid(i)));
  return {{"leader", memory_of(swarm.pid(leader))}, {"followers", followers}};
}

/// By what the node says of itself.
std::size_t snapshots_sent(const StarlingSwarm& swarm, std::size_t node) {
  constexpr std::string_view kSays = "sends a snapshot to=";
  const std::string output = swarm.output(node);
  std::size_t count = 0;
  for (auto at = output.find(kSays); at != std::string::npos; at = output.find(kSays, at + 1))
    ++count;
  return count;
}

/// Writes until `entries` more are in the log, so that a member that sleeps must get a snapshot.
void write_entries(StarlingSwarm& swarm, std::size_t leader, std::uint64_t entries) {
  const std::uint64_t until = swarm.commit_index(leader) + entries;
  LoadPlan plan;
  plan.writers = kFillWriters;
  plan.time = 1s;
  plan.warm_up = 0s;
  const auto deadline = Clock::now() + 2min;
  while (swarm.commit_index(leader) < until && Clock::now() < deadline)
    peer_load(swarm.address(leader), swarm.access(), WriteKeys::none, plan);
}

}  // namespace

Result<Json> measure_writes(StarlingSwarm& swarm, const BenchOptions& options, const Say& say) {
  using Load = std::function<Json(std::size_t leader, const LoadPlan& plan)>;
  const auto peer = [&](WriteKeys keys) {
    return [&swarm, keys](std::size_t leader, const LoadPlan& plan) {
      return peer_load(swarm.address(leader), swarm.access(), keys, plan);
    };
  };
  const std::vector<std::pair<std::string, Load>> loads{
      {"peer", peer(WriteKeys::internal)},
      {"peer_without_keys", peer(WriteKeys::none)},
      {"http", [&](std::size_t leader, const LoadPlan& plan) {
         return http_load(swarm.url(leader), swarm.token(), plan);
       }}};
  Json json = Json::object();
  for (const std::size_t writers : options.writers) {
    for (const auto& [name, load] : loads) {
      if (std::ranges::find(options.loads, name) == options.loads.end()) continue;
      const auto leader = swarm.leader();
      if (!leader) return leader.error();
      Json& done = json[name][std::to_string(writers)];
      done = load(*leader, plan_of(swarm, options, writers));
      say(fmt::format("starling {:<17} {:>4}: {}", name, writers, line_of(done)));
    }
  }
  return bootstrap::as_result(std::move(json));
}

Result<Json> measure_failovers(StarlingSwarm& swarm, std::size_t count, const Say& say) {
  const WriteRequest request = [&](const std::string& host, std::size_t number) {
    return set_register_request(host, swarm.token(), "bench-failover", std::to_string(number));
  };
  return measure_kills(swarm, "starling", request, count, say);
}

Result<Json> measure_memory(StarlingSwarm& swarm, const Say& say) {
  std::this_thread::sleep_for(kIdleTime);
  const auto leader = swarm.leader();
  if (!leader) return leader.error();
  Json json{{"idle", memory_of_all(swarm, *leader)}};
  say(fmt::format("idle: leader {} MB", json["idle"]["leader"]["rss_mb"].get<double>()));

  LoadPlan fill;
  fill.writers = kFillWriters;
  fill.keys_per_writer = kFillKeysEach;
  fill.value_bytes = kFillValueBytes;
  fill.warm_up = 0s;
  peer_load(swarm.address(*leader), swarm.access(), WriteKeys::none, fill);
  const std::size_t late = (*leader + 1) % swarm.size();
  swarm.kill(late);
  write_entries(swarm, *leader, kEntriesMissed);

  const std::size_t sent_before = snapshots_sent(swarm, *leader);
  forget_peak(swarm.pid(*leader));
  LoadPlan plan;
  plan.writers = kFillWriters;
  plan.time = 15s;
  plan.servers = {swarm.pid(*leader)};
  auto load = std::async(std::launch::async, [&] {
    return peer_load(swarm.address(*leader), swarm.access(), WriteKeys::internal, plan);
  });
  const auto up = swarm.start_again(late);
  const auto together = up ? swarm.wait_until_together(kTogetherPatience) : up;
  json["under_load"] = memory_of_all(swarm, *leader);
  json["under_load"]["late_member"] = memory_of(swarm.pid(late));
  json["under_load"]["load"] = load.get();
  json["under_load"]["snapshots_sent"] = snapshots_sent(swarm, *leader) - sent_before;
  json["under_load"]["leader_at_end"] = memory_of(swarm.pid(*leader));
  if (!together) return together.error();
  say(fmt::format("under load: leader's peak {} MB, the late member's {} MB, snapshots sent {}",
                  json["under_load"]["leader"]["peak_rss_mb"].get<double>(),
                  json["under_load"]["late_member"]["peak_rss_mb"].get<double>(),
                  json["under_load"]["snapshots_sent"].get<std::size_t>()));
  return bootstrap::as_result(std::move(json));
}

}  // namespace starling::bench
