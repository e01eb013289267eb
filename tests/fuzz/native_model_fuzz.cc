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
  const auto again = ml::read_native_model(ml::to_torchscript(*model).value());
  fuzz::require(
      again && again->hidden == model->hidden && again->weights.size() == model->weights.size(),
      "it survives being written");
  return 0;
}
