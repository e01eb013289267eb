#include "consensus/raft/raft_wire.h"
#include "tests/fuzz/fuzz_target.h"

namespace starling::consensus {
namespace {

bool same(const SnapshotChunk& a, const SnapshotChunk& b) {
  return a.swarm == b.swarm && a.recovery_epoch == b.recovery_epoch && a.term == b.term &&
         a.session == b.session && a.meta == b.meta && a.offset == b.offset && a.pairs == b.pairs &&
         a.done == b.done && a.hash == b.hash;
}

}  // namespace
}  // namespace starling::consensus

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  fuzz::check_round_trip(fuzz::as_bytes_view(data, size),
                         consensus::decode_snapshot_chunk,
                         consensus::encode_snapshot_chunk,
                         consensus::same,
                         fuzz::Parser::protobuf);
  return 0;
}
