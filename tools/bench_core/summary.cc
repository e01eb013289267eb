#include "tools/bench_core/summary.h"

#include <functional>
#include <string>

namespace starling::bench {
namespace {

using Pointer = Json::json_pointer;

constexpr double kFloorFactor = 1.3;
constexpr double kFloorExtraUs = 100;
constexpr double kWritesWanted = 20'000;
constexpr double kEtcdFactorWanted = 3;
constexpr double kFailoverMedianMs = 1000;
constexpr double kFailoverP95Ms = 2000;
constexpr double kIdleMb = 64;
constexpr double kLoadedMb = 160;

using OfRound = std::function<double(const Json& round)>;

double number_at(const Json& json, const std::string& path) {
  return json.value(Pointer(path), 0.0);
}

double median_over(const Json& rounds, const OfRound& of_round) {
  std::vector<double> numbers;
  for (const Json& round : rounds)
    if (const double number = of_round(round); number > 0) numbers.push_back(number);
  return rounded(median(std::move(numbers)));
}

double median_at(const Json& rounds, const std::string& path) {
  return median_over(rounds, [&](const Json& round) { return number_at(round, path); });
}

double median_ratio(const Json& rounds, const std::string& path, const std::string& to) {
  return median_over(rounds, [&](const Json& round) {
    const double below = number_at(round, to);
    return below > 0 ? number_at(round, path) / below : 0;
  });
}

Json latency_summary(const Json& rounds) {
  const auto ratio = [&](const std::string& path) {
    return median_over(rounds, [&](const Json& round) {
      const double allowed = kFloorFactor * number_at(round, "/floor/commit_us") + kFloorExtraUs;
      return number_at(round, path) / allowed;
    });
  };
  const std::string peer = "/starling/peer/1/latency/p50_us";
  return {{"floor_us", median_at(rounds, "/floor/commit_us")},
          {"peer_p50_us", median_at(rounds, peer)},
          {"peer_p99_us", median_at(rounds, "/starling/peer/1/latency/p99_us")},
          {"http_p50_us", median_at(rounds, "/starling/http/1/latency/p50_us")},
          {"http_p99_us", median_at(rounds, "/starling/http/1/latency/p99_us")},
          {"etcd_p50_us", median_at(rounds, "/etcd/1/latency/p50_us")},
          {"etcd_p99_us", median_at(rounds, "/etcd/1/latency/p99_us")},
          {"peer_p50_of_allowed", ratio(peer)},
          {"allowed", "1.3 x floor + 100 us"},
          {"is_met", ratio(peer) > 0 && ratio(peer) <= 1}};
}

Json throughput_summary(const Json& rounds) {
  Json json = Json::object();
  const Json& loads = rounds.at(0).at("starling").front();
  for (const auto& [writers, load] : loads.items()) {
    const std::string end = "/" + writers + "/writes_per_s";
    json[writers] = {{"peer", median_at(rounds, "/starling/peer" + end)},
                     {"peer_without_keys", median_at(rounds, "/starling/peer_without_keys" + end)},
                     {"http", median_at(rounds, "/starling/http" + end)},
                     {"etcd", median_at(rounds, "/etcd" + end)},
                     {"peer_to_etcd", median_ratio(rounds, "/starling/peer" + end, "/etcd" + end)},
                     {"peer_without_keys_to_etcd",
                      median_ratio(rounds, "/starling/peer_without_keys" + end, "/etcd" + end)}};
  }
  if (json.contains("512")) {
    json["is_met"] = number_at(json, "/512/peer") >= kWritesWanted;
    // The same promise on both sides: etcd's Put has no idempotency key.
    json["is_etcd_ratio_met"] =
        number_at(json, "/512/peer_without_keys_to_etcd") >= kEtcdFactorWanted;
  }
  return json;
}

}  // namespace

Json summary_of(const Json& report) {
  Json json = Json::object();
  const Json& rounds = report.at("rounds");
  if (!rounds.empty()) {
    json["commit_latency"] = latency_summary(rounds);
    json["writes_per_s"] = throughput_summary(rounds);
  }
  if (report.contains(Pointer("/failover/starling"))) {
    const double middle = number_at(report, "/failover/starling/median_ms");
    const double late = number_at(report, "/failover/starling/p95_ms");
    json["failover"] = {{"median_ms", middle},
                        {"p95_ms", late},
                        {"etcd_median_ms", number_at(report, "/failover/etcd/median_ms")},
                        {"is_met", middle <= kFailoverMedianMs && late <= kFailoverP95Ms}};
  }
  if (report.contains("memory")) {
    const double idle = number_at(report, "/memory/idle/leader/rss_mb");
    const double loaded = number_at(report, "/memory/under_load/leader/peak_rss_mb");
    json["memory"] = {{"idle_mb", idle},
                      {"under_load_mb", loaded},
                      {"is_met", idle <= kIdleMb && loaded <= kLoadedMb}};
  }
  return json;
}

}  // namespace starling::bench
