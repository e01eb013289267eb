/// What nodes say about blobs. Pure; decoding trusts nothing.
///
/// Request: kind u8 | hash 32 | read, chunks: offset u64, size u32 (little endian) |
/// fetch: HOST:PORT.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/hash.h"

#include <cstdint>
#include <string>

namespace starling::node {

/// Values travel on the wire: append only.
enum class BlobAsk : std::uint8_t {
  read = 1,    ///< answer: the bytes, fewer at the end, none beyond it
  has = 2,     ///< answer: one byte, 1 or 0
  fetch = 3,   ///< get it from `address`; answer: nothing, when it is fsynced
  chunks = 4,  ///< answer: as `read`, of the encoded list of its chunks
};

struct BlobRequest {
  BlobAsk ask = BlobAsk::has;
  ContentHash hash;
  std::uint64_t offset = 0;
  std::uint32_t size = 0;
  std::string address;

  friend bool operator==(const BlobRequest&, const BlobRequest&) = default;
};

Bytes encode_blob_request(const BlobRequest& request);

/// Errors: `corrupt`.
Result<BlobRequest> decode_blob_request(BytesView bytes);

}  // namespace starling::node
