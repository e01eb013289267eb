#include "node/gossip/swim_wire.h"
#include "tests/fuzz/fuzz_target.h"

#include <functional>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  fuzz::check_round_trip(fuzz::as_bytes_view(data, size),
                         node::decode_swim_message,
                         node::encode_swim_message,
                         std::equal_to<>{},
                         fuzz::Parser::protobuf);
  return 0;
}
