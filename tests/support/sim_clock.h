/// The monotone clock of one machine: it began at another moment than the others and runs a little
/// faster or slower, but never backwards.
#pragma once

#include "node/base/assert.h"
#include "node/base/ids.h"

#include <cstdint>

namespace starling::tests {

class SimClock {
 public:
  static constexpr std::int64_t kTrueRate = 1'000'000;  ///< own nanoseconds per world millisecond

  explicit SimClock(MonoTime offset) : own_(offset) {}

  /// What the clock shows at a moment of the world.
  MonoTime at(MonoTime world) const {
    return own_ + MonoTime{scale((world - world_).count(), rate_, kTrueRate)};
  }

  /// The moment of the world at which the clock shows `own` or more.
  MonoTime world_at(MonoTime own) const {
    return world_ + MonoTime{scale((own - own_).count(), kTrueRate, rate_) + 1};
  }

  /// From `world` on the clock gains `rate` nanoseconds each millisecond.
  void set_rate(MonoTime world, std::int64_t rate) {
    STARLING_ASSERT(rate > 0 && world >= world_, "a clock never runs backwards");
    own_ = at(world);
    world_ = world;
    rate_ = rate;
  }

  std::int64_t rate() const { return rate_; }

 private:
  static std::int64_t scale(std::int64_t span, std::int64_t by, std::int64_t from) {
    __extension__ using Wide = __int128;
    return static_cast<std::int64_t>(static_cast<Wide>(span) * by / from);
  }

  MonoTime own_;
  MonoTime world_{0};
  std::int64_t rate_ = kTrueRate;
};

}  // namespace starling::tests
