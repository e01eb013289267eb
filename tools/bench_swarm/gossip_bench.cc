#include "node/secure/datagram_seal.h"
#include "tools/bench_core/samples.h"
#include "tools/bench_swarm/parts.h"
#include "tools/gossip_world/gossip_world.h"

#include <algorithm>
#include <memory>

namespace starling::bench {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds kPatience = 120s;
constexpr double kHoursPerDay = 24;

/// Everybody knows everybody, and what there was to say about that has been said.
std::unique_ptr<GossipWorld> settled_world(std::size_t nodes, std::uint64_t seed, double loss) {
  auto world = std::make_unique<GossipWorld>(nodes, seed, loss);
  world->acquaint();
  for (int i = 0; i < 120; ++i) {
    const std::uint64_t before = world->news_sent();
    world->run_for(5s);
    if (world->news_sent() - before < nodes / 10) break;
  }
  return world;
}

/// Per node and second, with what sealing adds to each datagram.
double bytes_per_node_second(const GossipWorld& world,
                             std::uint64_t bytes,
                             std::uint64_t datagrams,
                             std::size_t nodes,
                             double seconds) {
  const auto sealed = static_cast<double>(
      world.bytes_sent() - bytes + (world.datagrams_sent() - datagrams) * node::kDatagramSealBytes);
  return sealed / static_cast<double>(nodes) / seconds;
}

double seconds_of(milliseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

}  // namespace

Json summary_of(std::vector<double> numbers) {
  std::ranges::sort(numbers);
  if (numbers.empty()) return nullptr;
  return {{"count", numbers.size()},
          {"median", rounded(median(numbers))},
          {"least", rounded(numbers.front())},
          {"most", rounded(numbers.back())}};
}

Json bench_detection(std::size_t nodes, int rounds, std::uint64_t seed) {
  std::vector<double> dead_everywhere;
  int late = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto world = settled_world(nodes, seed + static_cast<std::uint64_t>(round), 0);
    const std::size_t victim = 1 + static_cast<std::size_t>(round) % (nodes - 1);
    world->run_for(milliseconds{137} * round);
    world->crash(victim);
    const auto took = world->run_until(
        [&] { return world->all_see(victim, node::MemberState::dead); }, kPatience);
    if (took)
      dead_everywhere.push_back(seconds_of(*took));
    else
      ++late;
  }
  return {{"nodes", nodes},
          {"kill_to_dead_everywhere_s", summary_of(dead_everywhere)},
          {"not_within_120_s", late}};
}

Json bench_dissemination(std::size_t nodes, int rounds, std::uint64_t seed) {
  const auto world = settled_world(nodes, seed, 0);
  const std::uint64_t bytes = world->bytes_sent();
  const std::uint64_t datagrams = world->datagrams_sent();
  world->run_for(30s);
  const double at_rest = bytes_per_node_second(*world, bytes, datagrams, nodes, 30);

  std::vector<double> to_most;
  int late = 0;
  double busiest = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::size_t teller = static_cast<std::size_t>(round) * 7 % nodes;
    const std::uint64_t incarnation = world->change_facts(teller);
    const auto told = world->run_until([&] { return world->incarnation(teller) >= incarnation; },
                                       10s);  // its next publication
    const std::uint64_t before = world->bytes_sent();
    const std::uint64_t packets = world->datagrams_sent();
    const auto took = world->run_until(
        [&] { return world->count_informed(teller, incarnation) * 100 >= nodes * 99; }, kPatience);
    if (!told || !took) {
      ++late;
      continue;
    }
    to_most.push_back(seconds_of(*took));
    busiest = std::max(
        busiest,
        bytes_per_node_second(*world, before, packets, nodes, std::max(seconds_of(*took), 0.05)));
  }
  return {{"nodes", nodes},
          {"news_to_99_percent_s", summary_of(to_most)},
          {"not_within_120_s", late},
          {"bytes_per_node_second_at_rest", rounded(at_rest)},
          {"bytes_per_node_second_while_news_spreads", rounded(busiest)},
          {"largest_datagram", world->largest_datagram()}};
}

Json bench_false_deaths(std::size_t nodes,
                        double loss,
                        std::chrono::minutes virtual_time,
                        std::uint64_t seed) {
  const auto world = settled_world(nodes, seed, loss);
  const std::size_t before = world->false_deaths();
  world->run_for(virtual_time);
  const double node_days =
      static_cast<double>(nodes) * static_cast<double>(virtual_time.count()) / 60 / kHoursPerDay;
  const auto deaths = static_cast<double>(world->false_deaths() - before);
  // Each of the others counts the same death.
  const double per_death = static_cast<double>(nodes - 1);
  return {{"nodes", nodes},
          {"datagram_loss", loss},
          {"node_days", rounded(node_days)},
          {"false_deaths_seen", deaths},
          {"false_deaths_per_node_day", rounded(deaths / per_death / node_days)}};
}

}  // namespace starling::bench
