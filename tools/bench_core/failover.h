/// kill -9 of the leader, again and again, each time with all members together.
#pragma once

#include "bootstrap/client/json_access.h"
#include "tools/bench_core/first_write.h"

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <string>

namespace starling::bench {

/// Tells a person what happens now.
using Say = std::function<void(const std::string& line)>;

inline constexpr std::chrono::seconds kTogetherPatience{60};

/// `Cluster`: StarlingSwarm or EtcdCluster.
template <class Cluster>
Result<Clock::duration> kill_leader(Cluster& cluster, const WriteRequest& request) {
  const auto leader = cluster.leader();
  if (!leader) return leader.error();
  cluster.kill(*leader);
  const auto first = time_to_first_write(cluster.urls_without(*leader), request, Clock::now());
  if (const auto up = cluster.start_again(*leader); !up) return up.error();
  return first;
}

/// Errors: the members do not come together again.
template <class Cluster>
Result<Json> measure_kills(Cluster& cluster,
                           const std::string& name,
                           const WriteRequest& request,
                           std::size_t count,
                           const Say& say) {
  FailoverTally tally;
  for (std::size_t i = 0; i < count; ++i) {
    const auto first = kill_leader(cluster, request);
    tally.add(first);
    if (first)
      say(fmt::format("{}: leader killed, first write after {} ms ({}/{})",
                      name,
                      std::chrono::duration_cast<std::chrono::milliseconds>(*first).count(),
                      i + 1,
                      count));
    else
      say(fmt::format("{}: leader killed, {}", name, first.error().detail));
    if (const auto together = cluster.wait_until_together(kTogetherPatience); !together)
      return together.error();
  }
  return bootstrap::as_result(tally.to_json());
}

}  // namespace starling::bench
