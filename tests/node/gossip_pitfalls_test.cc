// What has gone wrong in other gossip protocols (core.md B4, G1 to G14), as far as the core decides
// it. docs/testing.md says where the others are.
#include "node/gossip/member_news.h"
#include "node/gossip/swim_wire.h"
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
TEST(GossipPitfalls, WhoeverIsLeftOfHalfASwarmKnowsItSoon) {
  for (const std::size_t size : {3U, 9U, 51U}) {
    GossipWorld swarm{size, 3, 0.01};
    ASSERT_TRUE(swarm.run_until([&] { return swarm.all_see_all_alive(); }, 30s));
    const std::size_t first_dead = size / 2;
    for (std::size_t node = first_dead; node < size; ++node)
      swarm.crash(node);
    const auto took = swarm.run_until(
        [&] {
          for (std::size_t node = first_dead; node < size; ++node)
            if (!swarm.all_see(node, MemberState::dead)) return false;
          return true;
        },
        120s);
    ASSERT_TRUE(took) << size;
    EXPECT_LT(*took, 45s) << size;
    std::cout << size << " nodes, half of them killed: known after " << took->count() << " ms\n";
  }
}

TEST(GossipPitfalls, AWholeViewOfFiveThousandIsAMegabyteInPages) {
  SwimConfig config;
  config.self.bytes[0] = 1;
  config.swarm.bytes[0] = 1;
  SwimCore knows_all{config, 0s};
  config.self.bytes[0] = 2;
  SwimCore knows_none{config, 0s};
  std::vector<Member> members;
  for (std::uint16_t i = 0; i < 5000; ++i) {
    Member member;
    member.id.bytes = {9, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
    member.key.public_key = {1};
    member.incarnation = 1'700'000'000ULL << 20;
    member.facts = {.name = "node-1a2b3c",
                    .address = "192.168.100.200:7400",
                    .http = "http://192.168.100.200:8400",
                    .version = "0.1.0",
                    .memory_budget_mb = 480,
                    .memory_used_mb = 112,
                    .disk_free_mb = 20480,
                    .sync_us = 4000,
                    .labels = {{"zone", "eu-1"}}};
    members.push_back(member);
  }
  knows_all.merge(0s, members);

  std::size_t bytes = 0;
  int pages = 0;
  NodeId after;
  for (bool is_last = false; !is_last; ++pages) {
    const SwimState asked = knows_none.page(after);
    const SwimState answered = knows_all.answer_to(asked);
    knows_all.merge(0s, asked.members);
    const Bytes page = encode_swim_state(answered);
    EXPECT_LE(page.size(), 256U << 10);
    bytes += page.size() + encode_swim_state(asked).size();
    knows_none.merge(0s, answered.members);
    is_last = answered.upto <= after;
    after = answered.upto;
  }
  EXPECT_EQ(knows_none.size(), 5002U);
  EXPECT_EQ(pages, 20);
  EXPECT_LE(bytes, 1U << 20);
  // Who knows the same already is told next to nothing.
  const SwimState again = knows_all.answer_to(knows_none.page({}));
  EXPECT_TRUE(again.members.empty());
}

TEST(GossipPitfalls, ChangesAreToldOnceTheyPause) {
  MemberNews news;
  Member member;
  member.id.bytes[0] = 1;
  EXPECT_FALSE(news.due());
  news.take(0ms, {member});
  EXPECT_EQ(news.due(), 250ms);
  member.state = MemberState::suspect;
  news.take(100ms, {member});
  EXPECT_EQ(news.due(), 350ms);
  for (int i = 2; i < 12; ++i)
    news.take(i * 100ms, {member});
  EXPECT_EQ(news.due(), 1000ms) << "a storm is told of in the end";
  const auto told = news.tell();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].state, MemberState::suspect);
  EXPECT_FALSE(news.due());
}

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
