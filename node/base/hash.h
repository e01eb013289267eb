/// BLAKE2b: names of blobs, row hashes, node ids. By libsodium.
#pragma once

#include "node/base/bytes.h"

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>

namespace starling {

/// BLAKE2b-256 of some content, which is also its name.
struct ContentHash {
  std::array<std::uint8_t, 32> bytes{};

  friend constexpr auto operator<=>(const ContentHash&, const ContentHash&) = default;

  std::string hex() const;

  /// Nothing unless `text` is exactly 64 lower-case hex digits.
  static std::optional<ContentHash> from_hex(std::string_view text);
};

/// Hashes content that arrives in pieces.
class ContentHasher {
 public:
  ContentHasher();
  ~ContentHasher();
  ContentHasher(ContentHasher&&) noexcept;
  ContentHasher& operator=(ContentHasher&&) noexcept;

  void update(BytesView bytes);

  /// Of what was given until now; more may follow.
  ContentHash so_far() const;

  /// Call it once.
  ContentHash finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

ContentHash hash_of(BytesView bytes);

/// The first 16 bytes of BLAKE2b-128, for ids.
std::array<std::uint8_t, 16> short_hash_of(BytesView bytes);

/// `size` bytes from the operating system's generator: keys, tokens, ids. Not for pure rooms.
Bytes secure_random_bytes(std::size_t size);

/// The same as an array: `key.key = secure_random<32>()`.
template <std::size_t kSize>
std::array<std::uint8_t, kSize> secure_random() {
  std::array<std::uint8_t, kSize> out{};
  const Bytes random = secure_random_bytes(kSize);
  std::copy_n(raw(random), kSize, out.begin());
  return out;
}

/// Lower-case hex of any bytes.
std::string to_hex(BytesView bytes);

/// Nothing unless `text` is pairs of lower-case hex digits.
std::optional<Bytes> from_hex(std::string_view text);

}  // namespace starling
