#include "ml/work/work_protocol.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  // Compared as bytes: a float that is not a number does not equal itself.
  fuzz::check_encoded_round_trip(
      fuzz::as_bytes_view(data, size), ml::decode_work_message, ml::encode_work_message);
  return 0;
}
