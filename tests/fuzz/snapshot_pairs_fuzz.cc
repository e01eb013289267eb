#include "node/base/state_pairs.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const std::string_view input = as_text(fuzz::as_bytes_view(data, size));
  std::size_t visited = 0;
  const bool is_whole = fuzz::watched(size, [&] {
    return for_each_pair(input, [&](std::string_view key, std::string_view value) {
      visited += 8 + key.size() + value.size();
    });
  });
  fuzz::require(visited <= size, "no byte is in two pairs");
  if (!is_whole) return 0;
  fuzz::require(visited == size, "a row of whole pairs is visited to its end");
  fuzz::count_accepted();
  std::string again;
  for_each_pair(
      input, [&](std::string_view key, std::string_view value) { append_pair(again, key, value); });
  fuzz::require(again == input, "pairs that are written again are the same bytes");
  return 0;
}
