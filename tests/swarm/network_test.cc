// Five real nodes on machines of their own (network namespaces): split, half deaf, moved.
#include "tests/swarm/net_namespaces.h"
#include "tests/swarm/process_swarm.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;

class Network : public testing::Test {
 protected:
  void SetUp() override {
    std::string why_not;
    net_ = NetNamespaces::make(5, 3, why_not);
    if (!net_) GTEST_SKIP() << why_not;
    SwarmPlan plan;
    plan.nodes = 5;
    plan.listen = [this](std::size_t node) { return net_->address(node) + ":7400"; };
    plan.http = [this](std::size_t node) { return net_->address(node) + ":8400"; };
    plan.before = [this](std::size_t node) { return net_->on(node); };
    swarm_ = std::make_unique<ProcessSwarm>(std::move(plan));
  }

  void TearDown() override {
    swarm_.reset();
    net_.reset();
  }

  /// One try at one node, so that nothing is answered by another.
  bootstrap::SwarmClient only(std::size_t node) {
    return {swarm_->url(node), swarm_->token(), {.attempts = 1, .pause = 1ms}};
  }

  /// A small write that a majority must agree to.
  bool writes(std::size_t node) {
    return only(node).post("/api/v1/swarm/invites", {{"expires_s", 60}}).has_value();
  }

  Json status(std::size_t by) {
    const auto swarm = only(by).get("/api/v1/swarm");
    return swarm ? *swarm : Json{{"members", Json::array()}, {"applied_index", 0}};
  }

  std::size_t seen_alive(std::size_t by) {
    const Json swarm = status(by);
    return static_cast<std::size_t>(std::ranges::count_if(
        swarm["members"], [](const Json& member) { return member["state"] == "alive"; }));
  }

  bool all_see_all(std::chrono::seconds patience) {
    return wait_until(patience, [&] {
      for (std::size_t i = 0; i < 5; ++i)
        if (seen_alive(i) != 5) return false;
      return true;
    });
  }

  std::unique_ptr<NetNamespaces> net_;
  std::unique_ptr<ProcessSwarm> swarm_;
};

TEST_F(Network, TheLargerSideOfASplitGoesOnAndTheSmallerCatchesUpAfterwards) {
  ASSERT_TRUE(all_see_all(60s)) << swarm_->logs();
  ASSERT_TRUE(wait_until(20s, [&] { return writes(0); }));
  net_->cut();
  EXPECT_TRUE(wait_until(30s, [&] { return writes(0); })) << swarm_->logs();
  EXPECT_TRUE(wait_until(60s, [&] { return seen_alive(0) == 3; })) << swarm_->logs();
  net_->mend();
  ASSERT_TRUE(all_see_all(60s)) << swarm_->logs();
  const auto written = status(0)["commit_index"].get<std::uint64_t>();
  EXPECT_TRUE(wait_until(30s, [&] {
    return status(4)["applied_index"].get<std::uint64_t>() >= written;
  })) << swarm_->logs();
}

TEST_F(Network, OneDeafDirectionStopsNobody) {
  ASSERT_TRUE(all_see_all(60s)) << swarm_->logs();
  net_->lose(1, 4);
  net_->lose(2, 4);
  int writes_done = 0;
  for (int i = 0; i < 20; ++i)
    writes_done += wait_until(10s, [&] { return writes(0); }) ? 1 : 0;
  EXPECT_EQ(writes_done, 20);
  // The others ask for it: who hears it through them does not bury it.
  EXPECT_TRUE(wait_until(30s, [&] { return seen_alive(0) == 5; })) << swarm_->logs();
  net_->lose_no_more(1, 4);
  net_->lose_no_more(2, 4);
  EXPECT_TRUE(all_see_all(60s)) << swarm_->logs();
}

TEST_F(Network, ANodeThatMovesToAnotherAddressIsFoundThere) {
  ASSERT_TRUE(all_see_all(60s)) << swarm_->logs();
  ASSERT_EQ(swarm_->stop(4), 0);
  swarm_->move(4, net_->second_address(4) + ":7400", net_->second_address(4) + ":8400");
  swarm_->start(4);
  EXPECT_TRUE(wait_until(30s, [&] {
    const Json swarm = status(0);
    return std::ranges::any_of(swarm["members"], [&](const Json& member) {
      return member["address"] == net_->second_address(4) + ":7400" && member["state"] == "alive";
    });
  })) << swarm_->logs();
  EXPECT_TRUE(all_see_all(30s)) << swarm_->logs();
}

}  // namespace
}  // namespace starling::tests
