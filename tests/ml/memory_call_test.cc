// What a node does before the kernel does it.
#include "ml/schedule/memory_call.h"

#include <gtest/gtest.h>

namespace starling::ml {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMb = std::uint64_t{1} << 20;

/// A machine of 1,000 MB, all of which the node may use.
MemorySeen with_free(std::uint64_t free_mb, double stalled_percent = 0) {
  return {.limit = 1000 * kMb,
          .free = free_mb * kMb,
          .budget = 1000 * kMb,
          .used = (1000 - free_mb) * kMb,
          .stalled_percent = stalled_percent};
}

TEST(MemoryCall, FollowsWhatIsFree) {
  EXPECT_EQ(memory_call(with_free(100)), MemoryCall::go_on);
  EXPECT_EQ(memory_call(with_free(99)), MemoryCall::ease);
  EXPECT_EQ(memory_call(with_free(50)), MemoryCall::ease);
  EXPECT_EQ(memory_call(with_free(49)), MemoryCall::make_way);
  EXPECT_EQ(memory_call(with_free(500, 21)), MemoryCall::hold);
  EXPECT_EQ(memory_call(with_free(500, 20)), MemoryCall::go_on);
  EXPECT_EQ(memory_call(with_free(0)), MemoryCall::make_way);
}

TEST(MemoryCall, OfALargeMachineHalfAGigabyteIsEnough) {
  MemorySeen seen{.limit = 100'000 * kMb, .free = 513 * kMb, .budget = 100'000 * kMb};
  EXPECT_EQ(memory_call(seen), MemoryCall::go_on);
  seen.free = 511 * kMb;
  EXPECT_EQ(memory_call(seen), MemoryCall::ease);
  seen.free = 255 * kMb;
  EXPECT_EQ(memory_call(seen), MemoryCall::make_way);
}

TEST(MemoryCall, TheNodesOwnBudgetCountsAsTheMachineDoes) {
  MemorySeen seen{.limit = 100'000 * kMb, .free = 90'000 * kMb, .budget = 512 * kMb};
  seen.used = 460 * kMb;
  EXPECT_EQ(memory_call(seen), MemoryCall::go_on);
  seen.used = 470 * kMb;
  EXPECT_EQ(memory_call(seen), MemoryCall::ease);
  seen.used = 600 * kMb;
  EXPECT_EQ(memory_call(seen), MemoryCall::make_way);
}

TEST(MemoryPressure, APassingPeakMovesNothing) {
  MemoryPressure pressure;
  const MonoTime begin{1h};
  EXPECT_EQ(pressure.look(with_free(80), begin), MemoryCall::hold);
  EXPECT_EQ(pressure.look(with_free(80), begin + 1900ms), MemoryCall::hold);
  EXPECT_EQ(pressure.look(with_free(200), begin + 1950ms), MemoryCall::go_on);
  EXPECT_EQ(pressure.look(with_free(80), begin + 2s), MemoryCall::hold) << "it begins anew";
}

TEST(MemoryPressure, OneTrialAtATimeIsLetGo) {
  MemoryPressure pressure;
  const MonoTime begin{1h};
  int eased = 0;
  for (auto at = 0ms; at <= 25s; at += 500ms)
    eased += pressure.look(with_free(80), begin + at) == MemoryCall::ease ? 1 : 0;
  EXPECT_EQ(eased, 3) << "after 2, 12 and 22 seconds";
}

TEST(MemoryPressure, OneTrialAtATimeIsEndedAndTheFirstAtOnce) {
  MemoryPressure pressure;
  const MonoTime begin{1h};
  EXPECT_EQ(pressure.look(with_free(20), begin), MemoryCall::make_way);
  EXPECT_EQ(pressure.look(with_free(20), begin + 500ms), MemoryCall::hold);
  EXPECT_EQ(pressure.look(with_free(20), begin + 2s), MemoryCall::make_way);
  EXPECT_EQ(pressure.look(with_free(20), begin + 2500ms), MemoryCall::hold)
      << "nothing is moved while trials are ended";
}

}  // namespace
}  // namespace starling::ml
