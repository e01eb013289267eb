/// The store of a node: its log in files of its own (segment_log.h), the applied state in RocksDB
/// (applied_state.h).
///
///     log/      entries, hard state, compaction point, generation of the state
///     applied/  the state, with the index that it is of
///
/// The log is the only thing that is synced while the node works. The state follows in its own
/// time, so after a crash entries are applied again, from the one that reached the disk. An entry
/// leaves the log when the state with it is on the disk: `compact` asks for that and returns, and
/// the first `persist` after it was done writes the compaction point.
///
/// A failed sync stops the process: what the disk holds is unknown then, and a second try may
/// report success for bytes that are lost (core rule RS-6).
#pragma once

#include "consensus/storage/applied_state.h"
#include "consensus/storage/log_store.h"
#include "consensus/storage/segment_log.h"

#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

namespace starling::consensus {

class DiskLogStore : public LogStore {
 public:
  /// Opens or creates `dir` for this node of this swarm. `env`: of a test, with a disk that fails;
  /// it must outlive the store.
  /// Errors: `io`, `corrupt`, `conflict` if the state belongs to another swarm or node.
  static Result<std::unique_ptr<DiskLogStore>> open(const std::filesystem::path& dir,
                                                    SwarmId swarm,
                                                    NodeId self,
                                                    rocksdb::Env* env = nullptr,
                                                    const SegmentLogOptions& options = {});

  Result<RestoredState> load() override;
  Result<std::vector<EntryRef>> read_log(LogIndex after,
                                         LogIndex until,
                                         std::size_t bytes_max) const override;
  Result<> persist(const PersistBatch& batch) override;
  Result<> apply(const Changes& changes, LogIndex applied) override;
  Result<> compact(const SnapshotMeta& base) override;
  std::shared_ptr<const StateView> view() const override;
  std::unique_ptr<SnapshotReader> read_snapshot() const override;
  Result<> begin_staging() override;
  Result<> stage(std::string_view pairs) override;

  /// The applied state as it is at each call: for the one thread that also calls `apply`.
  std::unique_ptr<const StateView> live_view() const;

 private:
  DiskLogStore(std::unique_ptr<AppliedState> state, std::unique_ptr<SegmentLog> log)
      : state_(std::move(state)), log_(std::move(log)) {}

  Result<> audit_log(RestoredState& restored) const;
  Result<> try_persist(const PersistBatch& batch);
  Result<std::optional<SnapshotMeta>> base_that_is_safe();

  const std::unique_ptr<AppliedState> state_;
  const std::unique_ptr<SegmentLog> log_;
  std::mutex mutex_;                       ///< of what follows, which two threads use
  std::deque<SnapshotMeta> wanted_bases_;  ///< the oldest first
  bool has_new_base_ = false;
};

}  // namespace starling::consensus
