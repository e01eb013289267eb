// A backup file, as somebody hands it over.
#include "ml/study/state_backup.h"
#include "node/base/state_pairs.h"
#include "tests/fuzz/fuzz_target.h"

#include <sstream>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  std::istringstream file{std::string{as_text(fuzz::as_bytes_view(data, size))}};
  const auto head = ml::read_backup(ml::source_of(file), [](const std::string& pairs) {
    fuzz::require(for_each_pair(pairs, [](std::string_view, std::string_view) {}),
                  "pieces are rows of whole pairs");
    return Result<>{};
  });
  if (head) fuzz::count_accepted();
  if (!head) fuzz::require(head.error().code == Errc::corrupt, "what is refused is called corrupt");
  return 0;
}
