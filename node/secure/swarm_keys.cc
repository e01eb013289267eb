#include "node/secure/swarm_keys.h"

#include "node/base/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sodium.h>
#include <sstream>

namespace starling::node {
namespace {

std::optional<KeyUse> use_of(std::string_view word) {
  for (const auto use : {KeyUse::accepted, KeyUse::in_use, KeyUse::retired})
    if (word == to_string(use)) return use;
  return std::nullopt;
}

std::optional<RingKey> parse_line(const std::string& line) {
  std::istringstream words{line};
  std::string hex;
  std::string use;
  RingKey parsed{.generation = 1, .use = KeyUse::in_use, .key = {}};
  words >> hex;
  std::transform(hex.begin(), hex.end(), hex.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const auto key = ContentHash::from_hex(hex);
  if (!key) return std::nullopt;
  parsed.key = key->bytes;
  if (!(words >> use)) return parsed;
  const auto known = use_of(use);
  if (!known || !(words >> parsed.generation)) return std::nullopt;
  parsed.use = *known;
  std::string more;
  if (words >> more) return std::nullopt;
  return parsed;
}

}  // namespace

std::string_view to_string(KeyUse use) {
  switch (use) {
    case KeyUse::accepted: return "accepted";
    case KeyUse::in_use: return "in-use";
    case KeyUse::retired: return "retired";
  }
  return "unknown";
}

SwarmKey derive_key(const SwarmKey& key, std::string_view purpose) {
  SwarmKey derived{};
  crypto_generichash(derived.data(),
                     derived.size(),
                     reinterpret_cast<const unsigned char*>(purpose.data()),
                     purpose.size(),
                     key.data(),
                     key.size());
  return derived;
}

KeyId key_id_of(const SwarmKey& key) {
  const SwarmKey name = derive_key(key, "starling key id");
  KeyId id{};
  std::copy_n(name.begin(), id.size(), id.begin());
  return id;
}

std::optional<RingKey> key_in_use(const SwarmKeyRing& ring) {
  const auto found =
      std::ranges::find_if(ring, [](const RingKey& key) { return key.use == KeyUse::in_use; });
  if (found == ring.end()) return std::nullopt;
  return *found;
}

std::uint64_t newest_generation(const SwarmKeyRing& ring) {
  std::uint64_t newest = 0;
  for (const RingKey& key : ring)
    newest = std::max(newest, key.generation);
  return newest;
}

bool is_further(const SwarmKeyRing& ring, const SwarmKeyRing& other) {
  const auto how_far = [](const SwarmKeyRing& one) {
    const auto used = key_in_use(one);
    return std::pair{newest_generation(one), used ? used->generation : 0};
  };
  return how_far(ring) > how_far(other);
}

std::string to_text(const SwarmKeyRing& ring) {
  std::string text;
  for (const RingKey& key : ring) {
    text += fmt::format("{} {} {}\n", to_hex(view_of(key.key)), to_string(key.use), key.generation);
  }
  return text;
}

Result<SwarmKeyRing> parse_key_ring(std::string_view text) {
  const Error bad{Errc::invalid_argument,
                  "a secret is a line of 64 hex digits, as `openssl rand -hex 32` makes it"};
  SwarmKeyRing ring;
  std::istringstream lines{std::string{text}};
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos || line.starts_with('#')) continue;
    const auto key = parse_line(line);
    if (!key || ring.size() >= kRingKeysMax) return bad;
    ring.push_back(*key);
  }
  if (!key_in_use(ring)) return bad;
  return ring;
}

}  // namespace starling::node
