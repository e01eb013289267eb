// What a member keeps: an entry, the hard state, a snapshot's head. The first byte chooses.
#include "consensus/raft/raft_wire.h"
#include "node/base/crc32c.h"
#include "tests/fuzz/fuzz_target.h"

#include <functional>
#include <string>

namespace starling {
namespace {

/// With the checksum that an entry ends with, which no fuzzer guesses.
std::string with_checksum(std::string_view bytes) {
  const std::uint32_t sum = crc32c(0, std::as_bytes(std::span{bytes}));
  return std::string{bytes} + big_endian_key(sum).substr(4);
}

}  // namespace
}  // namespace starling

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  using namespace starling::consensus;
  if (size == 0) return 0;
  const std::string_view input = as_text(fuzz::as_bytes_view(data + 1, size - 1));
  const std::equal_to<> same;
  const auto parser = fuzz::Parser::protobuf;
  switch (data[0] % 4) {
    case 0:
      fuzz::check_round_trip(with_checksum(input), decode_entry, encode_entry, same, parser);
      break;
    case 3: fuzz::check_round_trip(input, decode_entry, encode_entry, same, parser); break;
    case 1:
      fuzz::check_round_trip(input, decode_hard_state, encode_hard_state, same, parser);
      break;
    default:
      fuzz::check_round_trip(input, decode_snapshot_meta, encode_snapshot_meta, same, parser);
      break;
  }
  return 0;
}
