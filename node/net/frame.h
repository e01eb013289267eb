/// Length-prefixed frames, decoded from any split of the byte stream. Pure: it never reads itself.
///
/// Layout (little endian): length u32 | crc32c u32 | payload `length` bytes.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"

#include <cstddef>
#include <optional>

namespace starling::node {

inline constexpr std::size_t kFrameHeaderBytes = 8;
inline constexpr std::size_t kFramePayloadBytesMax = 16 << 20;

/// One frame whose payload is `head` and then `body`, at most `kFramePayloadBytesMax` together.
Bytes encode_frame(BytesView head, BytesView body = {});

/// Feed it whatever arrived; take out whole payloads.
class FrameDecoder {
 public:
  void feed(BytesView arrived);

  /// The next whole payload; nothing if more bytes are needed.
  /// Errors: `corrupt` if the checksum fails or the length is above `kFramePayloadBytesMax`. The
  ///         stream has then lost its place and must be closed.
  [[nodiscard]] Result<std::optional<Bytes>> next();

  /// Something arrived that was not taken out yet, a part of a payload at least.
  bool holds_bytes() const { return taken_ < pending_.size(); }

 private:
  Bytes pending_;
  std::size_t taken_ = 0;  ///< bytes at the start of `pending_` that were handed out already
};

}  // namespace starling::node
