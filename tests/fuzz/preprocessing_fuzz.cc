// The encoder of an artifact that somebody hands over: preprocessing.json.
#include "ml/table/encoder_json.h"
#include "tests/fuzz/fuzz_target.h"

#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const auto encoder = ml::encoder_from_json(as_text(fuzz::as_bytes_view(data, size)));
  if (!encoder) {
    fuzz::require(encoder.error().code == Errc::corrupt, "what is refused is called corrupt");
    return 0;
  }
  fuzz::count_accepted();
  const std::string written = ml::to_json(*encoder);
  const auto again = ml::encoder_from_json(written);
  fuzz::require(again.has_value(), "it survives being written");
  fuzz::require(ml::to_json(*again) == written, "and means the same");
  std::vector<ml::PredictWarning> warnings;
  const std::vector<ml::RawRow> rows(2);
  const auto encoded = encoder->encode(rows, ml::MissingColumns::allow, warnings);
  fuzz::require(encoded.has_value(), "rows without cells are rows");
  fuzz::require(encoded->values.size() == 2 * encoder->width(), "and as wide as it says");
  return 0;
}
