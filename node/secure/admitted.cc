#include "node/secure/admitted.h"

#include <algorithm>

namespace starling::node {
namespace {

constexpr std::size_t kScopeBytes = 24;

Bytes signed_text(NodeId to, BytesView said) {
  Bytes text;
  append(text, to_bytes("starling admitted 1"));
  append(text, view_of(to.bytes));
  append(text, said);
  return text;
}

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

Bytes sign_admitted(const NodeSecret& by, NodeId to, const Admitted& admitted) {
  const Bytes said = encode_admitted(admitted);
  const Signature signature = by.sign(signed_text(to, said));
  Bytes out;
  append(out, encode_node_key(by.key()));
  append(out, view_of(signature));
  append(out, said);
  return out;
}

Result<SignedAdmitted> open_admitted(NodeId to, BytesView bytes) {
  Signature signature{};
  const std::size_t head = kNodeKeyBytes + signature.size();
  if (bytes.size() < head)
    return Error{Errc::corrupt, "the answer of who lets nodes in is too short"};
  std::copy_n(raw(bytes.subspan(kNodeKeyBytes)), signature.size(), signature.begin());
  SignedAdmitted opened{.by = decode_node_key(bytes.first(kNodeKeyBytes)), .admitted = {}};
  const BytesView said = bytes.subspan(head);
  if (!is_signed_by(opened.by.public_key, signed_text(to, said), signature))
    return Error{Errc::unauthorized, "the answer of who lets nodes in is not by that member"};
  auto admitted = decode_admitted(said);
  if (!admitted) return admitted.error();
  opened.admitted = std::move(*admitted);
  return opened;
}

}  // namespace starling::node
