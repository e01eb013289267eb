#include "ml/work/checkpoint_packets.h"
#include "tests/fuzz/fuzz_target.h"

#include <cstdlib>
#include <functional>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const auto bytes = fuzz::as_bytes_view(data, size);
  fuzz::check_round_trip(
      bytes,
      ml::decode_checkpoint_request,
      [](const ml::CheckpointRequest& request) { return ml::encode(request); },
      std::equal_to<>{});
  const auto found = ml::decode_checkpoint_found(bytes);
  if (found && ml::decode_checkpoint_found(ml::encode(*found)).value() != *found) std::abort();
  return 0;
}
