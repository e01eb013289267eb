#include "tests/support/virtual_swarm.h"

#include <gtest/gtest.h>

namespace starling::tests {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 30;
#else
constexpr std::uint64_t kSeeds = 200;
#endif

TEST(VirtualSwarm, KeepsEveryPromiseWhateverFails) {
  std::uint64_t committed = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t config_changes = 0;
  std::uint64_t reads = 0;
  std::uint64_t log_reads = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    VirtualSwarmOptions options;
    options.seed = seed;
    const auto report = VirtualSwarm{options}.run();
    ASSERT_FALSE(report.failure) << "seed " << seed << ": " << *report.failure
                                 << "\nreplay with: simulate --seed " << seed << " --trace";
    committed += report.committed.value;
    snapshots += report.snapshots;
    config_changes += report.config_changes;
    reads += report.reads;
    log_reads += report.log_reads;
  }
  // A swarm in which nothing happens keeps every promise too.
  EXPECT_GT(committed, 20 * kSeeds);
  EXPECT_GT(snapshots, kSeeds / 2);
  EXPECT_GT(config_changes, kSeeds / 2);
  EXPECT_GT(reads, kSeeds);
  EXPECT_GT(log_reads, kSeeds / 2);
}

TEST(VirtualSwarm, RepeatsExactlyFromItsSeed) {
  VirtualSwarmOptions options;
  options.seed = 4711;
  const auto first = VirtualSwarm{options}.run();
  const auto second = VirtualSwarm{options}.run();
  EXPECT_EQ(first.digest, second.digest);
  EXPECT_EQ(first.steps, second.steps);
  options.seed = 4712;
  EXPECT_NE(VirtualSwarm{options}.run().digest, first.digest);
}

}  // namespace
}  // namespace starling::tests
