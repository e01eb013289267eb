/// A gzip stream, unpacked piece by piece: one member after the other, as `gzip` and `pigz` write
/// them.
///
/// Threads: one at a time. Source: RFC 1952; zlib.
#pragma once

#include "node/base/error.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace starling::ml {

inline constexpr std::uint64_t kUnpackedBytesMax = 64ULL << 30;
inline constexpr std::uint64_t kUnpackedRatioMax = 200;  ///< of a table; zeros pack a thousandfold
inline constexpr std::uint64_t kUnpackedBytesFree = 64ULL << 20;  ///< to which it may be more

/// Whether a file that begins so is one.
bool is_gzip(std::string_view first_bytes);

class Gunzip {
 public:
  /// Takes what was unpacked, in order. An error ends it and is what `feed` returns.
  using Sink = std::function<Result<>(std::string_view bytes)>;

  explicit Gunzip(Sink sink);
  ~Gunzip();

  /// Errors: `invalid_argument` when the stream is damaged; `too_large` beyond the limits above;
  ///         those of the sink.
  Result<> feed(std::string_view bytes);

  /// The input has ended. Errors: `invalid_argument` when the stream has not.
  Result<> finish() const;

 private:
  struct Stream;

  Result<> unpack();
  Result<> give(std::size_t size);

  std::unique_ptr<Stream> stream_;
  Sink sink_;
  std::uint64_t packed_ = 0, unpacked_ = 0;
  std::uint64_t members_ = 0;
  bool is_between_ = true;   ///< before a member, or after the last
  bool is_padding_ = false;  ///< zeros after the last member, as tape drives leave them
};

}  // namespace starling::ml
