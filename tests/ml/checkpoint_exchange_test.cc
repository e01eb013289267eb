// Checkpoints among nodes: one copy elsewhere, the newest is brought, nothing damaged takes a name.
#include "ml/work/checkpoint_exchange.h"

#include "ml/work/checkpoint_file.h"
#include "tests/node/loop.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/test_trust.h"

#include <gtest/gtest.h>

#include <fstream>

namespace starling::ml {
namespace {

namespace fs = std::filesystem;

const WorkName kTrial{"s-00000001", 4};

/// A file as a worker writes it: so many epochs, and states of some size.
void write_checkpoint_file(const fs::path& path, std::uint32_t epochs, std::size_t state_bytes) {
  std::ofstream out{path, std::ios::binary};
  out << R"({"identity":"x","progress":[)";
  for (std::uint32_t i = 1; i <= epochs; ++i)
    out << (i > 1 ? "," : "") << "[" << i << ",0.5,0.25]";
  out << "]}\n" << std::string(state_bytes, 'w');
  out.close();
  ASSERT_TRUE(append_checkpoint_hash(path));
}

class CheckpointExchangeTest : public testing::Test {
 protected:
  struct Peer {
    Peer(tests::Loop& loop, std::uint8_t number, std::vector<std::unique_ptr<Peer>>& all)
        : id(tests::keyed_node(number)), trust(tests::trust_of(number)), files(folder.path()) {
      auto listener = loop.listen();
      address = tests::address_of(listener);
      SwarmId swarm;
      swarm.bytes[0] = 1;
      links =
          std::make_unique<node::PeerLinks>(std::move(listener), *trust, node::PeerLinksLimits{});
      links->set_swarm(swarm);
      CheckpointSources sources{.self = id,
                                .own_address = address,
                                .members = [&all] { return members(all); },
                                .is_leaving = [](NodeId) { return false; },
                                .runs_here = [this](const WorkName&) { return runs; },
                                .has_room = [this] { return has_room; },
                                .on_yield =
                                    [this](std::uint64_t token, NodeId thief) {
                                      asked.emplace_back(token, thief);
                                      return token == 7;
                                    }};
      exchange = std::make_unique<CheckpointExchange>(
          *links, files, std::move(sources), Logger{"work", "test"});
      links->on_request(node::Channel::work,
                        [this](NodeId, Bytes body) { return exchange->answer(std::move(body)); });
      links->start();
    }

    fs::path path() const { return files.path(kTrial.study, kTrial.trial); }

    std::optional<std::uint32_t> epoch() const { return checkpoint_epoch(path()); }

    tests::ScratchFolder folder;
    NodeId id;
    std::string address;
    std::unique_ptr<node::Trust> trust;
    std::unique_ptr<node::PeerLinks> links;
    CheckpointFiles files;
    std::unique_ptr<CheckpointExchange> exchange;
    node::MemberState state = node::MemberState::alive;
    bool runs = false;
    bool has_room = true;
    std::vector<std::pair<std::uint64_t, NodeId>> asked;
  };

  static std::vector<node::Member> members(const std::vector<std::unique_ptr<Peer>>& all) {
    std::vector<node::Member> found;
    for (const auto& peer : all) {
      node::Member member;
      member.id = peer->id;
      member.state = peer->state;
      member.facts.address = peer->address;
      found.push_back(std::move(member));
    }
    return found;
  }

  CheckpointExchangeTest() {
    for (std::uint8_t number = 1; number <= 4; ++number)
      peers_.push_back(std::make_unique<Peer>(loop_, number, peers_));
  }

  ~CheckpointExchangeTest() override {
    for (auto& peer : peers_)
      peer->exchange->stop();
  }

  Result<> copy_out(std::size_t from, std::optional<NodeId> to = {}) {
    return loop_.await(peers_[from]->exchange->copy_out(kTrial, to));
  }

  void bring(std::size_t to, std::optional<NodeId> last = {}) {
    const auto work = [&]() -> asio::awaitable<bool> {
      co_await peers_[to]->exchange->bring(kTrial, last);
      co_return true;
    };
    EXPECT_TRUE(loop_.await(work()));
  }

  /// The one that keeps a copy of what the first has.
  std::size_t keeper() const {
    for (std::size_t i = 1; i < peers_.size(); ++i)
      if (peers_[i]->epoch()) return i;
    return 0;
  }

  tests::Loop loop_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

TEST_F(CheckpointExchangeTest, ACopyOutlivesTheNodeThatMadeIt) {
  write_checkpoint_file(peers_[0]->path(), 20, 3 * kCheckpointPieceBytes + 5);
  const auto copied = copy_out(0);
  ASSERT_TRUE(copied) << copied.error().detail;
  const std::size_t kept_at = keeper();
  ASSERT_NE(kept_at, 0U);
  peers_[0]->state = node::MemberState::dead;
  peers_[0]->exchange->stop();
  for (std::size_t i = 1; i < peers_.size(); ++i) {
    bring(i, peers_[0]->id);
    EXPECT_EQ(peers_[i]->epoch(), 20U) << i << " finds it, though nobody told it where";
  }
}

TEST_F(CheckpointExchangeTest, ANewerOneTakesTheOlderOnesPlaceAndNeverTheOtherWayRound) {
  write_checkpoint_file(peers_[0]->path(), 20, 100);
  ASSERT_TRUE(copy_out(0, peers_[1]->id));
  write_checkpoint_file(peers_[0]->path(), 30, 100);
  ASSERT_TRUE(copy_out(0, peers_[1]->id));
  EXPECT_EQ(peers_[1]->epoch(), 30U);
  EXPECT_EQ(checkpoint_epoch(checkpoint_before(peers_[1]->path())), 20U);
  write_checkpoint_file(peers_[0]->path(), 25, 100);
  ASSERT_TRUE(copy_out(0, peers_[1]->id));
  EXPECT_EQ(peers_[1]->epoch(), 30U);
}

TEST_F(CheckpointExchangeTest, TheNewestOfSeveralIsBrought) {
  write_checkpoint_file(peers_[1]->path(), 10, 100);
  write_checkpoint_file(peers_[2]->path(), 30, 100);
  write_checkpoint_file(peers_[3]->path(), 20, 100);
  bring(0);
  EXPECT_EQ(peers_[0]->epoch(), 30U);
}

TEST_F(CheckpointExchangeTest, WhatIsOnItsWayIsWaitedFor) {
  write_checkpoint_file(peers_[0]->path(), 20, 20 * kCheckpointPieceBytes);
  int ended = 0;
  for (int i = 0; i < 2; ++i) {
    asio::co_spawn(loop_.io(),
                   peers_[0]->exchange->copy_out(kTrial, peers_[1]->id),
                   [&ended](std::exception_ptr, const Result<>& copied) {
                     EXPECT_TRUE(copied);
                     ++ended;
                   });
  }
  bring(1, peers_[0]->id);
  EXPECT_EQ(peers_[1]->epoch(), 20U);
  EXPECT_TRUE(loop_.run_until([&ended] { return ended == 2; }));
}

TEST_F(CheckpointExchangeTest, ADamagedNewestDoesNotHideTheOneBefore) {
  write_checkpoint_file(peers_[1]->path(), 40, 100);
  write_checkpoint_file(peers_[2]->path(), 30, 100);
  std::fstream damaged{peers_[1]->path(), std::ios::in | std::ios::out | std::ios::binary};
  damaged.seekp(static_cast<std::streamoff>(std::filesystem::file_size(peers_[1]->path()) - 40));
  damaged.put('!');
  damaged.close();
  bring(0);
  EXPECT_EQ(peers_[0]->epoch(), 30U);
  EXPECT_FALSE(fs::exists(peers_[0]->files.pulled_path(kTrial.study, kTrial.trial)));
}

TEST_F(CheckpointExchangeTest, WhatIsDamagedOrOlderIsLeftAlone) {
  write_checkpoint_file(peers_[0]->path(), 5, 100);
  write_checkpoint_file(peers_[1]->path(), 3, 100);
  write_checkpoint_file(peers_[2]->path(), 40, 100);
  std::fstream{peers_[2]->path(), std::ios::in | std::ios::out}.put('!');
  bring(0);
  EXPECT_EQ(peers_[0]->epoch(), 5U);
}

TEST_F(CheckpointExchangeTest, NobodyTakesACopyOfWhatItRunsNorWithoutRoom) {
  write_checkpoint_file(peers_[0]->path(), 20, 100);
  EXPECT_EQ(copy_out(3).error().code, Errc::not_found) << "it has none to give";
  for (std::size_t i = 1; i < peers_.size(); ++i)
    peers_[i]->runs = true;
  EXPECT_EQ(copy_out(0, peers_[1]->id).error().code, Errc::conflict);
  for (std::size_t i = 1; i < peers_.size(); ++i) {
    peers_[i]->runs = false;
    peers_[i]->has_room = false;
  }
  EXPECT_EQ(copy_out(0, peers_[2]->id).error().code, Errc::no_space);
  EXPECT_EQ(keeper(), 0U);
}

TEST_F(CheckpointExchangeTest, WhereOneCannotKeepACopyAnotherDoes) {
  write_checkpoint_file(peers_[0]->path(), 20, 100);
  peers_[1]->has_room = false;
  ASSERT_TRUE(copy_out(0, peers_[1]->id));
  EXPECT_GE(keeper(), 2U);
}

TEST_F(CheckpointExchangeTest, AThiefIsToldWhetherTheOwnerLetsGo) {
  const auto ask = [this](std::uint64_t token) {
    return loop_.await(peers_[1]->exchange->ask_to_yield(peers_[0]->id, kTrial, token));
  };
  EXPECT_TRUE(ask(7));
  EXPECT_EQ(ask(8).error().code, Errc::conflict);
  EXPECT_EQ(peers_[0]->asked.front(), (std::pair{std::uint64_t{7}, peers_[1]->id}));
}

TEST(CheckpointPackets, AStudyThatNamesAnotherFileIsRefused) {
  const std::vector<std::string> others{
      "", "../../etc/passwd", "s-1/..", "S-1", std::string(65, 'a')};
  for (const std::string& study : others) {
    CheckpointRequest request;
    request.work.study = study;
    EXPECT_EQ(decode_checkpoint_request(encode(request)).error().code, Errc::corrupt) << study;
  }
}

}  // namespace
}  // namespace starling::ml
