#include "ml/study/cluster_clock.h"

namespace starling::ml {

std::uint64_t ClusterClock::now_ms(Term term,
                                   MonoTime now,
                                   std::uint64_t wall_ms,
                                   const std::function<std::uint64_t()>& committed_ms) {
  if (term_ != term) {
    const std::uint64_t committed = committed_ms();
    term_ = term;
    since_ = now;
    at_ms_ = committed == 0 ? wall_ms : committed;
  }
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - since_);
  return at_ms_ + static_cast<std::uint64_t>(std::max<std::int64_t>(elapsed.count(), 0));
}

}  // namespace starling::ml
