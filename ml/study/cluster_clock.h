/// The time by which the swarm's rules run (a key lives an hour, a study may take ten minutes).
///
/// It goes on from the last committed time with the leader's monotone clock, so a clock that is set
/// wrong, or set back, on one machine expires nothing. While no leader lives it stands still. For
/// people there is the wall clock, which a command carries beside it.
///
/// Source:  Ongaro, "Consensus: Bridging Theory and Practice" (2014), section 6.3; LogCabin's
///          cluster clock.
/// Threads: none. Pure.
#pragma once

#include "node/base/ids.h"

#include <cstdint>
#include <functional>

namespace starling::ml {

class ClusterClock {
 public:
  /// On the leader of `term`. `committed_ms` is asked once in a term for the last committed time; a
  /// swarm that has none begins with `wall_ms`.
  /// Returns: milliseconds since 1970, never less than before in one term.
  std::uint64_t now_ms(Term term,
                       MonoTime now,
                       std::uint64_t wall_ms,
                       const std::function<std::uint64_t()>& committed_ms);

 private:
  Term term_;
  MonoTime since_{0};
  std::uint64_t at_ms_ = 0;
};

}  // namespace starling::ml
