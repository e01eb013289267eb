/// Bytes as they travel: one type for the network, one view.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling {

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;

inline Bytes to_bytes(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

inline std::string_view as_text(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// 8 bytes, big endian, so that keys sort as their numbers do.
std::string big_endian_key(std::uint64_t number);

/// The inverse. `bytes` must hold 8 bytes.
std::uint64_t from_big_endian_key(std::string_view bytes);

}  // namespace starling
