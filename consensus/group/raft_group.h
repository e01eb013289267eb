/// The owner of one RaftCore: carries out its effects over DiskLogStore and PeerLinks.
///
/// Persist batches run on one disk thread and complete back on the core thread; committed entries
/// are applied on the core thread, changes and applied index in one RocksDB batch.
///
/// Threads: the core thread, except `status()` and `view()`, which any thread may call.
#pragma once

#include "consensus/group/state_machine.h"
#include "consensus/raft/raft_core.h"
#include "node/base/error.h"
#include "node/base/ids.h"
#include "node/net/peer_links.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace starling::consensus {

namespace asio = boost::asio;

struct RaftGroupOptions {
  NodeId self;
  SwarmId swarm;
  std::filesystem::path state_dir;   ///< of the DiskLogStore
  std::uint32_t recovery_epoch = 0;  ///< of the swarm, as an empty state begins with it
  bool found = false;                ///< An empty state starts as a swarm of this one voter.
  RaftTimings timings;
  std::uint64_t seed = 0;
  std::uint64_t compact_after_entries = 20000;   ///< Applied entries kept before the log is cut.
  std::uint64_t compact_after_bytes = 32 << 20;  ///< The same, in bytes of commands.

  /// Who is alive, as far as gossip knows: whom a leaf may follow. Without it nobody is followed.
  std::function<std::vector<NodeId>()> alive;
  std::size_t followers_max = 16;  ///< leaves that follow this node

  /// Asked every second: this node can hardly write any more, so it does not lead.
  std::function<bool()> disk_is_full;

  /// Runs before the process ends because this node's log is not what the swarm was told: it must
  /// come back as a new member (core rule RS-8).
  std::function<void(const std::string& why)> on_lost;
};

struct RaftStatus {
  Role role = Role::follower;
  Term term;
  std::optional<NodeId> leader;
  std::uint32_t recovery_epoch = 0;
  std::optional<MonoTime> no_leader_since;
  LogIndex commit;
  LogIndex applied;
  std::set<NodeId> voters;  ///< both halves while a change is under way
  std::set<NodeId> learners;
  bool changing_voters = false;  ///< what `voters` says is not committed yet
  LogIndex recovering_to;     ///< until it is applied, the state may be older than before the start
  bool disk_stalled = false;  ///< A write has been waiting for the disk for seconds.
  std::set<NodeId> forgetful;      ///< on the leader: lost what they had acknowledged, do not count
  std::set<NodeId> heard;          ///< on the leader: who answered within an election wait
  std::optional<NodeId> upstream;  ///< whom a leaf follows
  std::size_t depth = 0;           ///< hops from a leaf to a voter or standby
  std::map<NodeId, LogIndex> match;  ///< on the leader: what each peer is known to hold
};

struct AppliedCommand {
  LogIndex index;
  std::string result;  ///< ApplyOutcome::result
};

class RaftGroup {
 public:
  /// Where a node's PeerLinks listens, if known now.
  using AddressOf = std::function<std::optional<std::string>(NodeId node)>;

  /// Errors: `io`, `corrupt` (open-time audit: what is wrong and what to do), `conflict` (state of
  ///         another swarm or node).
  static Result<std::unique_ptr<RaftGroup>> open(asio::any_io_executor core,
                                                 RaftGroupOptions options,
                                                 StateMachine& machine,
                                                 node::PeerLinks& links,
                                                 AddressOf address_of);
  virtual ~RaftGroup() = default;

  virtual void start() = 0;

  /// Commits and applies one command. Only on the leader.
  /// Errors: `not_leader` and `unavailable`: definitely not done. `timed_out`: unknown.
  virtual asio::awaitable<Result<AppliedCommand>> propose(std::string command,
                                                          std::chrono::milliseconds patience) = 0;

  /// An index such that a read at or after it is linearizable. Only on the leader.
  virtual asio::awaitable<Result<LogIndex>> read_index(std::chrono::milliseconds patience) = 0;

  /// Returns once `index` is applied here. Errors: `timed_out`.
  virtual asio::awaitable<Result<>> wait_applied(LogIndex index,
                                                 std::chrono::milliseconds patience) = 0;

  /// Moves to exactly these voters and learners, by joint consensus when a voter changes. Learners
  /// must have caught up before they become voters. Only on the leader; one change at a time.
  virtual asio::awaitable<Result<>> change_members(std::set<NodeId> voters,
                                                   std::set<NodeId> learners,
                                                   std::chrono::milliseconds patience) = 0;

  /// Called on the core thread after each batch of applied entries, with the last index.
  virtual void on_applied(std::function<void(LogIndex applied)> handler) = 0;

  /// Called on the core thread when role, term or leader changes.
  virtual void on_role(std::function<void(const RaftStatus& status)> handler) = 0;

  virtual RaftStatus status() const = 0;

  /// The applied state, frozen now. Cheap; holds a RocksDB snapshot while it lives.
  virtual std::shared_ptr<const StateView> view() const = 0;

  /// The index that `view()` would have.
  virtual LogIndex applied() const = 0;

  /// Returns when another voter leads, one of `among` if it names any, or none can take over. Does
  /// something only on the leader.
  virtual asio::awaitable<void> hand_over(std::set<NodeId> among) = 0;

  /// Hands leadership over if this node leads, then stops; nothing is written afterwards.
  virtual asio::awaitable<void> stop() = 0;
};

}  // namespace starling::consensus
