// Whatever may stand in a frame between nodes. The first byte chooses what is expected.
#include "node/net/peer_envelope.h"
#include "tests/fuzz/fuzz_target.h"

#include <functional>

namespace starling::node {
namespace {

void check_envelope(BytesView input) {
  fuzz::check_round_trip(input, decode_envelope, encode_envelope, std::equal_to<>{});
}

void check_hello(BytesView input) {
  fuzz::check_round_trip(input, decode_hello, encode_hello, std::equal_to<>{});
  const auto hello = decode_hello(input);
  if (hello) fuzz::require(refusal_of(*hello, *hello).empty(), "a node does not refuse its like");
}

/// An answer may itself be an error, so a refusal to decode and a carried error look alike.
void check_answer(BytesView input) {
  const auto answer = fuzz::watched(input.size(), [&] { return decode_answer(input); });
  const auto again = decode_answer(encode_answer(answer));
  if (answer) {
    fuzz::count_accepted();
    fuzz::require(again && *again == *answer, "an answer's bytes stay as they are");
  } else {
    fuzz::require(!again && again.error() == answer.error(), "an error's words stay as they are");
  }
}

}  // namespace
}  // namespace starling::node

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  if (size == 0) return 0;
  const BytesView input = fuzz::as_bytes_view(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0: node::check_envelope(input); break;
    case 1: node::check_hello(input); break;
    default: node::check_answer(input); break;
  }
  return 0;
}
