/// Runs on this node what the replicated state says is given to it: one child process per attempt.
///
/// Reconciles instead of remembering: what the state gives to this node and is not running is
/// started, what is running and no longer given is killed. A restarted node picks its attempts up
/// again, and a late start or an expired attempt needs no message.
///
/// Threads: the core thread, except `running()`, which any thread may call.
#pragma once

#include "ml/study/ledger.h"
#include "ml/study/study_state.h"
#include "ml/work/assignments.h"
#include "ml/work/attempt_outcome.h"
#include "ml/work/result_recorder.h"
#include "ml/work/worker_pools.h"
#include "node/base/log.h"
#include "node/blobs/blob_store.h"
#include "node/process/process_groups.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>

namespace starling::ml {

namespace asio = boost::asio;

/// What the host needs of its node.
struct WorkHostSources {
  NodeId self;
  std::uint64_t recovery_epoch = 0;          ///< how often the swarm was recovered by force
  std::filesystem::path work_dir;            ///< scratch; emptied at start but for checkpoints
  std::uint64_t disk_reserve = 0;            ///< bytes that checkpoints leave free
  std::function<std::uint64_t()> memory_mb;  ///< for trials, now; none begins above nine tenths
  std::function<bool()> disk_is_short;
  std::function<LogIndex()> applied;
  std::filesystem::path outbox;  ///< of results that are not acknowledged yet
  std::function<std::shared_ptr<const StateView>()> state;
  /// Returns when this node holds the blob.
  std::function<asio::awaitable<Result<>>(ContentHash blob)> fetch;
  /// A newer checkpoint than this node has, if another node has one: ml/work/checkpoint_exchange.h.
  std::function<asio::awaitable<void>(WorkName work, std::optional<NodeId> last)> bring_checkpoint;
  std::function<asio::awaitable<Result<>>(WorkName work, std::optional<NodeId> to)> copy_checkpoint;
  std::function<bool()> is_draining;  ///< gives up its work
  /// Puts a finished artifact on enough disks.
  std::function<asio::awaitable<Result<>>(ContentHash blob)> replicate;
  /// Tells the leader how a trial goes; may be lost.
  std::function<void(const ProgressPoint& point)> report;
  /// How often the kernel has ended a process for lack of memory here.
  std::function<std::uint64_t()> oom_kills;
  node::ProcessGroups* groups = nullptr;  ///< for each trial; none: the kernel lets it make none
};

class WorkHost {
 public:
  WorkHost(asio::any_io_executor core,
           WorkerPools& pools,
           Ledger& ledger,
           node::BlobStore& blobs,
           WorkHostSources sources,
           Logger log);

  void start();

  /// Kills what runs; nothing is recorded of it. Results that wait stay in the outbox.
  void stop();

  /// Something was applied.
  void wake();

  /// Ends the youngest trial that runs here; it is tried again, with more memory if it was too
  /// large for this node. False: none runs.
  bool make_way(const std::string& why);

  /// The youngest of several trials that run here goes on elsewhere, as `let_go`. False: none can.
  bool ease(const std::string& why);

  /// Tells a running trial to stop at a checkpoint and to go on at `to`, or wherever there is room.
  /// False: it does not run, or goes already.
  bool let_go(std::uint64_t token, std::optional<NodeId> to, const std::string& why);

  bool runs(const WorkName& work) const;

  const CheckpointFiles& checkpoints() const { return checkpoints_; }

  /// Attempts that run here now.
  std::uint32_t running() const { return running_.load(); }

 private:
  struct Running;

  asio::awaitable<void> run();
  void reconcile();
  asio::awaitable<void> run_attempt(std::uint64_t token, Assignment assignment);
  asio::awaitable<Result<>> may_begin(std::uint64_t token, const Assignment& assignment);
  asio::awaitable<Result<>> fetch_inputs(const Assignment& assignment);
  asio::awaitable<AttemptOutcome> work(std::uint64_t token, const Assignment& assignment);
  asio::awaitable<AttemptOutcome> follow(std::uint64_t token,
                                         const Assignment& assignment,
                                         WorkerChannel& channel);
  void note_refusal(std::uint64_t token);
  void keep_copy(std::uint64_t token, WorkName work);
  asio::awaitable<void> copy(std::shared_ptr<Running> running, WorkName work);
  asio::awaitable<void> tell_to_yield(std::shared_ptr<Running> running);
  void let_go_of_all();
  std::size_t processes() const;
  /// Until the state here shows that it is over it would be given anew. Never answered: it is.
  void end_at(std::uint64_t token, std::optional<LogIndex> at);
  std::optional<AttemptEnd> lack_of_disk() const;
  AttemptEnd end_for_disk() const;
  asio::awaitable<AttemptOutcome> exited(std::uint64_t token, WorkerChannel& channel);
  bool was_ended_for_memory(const WorkerChannel& channel);
  bool takes_oom_kill();
  void confine(const Assignment& assignment, const WorkerChannel& channel);
  std::uint64_t left_mb(const Assignment& assignment) const;
  std::uint64_t memory_cap(const Assignment& assignment) const;
  asio::awaitable<std::optional<LogIndex>> record_trial(std::uint64_t token,
                                                        const Assignment& assignment,
                                                        AttemptOutcome outcome);
  asio::awaitable<std::optional<LogIndex>> record_move(std::uint64_t token,
                                                       const Assignment& assignment);
  asio::awaitable<std::optional<LogIndex>> record_final(std::uint64_t token,
                                                        const Assignment& assignment,
                                                        AttemptOutcome outcome);
  asio::awaitable<std::optional<LogIndex>> record(Command command, std::uint64_t token);
  asio::awaitable<Result<ContentHash>> store_artifact(const std::filesystem::path& artifact);
  std::filesystem::path attempt_dir(std::uint64_t token) const;
  std::filesystem::path columns_dir() const;
  void forget_columns() const;
  void forget_checkpoints();

  asio::any_io_executor core_;
  WorkerPools& pools_;
  node::BlobStore& blobs_;
  WorkHostSources sources_;
  ResultRecorder results_;
  CheckpointFiles checkpoints_;
  Logger log_;
  asio::steady_timer alarm_;
  std::chrono::steady_clock::time_point next_sweep_;          ///< of the checkpoints
  std::map<std::uint64_t, std::shared_ptr<Running>> active_;  ///< by token
  std::atomic<std::uint32_t> running_{0};
  std::uint64_t oom_kills_explained_ = 0;
  std::uint64_t reserved_mb_ = 0;  ///< by attempts whose process runs
  bool is_woken_ = false;
  bool is_stopped_ = false;
};

}  // namespace starling::ml
