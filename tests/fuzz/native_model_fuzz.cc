// A network as a file, from an artifact that somebody hands over.
#include "ml/train/native_model.h"
#include "tests/fuzz/fuzz_target.h"

#include <cmath>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const std::string_view input = as_text(fuzz::as_bytes_view(data, size));
  const auto model = ml::read_native_model(input);
  if (!model) {
    fuzz::require(model.error().code == Errc::corrupt, "what is refused is called corrupt");
    return 0;
  }
  fuzz::count_accepted();
  fuzz::require(ml::is_native_model(input), "what can be read is one");
  const std::string written = ml::to_torchscript(*model).value();
  const auto again = ml::read_native_model(written);
  fuzz::require(again.has_value(), "it survives being written");
  fuzz::require(ml::to_torchscript(*again).value() == written, "and means the same");
  return 0;
}
