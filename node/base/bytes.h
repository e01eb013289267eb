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

/// The same bytes, as libraries in C and their likes want them.
inline unsigned char* raw(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}

inline const unsigned char* raw(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

inline const unsigned char* raw(BytesView bytes) {
  return raw(bytes.data());
}

/// Of an array of small numbers; it must outlive the view.
template <class Array>
BytesView view_of(const Array& array) {
  return std::as_bytes(std::span{array});
}

inline void append(Bytes& out, BytesView more) {
  out.insert(out.end(), more.begin(), more.end());
}

/// 8 bytes, big endian, so that keys sort as their numbers do.
std::string big_endian_key(std::uint64_t number);

/// The inverse. `bytes` must hold 8 bytes.
std::uint64_t from_big_endian_key(std::string_view bytes);

}  // namespace starling
