/// Snapshots between nodes: a row of calls, each with its offset, the last with a hash over all.
///
/// Threads: the core thread.
#pragma once

#include "consensus/raft/raft_wire.h"
#include "consensus/storage/log_store.h"
#include "node/base/hash.h"

#include <optional>

namespace starling::consensus {

inline constexpr std::size_t kSnapshotChunkBytes = 256 << 10;

/// Cuts one frozen state into chunks.
class SnapshotSender {
 public:
  /// `head` has all of a chunk but offset, pairs and end.
  SnapshotSender(SnapshotChunk head, std::unique_ptr<SnapshotReader> reader)
      : head_(std::move(head)), reader_(std::move(reader)) {}

  /// The next chunk; the one with `done` is the last.
  Result<SnapshotChunk> next();

 private:
  SnapshotChunk head_;
  std::unique_ptr<SnapshotReader> reader_;
  ContentHasher hasher_;
};

/// Puts one stream at a time into the staging area. A new stream replaces an unfinished one.
class SnapshotReceiver {
 public:
  explicit SnapshotReceiver(LogStore& store) : store_(store) {}

  /// Returns: the meta of a snapshot that is whole and verified now.
  /// Errors: `conflict` (not the next chunk: start again), `corrupt`, `io`.
  Result<std::optional<SnapshotMeta>> take(NodeId from, const SnapshotChunk& chunk);

  void forget() { stream_.reset(); }

 private:
  struct Stream {
    NodeId from;
    Term term;
    std::uint64_t session;
    SnapshotMeta meta;
    std::uint64_t offset = 0;
    ContentHasher hasher;
  };

  LogStore& store_;
  std::optional<Stream> stream_;
};

}  // namespace starling::consensus
