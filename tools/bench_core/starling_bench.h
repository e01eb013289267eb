/// What is measured on a swarm of three nodes.
#pragma once

#include "tools/bench_core/failover.h"
#include "tools/bench_core/options.h"
#include "tools/bench_core/starling_swarm.h"
#include "tools/bench_core/write_load.h"

namespace starling::bench {

/// One round of all loads, on the leader:
/// {"peer": {"1": load, ...}, "peer_without_keys": {...}, "http": {...}}
Result<Json> measure_writes(StarlingSwarm& swarm, const BenchOptions& options, const Say& say);

/// kill -9 of the leader, again and again, each time with all three nodes together.
Result<Json> measure_failovers(StarlingSwarm& swarm, std::size_t count, const Say& say);

/// Resident memory: {"idle": {...}, "under_load": {...}}. Expects a swarm that nobody has used;
/// leaves it with 10 MB of registers.
Result<Json> measure_memory(StarlingSwarm& swarm, const Say& say);

}  // namespace starling::bench
