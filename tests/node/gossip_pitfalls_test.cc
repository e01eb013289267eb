// What has gone wrong in other gossip protocols (core.md B4, G1 to G14), as far as the core decides
// it. docs/testing.md says where the others are.
#include "tools/gossip_world/gossip_world.h"

#include <gtest/gtest.h>

#include <iostream>

namespace starling::node {
namespace {

using namespace std::chrono_literals;
using bench::GossipWorld;

GossipWorld acquainted(std::size_t nodes, std::uint64_t seed, double loss) {
  GossipWorld world{nodes, seed, loss};
  world.acquaint();
  world.run_for(10s);
  return world;
}

// G1, memberlist#311: numbers in memory only, so that the living stayed dead.
TEST(GossipPitfalls, AllThatRestartAtOnceAreAliveEverywhereSoon) {
#ifdef __SANITIZE_ADDRESS__
  constexpr std::size_t kNodes = 50;  // ten times slower
#else
  constexpr std::size_t kNodes = 200;
#endif
  GossipWorld world = acquainted(kNodes, 1, 0.05);
  for (std::size_t node = 0; node < kNodes; ++node)
    world.crash(node);
  world.run_for(2s);
  for (std::size_t node = 0; node < kNodes; ++node)
    world.restart(node);
  const auto took = world.run_until([&] { return world.all_see_all_alive(); }, 60s);
  ASSERT_TRUE(took);
  std::cout << kNodes << " nodes: alive everywhere after " << took->count() << " ms\n";
}

// G2, weaviate#10698: what nobody calls any more never comes back.
TEST(GossipPitfalls, APartitionOfTenMinutesHealsWithinAMinute) {
  constexpr std::size_t kNodes = 30;
  GossipWorld world = acquainted(kNodes, 2, 0.05);
  world.split(kNodes / 3);
  world.run_for(10min);
  ASSERT_EQ(world.seen(0, kNodes - 1), MemberState::dead);
  world.split(0);
  const auto took = world.run_until([&] { return world.all_see_all_alive(); }, 60s);
  ASSERT_TRUE(took);
  std::cout << kNodes << " nodes: healed after " << took->count() << " ms\n";
}

// G3: one cannot reach the other, everybody else reaches both.
TEST(GossipPitfalls, OneDirectionThatIsLostKillsNobody) {
  GossipWorld world = acquainted(10, 3, 0);
  world.lose_all(1, 2);
  world.run_for(10min);
  EXPECT_EQ(world.false_deaths(), 0U);
}

// G4: at 30 % loss at most one false death in a node-day. Here 50 nodes for half an hour.
TEST(GossipPitfalls, AThirdOfAllDatagramsLostKillsNobody) {
  constexpr std::size_t kNodes = 50;
  GossipWorld world = acquainted(kNodes, 4, 0.3);
  const std::size_t before = world.false_deaths();
  world.run_for(30min);
  EXPECT_LE(world.false_deaths() - before, kNodes - 1) << "each of the others counts it";
}

// G8: a recorded claim of an earlier life.
TEST(GossipPitfalls, AnOldDeathThatIsToldAgainIsOldNews) {
  GossipWorld world = acquainted(5, 5, 0);
  SwimUpdate death{.member = world.record_of(4), .accuser = {}};
  death.member.state = MemberState::dead;
  world.crash(4);
  ASSERT_TRUE(world.run_until([&] { return world.all_see(4, MemberState::dead); }, 30s));
  world.restart(4);
  ASSERT_TRUE(world.run_until([&] { return world.all_know_restarted(4); }, 30s));
  SwimMessage recorded{.kind = SwimKind::gossip,
                       .swarm = {},
                       .from = world.record_of(1).id,
                       .from_address = world.record_of(1).facts.address,
                       .sequence = 0,
                       .target = {},
                       .target_address = {},
                       .updates = {death}};
  recorded.swarm.bytes[0] = 1;
  for (std::size_t node = 0; node < 5; ++node)
    world.replay(recorded, node);
  EXPECT_TRUE(world.all_see(4, MemberState::alive));
}

// G10: the bandwidth of one node at rest. Large swarms are bench_swarm's.
TEST(GossipPitfalls, AHundredAtRestSayLittle) {
  constexpr std::size_t kNodes = 100;
  GossipWorld world = acquainted(kNodes, 6, 0);
  world.run_for(20s);
  const std::uint64_t before = world.bytes_sent();
  world.run_for(30s);
  const std::uint64_t each = (world.bytes_sent() - before) / kNodes / 30;
  EXPECT_LT(each, 1'500'000U) << "bytes each second";
  std::cout << kNodes << " nodes: " << each << " bytes each second and node, unsealed\n";
}

// G14: whoever is a member lets a newcomer in; here the founder is gone.
TEST(GossipPitfalls, AnyMemberMakesANewcomerKnown) {
  GossipWorld world = acquainted(10, 7, 0);
  world.crash(9);
  ASSERT_TRUE(world.run_until([&] { return world.all_see(9, MemberState::dead); }, 30s));
  world.crash(3);
  ASSERT_TRUE(world.run_until([&] { return world.all_see(3, MemberState::dead); }, 30s));
  world.restart(9);
  EXPECT_TRUE(world.run_until([&] { return world.all_know_restarted(9); }, 30s));
}

}  // namespace
}  // namespace starling::node
