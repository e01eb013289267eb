#include "tests/support/swarm_run.h"

#include <gtest/gtest.h>

namespace starling::tests {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 20;
constexpr bool kReachesAllMarks = false;
#else
constexpr std::uint64_t kSeeds = 300;
constexpr bool kReachesAllMarks = true;
#endif

SwarmReport run_seed(std::uint64_t seed) {
  SwarmOptions options;
  options.seed = seed;
  return run_swarm(options);
}

TEST(VirtualSwarm, KeepsEveryPromiseWhateverFails) {
  SwarmReport sum;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const SwarmReport report = run_seed(seed);
    ASSERT_FALSE(report.failure) << "seed " << seed << ": " << *report.failure
                                 << "\nreplay with: simulate --seed " << seed << " --trace";
    add(sum, report);
  }
  // A swarm in which nothing happens keeps every promise too.
  EXPECT_GT(sum.committed.value, 100 * kSeeds);
  EXPECT_GT(sum.operations, 100 * kSeeds);
  EXPECT_GT(sum.crashes, 5 * kSeeds);
  for (const Mark mark : sum.marks.missing())
    EXPECT_FALSE(kReachesAllMarks) << "no seed leads to " << to_string(mark);
}

TEST(VirtualSwarm, RepeatsExactlyFromItsSeed) {
  for (std::uint64_t seed = 4711; seed < 4716; ++seed) {
    const SwarmReport first = run_seed(seed);
    const SwarmReport second = run_seed(seed);
    EXPECT_EQ(first.digest, second.digest) << "seed " << seed;
    EXPECT_EQ(first.steps, second.steps) << "seed " << seed;
  }
  EXPECT_NE(run_seed(4711).digest, run_seed(4712).digest);
}

TEST(VirtualSwarm, LeavesAClassOfFaultsOut) {
  SwarmOptions options;
  for (std::size_t i = 0; i < kFaultCount; ++i)
    options.without.insert(static_cast<Fault>(i));
  const SwarmReport calm = run_swarm(options);
  EXPECT_FALSE(calm.failure) << *calm.failure;
  EXPECT_EQ(calm.crashes, 1U);  // of the handover at the end
  EXPECT_EQ(calm.marks.count(Mark::outcome_unknown), 0U);
  EXPECT_EQ(calm.marks.count(Mark::quorum_contact_lost), 0U);
}

}  // namespace
}  // namespace starling::tests
