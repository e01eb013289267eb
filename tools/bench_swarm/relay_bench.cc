#include "consensus/group/raft_group.h"
#include "node/base/clock.h"
#include "node/base/hash.h"
#include "node/net/peer_links.h"
#include "tools/bench_core/samples.h"
#include "tools/bench_swarm/parts.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <map>
#include <memory>

namespace starling::bench {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr std::size_t kDepths = 3;
constexpr auto kBetween = 5ms;  // entries, so that each travels alone
constexpr auto kPatience = std::chrono::milliseconds{20s};

class Counting : public consensus::StateMachine {
 public:
  consensus::ApplyOutcome apply(const StateView&, LogIndex, std::string_view command) override {
    consensus::ApplyOutcome outcome;
    outcome.changes.put("last", std::string{command});
    return outcome;
  }
};

/// The founder and a row of leaves, each of which has one follower at most.
class Row {
 public:
  explicit Row(const std::filesystem::path& dir) : dir_(dir) {
    std::filesystem::create_directories(dir_);
    swarm_.bytes = secure_random<16>();
    ring_ = {{.generation = 1, .use = node::KeyUse::in_use, .key = secure_random<32>()}};
  }

  ~Row() {
    for (auto& each : nodes_) {
      each->group.reset();
      each->links->stop();
    }
    io_.run_for(50ms);
  }

  Result<> add() {
    asio::ip::tcp::acceptor listener{io_, {asio::ip::address_v4::loopback(), 0}};
    auto node = std::make_unique<Node>();
    node->trust = std::make_unique<node::Trust>(node::NodeSecret::generate());
    node->trust->set_ring(ring_);
    const NodeId id = node->trust->self().node();
    addresses_[id] = fmt::format("127.0.0.1:{}", listener.local_endpoint().port());
    node->links = std::make_unique<node::PeerLinks>(
        std::move(listener), *node->trust, node::PeerLinksLimits{});
    node->links->set_swarm(swarm_);
    consensus::RaftGroupOptions options;
    options.self = id;
    options.swarm = swarm_;
    options.state_dir = dir_ / std::to_string(nodes_.size());
    options.found = nodes_.empty();
    options.seed = nodes_.size() + 1;
    options.followers_max = 1;
    // Only the one before it, so that the row is a row.
    std::vector<NodeId> before;
    if (!nodes_.empty()) before.push_back(nodes_.back()->trust->self().node());
    options.alive = [before] { return before; };
    auto group = consensus::RaftGroup::open(
        io_.get_executor(), options, node->machine, *node->links, [this](NodeId who) {
          const auto known = addresses_.find(who);
          return known == addresses_.end() ? std::nullopt : std::optional{known->second};
        });
    if (!group) return group.error();
    node->group = std::move(*group);
    node->group->on_applied(
        [applied = &node->applied_at](LogIndex index) { applied->emplace(index, mono_now()); });
    node->links->start();
    node->group->start();
    nodes_.push_back(std::move(node));
    return {};
  }

  template <class Done>
  bool run_until(const Done& done) {
    const auto end = Clock::now() + kPatience;
    while (!done()) {
      if (Clock::now() > end) return false;
      io_.restart();
      io_.run_one_for(20ms);
    }
    return true;
  }

  consensus::RaftGroup& group(std::size_t node) { return *nodes_[node]->group; }

  /// Commits `entries`, one after the other. Returns: their indexes.
  std::vector<LogIndex> write(int entries) {
    auto done = asio::co_spawn(io_, write_all(entries), asio::use_future);
    if (!run_until([&] { return done.wait_for(0s) == std::future_status::ready; })) return {};
    return done.get();
  }

  /// How much later than the founder `node` applied what it applied last in one go.
  Samples delays(std::size_t node, const std::vector<LogIndex>& indexes) const {
    Samples samples;
    const auto& first = nodes_.front()->applied_at;
    const auto& here = nodes_[node]->applied_at;
    for (const LogIndex index : indexes) {
      const auto sent = first.lower_bound(index);
      const auto arrived = here.lower_bound(index);
      if (sent == first.end() || arrived == here.end()) continue;
      samples.add(std::max(arrived->second - sent->second, MonoTime{0}));
    }
    return samples;
  }

 private:
  struct Node {
    Counting machine;
    std::unique_ptr<node::Trust> trust;
    std::unique_ptr<node::PeerLinks> links;
    std::unique_ptr<consensus::RaftGroup> group;
    std::map<LogIndex, MonoTime> applied_at;
  };

  asio::awaitable<std::vector<LogIndex>> write_all(int entries) {
    std::vector<LogIndex> indexes;
    asio::steady_timer timer{io_};
    for (int i = 0; i < entries; ++i) {
      std::string command = std::to_string(i);
      const auto done = co_await group(0).propose(std::move(command), kPatience);
      if (done) indexes.push_back(done->index);
      timer.expires_after(kBetween);
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_return indexes;
  }

  std::filesystem::path dir_;
  asio::io_context io_{1};
  SwarmId swarm_;
  node::SwarmKeyRing ring_;
  std::map<NodeId, std::string> addresses_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace

Json bench_relay(const std::filesystem::path& dir, int entries) {
  Row row{dir};
  for (std::size_t i = 0; i <= kDepths; ++i) {
    if (auto added = row.add(); !added) return {{"failed", added.error().detail}};
    const bool stands = row.run_until([&] {
      return i == 0 ? row.group(0).status().role == consensus::Role::leader
                    : row.group(i).status().depth == i;
    });
    if (!stands) return {{"failed", fmt::format("node {} of the row does not follow", i)}};
  }
  const auto indexes = row.write(entries);
  const bool have_all = !indexes.empty() && row.run_until([&] {
    return row.group(kDepths).applied() >= indexes.back();
  });
  if (!have_all) return {{"failed", "the entries did not arrive"}};
  Json depths = Json::array();
  for (std::size_t depth = 1; depth <= kDepths; ++depth)
    depths.push_back({{"depth", depth}, {"delay", row.delays(depth, indexes).to_json()}});
  return {{"entries", indexes.size()}, {"leader_to_leaf", depths}};
}

}  // namespace starling::bench
