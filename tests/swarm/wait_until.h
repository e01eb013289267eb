/// Waiting for what other processes and threads do, with a deadline.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace starling::tests {

/// True as soon as `condition` is; false once `patience` has passed.
inline bool wait_until(std::chrono::milliseconds patience, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

}  // namespace starling::tests
