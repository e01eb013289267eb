/// What a node is told that was let in. Pure.
#pragma once

#include "node/base/error.h"
#include "node/base/ids.h"
#include "node/secure/swarm_keys.h"

namespace starling::node {

struct Admitted {
  SwarmId swarm;
  std::uint64_t recovery_epoch = 0;
  SwarmKeyRing ring;

  friend bool operator==(const Admitted&, const Admitted&) = default;
};

/// Swarm id | recovery epoch u64 big endian | the ring as text.
Bytes encode_admitted(const Admitted& admitted);

/// Errors: `corrupt`.
Result<Admitted> decode_admitted(BytesView bytes);

}  // namespace starling::node
