/// Chance for a simulator: one stream of draws for each named part, all from one seed, so that one
/// more draw in the network does not change what the disks do.
#pragma once

#include "node/base/ids.h"
#include "node/base/random.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>

namespace starling::tests {

inline Random stream(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return Random{mix_seeds(seed, hash)};
}

/// Exponential with this mean, at most eight times it.
inline MonoTime draw_wait(Random& random, MonoTime mean) {
  constexpr double kLongest = 8;
  const double wait = std::min(-std::log(1.0 - random.unit()), kLongest);
  return MonoTime{static_cast<std::int64_t>(wait * static_cast<double>(mean.count()))};
}

inline MonoTime draw_between(Random& random, MonoTime least, MonoTime most) {
  const auto span = static_cast<std::uint64_t>((most - least).count());
  return least + MonoTime{static_cast<std::int64_t>(random.below(span + 1))};
}

}  // namespace starling::tests
