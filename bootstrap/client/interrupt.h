/// Ctrl-C and SIGTERM as a question that long commands ask, so that they can clean up.
#pragma once

#include <chrono>

namespace starling::bootstrap {

/// While one lives, SIGINT, SIGTERM and SIGHUP only set a flag.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();  ///< Signals mean again what they meant before.
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

bool was_interrupted();

/// Waits; returns false at once when interrupted.
bool pause_for(std::chrono::milliseconds time);

}  // namespace starling::bootstrap
