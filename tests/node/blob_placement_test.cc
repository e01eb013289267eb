// Where the copies of blobs belong, and that a swarm whose nodes come and go always has them.
#include "node/blobs/blob_placement.h"

#include "tests/node/blob_world.h"

#include <gtest/gtest.h>

#include <set>

namespace starling::node {
namespace {

std::vector<BlobNode> nodes_of(std::size_t count) {
  std::vector<BlobNode> nodes;
  for (std::size_t i = 0; i < count; ++i)
    nodes.push_back({.id = node_of(i), .domain = ""});
  return nodes;
}

TEST(BlobPlacement, everybody_computes_the_same_three) {
  auto nodes = nodes_of(10);
  BlobPlacement one;
  one.set_nodes(nodes);
  std::ranges::reverse(nodes);
  BlobPlacement other;
  other.set_nodes(nodes);
  for (std::size_t i = 0; i < 100; ++i) {
    const auto& chosen = one.holders(blob_of(i));
    EXPECT_EQ(chosen, other.holders(blob_of(i)));
    EXPECT_EQ(std::set<NodeId>(chosen.begin(), chosen.end()).size(), kBlobCopies);
  }
}

TEST(BlobPlacement, a_small_swarm_holds_all_everywhere) {
  for (const std::size_t count : {0U, 1U, 2U, 3U}) {
    BlobPlacement placement;
    placement.set_nodes(nodes_of(count));
    EXPECT_EQ(placement.holders(blob_of(1)).size(), count);
  }
}

TEST(BlobPlacement, load_is_spread_and_one_more_node_moves_only_its_share) {
  constexpr std::size_t kNodes = 20;
  constexpr std::size_t kBlobs = 4000;
  BlobPlacement before;
  before.set_nodes(nodes_of(kNodes));
  BlobPlacement after;
  after.set_nodes(nodes_of(kNodes + 1));
  std::map<NodeId, std::size_t> held;
  std::size_t moved = 0;
  for (std::size_t i = 0; i < kBlobs; ++i) {
    for (const NodeId node : before.holders(blob_of(i)))
      ++held[node];
    for (const NodeId node : after.holders(blob_of(i))) {
      if (std::ranges::count(before.holders(blob_of(i)), node) > 0) continue;
      ++moved;
      EXPECT_EQ(node, node_of(kNodes)) << "a copy moved between nodes that stayed";
    }
  }
  const double fair = static_cast<double>(kBlobs * kBlobCopies) / kNodes;
  for (const auto& [node, count] : held)
    EXPECT_NEAR(static_cast<double>(count), fair, fair * 0.2);
  EXPECT_NEAR(static_cast<double>(moved), kBlobs * kBlobCopies / (kNodes + 1.0), fair * 0.2);
}

TEST(BlobPlacement, copies_lie_in_different_zones_where_there_are_so_many) {
  auto nodes = nodes_of(12);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    nodes[i].domain = i < 10 ? "large" : i == 10 ? "b" : "c";
  BlobPlacement placement;
  placement.set_nodes(nodes);
  for (std::size_t i = 0; i < 50; ++i) {
    const auto& chosen = placement.holders(blob_of(i));
    EXPECT_EQ(std::ranges::count(chosen, node_of(10)), 1);
    EXPECT_EQ(std::ranges::count(chosen, node_of(11)), 1);
  }
  for (auto& node : nodes)
    node.domain = "one";
  placement.set_nodes(nodes);
  EXPECT_EQ(placement.holders(blob_of(1)).size(), kBlobCopies);
}

TEST(BlobPlacement, the_next_in_order_takes_the_place_of_one_that_is_gone_and_gives_it_back) {
  auto nodes = nodes_of(8);
  BlobPlacement placement;
  placement.set_nodes(nodes);
  const auto before = placement.holders(blob_of(5));
  const auto lost = std::ranges::find(nodes, before[1], &BlobNode::id);
  lost->may_hold = false;
  placement.set_nodes(nodes);
  const auto during = placement.holders(blob_of(5));
  EXPECT_EQ(during[0], before[0]);
  EXPECT_EQ(during[1], before[2]);
  lost->may_hold = true;
  placement.set_nodes(nodes);
  EXPECT_EQ(placement.holders(blob_of(5)), before);
}

TEST(BlobPlacement, what_has_the_fewest_copies_within_reach_is_fetched_first) {
  auto nodes = nodes_of(4);
  BlobPlacement placement;
  placement.set_nodes(nodes);
  std::vector<BlobNeed> needs;
  for (std::size_t i = 0; i < 40; ++i)
    needs.push_back({.blob = blob_of(i), .everywhere = i % 2 == 0});
  for (std::size_t i = 1; i < 3; ++i)
    nodes[i].is_alive = false;
  placement.set_nodes(nodes);
  const auto order = placement.missing(
      node_of(0), needs, [](const ContentHash& blob) { return blob == blob_of(3); });
  const auto reach = [&placement](const ContentHash& blob) {
    return std::ranges::count(placement.holders(blob), node_of(0)) +
           std::ranges::count(placement.holders(blob), node_of(3));
  };
  ASSERT_GT(order.size(), 20U);
  EXPECT_EQ(std::ranges::count(order, blob_of(3)), 0) << "it is there";
  for (std::size_t i = 1; i < order.size(); ++i)
    EXPECT_LE(reach(order[i - 1]), reach(order[i]));
  for (std::size_t i = 0; i < 40; i += 2)
    EXPECT_EQ(std::ranges::count(order, blob_of(i)), 1) << "wanted everywhere";
}

TEST(BlobWorldTest, no_blob_is_lost_or_short_of_copies_for_longer_than_a_repair) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    BlobWorld world{seed};
    EXPECT_EQ(world.run(300), "") << "seed " << seed;
    EXPECT_GT(world.blobs(), 30U);
  }
}

}  // namespace
}  // namespace starling::node
