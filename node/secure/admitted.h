/// What a node is told that was let in. Pure.
#pragma once

#include "node/base/error.h"
#include "node/base/ids.h"
#include "node/secure/node_key.h"
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

/// With the word of the member that says so: its node key | signature | what `encode_admitted`
/// makes. A node that missed a change of keys learns the new ones by it, and must not believe
/// whoever knows the old ones.
Bytes sign_admitted(const NodeSecret& by, NodeId to, const Admitted& admitted);

struct SignedAdmitted {
  NodeKey by;
  Admitted admitted;
};

/// Errors: `corrupt`, `unauthorized` if the signature is not by that key for `to`.
Result<SignedAdmitted> open_admitted(NodeId to, BytesView bytes);

}  // namespace starling::node
