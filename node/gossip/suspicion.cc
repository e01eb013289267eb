#include "node/gossip/suspicion.h"

#include "node/base/assert.h"

#include <algorithm>
#include <cmath>

namespace starling::node {

Suspicion::Suspicion(
    MonoTime started, MonoTime min, MonoTime max, std::size_t confirmations_wanted, NodeId accuser)
    : started_(started), min_(min), max_(max), wanted_(confirmations_wanted), accusers_{accuser} {
  STARLING_ASSERT(min <= max, "a suspicion's shortest time is not above its longest");
}

bool Suspicion::confirm(NodeId accuser) {
  if (accusers_.size() > wanted_) return false;
  return accusers_.insert(accuser).second;
}

MonoTime Suspicion::deadline() const {
  if (wanted_ == 0) return started_ + min_;
  const auto confirmed = static_cast<double>(accusers_.size() - 1);
  const double part = std::log(confirmed + 1.0) / std::log(static_cast<double>(wanted_) + 1.0);
  const auto range = static_cast<double>((max_ - min_).count());
  const MonoTime saved{static_cast<MonoTime::rep>(range * std::min(part, 1.0))};
  return started_ + max_ - saved;
}

}  // namespace starling::node
