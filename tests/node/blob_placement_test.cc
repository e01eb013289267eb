// Where the copies of blobs belong, and that a swarm whose nodes come and go always has them.
#include "node/blobs/blob_placement.h"

#include "node/base/random.h"
#include "tests/support/test_trust.h"

#include <gtest/gtest.h>

#include <set>

namespace starling::node {
namespace {

NodeId node_of(std::size_t number) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  id.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  return id;
}

ContentHash blob_of(std::size_t number) {
  return hash_of(to_bytes(std::to_string(number)));
}

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

/// Nodes that die, lose their disks, come back, join and leave, one step a minute. Each has its own
/// view, which is some steps behind.
class BlobWorld {
 public:
  explicit BlobWorld(std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < 7; ++i)
      add_node();
  }

  void step() {
    ++now_;
    fail();
    if (random_.below(4) == 0) add_blob();
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].is_alive) repair(i);
    check();
  }

  void add_blob() {
    // Two disks have it before it is acknowledged.
    const ContentHash blob = blob_of(1000 + blobs_.size());
    std::vector<std::size_t> up;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].is_alive) up.push_back(i);
    if (up.size() < 2) return;
    const std::size_t first = random_.below(up.size());
    nodes_[up[first]].has.insert(blob);
    nodes_[up[(first + 1) % up.size()]].has.insert(blob);
    blobs_.emplace(blob, now_);
  }

  std::size_t blobs() const { return blobs_.size(); }

 private:
  static constexpr std::uint64_t kGoneAfter = 15;
  static constexpr std::uint64_t kRepairTime = 20;  ///< from when a copy is short until it is not

  struct Peer {
    bool is_alive = true;
    std::uint64_t changed = 0;  ///< when it died or came
    std::set<ContentHash> has;
    std::uint64_t view_lag = 0;
    BlobPlacement placement;
  };

  void add_node() {
    nodes_.push_back({});
    nodes_.back().view_lag = random_.below(3);
    nodes_.back().changed = now_;
  }

  /// One disk at most is lost within the time of a repair, as three copies promise to bear two.
  void fail() {
    Peer& peer = nodes_[random_.below(nodes_.size())];
    const auto dice = random_.below(100);
    const auto down = std::ranges::count(nodes_, false, &Peer::is_alive);
    if (dice < 10 && peer.is_alive && down < 2) {
      peer.is_alive = false;
      peer.changed = now_;
    } else if (dice < 40 && !peer.is_alive) {
      peer.is_alive = true;
      peer.changed = now_;
    } else if (dice < 43 && now_ - disk_lost_ > kGoneAfter + kRepairTime) {
      peer.has.clear();
      disk_lost_ = now_;
    } else if (dice == 50 && nodes_.size() < 12) {
      add_node();
    }
  }

  std::vector<BlobNode> view_of(const Peer& viewer) const {
    std::vector<BlobNode> view;
    const std::uint64_t seen = now_ - std::min(now_, viewer.view_lag);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const Peer& peer = nodes_[i];
      const bool news_has_come = peer.changed <= seen;
      const bool is_alive = peer.is_alive == news_has_come;
      const bool is_gone = !peer.is_alive && now_ - peer.changed >= kGoneAfter;
      view.push_back({.id = node_of(i), .domain = "", .is_alive = is_alive, .may_hold = !is_gone});
    }
    return view;
  }

  /// At most two blobs a step, and one in ten fetches fails.
  void repair(std::size_t self) {
    Peer& peer = nodes_[self];
    BlobPlacement& placement = peer.placement;
    placement.set_nodes(view_of(peer));
    std::vector<BlobNeed> needs;
    for (const auto& [blob, since] : blobs_)
      needs.push_back({.blob = blob});
    const auto has = [&peer](const ContentHash& blob) { return peer.has.contains(blob); };
    std::size_t fetched = 0;
    for (const ContentHash& blob : placement.missing(node_of(self), needs, has)) {
      for (const NodeId source : placement.sources(blob, node_of(self))) {
        const Peer& other = nodes_[source.bytes[0]];
        if (!other.is_alive || !other.has.contains(blob) || random_.below(10) == 0) continue;
        peer.has.insert(blob);
        break;
      }
      if (++fetched == 2) return;
    }
  }

  void check() {
    for (const auto& [blob, since] : blobs_) {
      const auto holds = [&blob](const Peer& peer) { return peer.has.contains(blob); };
      const auto copies = std::ranges::count_if(nodes_, holds);
      ASSERT_GE(copies, 1) << "a blob is lost";
      if (copies >= static_cast<std::ptrdiff_t>(kBlobCopies))
        short_since_.erase(blob);
      else
        short_since_.try_emplace(blob, now_);
      if (!short_since_.contains(blob)) continue;
      ASSERT_LE(now_ - short_since_.at(blob), kGoneAfter + kRepairTime)
          << copies << " copies at step " << now_;
    }
  }

  Random random_;
  std::uint64_t now_ = 0;
  std::uint64_t disk_lost_ = 0;
  std::vector<Peer> nodes_;
  std::map<ContentHash, std::uint64_t> blobs_;
  std::map<ContentHash, std::uint64_t> short_since_;
};

TEST(BlobWorldTest, no_blob_is_lost_or_short_of_copies_for_longer_than_a_repair) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    BlobWorld world{seed};
    for (int step = 0; step < 300 && !testing::Test::HasFatalFailure(); ++step)
      world.step();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    EXPECT_GT(world.blobs(), 30U);
  }
}

}  // namespace
}  // namespace starling::node
