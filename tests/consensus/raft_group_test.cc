#include "consensus/group/raft_group.h"

#include "node/base/assert.h"
#include "tests/support/test_trust.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <unistd.h>

namespace starling::consensus {
namespace {

using tests::keyed_node;

using namespace std::chrono_literals;

constexpr auto kDeadline = 30s;
constexpr int kExitedAsLost = 42;
constexpr auto kPatience = std::chrono::milliseconds{30s};

/// Keeps each command under a key, and how many there were.
class KeepingMachine : public StateMachine {
 public:
  bool errs = false;

  ApplyOutcome apply(const StateView& view, LogIndex, std::string_view command) override {
    const int count = std::stoi(view.get("count").value_or("0")) + 1;
    ApplyOutcome outcome;
    if (errs) outcome.changes.put("error", "1");
    outcome.changes.put("count", std::to_string(count));
    outcome.changes.put(fmt::format("command {:06}", count), std::string{command});
    outcome.result = std::to_string(count);
    return outcome;
  }
};

SwarmId test_swarm() {
  SwarmId swarm;
  swarm.bytes[0] = 1;
  return swarm;
}

std::string all_of(const StateView& view) {
  std::string text;
  view.scan({}, {}, [&](std::string_view key, std::string_view value) {
    text += fmt::format("{}={}\n", key, value);
    return true;
  });
  return text;
}

class RaftGroupTest : public testing::Test {
 protected:
  struct Node {
    KeepingMachine machine;
    std::unique_ptr<node::Trust> trust;
    std::unique_ptr<node::PeerLinks> links;
    std::unique_ptr<RaftGroup> group;
  };

  RaftGroupTest() {
    static int number = 0;
    dir_ = std::filesystem::path{testing::TempDir()} /
           fmt::format("starling_raft_group_{}_{}", ::getpid(), ++number);
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }

  ~RaftGroupTest() override {
    for (auto& [number, node] : nodes_)
      end(node);
    io_.run_for(50ms);
    nodes_.clear();
    std::filesystem::remove_all(dir_);
  }

  static void end(Node& node) {
    node.group.reset();
    if (node.links) node.links->stop();
  }

  void start(int number, bool found = false) {
    using asio::ip::tcp;
    tcp::acceptor listener{io_, {asio::ip::address_v4::loopback(), 0}};
    addresses_[keyed_node(static_cast<std::uint8_t>(number))] =
        fmt::format("127.0.0.1:{}", listener.local_endpoint().port());
    Node& node = nodes_[number];
    node.trust = tests::trust_of(static_cast<std::uint8_t>(number));
    node.links = std::make_unique<node::PeerLinks>(
        std::move(listener), *node.trust, node::PeerLinksLimits{});
    node.links->set_swarm(test_swarm());
    RaftGroupOptions options;
    options.self = keyed_node(static_cast<std::uint8_t>(number));
    options.swarm = test_swarm();
    options.state_dir = dir_ / std::to_string(number);
    options.found = found;
    options.seed = static_cast<std::uint64_t>(number);
    options.compact_after_entries = compact_after_;
    options.followers_max = followers_max_;
    options.alive = [this] { return alive(); };
    options.on_lost = [](const std::string&) { std::_Exit(kExitedAsLost); };
    auto group =
        RaftGroup::open(io_.get_executor(), options, node.machine, *node.links, [this](NodeId id) {
          const auto known = addresses_.find(id);
          return known == addresses_.end() ? std::nullopt : std::optional{known->second};
        });
    ASSERT_TRUE(group) << group.error().detail;
    node.group = std::move(*group);
    node.links->start();
    node.group->start();
  }

  std::vector<NodeId> alive() const {
    std::vector<NodeId> all;
    for (const auto& [number, node] : nodes_)
      if (node.links) all.push_back(keyed_node(static_cast<std::uint8_t>(number)));
    return all;
  }

  [[nodiscard]] bool follows_somebody(int number) {
    return run_until([&] { return group(number).status().upstream.has_value(); });
  }

  std::size_t depth(int number) { return group(number).status().depth; }

  /// As a crash: nothing is handed over.
  void kill(int number) {
    end(nodes_.at(number));
    io_.poll();
    nodes_.erase(number);
  }

  template <class Done>
  [[nodiscard]] bool run_until(const Done& done) {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      io_.restart();
      io_.run_one_for(20ms);
    }
    return true;
  }

  template <class T>
  T run(asio::awaitable<T> task) {
    auto future = asio::co_spawn(io_, std::move(task), asio::use_future);
    STARLING_ASSERT(run_until([&] { return future.wait_for(0s) == std::future_status::ready; }),
                    "a call ends within its patience");
    return future.get();
  }

  int leader() {
    for (auto& [number, node] : nodes_) {
      const auto status = node.group->status();
      if (status.role == Role::leader && status.commit >= LogIndex{1}) return number;
    }
    return 0;
  }

  int wait_for_leader() {
    EXPECT_TRUE(run_until([&] { return leader() != 0; }));
    return leader();
  }

  RaftGroup& group(int number) { return *nodes_.at(number).group; }

  /// Through whoever leads, until it is taken.
  void propose(const std::string& command) {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    for (;;) {
      const auto done = run(group(wait_for_leader()).propose(command, kPatience));
      if (done) return;
      ASSERT_LT(std::chrono::steady_clock::now(), end) << done.error().detail;
      ASSERT_NE(done.error().code, Errc::timed_out) << done.error().detail;
      io_.restart();
      io_.run_one_for(20ms);
    }
  }

  void found_three() {
    start(1, true);
    ASSERT_EQ(wait_for_leader(), 1);
    start(2);
    start(3);
    const std::set<NodeId> one{keyed_node(1)};
    const std::set<NodeId> others{keyed_node(2), keyed_node(3)};
    const std::set<NodeId> all{keyed_node(1), keyed_node(2), keyed_node(3)};
    // The new leader must have committed an entry of its own first.
    ASSERT_TRUE(run_until([&] { return group(1).applied() >= LogIndex{2}; }));
    const auto learning = run(group(1).change_members(one, others, kPatience));
    ASSERT_TRUE(learning) << learning.error().detail;
    change_when_ready(1, all, {});
  }

  void change_when_ready(int number,
                         const std::set<NodeId>& voters,
                         const std::set<NodeId>& learners) {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    for (;;) {
      const auto changed = run(group(number).change_members(voters, learners, kPatience));
      if (changed) return;
      ASSERT_EQ(changed.error().code, Errc::unavailable) << changed.error().detail;
      ASSERT_LT(std::chrono::steady_clock::now(), end) << changed.error().detail;
      io_.restart();
      io_.run_one_for(20ms);
    }
  }

  void expect_all_equal() {
    const int first = wait_for_leader();
    const auto applied = group(first).applied();
    for (auto& [number, node] : nodes_) {
      ASSERT_TRUE(run_until([&, &group = *node.group] { return group.applied() >= applied; }))
          << "node " << number << " is at " << node.group->applied().value << " of "
          << applied.value;
      EXPECT_EQ(all_of(*node.group->view()), all_of(*group(first).view())) << "node " << number;
    }
  }

  asio::io_context io_{1};
  std::filesystem::path dir_;
  std::map<NodeId, std::string> addresses_;
  std::map<int, Node> nodes_;
  std::uint64_t compact_after_ = 20000;
  std::size_t followers_max_ = 16;
};

TEST_F(RaftGroupTest, OneNodeCommitsByItselfAndKeepsItOverARestart) {
  start(1, true);
  wait_for_leader();
  const auto first = run(group(1).propose("a", kPatience));
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->result, "1");
  const auto read = run(group(1).read_index(kPatience));
  ASSERT_TRUE(read);
  EXPECT_GE(*read, first->index);
  kill(1);

  start(1, true);
  wait_for_leader();
  propose("b");
  EXPECT_EQ(group(1).view()->get("count"), "2");
  EXPECT_EQ(group(1).view()->get("command 000001"), "a");
}

TEST_F(RaftGroupTest, GoesOnWhenTheLeaderStopsAndTakesItBack) {
  found_three();
  for (int i = 0; i < 20; ++i)
    propose(fmt::format("before {}", i));
  const int old_leader = wait_for_leader();
  run(group(old_leader).stop());
  kill(old_leader);

  for (int i = 0; i < 20; ++i)
    propose(fmt::format("after {}", i));
  EXPECT_NE(leader(), old_leader);
  start(old_leader);
  expect_all_equal();
  EXPECT_EQ(group(old_leader).view()->get("count"), "40");
}

TEST_F(RaftGroupTest, KeepsWhatWasCommittedWhenTheLeaderIsKilledAndWhenAllRestart) {
  found_three();
  for (int i = 0; i < 10; ++i)
    propose(fmt::format("first {}", i));
  kill(wait_for_leader());
  propose("second");
  const int survivor = wait_for_leader();
  const std::string state = all_of(*group(survivor).view());
  for (const int number : {1, 2, 3}) {
    if (nodes_.contains(number)) kill(number);
  }
  for (const int number : {1, 2, 3})
    start(number);
  wait_for_leader();
  propose("third");
  expect_all_equal();
  EXPECT_EQ(group(leader()).view()->get("count"), "12");
  EXPECT_EQ(group(leader()).view()->get("command 000011"), "second");
}

TEST_F(RaftGroupTest, SendsASnapshotToAFreshNodeThatIsTooFarBehind) {
  compact_after_ = 20;
  start(1, true);
  wait_for_leader();
  const std::string large(100000, 'x');
  for (int i = 0; i < 60; ++i)
    propose(large + std::to_string(i));  // several chunks
  start(2);
  const std::set<NodeId> one{keyed_node(1)};
  const std::set<NodeId> two{keyed_node(2)};
  change_when_ready(1, one, two);
  expect_all_equal();
  change_when_ready(1, {keyed_node(1), keyed_node(2)}, {});
  propose("with two");
  expect_all_equal();

  // The installed state is on disk, not only in memory.
  kill(2);
  start(2);
  propose("after the restart");
  expect_all_equal();
  EXPECT_EQ(group(2).view()->get("count"), "62");
}

TEST_F(RaftGroupTest, LeavesFollowInATreeAndFindAnotherWayWhenAnUpstreamDies) {
  followers_max_ = 1;
  start(1, true);
  wait_for_leader();
  propose("before");
  start(2);
  ASSERT_TRUE(follows_somebody(2));
  start(3);
  ASSERT_TRUE(follows_somebody(3));
  start(4);
  ASSERT_TRUE(follows_somebody(4));
  EXPECT_EQ(depth(2), 1U);
  EXPECT_EQ(depth(3), 2U) << "node 1 has a follower, and takes one";
  EXPECT_EQ(depth(4), 3U);
  for (int i = 0; i < 50; ++i)
    propose(fmt::format("command {}", i));
  expect_all_equal();
  EXPECT_EQ(group(4).status().leader, keyed_node(1));
  EXPECT_TRUE(group(1).status().voters.size() == 1 && group(1).status().learners.empty())
      << "leaves are in no configuration";

  kill(2);
  propose("while node 3 has no upstream");
  expect_all_equal();
}

TEST_F(RaftGroupTest, AReadThroughALeafIsLinearizable) {
  start(1, true);
  wait_for_leader();
  start(2);
  ASSERT_TRUE(follows_somebody(2));
  for (int i = 0; i < 20; ++i) {
    propose(fmt::format("command {}", i));
    const auto index = run(group(1).read_index(kPatience));
    ASSERT_TRUE(index);
    ASSERT_TRUE(run(group(2).wait_applied(*index, kPatience)));
    EXPECT_EQ(group(2).view()->get("count"), std::to_string(i + 1));
  }
}

TEST_F(RaftGroupTest, ALeafThatIsTooFarBehindGetsASnapshotAndMayVoteAfterwards) {
  compact_after_ = 20;
  start(1, true);
  wait_for_leader();
  start(2);
  ASSERT_TRUE(follows_somebody(2));
  const std::string large(100000, 'x');
  propose(large);
  expect_all_equal();
  kill(2);
  for (int i = 0; i < 60; ++i)
    propose(large + std::to_string(i));
  start(2);
  expect_all_equal();
  propose("after the snapshot");
  expect_all_equal();
  change_when_ready(1, {keyed_node(1)}, {keyed_node(2)});
  change_when_ready(1, {keyed_node(1), keyed_node(2)}, {});
  propose("with two");
  expect_all_equal();
  EXPECT_TRUE(run_until([&] { return !group(2).status().upstream; })) << "the leader sends it all";
}

TEST_F(RaftGroupTest, AVoterThatWasRemovedWhileItWasAwayBecomesALeaf) {
  found_three();
  const int leader = wait_for_leader();
  const int other = leader == 1 ? 2 : 1;
  const int away = 6 - leader - other;
  kill(away);
  std::set<NodeId> two{keyed_node(static_cast<std::uint8_t>(leader)),
                       keyed_node(static_cast<std::uint8_t>(other))};
  change_when_ready(leader, two, {});
  propose("while it is away");
  start(away);
  ASSERT_TRUE(follows_somebody(away));
  expect_all_equal();
  EXPECT_EQ(group(away).status().voters, two);
  EXPECT_EQ(group(wait_for_leader()).status().term, group(away).status().term);
}

TEST_F(RaftGroupTest, AnswersAtOnceWhatItCannotDo) {
  found_three();
  const int other = wait_for_leader() == 1 ? 2 : 1;
  const auto refused = run(group(other).propose("x", kPatience));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::not_leader);
  EXPECT_EQ(refused.error().detail, keyed_node(static_cast<std::uint8_t>(leader())).hex());
  const std::string huge(300 << 10, 'x');
  EXPECT_EQ(run(group(leader()).propose(huge, kPatience)).error().code, Errc::too_large);
  const auto late = run(group(other).wait_applied(LogIndex{1000000}, 10ms));
  EXPECT_EQ(late.error().code, Errc::timed_out);
  EXPECT_EQ(run(group(leader()).change_members({}, {}, kPatience)).error().code,
            Errc::invalid_argument);
}

TEST_F(RaftGroupTest, RefusesTheStateOfAnotherNode) {
  start(1, true);
  kill(1);
  std::filesystem::rename(dir_ / "1", dir_ / "2");
  asio::ip::tcp::acceptor listener{io_, {asio::ip::address_v4::loopback(), 0}};
  const auto trust = tests::trust_of(2);
  node::PeerLinks links{std::move(listener), *trust, node::PeerLinksLimits{}};
  KeepingMachine machine;
  RaftGroupOptions options;
  options.self = keyed_node(2);
  options.swarm = test_swarm();
  options.state_dir = dir_ / "2";
  const auto group = RaftGroup::open(
      io_.get_executor(), options, machine, links, [](NodeId) { return std::nullopt; });
  ASSERT_FALSE(group);
  EXPECT_EQ(group.error().code, Errc::conflict);
}

TEST_F(RaftGroupTest, AMemberThatDecidesOtherwiseThanMostIsFoundAndStops) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        found_three();
        nodes_.at(2).machine.errs = true;
        for (int i = 0; i < 40; ++i) {
          std::vector<std::future<Result<AppliedCommand>>> proposed;
          for (int j = 0; j < 64; ++j) {
            auto task = group(wait_for_leader()).propose("command", kPatience);
            proposed.push_back(asio::co_spawn(io_, std::move(task), asio::use_future));
          }
          static_cast<void>(
              run_until([&] { return proposed.back().wait_for(0s) == std::future_status::ready; }));
        }
        static_cast<void>(run_until([] { return false; }));
      },
      testing::ExitedWithCode(kExitedAsLost),
      "");
}

}  // namespace
}  // namespace starling::consensus
