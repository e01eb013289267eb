#include "node/gossip/gossip_service.h"

#include "node/base/hash.h"
#include "tests/node/loop.h"
#include "tests/support/test_ids.h"
#include "tests/support/test_trust.h"

#include <gtest/gtest.h>

#include <set>

namespace starling::node {
namespace {

using tests::swarm_number;

using namespace std::chrono_literals;
using tests::address_of;

/// Real sockets on one free port for TCP and UDP.
struct Node {
  Node(tests::Loop& loop,
       std::uint8_t name,
       SwarmId swarm,
       std::vector<std::string> seeds,
       std::uint64_t incarnation = 1)
      : id(tests::keyed_node(name)), trust(tests::trust_of(name)) {
    for (boost::system::error_code taken = asio::error::address_in_use; taken;) {
      auto listener = loop.listen();
      const auto at = listener.local_endpoint();
      address = address_of(listener);
      asio::ip::udp::socket udp{loop.io(), asio::ip::udp::v4()};
      udp.bind({at.address(), at.port()}, taken);
      if (taken) continue;
      GossipOptions options;
      options.swarm = swarm;
      options.facts.name = "node-" + std::to_string(name);
      options.facts.address = address;
      options.seeds = std::move(seeds);
      options.incarnation = incarnation;
      options.seed = name;
      links = std::make_unique<PeerLinks>(std::move(listener), *trust, PeerLinksLimits{});
      links->set_swarm(swarm);
      service = std::make_unique<GossipService>(std::move(udp), *links, *trust, std::move(options));
      service->on_change([this](const std::vector<Member>&) { ++changes; });
      service->start();
      links->start();
    }
  }

  MemberState sees(const Node& other) const {
    const auto member = service->member(other.id);
    return member ? member->state : MemberState::left;
  }

  NodeId id;
  std::unique_ptr<Trust> trust;
  std::string address;
  int changes = 0;
  std::unique_ptr<PeerLinks> links;
  std::unique_ptr<GossipService> service;
};

TEST(GossipServiceTest, three_nodes_meet_and_notice_a_death_and_a_return) {
  tests::Loop loop;
  const Node a{loop, 1, swarm_number(7), {}};
  const Node b{loop, 2, swarm_number(7), {a.address}};
  auto c = std::make_unique<Node>(loop, std::uint8_t{3}, swarm_number(7), std::vector{b.address});
  const NodeId c_id = c->id;
  ASSERT_TRUE(loop.run_until([&] {
    return a.service->members().size() == 3 && b.service->members().size() == 3 &&
           c->service->members().size() == 3;
  }));
  EXPECT_TRUE(loop.run_until([&] { return a.changes >= 1; }));

  MemberFacts facts = b.service->member(b.id)->facts;
  facts.trials_running = 5;
  b.service->set_facts(facts);
  EXPECT_TRUE(loop.run_until([&] { return a.service->member(b.id)->facts.trials_running == 5U; }));

  c->service->stop();
  c->links->stop();
  EXPECT_TRUE(loop.run_until([&] {
    return a.service->member(c_id)->state == MemberState::dead &&
           b.service->member(c_id)->state == MemberState::dead;
  }));
  const Node again{loop, 3, swarm_number(7), {a.address}, 1000};
  EXPECT_TRUE(loop.run_until(
      [&] { return a.sees(again) == MemberState::alive && b.sees(again) == MemberState::alive; }));
  EXPECT_EQ(a.service->member(c_id)->facts.address, again.address);
}

TEST(GossipServiceTest, two_that_run_as_one_node_meet_and_know_who_came_later) {
  tests::Loop loop;
  const Node seed{loop, 1, swarm_number(7), {}};
  std::vector<std::string> verdicts;
  const auto note = [&verdicts](const std::string& who) {
    return [&verdicts, who](const std::string&, bool must_give_way) {
      verdicts.push_back(who + (must_give_way ? " goes" : " stays"));
    };
  };
  const Node first{loop, 2, swarm_number(7), {seed.address}};
  first.links->on_twin(note("first"));
  ASSERT_TRUE(loop.run_until([&] { return seed.service->members().size() == 2; }));
  const Node copy{loop, 2, swarm_number(7), {seed.address}, 1000};
  copy.links->on_twin(note("copy"));
  ASSERT_TRUE(loop.run_until([&] {
    const std::set<std::string> said(verdicts.begin(), verdicts.end());
    return said.size() >= 2;
  }));
  const std::set<std::string> said(verdicts.begin(), verdicts.end());
  const bool first_stays = said.contains("first stays");
  EXPECT_EQ(said,
            first_stays ? (std::set<std::string>{"first stays", "copy goes"})
                        : (std::set<std::string>{"first goes", "copy stays"}))
      << "they began together, so their boot ids decide";
}

TEST(GossipServiceTest, another_swarm_stays_another_swarm) {
  tests::Loop loop;
  const Node a{loop, 1, swarm_number(7), {}};
  const Node b{loop, 2, swarm_number(8), {a.address}};
  const auto until = std::chrono::steady_clock::now() + 300ms;
  loop.run_until([&] { return std::chrono::steady_clock::now() > until; });
  EXPECT_EQ(a.service->members().size(), 1U);
  EXPECT_EQ(b.service->members().size(), 1U);
}

TEST(GossipServiceTest, a_seed_that_comes_late_is_found) {
  tests::Loop loop;
  std::string address;
  asio::ip::tcp::endpoint later;
  {
    const auto listener = loop.listen();
    later = listener.local_endpoint();
    address = address_of(listener);
  }
  const Node early{loop, 1, swarm_number(7), {address}};
  const auto until = std::chrono::steady_clock::now() + 200ms;
  loop.run_until([&] { return std::chrono::steady_clock::now() > until; });
  EXPECT_EQ(early.service->members().size(), 1U);

  const auto trust = tests::trust_of(9);
  PeerLinks links{asio::ip::tcp::acceptor{loop.io(), later}, *trust, PeerLinksLimits{}};
  links.set_swarm(swarm_number(7));
  GossipOptions options;
  options.swarm = swarm_number(7);
  options.facts.address = address;
  GossipService service{
      asio::ip::udp::socket{loop.io(), {later.address(), later.port()}}, links, *trust, options};
  service.start();
  links.start();
  EXPECT_TRUE(loop.run_until([&] { return early.service->members().size() == 2; }));
}

}  // namespace
}  // namespace starling::node
