// Five nodes that keep blobs for one another, over real sockets and files, with minutes as
// milliseconds.
#include "bootstrap/blob_sync.h"

#include "tests/ml/study_fixture.h"
#include "tests/node/blob_peer.h"

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;
using tests::BlobPeer;
using tests::damage;
using tests::store_text;
using tests::text_of;

constexpr std::size_t kNodes = 5;

BlobTimings fast() {
  return {.look_again = 20ms,
          .gone_after = 300ms,
          .sweep_every = 20ms,
          .keep_unneeded = 1s,  // files know seconds
          .used_lately = 0ms,
          .scrub_every = 50ms,
          .scrub_bytes_per_second = 1ULL << 40,
          .repair_bytes_per_second = 0};
}

class BlobSyncTest : public testing::Test {
 protected:
  struct Peer {
    Peer(tests::Loop& loop, std::uint8_t number) : blobs(loop, number) {}

    BlobPeer blobs;
    std::unique_ptr<BlobSync> sync;
    node::MemberState state = node::MemberState::alive;
    bool has_room = true;
    bool has_leader = true;
  };

  BlobSyncTest() {
    for (std::uint8_t number = 1; number <= kNodes; ++number) {
      peers_.push_back(std::make_unique<Peer>(loop_, number));
      EXPECT_FALSE(
          swarm_.run(ml::AddMember{tests::keyed_secret(number).key(), std::to_string(number), {}})
              .error);
    }
    for (auto& peer : peers_)
      start(*peer);
  }

  ~BlobSyncTest() override {
    for (auto& peer : peers_) {
      peer->sync->stop();
      peer->blobs.exchange->stop();
    }
  }

  void start(Peer& peer) {
    BlobSyncSources sources{.self = peer.blobs.id,
                            .state = [this] { return std::make_shared<MapView>(swarm_.view); },
                            .members = [this] { return members(); },
                            .copies_to_seal = [] { return std::size_t{2}; },
                            .catch_up = [&peer] { return catch_up(peer.has_leader); },
                            .has_room = [&peer] { return peer.has_room; }};
    peer.sync = std::make_unique<BlobSync>(loop_.io().get_executor(),
                                           *peer.blobs.store,
                                           *peer.blobs.exchange,
                                           std::move(sources),
                                           fast(),
                                           Logger{"blobs", "test"});
    peer.sync->start();
  }

  static asio::awaitable<Result<>> catch_up(bool has_leader) {
    if (has_leader) co_return Result<>{};
    co_return Error{Errc::unavailable, "no leader"};
  }

  std::vector<node::Member> members() const {
    std::vector<node::Member> all;
    for (const auto& peer : peers_) {
      node::Member member;
      member.id = peer->blobs.id;
      member.state = peer->state;
      member.facts.address = peer->blobs.address;
      all.push_back(std::move(member));
    }
    return all;
  }

  void refer_to(const ContentHash& blob) {
    ml::Dataset dataset{.id = "d-" + blob.hex().substr(0, 8),
                        .name = blob.hex(),
                        .blob = blob,
                        .bytes = 1,
                        .rows = 100,
                        .profile = ml::to_json(ml::small_profile()),
                        .created_ms = 0};
    EXPECT_FALSE(swarm_.run(ml::AddDataset{std::move(dataset)}).error);
  }

  void forget(const ContentHash& blob) {
    EXPECT_FALSE(swarm_.run(ml::RemoveDataset{"d-" + blob.hex().substr(0, 8)}).error);
  }

  /// As an upload to the first node does it.
  ContentHash add(const std::string& text) {
    const ContentHash blob = store_text(*peers_[0]->blobs.store, text);
    EXPECT_TRUE(loop_.await(peers_[0]->sync->replicate(blob)));
    refer_to(blob);
    return blob;
  }

  std::vector<NodeId> expected_holders(const ContentHash& blob) const {
    node::BlobPlacement placement;
    std::vector<node::BlobNode> nodes;
    for (const auto& peer : peers_) {
      const bool may_hold = peer->state == node::MemberState::alive;
      nodes.push_back({.id = peer->blobs.id, .domain = "", .is_alive = true, .may_hold = may_hold});
    }
    placement.set_nodes(std::move(nodes));
    return placement.holders(blob);
  }

  Peer& peer_of(NodeId id) {
    return **std::ranges::find_if(peers_, [id](const auto& peer) { return peer->blobs.id == id; });
  }

  bool all_hold(const ContentHash& blob) {
    return std::ranges::all_of(expected_holders(blob),
                               [&](NodeId id) { return peer_of(id).blobs.store->has(blob); });
  }

  std::size_t copies(const ContentHash& blob) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        peers_, [&](const auto& peer) { return peer->blobs.store->has(blob); }));
  }

  /// Long enough for every node to have looked several times, also for what it may remove.
  void let_all_look() {
    const auto until = std::chrono::steady_clock::now() + 1500ms;
    EXPECT_TRUE(loop_.run_until([until] { return std::chrono::steady_clock::now() > until; }));
  }

  tests::Loop loop_;
  ml::Swarm swarm_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

TEST_F(BlobSyncTest, a_new_data_set_is_on_two_disks_at_once_and_on_its_three_holders_soon) {
  for (int i = 0; i < 8; ++i) {
    const ContentHash blob = store_text(*peers_[0]->blobs.store, text_of(1000 + i));
    EXPECT_TRUE(loop_.await(peers_[0]->sync->replicate(blob)));
    EXPECT_GE(copies(blob), 2U);
    refer_to(blob);
    EXPECT_TRUE(loop_.run_until([&] { return all_hold(blob); }));
    EXPECT_LE(copies(blob), 4U) << "three and the uploader";
  }
}

TEST_F(BlobSyncTest, a_holder_that_is_gone_for_long_is_replaced) {
  const ContentHash blob = add(text_of(5000));
  ASSERT_TRUE(loop_.run_until([&] { return all_hold(blob); }));
  Peer& lost = peer_of(expected_holders(blob).front());
  lost.state = node::MemberState::dead;
  lost.sync->stop();
  EXPECT_TRUE(loop_.run_until([&] { return all_hold(blob); }));
}

TEST_F(BlobSyncTest, who_needs_it_gets_it_and_learns_where_nobody_has_it) {
  const ContentHash blob = add(text_of(3 << 20));
  for (auto& peer : peers_) {
    EXPECT_TRUE(loop_.await(peer->sync->fetch(blob)));
    EXPECT_TRUE(peer->blobs.store->is_checked(blob));
  }
  const ContentHash nowhere = hash_of(to_bytes("nowhere"));
  const auto missing = loop_.await(peers_[2]->sync->fetch(nowhere));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::unavailable);
  EXPECT_NE(missing.error().detail.find(nowhere.hex()), std::string::npos);
}

TEST_F(BlobSyncTest, what_nobody_needs_goes_only_while_a_leader_says_so) {
  const ContentHash kept = add(text_of(10));
  const ContentHash blob = add(text_of(20));
  ASSERT_TRUE(loop_.run_until([&] { return all_hold(blob) && all_hold(kept); }));
  for (auto& peer : peers_)
    peer->has_leader = false;
  forget(blob);
  let_all_look();
  EXPECT_GE(copies(blob), node::kBlobCopies) << "what a node knows may be old";
  for (auto& peer : peers_)
    peer->has_leader = true;
  EXPECT_TRUE(loop_.run_until([&] { return copies(blob) == 0; }));
  let_all_look();
  EXPECT_GE(copies(kept), node::kBlobCopies);
}

TEST_F(BlobSyncTest, a_short_disk_gives_up_spare_copies_and_no_others) {
  const ContentHash blob = add(text_of(10));
  for (auto& peer : peers_)
    ASSERT_TRUE(loop_.await(peer->sync->fetch(blob)));
  for (auto& peer : peers_)
    peer->has_room = false;
  EXPECT_TRUE(loop_.run_until([&] { return copies(blob) == node::kBlobCopies; }));
  let_all_look();
  EXPECT_TRUE(all_hold(blob));
}

TEST_F(BlobSyncTest, a_spare_copy_stays_while_a_holder_cannot_say_that_it_has_one) {
  const ContentHash blob = add(text_of(10));
  for (auto& peer : peers_)
    ASSERT_TRUE(loop_.await(peer->sync->fetch(blob)));
  Peer& silent = peer_of(expected_holders(blob).front());
  silent.blobs.exchange->stop();
  for (auto& peer : peers_)
    peer->has_room = false;
  let_all_look();
  EXPECT_EQ(copies(blob), kNodes);
}

TEST_F(BlobSyncTest, a_damaged_copy_is_found_by_reading_and_mended) {
  const ContentHash blob = add(text_of(3 << 20));
  ASSERT_TRUE(loop_.run_until([&] { return all_hold(blob); }));
  node::BlobStore& store = *peer_of(expected_holders(blob).back()).blobs.store;
  damage(store, blob, 1 << 20);
  EXPECT_TRUE(loop_.run_until([&] { return !store.has(blob); })) << "never found";
  EXPECT_TRUE(loop_.run_until([&] { return store.has(blob); })) << "never mended";
  EXPECT_TRUE(store.check(blob));
}

TEST_F(BlobSyncTest, a_draining_member_hands_its_copies_on) {
  const ContentHash blob = add(text_of(10));
  ASSERT_TRUE(loop_.run_until([&] { return all_hold(blob); }));
  const NodeId leaving = expected_holders(blob).front();
  EXPECT_FALSE(
      swarm_.run(ml::MarkMember{.node = leaving, .draining = true, .wants_vote = {}}).error);
  peer_of(leaving).state = node::MemberState::suspect;  // so that the test expects others
  EXPECT_TRUE(loop_.run_until([&] { return all_hold(blob); }));
}

}  // namespace
}  // namespace starling::bootstrap
