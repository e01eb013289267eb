#include "node/blobs/blob_packets.h"
#include "tests/fuzz/fuzz_target.h"

#include <functional>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  fuzz::check_round_trip(fuzz::as_bytes_view(data, size),
                         node::decode_blob_request,
                         node::encode_blob_request,
                         std::equal_to<>{});
  return 0;
}
