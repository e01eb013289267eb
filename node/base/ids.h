/// Numbers and names that must not be mixed up, each with its own type.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling {

/// A number that only compares with its own kind: a `Term` is never a `LogIndex`.
template <class Tag>
struct StrongNumber {
  std::uint64_t value = 0;

  friend constexpr auto operator<=>(StrongNumber, StrongNumber) = default;

  constexpr StrongNumber next() const { return {value + 1}; }
};

using Term = StrongNumber<struct TermTag>;  ///< Raft term. 0 is "before the first election".
using LogIndex = StrongNumber<struct LogIndexTag>;  ///< Raft log position. The first entry is 1.

/// 16 bytes that name something for all time, written as 32 hex digits. All zero is "none".
template <class Tag>
struct StrongId {
  std::array<std::uint8_t, 16> bytes{};

  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;

  bool is_none() const { return *this == StrongId{}; }

  std::string hex() const {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes) {
      text.push_back(kDigits[byte >> 4]);
      text.push_back(kDigits[byte & 15]);
    }
    return text;
  }

  /// Nothing unless `text` is exactly 32 lower-case hex digits.
  static std::optional<StrongId> from_hex(std::string_view text) {
    if (text.size() != 32) return std::nullopt;
    StrongId id;
    for (std::size_t i = 0; i < 32; ++i) {
      const char c = text[i];
      const bool is_digit = c >= '0' && c <= '9';
      if (!is_digit && (c < 'a' || c > 'f')) return std::nullopt;
      const int nibble = is_digit ? c - '0' : c - 'a' + 10;
      id.bytes[i / 2] = static_cast<std::uint8_t>(id.bytes[i / 2] * 16 + nibble);
    }
    return id;
  }
};

using NodeId = StrongId<struct NodeIdTag>;    ///< One node: BLAKE2b-128 of its Ed25519 public key.
using SwarmId = StrongId<struct SwarmIdTag>;  ///< One swarm: random, drawn by its founder.

/// Monotonic time since an arbitrary origin. Pure rooms get it as an argument, never read it.
using MonoTime = std::chrono::nanoseconds;

}  // namespace starling
