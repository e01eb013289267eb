// What is kept in the state, and outcomes. The first byte chooses what is expected.
#include "ml/study/study_wire.h"
#include "tests/fuzz/fuzz_target.h"

namespace starling::ml {
namespace {

template <class Decode>
void check(std::string_view input, const Decode& decode) {
  fuzz::check_encoded_round_trip(
      input, decode, [](const auto& value) { return encode(value); }, fuzz::Parser::protobuf);
}

}  // namespace
}  // namespace starling::ml

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  using namespace starling::ml;
  if (size == 0) return 0;
  const std::string_view input = as_text(fuzz::as_bytes_view(data + 1, size - 1));
  switch (data[0] % 9) {
    case 0: check(input, decode_dataset); break;
    case 1: check(input, decode_study); break;
    case 2: check(input, decode_trial); break;
    case 3: check(input, decode_curve); break;
    case 4: check(input, decode_version); break;
    case 5: check(input, decode_register); break;
    case 6: check(input, decode_outcome); break;
    case 7: check(input, decode_swarm_member); break;
    default: check(input, decode_invite); break;
  }
  return 0;
}
