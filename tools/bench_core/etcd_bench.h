/// The same on three members of etcd.
#pragma once

#include "tools/bench_core/etcd_cluster.h"
#include "tools/bench_core/options.h"
#include "tools/bench_core/starling_bench.h"

namespace starling::bench {

/// One round of all loads on the leader, over gRPC: {"1": load, ...}. As many connections as serve
/// it best: one for one writer, 8 for many.
/// Errors: `io` (etcd_load).
Result<Json> measure_etcd_writes(EtcdCluster& cluster, const BenchOptions& options, const Say& say);

/// kill -9 of the leader; the writes go through the JSON gateways of the survivors.
Result<Json> measure_etcd_failovers(EtcdCluster& cluster, std::size_t count, const Say& say);

}  // namespace starling::bench
