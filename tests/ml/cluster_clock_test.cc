// Rules run by a time that no machine's wall clock can move.
#include "ml/study/cluster_clock.h"

#include <gtest/gtest.h>

namespace starling::ml {
namespace {

using namespace std::chrono_literals;

TEST(ClusterClock, GoesOnFromTheCommittedTimeWhateverTheWallClockSays) {
  ClusterClock clock;
  std::uint64_t committed = 0;
  const auto last = [&committed] { return committed; };
  EXPECT_EQ(clock.now_ms({1}, 10s, 5'000'000, last), 5'000'000U) << "the first one ever";
  EXPECT_EQ(clock.now_ms({1}, 12s, 9'000'000'000, last), 5'002'000U) << "set forward";
  EXPECT_EQ(clock.now_ms({1}, 13s, 0, last), 5'003'000U) << "set back";
  committed = 5'003'000;
  EXPECT_EQ(clock.now_ms({1}, 14s, 0, last), 5'004'000U) << "asked once in a term";
}

TEST(ClusterClock, OfANewLeaderFollowsTheOldOnes) {
  ClusterClock other;
  const auto last = [] { return std::uint64_t{5'004'000}; };
  EXPECT_EQ(other.now_ms({2}, 900s, 1, last), 5'004'000U);
  EXPECT_EQ(other.now_ms({2}, 901s, 1, last), 5'005'000U);
  EXPECT_EQ(other.now_ms({2}, 899s, 1, last), 5'004'000U) << "never below where the term began";
}

}  // namespace
}  // namespace starling::ml
