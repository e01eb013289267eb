#include "bootstrap/client/interrupt.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <signal.h>
#include <thread>

namespace starling::bootstrap {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
std::atomic<bool> is_interrupted = false;
std::array<struct sigaction, kSignals.size()> former;

void note_signal(int) {
  is_interrupted = true;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  is_interrupted = false;
  struct sigaction action = {};
  action.sa_handler = note_signal;
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &action, &former[i]);
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &former[i], nullptr);
}

bool was_interrupted() {
  return is_interrupted;
}

bool pause_for(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (!was_interrupted()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) return true;
    std::this_thread::sleep_for(
        std::min<std::chrono::nanoseconds>(left, std::chrono::milliseconds(20)));
  }
  return false;
}

}  // namespace starling::bootstrap
