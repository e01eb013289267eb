/// The keys that the members of a swarm share: who knows one may speak, who knows none learns
/// nothing. The first is the secret of `--secret-file`; rotation adds others.
///
/// Pure.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::node {

using SwarmKey = std::array<std::uint8_t, 32>;

/// Names a key without telling it: the first bytes of its BLAKE2b.
using KeyId = std::array<std::uint8_t, 8>;

KeyId key_id_of(const SwarmKey& key);

/// A key for one purpose, from which no other can be computed (BLAKE2b keyed with `key`).
SwarmKey derive_key(const SwarmKey& key, std::string_view purpose);

enum class KeyUse : std::uint8_t {
  accepted = 1,  ///< given out, not used yet: every member must know it before one speaks by it
  in_use = 2,    ///< what members speak by
  retired = 3,   ///< a known member may still connect by it, to learn the new one
};

struct RingKey {
  std::uint64_t generation = 0;
  KeyUse use = KeyUse::in_use;
  SwarmKey key{};

  friend bool operator==(const RingKey&, const RingKey&) = default;
};

/// Newest first. At most `kRingKeysMax`.
using SwarmKeyRing = std::vector<RingKey>;

inline constexpr std::size_t kRingKeysMax = 8;

/// The key to speak by; nothing in an empty ring.
std::optional<RingKey> key_in_use(const SwarmKeyRing& ring);

/// 0 of an empty ring.
std::uint64_t newest_generation(const SwarmKeyRing& ring);

/// Whether `ring` is further on than `other`: it has a newer key, or uses a newer one.
bool is_further(const SwarmKeyRing& ring, const SwarmKeyRing& other);

/// One line a key: 64 hex digits, its use and its generation. A line with the digits alone is the
/// key in use of generation 1, so a file made by `openssl rand -hex 32` is a ring.
std::string to_text(const SwarmKeyRing& ring);

/// Errors: `invalid_argument`, saying what a line must look like. Never repeats what it read.
Result<SwarmKeyRing> parse_key_ring(std::string_view text);

std::string_view to_string(KeyUse use);

}  // namespace starling::node
