/// Bytes of messages, entries and what is kept: Protocol Buffers, checked in full when they arrive.
///
/// What `decode_*` returns can be trusted in form: ids have 16 bytes, entries follow each other and
/// the entry before, terms never fall, numbers and sizes are within limits.
#pragma once

#include "consensus/raft/messages.h"
#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/hash.h"

#include <optional>
#include <string>
#include <string_view>

namespace starling::consensus {

inline constexpr std::size_t kCommandBytesMax = 1 << 20;
/// Entries without content take 2 bytes here and a hundred in memory, so this bounds that too.
inline constexpr std::size_t kMessageBytesMax = 2 << 20;
inline constexpr std::size_t kSnapshotChunkBytesMax = 15 << 20;  ///< one pair may be that large

Bytes encode_message(const Message& message);
Result<Message> decode_message(BytesView bytes);

/// On the disk, with a checksum over all of it.
std::string encode_entry(const Entry& entry);
Result<Entry> decode_entry(std::string_view bytes);

std::string encode_hard_state(const HardState& hard);
Result<HardState> decode_hard_state(std::string_view bytes);

std::string encode_snapshot_meta(const SnapshotMeta& meta);
Result<SnapshotMeta> decode_snapshot_meta(std::string_view bytes);

struct SnapshotChunk {
  SwarmId swarm;
  std::uint32_t recovery_epoch = 0;
  Term term;
  std::uint64_t session = 0;
  SnapshotMeta meta;
  std::uint64_t offset = 0;
  std::string pairs;
  bool done = false;
  ContentHash hash;  ///< of the stream up to and with these pairs
};

Bytes encode_snapshot_chunk(const SnapshotChunk& chunk);
Result<SnapshotChunk> decode_snapshot_chunk(BytesView bytes);

}  // namespace starling::consensus
