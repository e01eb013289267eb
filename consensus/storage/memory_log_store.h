/// A store in memory that forgets what was not synced, as a disk does when the power fails.
///
/// Threads: one.
#pragma once

#include "consensus/storage/log_store.h"
#include "node/base/random.h"

#include <functional>
#include <map>
#include <vector>

namespace starling::consensus {

class MemoryLogStore : public LogStore {
 public:
  struct Disk {
    HardState hard;
    SnapshotMeta base;
    std::map<LogIndex, EntryRef> log;
    LogIndex applied;
    MapView state;
    MapView staged;
  };

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

  /// `persist` without the sync.
  void write(const PersistBatch& batch);

  /// Loses a random end of what was not synced.
  void crash(Random& random);

  /// What a crash right now could not take away.
  const Disk& durable() const { return durable_; }

  const Disk& live() const { return live_; }

 private:
  using Write = std::function<void(Disk&)>;

  void write(Write change);

  Disk durable_;
  Disk live_;
  std::vector<Write> unsynced_;
};

}  // namespace starling::consensus
