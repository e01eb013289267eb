/// Nodes with keys for tests of what speaks over real sockets: number 7 always has the same key.
#pragma once

#include "node/secure/trust.h"

#include <cstdint>
#include <memory>

namespace starling::tests {

inline node::NodeSecret keyed_secret(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return node::NodeSecret::from_seed(seed, 0);
}

inline NodeId keyed_node(std::uint8_t number) {
  return keyed_secret(number).node();
}

/// The number that `keyed_node` made `id` of; 0 if none.
inline int number_of(NodeId id) {
  for (int number = 1; number < 256; ++number)
    if (keyed_node(static_cast<std::uint8_t>(number)) == id) return number;
  return 0;
}

inline node::SwarmKeyRing ring_of(std::uint8_t key, std::uint64_t generation = 1) {
  node::RingKey only{.generation = generation, .use = node::KeyUse::in_use, .key = {}};
  only.key.fill(key);
  return {only};
}

/// A node that knows the secret of all tests.
inline std::unique_ptr<node::Trust> trust_of(std::uint8_t number) {
  auto trust = std::make_unique<node::Trust>(keyed_secret(number));
  trust->set_ring(ring_of(99));
  return trust;
}

}  // namespace starling::tests
