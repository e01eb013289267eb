#include "consensus/group/snapshot_stream.h"

#include <fmt/format.h>

namespace starling::consensus {
namespace {

constexpr std::chrono::seconds kVoterFirst{10};

}  // namespace

Result<const SnapshotChunk*> SnapshotSender::current() {
  if (is_cut_) return &current_;
  auto pairs = reader_->next(kSnapshotChunkBytes);
  if (!pairs) return pairs.error();
  current_.pairs = std::move(*pairs);
  current_.done = current_.pairs.empty();
  hasher_.update(std::as_bytes(std::span{current_.pairs}));
  current_.hash = hasher_.so_far();
  is_cut_ = true;
  return &current_;
}

void SnapshotSender::arrived() {
  current_.offset += current_.pairs.size();
  is_cut_ = false;
}

SnapshotTurn snapshot_turn(const SnapshotSend& wanted,
                           const std::optional<OutgoingSnapshot>& outgoing,
                           const RaftCore& core,
                           MonoTime now) {
  if (!outgoing) return SnapshotTurn::begins;
  if (outgoing->is_moving) return SnapshotTurn::waits;
  const SnapshotSend& before = outgoing->wanted;
  const bool is_same =
      before.to == wanted.to && before.session == wanted.session && before.term == wanted.term;
  if (is_same && outgoing->sender.meta().index >= core.log().base_index())
    return SnapshotTurn::goes_on;
  const bool is_kept = core.config().is_voter(before.to) && !core.config().is_voter(wanted.to) &&
                       now - outgoing->last_used < kVoterFirst;
  return is_kept ? SnapshotTurn::waits : SnapshotTurn::begins;
}

SnapshotChunk snapshot_head(SwarmId swarm, const RaftCore& core, const SnapshotSend& wanted) {
  SnapshotChunk head;
  head.swarm = swarm;
  head.recovery_epoch = core.recovery_epoch();
  head.term = wanted.term;
  head.session = wanted.session;
  head.meta = core.log().meta_at(core.applied_index());
  return head;
}

Result<> may_take(const SnapshotChunk& chunk, SwarmId swarm, const RaftCore& core) {
  if (core.is_installing()) return Error{Errc::unavailable, "this node cannot take a snapshot now"};
  const bool is_ours = chunk.swarm == swarm && chunk.recovery_epoch == core.recovery_epoch();
  if (!is_ours || chunk.term < core.term())
    return Error{Errc::conflict, "the snapshot is of another swarm or an earlier leader"};
  return {};
}

bool SnapshotReceiver::belongs(NodeId from, const SnapshotChunk& chunk) const {
  return stream_ && stream_->from == from && stream_->term == chunk.term &&
         stream_->session == chunk.session && stream_->meta == chunk.meta;
}

bool SnapshotReceiver::must_wait(const SnapshotChunk& chunk) {
  const bool is_behind_leader =
      stream_ && stream_->session != 0 && chunk.session == 0 && stream_->term == chunk.term;
  return is_behind_leader && ++asks_ <= kPatientAsks;
}

Result<std::optional<SnapshotMeta>> SnapshotReceiver::take(NodeId from,
                                                           const SnapshotChunk& chunk) {
  const std::uint64_t end = chunk.offset + chunk.pairs.size();
  const bool is_repeated = !chunk.done && belongs(from, chunk) && stream_->offset >= end;
  if (is_repeated) return std::optional<SnapshotMeta>{};
  if (chunk.offset == 0 && must_wait(chunk))
    return Error{Errc::unavailable, "the leader's own snapshot is on its way here"};
  if (chunk.offset == 0 && !(belongs(from, chunk) && stream_->offset == 0)) {
    const auto emptied = store_.begin_staging();
    if (!emptied) return emptied.error();
    stream_.emplace(Stream{from, chunk.term, chunk.session, chunk.meta, 0, {}});
  }
  if (!belongs(from, chunk) || stream_->offset != chunk.offset) {
    return Error{Errc::conflict,
                 fmt::format("a snapshot chunk at {} does not continue what is here; send the "
                             "snapshot again from its start",
                             chunk.offset)};
  }
  stream_->hasher.update(std::as_bytes(std::span{chunk.pairs}));
  if (stream_->hasher.so_far() != chunk.hash) {
    stream_.reset();
    return Error{Errc::corrupt, "a snapshot arrived with another hash than it was sent"};
  }
  const auto staged = store_.stage(chunk.pairs);
  if (!staged) {
    stream_.reset();
    return staged.error();
  }
  stream_->offset = end;
  asks_ = 0;
  if (!chunk.done) return std::optional<SnapshotMeta>{};
  stream_.reset();
  return std::optional{chunk.meta};
}

}  // namespace starling::consensus
