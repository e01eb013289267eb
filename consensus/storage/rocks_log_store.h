/// The store of a node: RocksDB with the column families `log`, `meta` and `sm`.
///
///     log   index (8 bytes, big endian)              -> entry (raft.proto)
///     meta  hard, base, applied, generation, owner
///     sm    generation (8 bytes, big endian) | key   -> value
///
/// A received snapshot is staged as the next generation; one batch moves `generation`, log base,
/// applied index and config at once, so that a crash leaves the old state or the new one.
///
/// A failed sync stops the process: what the disk holds is unknown then, and a second try may
/// report success for bytes that are lost (core rule RS-6).
#pragma once

#include "consensus/storage/log_store.h"

#include <atomic>
#include <filesystem>
#include <memory>

namespace rocksdb {
class Env;
}

namespace starling::consensus {

class RocksLogStore : public LogStore {
 public:
  /// Opens or creates `dir` for this node of this swarm. `env`: of a test, with a disk that fails;
  /// it must outlive the store.
  /// Errors: `io`, `corrupt`, `conflict` if the state belongs to another swarm or node.
  static Result<std::unique_ptr<RocksLogStore>> open(const std::filesystem::path& dir,
                                                     SwarmId swarm,
                                                     NodeId self,
                                                     rocksdb::Env* env = nullptr);
  ~RocksLogStore() override;

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
  struct Database;

  explicit RocksLogStore(std::shared_ptr<Database> database);
  Result<> claim(SwarmId swarm, NodeId self);
  Result<> audit_meta(RestoredState& restored, bool& has_hard);
  Result<> audit_log(RestoredState& restored);

  std::shared_ptr<Database> database_;
  std::atomic<std::uint64_t> generation_{1};
};

}  // namespace starling::consensus
