/// Follows an upstream while no leader sends this node the log, and is the upstream of others.
///
/// A follower asks in calls on `Channel::relay`: "what is committed after this entry?". The answer
/// waits for something new, at most half an election wait, so it says as well that the leader is
/// still there. Nobody keeps a list of subscribers that could be wrong: who asks, follows. Who is
/// too far behind is sent a snapshot.
///
/// Threads: the core thread.
#pragma once

#include "consensus/group/raft_engine.h"
#include "consensus/group/waiter.h"
#include "consensus/relay/relay.h"
#include "consensus/relay/upstream_choice.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace starling::consensus {

struct LogRelayParts {
  std::shared_ptr<RaftEngine> engine;
  node::PeerLinks& links;
  RaftGroup::AddressOf address_of;
  std::function<std::vector<NodeId>()> alive;
};

class LogRelay : public std::enable_shared_from_this<LogRelay> {
 public:
  LogRelay(LogRelayParts parts, const RaftGroupOptions& options);

  /// Answers from here on, and follows whenever that is needed.
  void start();
  void close();

 private:
  struct Follower {
    MonoTime asked_at{0};
    LogIndex after;
    std::shared_ptr<Waiter<void>> waiting;
  };

  static asio::awaitable<void> follow(std::shared_ptr<LogRelay> self);
  static asio::awaitable<void> ask(std::shared_ptr<LogRelay> self, NodeId upstream);
  static asio::awaitable<Result<Bytes>> answer(std::shared_ptr<LogRelay> self,
                                               NodeId from,
                                               Bytes body);
  static asio::awaitable<Result<Bytes>> find(std::shared_ptr<LogRelay> self,
                                             NodeId from,
                                             RelayRequest request);
  asio::awaitable<void> pause(std::chrono::milliseconds time);
  bool is_member() const;
  bool needs_upstream() const;
  bool has_enough_to_do();
  void look_around();
  Result<> take(NodeId upstream, RelayAnswer answer);
  void lost(NodeId upstream, std::string_view why);
  Result<> admit(NodeId follower, const RelayRequest& request);
  void wake(LogIndex commit);

  const LogRelayParts parts_;
  const SwarmId swarm_;
  const NodeId self_;
  const std::size_t followers_max_;
  const std::size_t bytes_max_;
  const std::chrono::milliseconds hold_;
  const MonoTime silence_max_;
  const Logger log_;
  UpstreamChoice choice_;
  UpstreamView view_;  ///< as `look_around` saw it
  MonoTime looked_at_{0};
  std::deque<LogIndex> unapplied_;  ///< where each of the last answers ended
  std::vector<NodeId> path_;        ///< from the upstream on
  std::map<NodeId, Follower> followers_;
  asio::steady_timer alarm_;
  bool is_closed_ = false;
};

}  // namespace starling::consensus
