// simulate --seed S [--trace] | --seeds N [--seed S]: runs virtual swarms, stops at the first
// broken promise and says how to see it again.
#include "tests/support/virtual_swarm.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

namespace starling::tests {
namespace {

int simulate(int argc, char** argv) {
  CLI::App app{"Runs Raft swarms with virtual network, disks and time, each from one seed."};
  std::uint64_t seed = 1;
  std::uint64_t seeds = 0;
  bool trace = false;
  app.add_option("--seed", seed, "the seed to run, or the first one");
  app.add_option("--seeds", seeds, "how many seeds to run");
  app.add_flag("--trace", trace, "print every event");
  CLI11_PARSE(app, argc, argv);

  VirtualSwarmReport total;
  const std::uint64_t count = std::max(seeds, std::uint64_t{1});
  for (std::uint64_t i = 0; i < count; ++i) {
    VirtualSwarmOptions options;
    options.seed = seed + i;
    if (trace) options.trace = [](const std::string& line) { std::puts(line.c_str()); };
    const auto report = VirtualSwarm{options}.run();
    total.steps += report.steps;
    total.crashes += report.crashes;
    total.snapshots += report.snapshots;
    total.config_changes += report.config_changes;
    total.reads += report.reads;
    total.committed.value += report.committed.value;
    if (!report.failure) continue;
    fmt::print("seed {} FAILED: {}\nreplay with: {} --seed {} --trace\n",
               options.seed,
               *report.failure,
               argv[0],
               options.seed);
    return 1;
  }
  fmt::print(
      "{} seeds well: {} steps, {} entries committed, {} crashes, {} snapshots, "
      "{} changes of members, {} reads\n",
      count,
      total.steps,
      total.committed.value,
      total.crashes,
      total.snapshots,
      total.config_changes,
      total.reads);
  return 0;
}

}  // namespace
}  // namespace starling::tests

int main(int argc, char** argv) {
  return starling::tests::simulate(argc, argv);
}
