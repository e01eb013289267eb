/// Ids that a person can tell apart: number 7 is 00…07.
#pragma once

#include "node/base/ids.h"

#include <cstdint>

namespace starling::tests {

inline NodeId node_number(std::uint64_t number) {
  NodeId id;
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

inline SwarmId swarm_number(std::uint64_t number) {
  SwarmId id;
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

}  // namespace starling::tests
