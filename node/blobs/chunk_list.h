/// A blob cut into chunks of 1 MiB, each with a hash of its own: a part can be read, fetched or
/// found damaged without the rest.
///
/// Threads: none. Pure.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/hash.h"

#include <cstdint>
#include <vector>

namespace starling::node {

inline constexpr std::uint64_t kChunkBytes = 1 << 20;

struct ChunkList {
  std::uint64_t size = 0;           ///< of the blob
  std::vector<ContentHash> chunks;  ///< ceil(size / kChunkBytes)

  std::uint64_t size_of(std::size_t chunk) const;

  friend bool operator==(const ChunkList&, const ChunkList&) = default;
};

/// Makes the list of content that arrives in pieces.
class ChunkHasher {
 public:
  void update(BytesView bytes);

  /// Call it once.
  ChunkList finish();

 private:
  ChunkList list_;
  ContentHasher chunk_;
};

/// size u64 little endian | hashes | hash of all before.
Bytes encode_chunk_list(const ChunkList& list);

/// Errors: `corrupt`.
Result<ChunkList> decode_chunk_list(BytesView bytes);

}  // namespace starling::node
