#include "node/secure/admitted.h"

#include <algorithm>

namespace starling::node {
namespace {

constexpr std::size_t kScopeBytes = 24;

}  // namespace

Bytes encode_admitted(const Admitted& admitted) {
  Bytes out;
  append(out, view_of(admitted.swarm.bytes));
  append(out, to_bytes(big_endian_key(admitted.recovery_epoch)));
  append(out, to_bytes(to_text(admitted.ring)));
  return out;
}

Result<Admitted> decode_admitted(BytesView bytes) {
  const Error bad{Errc::corrupt, "the answer of who lets nodes in does not parse"};
  if (bytes.size() < kScopeBytes) return bad;
  Admitted admitted;
  std::copy_n(raw(bytes), admitted.swarm.bytes.size(), admitted.swarm.bytes.begin());
  admitted.recovery_epoch = from_big_endian_key(as_text(bytes).substr(16, 8));
  auto ring = parse_key_ring(as_text(bytes).substr(kScopeBytes));
  if (!ring || admitted.swarm.is_none()) return bad;
  admitted.ring = std::move(*ring);
  return admitted;
}

}  // namespace starling::node
