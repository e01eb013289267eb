#include "consensus/group/snapshot_stream.h"

#include <fmt/format.h>

namespace starling::consensus {

Result<SnapshotChunk> SnapshotSender::next() {
  auto pairs = reader_->next(kSnapshotChunkBytes);
  if (!pairs) return pairs.error();
  SnapshotChunk chunk = head_;
  chunk.pairs = std::move(*pairs);
  head_.offset += chunk.pairs.size();
  hasher_.update(std::as_bytes(std::span{chunk.pairs}));
  chunk.done = chunk.pairs.empty();
  if (chunk.done) chunk.hash = hasher_.finish();
  return chunk;
}

Result<std::optional<SnapshotMeta>> SnapshotReceiver::take(NodeId from,
                                                           const SnapshotChunk& chunk) {
  if (chunk.offset == 0 && !chunk.pairs.empty()) stream_.reset();
  if (!stream_ && chunk.offset == 0) {
    const auto emptied = store_.begin_staging();
    if (!emptied) return emptied.error();
    stream_.emplace(Stream{from, chunk.term, chunk.session, chunk.meta, 0, {}});
  }
  const bool is_next = stream_ && stream_->from == from && stream_->term == chunk.term &&
                       stream_->session == chunk.session && stream_->meta == chunk.meta &&
                       stream_->offset == chunk.offset;
  if (!is_next) {
    return Error{Errc::conflict,
                 fmt::format("a snapshot chunk at {} does not continue what is here; send the "
                             "snapshot again from its start",
                             chunk.offset)};
  }
  const auto staged = store_.stage(chunk.pairs);
  if (!staged) return staged.error();
  stream_->offset += chunk.pairs.size();
  stream_->hasher.update(std::as_bytes(std::span{chunk.pairs}));
  if (!chunk.done) return std::optional<SnapshotMeta>{};
  const bool is_whole = stream_->hasher.finish() == chunk.hash;
  stream_.reset();
  if (!is_whole)
    return Error{Errc::corrupt, "a snapshot arrived with another hash than it was sent"};
  return std::optional{chunk.meta};
}

}  // namespace starling::consensus
