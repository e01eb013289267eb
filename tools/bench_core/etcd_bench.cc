#include "tools/bench_core/etcd_bench.h"

#include "bootstrap/client/json_access.h"
#include "tools/bench_core/failover.h"
#include "tools/bench_core/register_request.h"

#include <fmt/format.h>

#include <fstream>

namespace starling::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kConnectionsMax = 8;
constexpr std::string_view kScheme = "http://";

Result<Json> run_etcd_load(EtcdCluster& cluster,
                           const BenchOptions& options,
                           std::size_t leader,
                           std::size_t writers) {
  const auto file = options.dir / "etcd_load.json";
  std::error_code absent;
  std::filesystem::remove(file, absent);
  std::vector<std::string> words{options.etcd_load,
                                 "--server",
                                 cluster.url(leader).substr(kScheme.size()),
                                 "--writers",
                                 std::to_string(writers),
                                 "--connections",
                                 std::to_string(std::min(writers, kConnectionsMax)),
                                 "--seconds",
                                 std::to_string(options.time.count())};
  for (const pid_t pid : cluster.pids())
    words.insert(words.end(), {"--pid", std::to_string(pid)});
  auto load = ChildProcess::start(words, file);
  if (!load) return load.error();
  const auto ended = load->wait(options.time + 30s);
  if (!ended) return ended.error();
  std::ifstream in(file);
  auto json = Json::parse(in, nullptr, false);
  if (*ended != 0 || !json.is_object())
    return Error{Errc::io, fmt::format("etcd_load ended with {}; see {}", *ended, file.string())};
  return bootstrap::as_result(std::move(json));
}

}  // namespace

Result<Json> measure_etcd_writes(EtcdCluster& cluster,
                                 const BenchOptions& options,
                                 const Say& say) {
  Json json = Json::object();
  for (const std::size_t writers : options.writers) {
    const auto leader = cluster.leader();
    if (!leader) return leader.error();
    auto load = run_etcd_load(cluster, options, *leader, writers);
    if (!load) return load.error();
    say(fmt::format("etcd gRPC                  {:>4}: {}", writers, line_of(*load)));
    json[std::to_string(writers)] = std::move(*load);
  }
  return bootstrap::as_result(std::move(json));
}

Result<Json> measure_etcd_failovers(EtcdCluster& cluster, std::size_t count, const Say& say) {
  const WriteRequest request = [](const std::string& host, std::size_t number) {
    return etcd_put_request(host, "bench-failover", std::to_string(number));
  };
  return measure_kills(cluster, "etcd", request, count, say);
}

}  // namespace starling::bench
