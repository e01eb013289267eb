// What is done to a model's answers, of an artifact that somebody hands over: finish.json.
#include "ml/ensemble/finish_json.h"
#include "tests/fuzz/fuzz_target.h"

#include <cmath>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const auto finish = ml::finish_from_json(as_text(fuzz::as_bytes_view(data, size)));
  if (!finish) {
    fuzz::require(finish.error().code == Errc::corrupt, "what is refused is called corrupt");
    return 0;
  }
  fuzz::count_accepted();
  const auto again = ml::finish_from_json(ml::to_json(*finish));
  fuzz::require(again.has_value() && *again == *finish, "it survives being written");
  if (!finish->conformal) return 0;
  const auto [low, high] = ml::interval_of(*finish->conformal, 1.5);
  fuzz::require(!std::isnan(low) && !std::isnan(high), "an interval has ends");
  return 0;
}
