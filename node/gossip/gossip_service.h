/// Runs `SwimCore` on a UDP socket and, for joining and periodic repair, on PeerLinks push/pull.
///
/// Threads: the core thread, except `members()` and `member()`, which any thread may call.
#pragma once

#include "node/base/error.h"
#include "node/base/ids.h"
#include "node/gossip/member.h"
#include "node/gossip/swim_core.h"
#include "node/net/peer_links.h"

#include <boost/asio/ip/udp.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace starling::node {

struct GossipOptions {
  NodeId self;
  SwarmId swarm;  ///< none: learn it from the first seed that answers
  MemberFacts facts;
  std::vector<std::string> seeds;  ///< HOST:PORT to join through, tried forever
  std::uint64_t incarnation = 0;   ///< above every one used before (persisted by the caller)
  std::uint64_t seed = 0;          ///< of the core's chance
  SwimTimings timings;
};

class GossipService {
 public:
  GossipService(asio::ip::udp::socket socket, PeerLinks& links, GossipOptions options);
  ~GossipService();

  /// Called whenever a member appears, changes state or changes its facts.
  void on_change(std::function<void(const Member& now)> handler);

  /// Called once when a node without a swarm has learned which one it joined.
  void on_swarm(std::function<void(SwarmId swarm)> handler);

  void start();

  /// Changes what this node says of itself; spread with the next rounds.
  void set_facts(MemberFacts facts);

  /// Everyone ever heard of and not yet forgotten, this node included, sorted by id.
  std::vector<Member> members() const;
  std::optional<Member> member(NodeId id) const;

  /// The highest incarnation this node has used; persist it.
  std::uint64_t incarnation() const;

  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace starling::node
