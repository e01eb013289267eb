/// What bench_swarm measures; each part returns its figures as JSON.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

namespace starling::bench {

using Json = nlohmann::json;

/// Gossip in virtual time: no network loss but where it is named; delays of 0.2 to 2.2 ms.
Json bench_detection(std::size_t nodes, int rounds, std::uint64_t seed);
Json bench_dissemination(std::size_t nodes, int rounds, std::uint64_t seed);
Json bench_false_deaths(std::size_t nodes,
                        double loss,
                        std::chrono::minutes virtual_time,
                        std::uint64_t seed);

/// Sealing and opening, one core.
Json bench_seals();

/// In one process, over real links and disks: from an entry applied by the leader to the same
/// applied by leaves that follow each other, one for each depth.
Json bench_relay(const std::filesystem::path& dir, int entries);

/// Real nodes: how long one more takes to be ready, the memory of leaves, and how long it takes
/// until all others hold a killed one for dead.
Json bench_nodes(const std::filesystem::path& dir, std::size_t nodes, int rounds);

/// Count, median, least and most; null if there are none.
Json summary_of(std::vector<double> numbers);

}  // namespace starling::bench
