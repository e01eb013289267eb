/// What the machine itself takes: no replicated log can be faster than its disk and its network.
#pragma once

#include "tools/bench_core/samples.h"

#include <filesystem>

namespace starling::bench {

struct Floor {
  Samples sync;        ///< 512 B appended and fdatasync'ed, by three writers at once, a file each
  Samples round_trip;  ///< 256 B there and back over loopback TCP, TCP_NODELAY

  /// One round trip and one sync, by their medians, in µs.
  double commit_us() const { return sync.quantile_us(0.5) + round_trip.quantile_us(0.5); }

  Json to_json() const;
};

/// Throws std::system_error if the disk or the network refuses.
Floor measure_floor(const std::filesystem::path& dir, std::chrono::milliseconds time);

}  // namespace starling::bench
