/// Runs `SwimCore` on a UDP socket, each datagram sealed (node/secure/datagram_seal.h), and, for
/// first contact and periodic repair, on PeerLinks push/pull. For nodes that were let in.
///
/// Threads: the core thread, except `members()` and `member()`, which any thread may call.
#pragma once

#include "node/base/error.h"
#include "node/base/ids.h"
#include "node/gossip/member.h"
#include "node/gossip/swim_core.h"
#include "node/net/peer_links.h"

#include <boost/asio/ip/udp.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace starling::node {

struct GossipOptions {
  SwarmId swarm;
  std::uint64_t recovery_epoch = 0;
  MemberFacts facts;
  std::vector<std::string> seeds;  ///< HOST:PORT of members, tried until one answers, then on
  std::uint64_t incarnation = 0;   ///< above every one used before (persisted by the caller)
  std::uint64_t seed = 0;          ///< of the core's chance
  SwimTimings timings;
};

class GossipService {
 public:
  /// `trust` says who this node is; it and `links` must outlive this.
  GossipService(asio::ip::udp::socket socket,
                PeerLinks& links,
                const Trust& trust,
                GossipOptions options);
  ~GossipService();

  /// Called with whoever appeared, changed state or changed its facts, a moment after it did
  /// (MemberNews), so that a storm of changes is a few calls.
  void on_change(std::function<void(const std::vector<Member>& now)> handler);

  void start();

  /// Returns when a member has told what it knows, or nobody listens at any seed, or `patience` has
  /// passed: another process that runs as this node would have been met.
  asio::awaitable<void> settled(std::chrono::milliseconds patience);

  /// The node was removed from the swarm.
  void expel(NodeId node);

  /// The ring of `trust` changed.
  void renew_keys();

  /// Changes what this node says of itself; spread with the next rounds.
  void set_facts(MemberFacts facts);

  /// Everyone ever heard of and not yet forgotten, this node included, sorted by id.
  std::vector<Member> members() const;
  std::optional<Member> member(NodeId id) const;

  /// As `SwimCore::round_trip`. On the core thread only.
  std::optional<MonoTime> round_trip(NodeId id) const;

  /// The highest incarnation this node has used; persist it.
  std::uint64_t incarnation() const;

  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace starling::node
