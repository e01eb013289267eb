#include "tools/gossip_world/gossip_world.h"

#include <gtest/gtest.h>

#include <iostream>

namespace starling::node {
namespace {

using namespace std::chrono_literals;
using bench::GossipWorld;

struct Case {
  std::size_t size;
  std::uint64_t seed;
  double loss;
};

class SwimSwarmTest : public testing::TestWithParam<Case> {
 protected:
  GossipWorld swarm_{GetParam().size, GetParam().seed, GetParam().loss};

  void join_all() {
    ASSERT_TRUE(swarm_.run_until([this] { return swarm_.all_see_all_alive(); }, 30s));
  }
};

TEST_P(SwimSwarmTest, a_killed_node_is_dead_everywhere_within_ten_seconds) {
  join_all();
  swarm_.run_for(5s);
  const std::size_t victim = GetParam().size - 1;
  swarm_.crash(victim);
  const auto took =
      swarm_.run_until([&] { return swarm_.all_see(victim, MemberState::dead); }, 10s);
  ASSERT_TRUE(took);
  RecordProperty("ms", static_cast<int>(took->count()));
  std::cout << GetParam().size << " nodes: dead everywhere after " << took->count() << " ms\n";
}

TEST_P(SwimSwarmTest, a_restarted_node_is_alive_everywhere_within_five_seconds) {
  join_all();
  const std::size_t victim = GetParam().size - 1;
  swarm_.crash(victim);
  swarm_.run_for(15s);
  swarm_.restart(victim);
  const auto late =
      swarm_.run_until([&] { return swarm_.all_see(victim, MemberState::alive); }, 5s);
  ASSERT_TRUE(late);

  swarm_.crash(victim);
  swarm_.run_for(1s);  // Nobody buried it yet.
  swarm_.restart(victim);
  const auto soon = swarm_.run_until([&] { return swarm_.all_know_restarted(victim); }, 5s);
  ASSERT_TRUE(soon);
  std::cout << GetParam().size << " nodes: alive everywhere after " << late->count() << " and "
            << soon->count() << " ms\n";
}

TEST_P(SwimSwarmTest, a_partition_of_a_minute_heals_within_a_minute) {
  join_all();
  const std::size_t half = GetParam().size / 2;
  swarm_.split(half);
  swarm_.run_for(60s);
  EXPECT_EQ(swarm_.seen(0, GetParam().size - 1), MemberState::dead);
  EXPECT_EQ(swarm_.seen(0, half - 1), MemberState::alive);
  swarm_.split(0);
  const auto took = swarm_.run_until([this] { return swarm_.all_see_all_alive(); }, 60s);
  ASSERT_TRUE(took);
  std::cout << GetParam().size << " nodes: healed after " << took->count() << " ms\n";
}

TEST_P(SwimSwarmTest, nobody_healthy_is_called_dead) {
  join_all();
  swarm_.run_for(GetParam().size > 10 ? 30s : 600s);
  EXPECT_EQ(swarm_.false_deaths(), 0U);
  EXPECT_LE(swarm_.largest_datagram(), kSwimDatagramBytesMax);
  EXPECT_GT(swarm_.largest_datagram(), 100U);
}

TEST_P(SwimSwarmTest, a_starved_node_does_not_bury_the_others) {
  join_all();
  const std::size_t starved = GetParam().size - 1;
  for (std::size_t round = 0; round < (starved > 10 ? 2 : 10); ++round) {
    swarm_.freeze(starved, 2000ms);
    swarm_.run_for(5s);
    for (std::size_t other = 0; other < starved; ++other)
      EXPECT_NE(swarm_.seen(starved, other), MemberState::dead);
    for (std::size_t by = 0; by < starved; ++by)
      for (std::size_t other = 0; other < starved; ++other)
        EXPECT_NE(swarm_.seen(by, other), MemberState::dead);
  }
}

INSTANTIATE_TEST_SUITE_P(Swarms,
                         SwimSwarmTest,
                         testing::Values(Case{5, 1, 0.0},
                                         Case{5, 2, 0.1},
                                         Case{5, 3, 0.1},
                                         Case{5, 4, 0.1},
                                         Case{5, 5, 0.1},
                                         Case{3, 6, 0.1},
                                         Case{100, 7, 0.0},
                                         Case{100, 8, 0.1}),
                         [](const auto& case_of) {
                           return std::to_string(case_of.param.size) + "_seed_" +
                                  std::to_string(case_of.param.seed);
                         });

}  // namespace
}  // namespace starling::node
