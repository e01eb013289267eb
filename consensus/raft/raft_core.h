/// One Raft member as a pure state machine: messages and time in, effects out.
///
/// It opens no socket, writes no disk, reads no clock and starts no thread, so a test can run a
/// whole swarm in one process, replay any schedule from a seed, and print every decision.
///
/// What must be durable before it is said is withheld *inside*: vote grants, refusals, append
/// acknowledgements, vote requests and the member's own vote and match leave or count only after
/// `persisted` of the batch they depend on. So the owner may send `Effects::send` at once, always.
///
/// The same configuration, restored state, seed and inputs give the same effects, byte for byte.
///
/// Source:  Ongaro, "Consensus: Bridging Theory and Practice" (2014), chapters 3, 4, 6, 9 and 10.
/// Threads: none of its own. One owner calls it, from one strand.
#pragma once

#include "consensus/raft/progress.h"
#include "consensus/raft/raft_log.h"
#include "consensus/raft/read_queue.h"
#include "node/base/error.h"
#include "node/base/random.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace starling::consensus {

enum class Role { follower, pre_candidate, candidate, leader };

std::string_view to_string(Role role);

struct RaftTimings {
  std::chrono::milliseconds heartbeat{100};
  std::chrono::milliseconds election{500};  ///< waits are drawn from [election, 2 election)
  std::chrono::milliseconds news{2};        ///< so long a commit waits for an append to tell of it
  std::size_t append_bytes_max = 128 << 10;
  std::size_t in_flight_messages_max = 16;    ///< per peer
  std::size_t in_flight_bytes_max = 1 << 20;  ///< per peer
  std::size_t uncommitted_bytes_max = 8 << 20;
  std::size_t proposal_bytes_max = 256 << 10;
  std::size_t apply_bytes_max = 1 << 20;      ///< per `Effects::apply`
  std::size_t log_bytes_in_memory = 4 << 20;  ///< of applied entries, for members a little behind
};

/// Errors: `invalid_argument`, naming the field, its value and the limit.
Result<> check(const RaftTimings& timings);

struct RaftIdentity {
  SwarmId swarm;
  NodeId self;
};

/// What the disk holds when a member starts.
struct RestoredState {
  HardState hard;
  RaftLog log;       ///< what is not applied is in memory
  LogIndex applied;  ///< of the state machine; at or after the log's compaction point
};

/// One atomic, synced write. Batches are issued one at a time, in order.
struct PersistBatch {
  std::uint64_t id = 0;
  HardState hard;
  std::optional<SnapshotMeta> install;    ///< First: the staged snapshot replaces state and log.
  std::optional<LogIndex> truncate_from;  ///< Then: delete this entry and all after it.
  std::vector<EntryRef> append;           ///< Then: write these.
};

struct ProposalOutcome {
  std::uint64_t context = 0;
  Result<LogIndex> index;  ///< where it is in the log, or why it was definitely not taken
  Term term;               ///< It is committed iff the entry committed at `index` has this term.
};

/// `to` needs a snapshot. Answer with `snapshot_sent`.
struct SnapshotSend {
  NodeId to;
  Term term;
  std::uint64_t session = 0;
};

/// `peer` needs entries that have left the memory. Answer with `log_read`.
struct LogRead {
  NodeId peer;
  std::uint64_t session = 0;
  LogIndex after;
  LogIndex until;
  std::size_t bytes_max = 0;  ///< stop before it is exceeded, but read one entry at least
};

struct RoleChange {
  Role role = Role::follower;
  Term term;
  std::optional<NodeId> leader;
};

/// What the owner must now do. Appended to by every input; the owner clears it.
struct Effects {
  std::vector<Message> send;
  std::optional<PersistBatch> persist;  ///< then `persisted(id)`
  std::vector<EntryRef> apply;          ///< committed and durable here, in order; then `applied`
  std::vector<ReadReady> reads;
  std::vector<ProposalOutcome> proposals;
  std::vector<SnapshotSend> snapshots;
  std::vector<LogRead> log_reads;
  bool discard_staged = false;  ///< The snapshot of `snapshot_received` is not needed.
  std::optional<RoleChange> role;
  /// This member's log is not what the swarm was told, or the protocol is broken: say so, stop, and
  /// come back as a new member. From here on the core takes no input.
  std::optional<std::string> fatal;
};

struct Proposal {
  std::uint64_t context = 0;
  std::string command;
};

class RaftCore {
 public:
  /// `seed` makes the election waits repeatable. `timings` must pass `check`.
  RaftCore(RaftIdentity identity,
           RestoredState restored,
           const RaftTimings& timings,
           std::uint64_t seed,
           MonoTime now);

  /// Lets time pass. Call it at `next_deadline()`; earlier does nothing.
  void tick(MonoTime now, Effects& effects);

  /// Takes one message from a peer.
  void step(MonoTime now, const Message& message, Effects& effects);

  /// Offers commands to the log; `Effects::proposals` has one outcome for each.
  void propose(MonoTime now, std::vector<Proposal> proposals, Effects& effects);

  /// Asks for an index such that a read at it is linearizable; `Effects::reads` has the answer.
  void read_index(MonoTime now, std::uint64_t context, Effects& effects);

  /// Starts the move to these voters and learners; the leader leaves the joint config by itself.
  /// Returns: the index of the first config entry of the change.
  /// Errors:  `not_leader`, `conflict` (a change is under way), `invalid_argument`, `unavailable`
  ///          (a new voter is not a learner that has caught up).
  Result<LogIndex> change_config(MonoTime now,
                                 const std::set<NodeId>& voters,
                                 const std::set<NodeId>& learners,
                                 Effects& effects);

  /// Hands leadership to `target`; proposals are refused until it worked or an election wait ended.
  /// Errors: `not_leader`, `invalid_argument` (not another voter).
  Result<> transfer(MonoTime now, NodeId target, Effects& effects);

  /// The batch is durable.
  void persisted(MonoTime now, std::uint64_t batch_id, Effects& effects);

  /// Everything of the last `Effects::apply`, up to `index`, is applied.
  void applied(MonoTime now, LogIndex index, Effects& effects);

  /// This member's state at one entry. When most voters agree on it, the leader puts it into the
  /// log as an entry of kind `check`, for all to compare.
  void state_checked(MonoTime now, const StateCheck& check, Effects& effects);

  /// The snapshot stream to a peer ended; `index` is the snapshot's if the peer has it whole.
  void snapshot_sent(MonoTime now,
                     const SnapshotSend& sent,
                     std::optional<LogIndex> index,
                     Effects& effects);

  /// A snapshot of committed state, from the leader or an upstream, is staged, whole and verified.
  void snapshot_received(MonoTime now, const SnapshotMeta& meta, Effects& effects);

  /// The entries that `read` asked for, from the disk; empty if they are compacted meanwhile.
  void log_read(MonoTime now,
                const LogRead& read,
                const std::vector<EntryRef>& entries,
                Effects& effects);

  /// The disk has not answered for long, or does again. A leader whose disk hangs hands over; who
  /// cannot write does not campaign.
  void disk_stalled(MonoTime now, bool is_stalled, Effects& effects);

  /// Messages to `peer` are being lost.
  void unreachable(MonoTime now, NodeId peer, Effects& effects);

  /// How far the log is best compacted. Half of what is applied and held stays for members that are
  /// a little behind; for one that is alive and further behind, up to twice `entries_held_max`.
  LogIndex compaction_point(MonoTime now, std::uint64_t entries_held_max) const;

  /// Forgets entries up to `index`, which must be applied. The owner does the same on disk.
  void compact(LogIndex index);

  MonoTime next_deadline() const;

  NodeId self() const { return self_; }

  Role role() const { return role_; }

  Term term() const { return term_; }

  std::uint32_t recovery_epoch() const { return recovery_epoch_; }

  NodeId vote() const { return vote_; }

  const std::optional<NodeId>& leader() const { return leader_; }

  LogIndex commit() const { return commit_; }

  LogIndex applied_index() const { return applied_; }

  LogIndex stable() const { return stable_; }

  const RaftLog& log() const { return log_; }

  const Config& config() const { return log_.configs().active(); }

  const std::map<NodeId, Progress>& progress() const { return progress_; }

  bool is_transferring() const { return transfer_target_.has_value(); }

  /// Members that hold less than they acknowledged to this leader. They do not count any more.
  std::set<NodeId> forgetful() const;

  bool is_disk_stalled() const { return disk_is_stalled_; }

  /// A received snapshot is not durable yet: the staging area must be left alone.
  bool is_installing() const { return install_.has_value(); }

  /// The voter of `among` (empty: of all) that is best placed to lead next, if this member leads
  /// and there is another.
  std::optional<NodeId> best_successor(const std::set<NodeId>& among = {}) const;

  /// Stops the process if something that must always hold does not. Tests call it after each step.
  void check_invariants() const;

 private:
  enum class Needs { nothing, hard_state, whole_log };

  struct Withheld {
    std::uint64_t batch;
    Message message;
  };

  struct InFlightBatch {
    std::uint64_t id;
    bool has_hard_change;
    LogIndex last;  ///< last entry of it that was not truncated since; 0 if none
    std::optional<LogIndex> install;
  };

  // raft_core.cc: the frame of every input.
  void begin(MonoTime now, Effects& effects);
  void finish();
  void issue_batch();
  void issue_apply();
  void report_role();
  void release_withheld(std::uint64_t batch_id);
  std::uint64_t batch_needed(Needs needs) const;
  void withhold(Withheld held);
  void send(NodeId to, MessageBody body, Needs needs, std::uint64_t session = 0);
  void send_at(Term term, NodeId to, MessageBody body, Needs needs, std::uint64_t session);
  void take(const Message& message);
  void take_higher_term(const Message& message);
  void answer_lower_term(const Message& message);
  void fail(std::string why);
  void note_truncated(LogIndex from);

  // raft_election.cc
  void become_follower(Term term, std::optional<NodeId> leader);
  void become_pre_candidate();
  void become_candidate(bool by_transfer);
  void become_leader();
  void ask_for_votes(bool pre, bool by_transfer);
  void redraw_election_wait();
  bool hears_leader() const;
  bool may_campaign() const;
  void on(const Message& message, const VoteRequest& request);
  void on(const Message& message, const VoteResponse& response);
  void on(const Message& message, const TimeoutNow& request);

  // raft_follower.cc
  bool contradicts_leader(NodeId leader);
  void follow(NodeId leader);
  void hear_of(NodeId leader);
  void on(const Message& message, const AppendRequest& request);
  void on(const Message& message, const HeartbeatRequest& request);
  bool contradicts_commit(const AppendRequest& request);
  void append_from_leader(const AppendRequest& request);
  void commit_to(LogIndex index);

  // raft_leader.cc
  Progress* progress_of(const Message& message);
  void on(const Message& message, const AppendResponse& response);
  void on(const Message& message, const HeartbeatResponse& response);
  void lead();
  void append_own(EntryKind kind, std::string command, Config config);
  void heartbeat();
  void send_heartbeats();
  bool has_quorum_contact() const;
  void advance_commit();
  void advance_reads();
  void pump(NodeId peer, Progress& progress);
  bool send_append(NodeId peer, Progress& progress, bool even_empty);
  void send_entries(NodeId peer, Progress& progress, std::vector<EntryRef> entries);
  void tell_news();
  bool lacks_news(const Progress& progress) const;
  void send_news(NodeId peer, Progress& progress);
  void ask_for_entries(NodeId peer, Progress& progress);
  void ask_for_snapshot(NodeId peer, Progress& progress);
  static void note_forgotten(Progress& progress);
  Error not_leader() const;
  Result<> can_take(const std::string& command) const;
  void try_hand_over();
  void advance_check();

  // raft_members.cc
  void track_members();
  void advance_config();
  Result<> can_change() const;
  Result<> have_caught_up(const std::set<NodeId>& voters) const;
  void step_down_if_removed();

  const SwarmId swarm_;
  const NodeId self_;
  const RaftTimings timings_;
  Random random_;
  MonoTime now_;
  Effects* out_ = nullptr;  ///< valid between begin and finish

  Term term_;
  NodeId vote_;
  std::uint32_t recovery_epoch_;
  RaftLog log_;
  LogIndex commit_;
  LogIndex applied_;
  LogIndex apply_issued_;

  std::uint64_t next_batch_ = 1;
  std::optional<InFlightBatch> in_flight_;
  bool hard_dirty_ = false;
  LogIndex stable_;     ///< durable up to here
  LogIndex issued_;     ///< durable or in the batch in flight up to here
  LogIndex disk_last_;  ///< what the disk may hold once the batch in flight is done
  std::optional<LogIndex> truncate_from_;
  std::optional<SnapshotMeta> install_;  ///< from receipt to durability
  bool install_issued_ = false;
  std::vector<Withheld> withheld_;

  Role role_ = Role::follower;
  std::optional<NodeId> leader_;
  RoleChange reported_role_;
  MonoTime leader_contact_;
  MonoTime election_deadline_;
  std::map<NodeId, bool> votes_;

  MonoTime heartbeat_deadline_;
  std::optional<MonoTime> news_deadline_;  ///< Some peer is not told what is committed.
  std::map<NodeId, Progress> progress_;
  std::map<NodeId, MonoTime> departing_;  ///< removed, but still told about it
  std::uint64_t session_ = 0;
  std::size_t uncommitted_bytes_ = 0;
  ReadQueue reads_;
  std::optional<NodeId> transfer_target_;
  MonoTime transfer_deadline_;
  std::optional<MonoTime> told_to_take_over_;  ///< when the target was, last
  bool disk_is_stalled_ = false;
  StateCheck check_;       ///< of this member
  LogIndex check_in_log_;  ///< the newest that this leader put into the log
  bool is_out_ = false;    ///< after `Effects::fatal`
};

}  // namespace starling::consensus
