/// How long nobody can write: a client asks the survivors again and again.
#pragma once

#include "node/base/error.h"
#include "tools/bench_core/samples.h"

#include <functional>
#include <string>
#include <vector>

namespace starling::bench {

/// The text of a write for the server at `host`; `number` makes each another one.
using WriteRequest = std::function<std::string(const std::string& host, std::size_t number)>;

/// Every 10 ms one more write, to the next of `urls` in turn, each on a connection of its own and
/// given up after a second.
/// Returns: from `since` to the first answer that says it is done.
/// Errors: `timed_out` after 30 s, with the last refusal.
Result<Clock::duration> time_to_first_write(const std::vector<std::string>& urls,
                                            const WriteRequest& request,
                                            Clock::time_point since);

/// What a number of kills came to: {"kills", "failed", "median_ms", "p95_ms", "max_ms", "all_ms"}.
class FailoverTally {
 public:
  void add(const Result<Clock::duration>& one);
  Json to_json() const;

 private:
  Samples samples_;
  std::vector<double> all_ms_;
  std::vector<std::string> failures_;
};

}  // namespace starling::bench
