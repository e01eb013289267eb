/// Snapshots between members: a row of calls, each with its offset and a hash over all so far.
///
/// A stream that was interrupted goes on where it stopped, as long as both sides still run: the
/// sender repeats the piece whose answer it missed, and the receiver knows it if it has it.
///
/// Threads: the core thread. Memory: two pieces on the sending side, one on the other.
#pragma once

#include "consensus/raft/raft_core.h"
#include "consensus/raft/raft_wire.h"
#include "consensus/storage/log_store.h"
#include "node/base/hash.h"

#include <optional>

namespace starling::consensus {

inline constexpr std::size_t kSnapshotChunkBytes = 256 << 10;

/// Cuts one frozen state into chunks.
class SnapshotSender {
 public:
  /// `head` has all of a chunk but offset, pairs, end and hash.
  SnapshotSender(SnapshotChunk head, std::unique_ptr<SnapshotReader> reader)
      : current_(std::move(head)), reader_(std::move(reader)) {}

  /// The piece that is to be sent, the same one until `arrived`; the last one has `done`.
  Result<const SnapshotChunk*> current();

  /// The receiver has the current piece.
  void arrived();

  const SnapshotMeta& meta() const { return current_.meta; }

 private:
  SnapshotChunk current_;
  bool is_cut_ = false;
  std::unique_ptr<SnapshotReader> reader_;
  ContentHasher hasher_;
};

/// A snapshot on its way to a peer. After a failure it waits here to be gone on with.
struct OutgoingSnapshot {
  OutgoingSnapshot(SnapshotSend asked, SnapshotSender stream)
      : wanted(std::move(asked)), sender(std::move(stream)) {}

  SnapshotSend wanted;
  SnapshotSender sender;
  MonoTime last_used{0};
  bool is_moving = false;
};

enum class SnapshotTurn { begins, goes_on, waits };

/// What becomes of `wanted`: one snapshot at a time leaves a member. An interrupted one goes on if
/// it was for this. One for a voter is kept from learners for ten seconds: commits may wait for the
/// voter, and each new stream would let it begin again.
SnapshotTurn snapshot_turn(const SnapshotSend& wanted,
                           const std::optional<OutgoingSnapshot>& outgoing,
                           const RaftCore& core,
                           MonoTime now);

/// What all chunks of a snapshot of the state as it is now have in common.
SnapshotChunk snapshot_head(SwarmId swarm, const RaftCore& core, const SnapshotSend& wanted);

/// Whether a member takes a chunk at all.
/// Errors: `unavailable` (not now), `conflict` (of another swarm or an earlier leader).
Result<> may_take(const SnapshotChunk& chunk, SwarmId swarm, const RaftCore& core);

/// Puts one stream at a time into the staging area. A new stream replaces an unfinished one; but an
/// upstream's (session 0) does not push out the leader's of the same term before it has asked
/// `kPatientAsks` times without that going on: they would let each other begin again for ever.
class SnapshotReceiver {
 public:
  explicit SnapshotReceiver(LogStore& store) : store_(store) {}

  /// Returns: the meta of a snapshot that is whole and verified now.
  /// Errors: `conflict` (not the next chunk: start again), `unavailable` (another one is under
  ///         way), `corrupt`, `io`.
  Result<std::optional<SnapshotMeta>> take(NodeId from, const SnapshotChunk& chunk);

 private:
  struct Stream {
    NodeId from;
    Term term;
    std::uint64_t session;
    SnapshotMeta meta;
    std::uint64_t offset = 0;
    ContentHasher hasher;
  };

  static constexpr int kPatientAsks = 20;

  bool belongs(NodeId from, const SnapshotChunk& chunk) const;
  bool must_wait(const SnapshotChunk& chunk);

  LogStore& store_;
  std::optional<Stream> stream_;
  int asks_ = 0;  ///< of an upstream, since the leader's stream went on
};

}  // namespace starling::consensus
