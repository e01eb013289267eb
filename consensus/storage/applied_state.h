/// The applied state in RocksDB, without a write-ahead log: the member's own log has all of it.
///
///     generation (8 bytes, big endian) | key   -> value
///     0 (8 bytes) | generation                 -> index of the last entry that is applied to it
///
/// What is written is durable once RocksDB has moved it to its tables, which it does in the order
/// of the writes. So after a crash the state is that of some earlier `apply`, as a whole.
///
/// A received snapshot is staged as the next generation. Which generation is the state is not said
/// here but in the log, so that log and state change over at once.
///
/// A failed write of RocksDB's background work stops the process: what the disk holds is unknown
/// then (core rule RS-6).
///
/// Threads: `view`, `flushed`, `has_flushed` and `request_flush` any; of the others one at a time.
#pragma once

#include "consensus/raft/messages.h"
#include "node/base/error.h"
#include "node/base/state_view.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace rocksdb {
class Env;
}

namespace starling::consensus {

class AppliedState {
 public:
  /// Opens or creates `dir`, and reads all tables once, so that damage is found here.
  /// Errors: `io`, `corrupt` (without advice).
  static Result<std::unique_ptr<AppliedState>> open(const std::string& dir, rocksdb::Env& env);
  ~AppliedState();

  AppliedState(const AppliedState&) = delete;
  AppliedState& operator=(const AppliedState&) = delete;

  /// `generation` is the state; all others are dropped.
  Result<> select(std::uint64_t generation);

  std::uint64_t generation() const;

  /// 0: nothing is applied. Errors: `io`, `corrupt`.
  Result<LogIndex> applied() const;

  /// The same, as a crash would leave it.
  Result<LogIndex> flushed() const;

  /// Whether something became durable since the last call.
  bool has_flushed();

  /// Begins to make durable what is applied now, or goes on with what it does; does not wait.
  Result<> request_flush();

  Result<> apply(const Changes& changes, LogIndex applied);

  /// Empties the staging area.
  Result<> begin_staging();
  /// Errors: `corrupt` if `pairs` is not a row of whole pairs.
  Result<> stage(std::string_view pairs);

  /// Makes what is staged, as of entry `applied`, durable; `take_staged` then makes it the state.
  Result<> seal_staged(LogIndex applied);
  Result<> take_staged();

  /// Frozen now; keeps the database open.
  std::shared_ptr<const StateView> view() const;

  /// As it is at each call; must not outlive this.
  std::unique_ptr<const StateView> live_view() const;

 private:
  struct Database;

  explicit AppliedState(std::shared_ptr<Database> database);

  std::shared_ptr<Database> database_;
};

}  // namespace starling::consensus
