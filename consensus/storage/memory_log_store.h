/// A store in memory that fails as disks do: it forgets what was not synced, refuses a sync, is
/// full, lies about a sync, or comes back as it was some time ago.
///
/// The writes to the log are rows. After a crash they are read up to the first row that is not
/// there, so what comes back is always a whole number of writes, the oldest first. The applied
/// state is kept apart from them and is durable up to the compaction point at least; a crash leaves
/// it as of there or any `apply` since.
///
/// Threads: one.
#pragma once

#include "consensus/storage/log_store.h"
#include "node/base/random.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
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

  /// The next `persist` ends with `error`, and what it should have synced never will be; or not.
  void fail_next_sync(std::optional<Error> error) { next_failure_ = std::move(error); }

  /// From now on `persist` says that it synced, and does not; or is honest again.
  void lie(bool is_lying);

  /// The process ends. Each write that is not synced is lost with the probability `loss` (0: only
  /// the process died, the machine did not), and so is what follows it.
  /// Returns: how many writes to the log were lost.
  std::size_t crash(Random& random, double loss);

  /// What it lied about becomes true.
  void make_true();

  /// Keeps what is durable now; `roll_back` brings it back, at a crash.
  void save_image() { image_ = truth(); }

  const std::optional<Disk>& image() const { return image_; }

  /// Returns: false if no image was saved.
  bool roll_back();

  /// What a crash right now could not take away, if the disk does not lie.
  const Disk& durable() const { return durable_; }

  const Disk& live() const { return live_; }

  /// What is really there of `durable`.
  const Disk& truth() const { return truth_ ? *truth_ : durable_; }

  std::size_t unsynced_count() const { return unsynced_.size(); }

 private:
  using Change = std::function<void(Disk&)>;
  using Write = std::shared_ptr<const Change>;

  struct LogWrite {
    Write write;
    bool installs = false;  ///< a snapshot, so the state before it is of no use
  };

  void write(Change change, bool installs);
  void sync();
  void make_durable(const LogWrite& write);
  void flush();

  Disk durable_;  ///< with what a lying disk only says it holds
  Disk live_;
  std::vector<LogWrite> unsynced_;
  std::vector<Write> unflushed_;  ///< of the applied state
  std::optional<Disk> truth_;     ///< of a lying disk
  std::vector<Write> lied_;       ///< in `durable_`, not in `truth_`
  std::optional<Disk> image_;
  std::optional<Error> next_failure_;
  bool has_hole_ = false;  ///< A sync failed: nothing later is ever read back.
};

}  // namespace starling::consensus
