// What leaves and their upstreams say to each other. The first byte chooses question or answer.
#include "consensus/raft/raft_wire.h"
#include "consensus/relay/relay.h"
#include "tests/fuzz/fuzz_target.h"

#include <functional>

namespace starling::consensus {
namespace {

bool same_answer(const RelayAnswer& a, const RelayAnswer& b) {
  const bool same_head =
      a.path == b.path && a.commit == b.commit && a.snapshot_comes == b.snapshot_comes;
  if (!same_head || a.message.has_value() != b.message.has_value()) return false;
  return !a.message || encode_message(*a.message) == encode_message(*b.message);
}

void check_answer(BytesView input) {
  fuzz::check_round_trip(
      input, decode_relay_answer, encode_relay_answer, same_answer, fuzz::Parser::protobuf);
  const auto answer = decode_relay_answer(input);
  if (!answer) return;
  fuzz::require(!answer->path.empty() && answer->path.size() <= kRelayDepthMax,
                "a path has a length that is allowed");
  fuzz::require(!answer->message || is_relayed(*answer->message),
                "nothing but committed entries comes this way");
}

}  // namespace
}  // namespace starling::consensus

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  if (size == 0) return 0;
  const BytesView input = fuzz::as_bytes_view(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    fuzz::check_round_trip(
        input, consensus::decode_relay_request, consensus::encode_relay_request, std::equal_to<>{});
  } else {
    consensus::check_answer(input);
  }
  return 0;
}
