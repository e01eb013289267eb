// check_history FILE: is this record of what clients saw linearizable? Prints the verdict per key.
// Exit: 0 all are, 1 some are not, 2 the file cannot be judged.
#include "tests/support/linearizability.h"

#include <fmt/format.h>

#include <cstdio>

namespace {

using starling::tests::KeyVerdict;
using starling::tests::Verdict;

bool print(const KeyVerdict& judged) {
  fmt::print("{:<14} {} operations={} unknown={} steps={}{}{}\n",
             to_string(judged.verdict),
             judged.key,
             judged.operations,
             judged.unknown,
             judged.steps,
             judged.why.empty() ? "" : ": ",
             judged.why);
  return judged.verdict == Verdict::linearizable;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: {} FILE, a history as JSON lines\n", argv[0]);
    return 2;
  }
  const auto history = starling::tests::read_history(argv[1]);
  if (!history) {
    fmt::print(stderr, "{}\n", history.error().detail);
    return 2;
  }
  std::size_t good = 0;
  const auto verdicts = starling::tests::check_history(*history);
  for (const auto& judged : verdicts)
    good += print(judged) ? 1 : 0;
  fmt::print("{} of {} keys are linearizable\n", good, verdicts.size());
  return good == verdicts.size() ? 0 : 1;
}
