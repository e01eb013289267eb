/// What one member keeps on disk: hard state, log, applied state.
///
/// `persist` is durable when it returns. The applied state reaches the disk in its own time: after
/// a crash it is that of some earlier `apply`, as a whole, and the log holds every entry since.
///
/// Threads: `persist` may run on another thread than the rest, one call at a time. `view` and
///          `read_snapshot` may be called from any thread.
#pragma once

#include "consensus/raft/raft_core.h"
#include "node/base/error.h"
#include "node/base/state_view.h"

#include <memory>
#include <string>

namespace starling::consensus {

/// The applied state, frozen, as a stream of pairs (node/base/state_pairs.h).
class SnapshotReader {
 public:
  virtual ~SnapshotReader() = default;

  /// Whole pairs of at most `bytes_max` together, but at least one. Empty: the end.
  /// Errors: `io`, `corrupt`.
  virtual Result<std::string> next(std::size_t bytes_max) = 0;
};

/// Of any view: the pairs in the order of their keys.
std::unique_ptr<SnapshotReader> reader_of(std::shared_ptr<const StateView> view);

class LogStore {
 public:
  virtual ~LogStore() = default;

  /// Errors: `corrupt` says which entry or key is wrong and what to do.
  virtual Result<RestoredState> load() = 0;

  /// Entries after `after`, up to `until`, of at most `bytes_max` together but at least one. Empty
  /// if the first of them is not there (any more). Any thread. Errors: `io`, `corrupt`.
  virtual Result<std::vector<EntryRef>> read_log(LogIndex after,
                                                 LogIndex until,
                                                 std::size_t bytes_max) const = 0;

  /// Atomic and durable: install, truncate, append, hard state.
  virtual Result<> persist(const PersistBatch& batch) = 0;

  /// Atomic: the state's changes and how far it is applied.
  virtual Result<> apply(const Changes& changes, LogIndex applied) = 0;

  /// `base` becomes the compaction point, and entries up to it are deleted, when the state that
  /// holds them is on the disk: at some later `persist`, or not, if there is a crash before.
  virtual Result<> compact(const SnapshotMeta& base) = 0;

  /// The applied state, frozen now.
  virtual std::shared_ptr<const StateView> view() const = 0;
  virtual std::unique_ptr<SnapshotReader> read_snapshot() const = 0;

  /// Starts an empty staging area; what was there is dropped.
  virtual Result<> begin_staging() = 0;

  /// Adds pairs to the staging area. A batch with `install` makes it the applied state. Not while
  /// such a batch is being written.
  /// Errors: `corrupt` if `pairs` is not a row of whole pairs.
  virtual Result<> stage(std::string_view pairs) = 0;
};

/// What an empty store of a swarm's first member starts with: itself as the only voter.
PersistBatch founding_batch(NodeId self);

}  // namespace starling::consensus
