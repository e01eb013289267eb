/// A member's state at one entry, as short as can be compared.
#pragma once

#include "consensus/raft/config.h"
#include "node/base/bytes.h"
#include "node/base/ids.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling::consensus {

struct StateCheck {
  LogIndex index;  ///< 0: none yet
  std::array<std::uint8_t, 16> hash{};

  friend bool operator==(const StateCheck&, const StateCheck&) = default;
};

inline constexpr std::size_t kStateCheckBytes = 24;

inline std::string encode_state_check(const StateCheck& check) {
  std::string bytes = big_endian_key(check.index.value);
  bytes.append(check.hash.begin(), check.hash.end());
  return bytes;
}

/// Nothing unless `bytes` is exactly one, of an entry that there can be.
inline std::optional<StateCheck> decode_state_check(std::string_view bytes) {
  if (bytes.size() != kStateCheckBytes) return std::nullopt;
  StateCheck check{{from_big_endian_key(bytes.substr(0, 8))}, {}};
  if (check.index == LogIndex{} || check.index.value > kNumberMax) return std::nullopt;
  std::copy(bytes.begin() + 8, bytes.end(), check.hash.begin());
  return check;
}

}  // namespace starling::consensus
