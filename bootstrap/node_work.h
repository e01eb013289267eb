/// The part of a node that runs trials: workers, its own queue, its memory, and, where it leads,
/// the planning for all.
///
/// Threads: the core thread, except `running` and `memory_is_short`, which any thread may call.
#pragma once

#include "bootstrap/blob_sync.h"
#include "bootstrap/disk_guard.h"
#include "bootstrap/node_facts.h"
#include "bootstrap/raft_ledger.h"
#include "bootstrap/settings.h"
#include "consensus/group/raft_group.h"
#include "ml/serve/predictor.h"
#include "ml/work/checkpoint_exchange.h"
#include "ml/work/memory_watch.h"
#include "ml/work/planner.h"
#include "ml/work/queue_keeper.h"
#include "ml/work/work_host.h"
#include "node/gossip/gossip_service.h"
#include "node/net/peer_links.h"
#include "node/process/process_groups.h"

namespace starling::bootstrap {

namespace asio = boost::asio;

class NodeWork {
 public:
  /// All must outlive it.
  struct Parts {
    asio::any_io_executor core;
    NodeId self;
    std::uint64_t recovery_epoch = 0;
    const Settings& settings;
    const FactsSource& facts;
    consensus::RaftGroup& group;
    RaftLedger& ledger;
    node::PeerLinks& links;
    node::GossipService& gossip;
    node::BlobStore& blobs;
    BlobSync& blob_sync;
    const DiskGuard& disk;
    std::uint64_t seed = 0;
  };

  explicit NodeWork(Parts parts);

  /// Errors: `io`: a worker program cannot run.
  Result<> start();

  /// Nothing is begun or recorded any more; what runs is ended.
  void stop();

  /// After the log has stopped.
  void stop_workers();

  /// Something was applied.
  void wake();

  /// Members or roles have changed.
  void wake_planning();

  std::uint32_t running() const { return host_.running(); }

  bool memory_is_short() const { return memory_.is_short(); }

  ml::Predictor& predictor() { return predictor_; }

 private:
  ml::WorkHostSources host_sources();
  ml::QueueSources queue_sources();
  ml::PlannerSources planner_sources();
  ml::MemoryWatchSources memory_sources();
  ml::CheckpointSources checkpoint_sources();
  asio::awaitable<bool> ask_to_move(ml::MoveHere move);
  std::optional<ml::NodeRoom> own_room() const;
  void report(const ml::ProgressPoint& point);

  Parts parts_;
  std::optional<node::ProcessGroups> groups_;  ///< of trials
  ml::WorkerPools workers_;
  ml::Planner planner_;
  ml::WorkHost host_;
  ml::CheckpointExchange checkpoints_;
  ml::QueueKeeper queue_;
  ml::MemoryWatch memory_;
  ml::Predictor predictor_;
};

}  // namespace starling::bootstrap
