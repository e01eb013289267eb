/// The end of RocksDB's write-ahead log after a power failure, judged before RocksDB reads it.
///
/// What was written last may come back torn: cut, or of full length with sectors of zeros. RocksDB
/// 7.8 tolerates only the cut; other damage it calls corruption even where nothing was promised,
/// and over a record of zeros it steps in silence to the next, so that a lost write goes unseen.
///
/// So each batch says in the log which synced write was last confirmed when it was made. Damage
/// with a later confirmation behind it is rot: the state is not to be used. Damage with none behind
/// it is a torn end: what it took was never promised, and all from there on is cut off.
/// A rotten end that looks like a torn one cannot be told apart here; Raft finds out (RS-8).
///
/// Source: RocksDB wiki, "Write Ahead Log File Format"; db/log_reader.cc of 7.8.
#pragma once

#include "node/base/error.h"

#include <rocksdb/env.h>
#include <rocksdb/wal_filter.h>
#include <rocksdb/write_batch.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace starling::consensus {

/// What a batch says of the writes around it. Numbers begin with 1 each time a store is opened.
struct WalMark {
  std::uint64_t synced = 0;     ///< its own number if it is synced, else 0
  std::uint64_t confirmed = 0;  ///< the last synced write that had returned
};

void put_mark(rocksdb::WriteBatch& batch, const WalMark& mark);

/// Cuts a torn end off the logs in `dir`, and says where. Nothing: all are whole.
/// Errors: `corrupt` names the file and the place; `io`.
Result<std::optional<std::string>> cut_torn_end(rocksdb::Env& env,
                                                const std::filesystem::path& dir);

/// Sees to it that the logs RocksDB replays lack no write between them.
class WalContinuity : public rocksdb::WalFilter {
 public:
  const char* Name() const override { return "starling.WalContinuity"; }

  WalProcessingOption LogRecordFound(unsigned long long number,
                                     const std::string& file,
                                     const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch* replacement,
                                     bool* is_replaced) override;

 private:
  std::optional<std::uint64_t> next_;  ///< sequence number
};

}  // namespace starling::consensus
