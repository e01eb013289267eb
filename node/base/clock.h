/// The two clocks of a node. Only shells read them; pure rooms get the time as an argument.
#pragma once

#include "node/base/ids.h"

#include <cstdint>

namespace starling {

/// Monotonic, and runs on while the machine sleeps (CLOCK_BOOTTIME).
MonoTime mono_now();

/// Milliseconds since 1970, for display and for cluster time only.
std::uint64_t wall_now_ms();

}  // namespace starling
