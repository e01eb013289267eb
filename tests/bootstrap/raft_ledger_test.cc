// How a command finds the leader: one hop, and never in circles.
#include "bootstrap/raft_ledger.h"

#include "ml/study/study_wire.h"
#include "tests/node/loop.h"
#include "tests/support/test_trust.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <map>
#include <memory>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;
using consensus::Role;
using tests::keyed_node;

/// Believes what it is told about who leads, and counts what it is asked to commit.
class GullibleGroup : public consensus::RaftGroup {
 public:
  explicit GullibleGroup(NodeId self) : self_(self) {}

  void believe_in(NodeId leader) {
    status_.leader = leader;
    status_.role = leader == self_ ? Role::leader : Role::follower;
  }

  int asked() const { return asked_; }

  void start() override {}

  asio::awaitable<Result<consensus::AppliedCommand>> propose(std::string,
                                                             std::chrono::milliseconds) override {
    ++asked_;
    if (status_.role != Role::leader) co_return Error{Errc::not_leader, status_.leader->hex()};
    consensus::AppliedCommand applied{{7}, ml::encode(ml::Outcome{})};
    co_return applied;
  }

  asio::awaitable<Result<LogIndex>> read_index(std::chrono::milliseconds) override {
    ++asked_;
    if (status_.role != Role::leader) co_return Error{Errc::not_leader, status_.leader->hex()};
    co_return LogIndex{7};
  }

  asio::awaitable<Result<>> wait_applied(LogIndex, std::chrono::milliseconds) override {
    co_return Result<>{};
  }

  asio::awaitable<Result<>> change_members(std::set<NodeId>,
                                           std::set<NodeId>,
                                           std::chrono::milliseconds) override {
    co_return Error{Errc::not_leader, ""};
  }

  void on_applied(std::function<void(LogIndex)>) override {}

  void on_role(std::function<void(const consensus::RaftStatus&)>) override {}

  consensus::RaftStatus status() const override { return status_; }

  std::shared_ptr<const StateView> view() const override { return std::make_shared<MapView>(); }

  LogIndex applied() const override { return {}; }

  asio::awaitable<void> hand_over(std::set<NodeId>) override { co_return; }

  asio::awaitable<void> stop() override { co_return; }

 private:
  const NodeId self_;
  consensus::RaftStatus status_;
  int asked_ = 0;
};

class RaftLedgerTest : public testing::Test {
 protected:
  struct Node {
    std::unique_ptr<GullibleGroup> group;
    std::unique_ptr<node::Trust> trust;
    std::unique_ptr<node::PeerLinks> links;
    std::unique_ptr<RaftLedger> ledger;
  };

  RaftLedgerTest() {
    for (std::uint8_t name = 1; name <= 3; ++name)
      add(name);
  }

  ~RaftLedgerTest() override {
    for (auto& [name, node] : nodes_)
      node.links->stop();
    loop_.io().restart();
    loop_.io().run_for(50ms);
  }

  void add(std::uint8_t name) {
    auto listener = loop_.listen();
    addresses_[keyed_node(name)] = tests::address_of(listener);
    Node& node = nodes_[name];
    node.group = std::make_unique<GullibleGroup>(keyed_node(name));
    node.trust = tests::trust_of(name);
    node.links = std::make_unique<node::PeerLinks>(
        std::move(listener), *node.trust, node::PeerLinksLimits{});
    node.links->set_swarm(swarm_);
    node.ledger = std::make_unique<RaftLedger>(
        loop_.io().get_executor(),
        *node.group,
        *node.links,
        [this](NodeId id) -> std::optional<std::string> { return addresses_.at(id); },
        disk_,
        Logger{"ledger", std::to_string(name)});
    node.links->start();
  }

  Result<ml::Recorded> append_at(std::uint8_t name, std::chrono::milliseconds patience) {
    ml::Command command;
    command.body = ml::RemoveRegister{"key", {}};
    return loop_.await(nodes_.at(name).ledger->append(std::move(command), patience));
  }

  tests::Loop loop_;
  SwarmId swarm_ = [] {
    SwarmId id;
    id.bytes[0] = 1;
    return id;
  }();
  DiskGuard disk_{"", 0, [] { return std::uint64_t{1} << 40; }};
  std::map<NodeId, std::string> addresses_;
  std::map<std::uint8_t, Node> nodes_;
};

TEST_F(RaftLedgerTest, TakesACommandToTheLeaderInOneHop) {
  for (auto& [name, node] : nodes_)
    node.group->believe_in(keyed_node(2));
  const auto recorded = append_at(1, 10s);
  ASSERT_TRUE(recorded) << recorded.error().detail;
  EXPECT_EQ(recorded->index, LogIndex{7});
  EXPECT_EQ(nodes_.at(1).group->asked(), 0);
  EXPECT_EQ(nodes_.at(2).group->asked(), 1);
}

TEST_F(RaftLedgerTest, NeverSendsACommandInCircles) {
  // Each holds the next one for the leader.
  nodes_.at(1).group->believe_in(keyed_node(2));
  nodes_.at(2).group->believe_in(keyed_node(3));
  nodes_.at(3).group->believe_in(keyed_node(1));
  const auto recorded = append_at(1, 500ms);
  ASSERT_FALSE(recorded);
  EXPECT_EQ(recorded.error().code, Errc::unavailable) << recorded.error().detail;
  EXPECT_GT(nodes_.at(2).group->asked(), 0);
  EXPECT_EQ(nodes_.at(3).group->asked(), 0) << "the node that was asked passed it on";
  EXPECT_EQ(nodes_.at(1).group->asked(), 0) << "it came back";

  // Nothing goes round after the answer either.
  const int asked = nodes_.at(2).group->asked();
  loop_.io().restart();
  loop_.io().run_for(200ms);
  EXPECT_EQ(nodes_.at(2).group->asked(), asked);
}

TEST_F(RaftLedgerTest, AReadIsAskedForInOneHopToo) {
  nodes_.at(1).group->believe_in(keyed_node(2));
  nodes_.at(2).group->believe_in(keyed_node(3));
  nodes_.at(3).group->believe_in(keyed_node(3));
  const auto lost = loop_.await(nodes_.at(1).ledger->read_index(300ms));
  ASSERT_FALSE(lost);
  EXPECT_EQ(nodes_.at(3).group->asked(), 0);

  // It looks for the leader again at each try.
  nodes_.at(1).group->believe_in(keyed_node(3));
  const auto index = loop_.await(nodes_.at(1).ledger->read_index(10s));
  ASSERT_TRUE(index) << index.error().detail;
  EXPECT_EQ(*index, LogIndex{7});
}

}  // namespace
}  // namespace starling::bootstrap
