/// Carries out what a RaftCore decides: disk, peers, timers, state machine, and who waits for what.
///
/// Proposals that arrive while the disk is busy go into its next batch; nothing lingers otherwise.
///
/// Threads: the core thread; `status`, `view` and `applied` any thread. One disk thread of its own.
#pragma once

#include "consensus/group/raft_group.h"
#include "consensus/group/snapshot_stream.h"
#include "consensus/group/state_chain.h"
#include "consensus/group/waiter.h"
#include "consensus/raft/raft_core.h"
#include "consensus/storage/disk_log_store.h"
#include "node/base/log.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace starling::consensus {

class RaftEngine : public std::enable_shared_from_this<RaftEngine> {
 public:
  using Command = Waiter<AppliedCommand>;
  using Read = Waiter<LogIndex>;
  using Reached = Waiter<void>;

  RaftEngine(asio::any_io_executor core_executor,
             RaftGroupOptions options,
             StateMachine& machine,
             node::PeerLinks& links,
             RaftGroup::AddressOf address_of,
             std::shared_ptr<DiskLogStore> store,
             RestoredState restored);
  ~RaftEngine();

  void start();

  /// Ends all waits; nothing is written afterwards. Blocks for the write under way.
  void close();

  std::shared_ptr<Command> propose(std::string command);
  std::shared_ptr<Read> read_index();
  std::shared_ptr<Reached> reach(LogIndex index);
  Result<LogIndex> change_config(const std::set<NodeId>& voters, const std::set<NodeId>& learners);

  /// Set when the role is not leader any more, or never. `among`: who may lead then; empty: any.
  std::shared_ptr<Reached> hand_over(std::set<NodeId> among);

  /// Nobody waits for it any more: it is not tried again.
  void give_up_hand_over() { handing_over_.clear(); }

  void on_applied(std::function<void(LogIndex)> handler) { applied_handler_ = std::move(handler); }

  void on_role(std::function<void(const RaftStatus&)> handler) {
    role_handler_ = std::move(handler);
  }

  /// Called when more is known to be committed.
  void on_commit(std::function<void(LogIndex)> handler) { commit_handler_ = std::move(handler); }

  RaftStatus status() const;

  std::shared_ptr<const StateView> view() const { return store_->view(); }

  LogIndex applied() const { return LogIndex{applied_.load()}; }

  const RaftCore& core() const { return core_; }

  const asio::any_io_executor& executor() const { return executor_; }

  void take_message(NodeId from, const Bytes& body);

  /// When the leader itself spoke last, or this node started.
  MonoTime heard_leader_at() const { return heard_leader_at_; }

  /// What an upstream says in the leader's name; it passed `may_take_relayed`.
  void take_relayed(const Message& message);

  /// Whom this node follows for the committed log, and over how many hops.
  void note_upstream(std::optional<NodeId> upstream, std::size_t depth);

  /// The first time: until this is applied, the state is older than others'.
  void expect_state_of(LogIndex commit);

  /// From the disk, as DiskLogStore::read_log.
  static asio::awaitable<Result<std::vector<EntryRef>>> read_entries(
      std::shared_ptr<RaftEngine> self, LogIndex after, LogIndex until, std::size_t bytes_max);

  /// Sends a follower the state, unless a snapshot is on its way to somebody already.
  void offer_snapshot(NodeId to);

  static asio::awaitable<Result<Bytes>> take_chunk(std::shared_ptr<RaftEngine> self,
                                                   NodeId from,
                                                   Bytes body);

 private:
  struct Proposed {
    std::string command;
    std::shared_ptr<Command> waiter;
  };

  struct InLog {
    Term term;
    std::shared_ptr<Command> waiter;
  };

  template <class Input>
  void input(const Input& give);
  void carry_out(Effects& effects);
  void send(const std::vector<Message>& messages);
  void write(PersistBatch batch);
  void after_write(std::uint64_t batch_id);
  void watch_write(std::uint64_t batch_id);
  void look_at_disk();
  void read_log(const LogRead& read);
  void flush_proposals();
  void settle_proposals(std::vector<ProposalOutcome>& outcomes);
  void settle_entry(const Entry& entry, const std::string& result);
  void settle_reads(const std::vector<ReadReady>& reads);
  void apply(const std::vector<EntryRef>& entries);
  void note_applied(LogIndex index);
  void compact();
  void arm_timer();
  void update_status(bool in_full);
  bool is_recovered() const;
  void report_role();
  void report_commit();
  void end_waits();
  void try_hand_over();
  void drop_old_snapshot();
  bool prepare_snapshot(const SnapshotSend& wanted);
  static asio::awaitable<bool> send_pieces(std::shared_ptr<RaftEngine> self, std::string address);
  static asio::awaitable<void> send_snapshot(std::shared_ptr<RaftEngine> self, SnapshotSend wanted);
  [[noreturn]] void stop_for(const std::string& why) const;
  [[noreturn]] void stop_as_lost(const std::string& why) const;

  const asio::any_io_executor executor_;
  const RaftGroupOptions options_;
  StateMachine& machine_;
  node::PeerLinks& links_;
  const RaftGroup::AddressOf address_of_;
  const std::shared_ptr<DiskLogStore> store_;
  const Logger log_;
  RaftCore core_;
  SnapshotReceiver receiver_;
  StateChain chain_;
  asio::steady_timer timer_;
  MonoTime armed_for_{0};
  bool is_closed_ = false;
  std::optional<OutgoingSnapshot> outgoing_;
  asio::steady_timer watchdog_;
  std::uint64_t batch_on_disk_ = 0;  ///< 0: none
  bool write_hangs_ = false;
  MonoTime disk_looked_at_{0};
  std::uint64_t bytes_since_compaction_ = 0;
  MonoTime heard_leader_at_;
  const LogIndex last_at_start_;
  std::optional<LogIndex> expected_;  ///< what the first upstream knew

  std::vector<Proposed> proposed_;
  bool flush_posted_ = false;
  std::map<std::uint64_t, std::shared_ptr<Command>> offered_;
  std::multimap<LogIndex, InLog> in_log_;
  std::map<std::uint64_t, std::shared_ptr<Read>> reads_;
  std::multimap<LogIndex, std::shared_ptr<Reached>> reached_;
  std::vector<std::shared_ptr<Reached>> handing_over_;
  std::set<NodeId> successors_;  ///< of whom one may; empty: any
  std::uint64_t next_context_ = 1;
  std::function<void(LogIndex)> applied_handler_;
  std::function<void(const RaftStatus&)> role_handler_;
  std::function<void(LogIndex)> commit_handler_;
  LogIndex commit_told_;

  std::atomic<std::uint64_t> applied_;
  mutable std::mutex status_mutex_;
  RaftStatus status_;
  asio::thread_pool reader_{1};  ///< for laggards, so that their reads delay no write
  asio::thread_pool disk_{1};
};

}  // namespace starling::consensus
