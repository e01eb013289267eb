/// Wakes the event streams when the state has moved on.
#pragma once

#include "node/base/ids.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>

namespace starling::web {

namespace asio = boost::asio;

/// Threads: `notify` from any; waiting only on the executor's single thread.
class AppliedSignal {
 public:
  explicit AppliedSignal(asio::any_io_executor executor);

  /// The state now holds everything up to `applied`. Call it after the state shows it.
  void notify(LogIndex applied);

  /// Returns once more than `seen` is applied, or patience ends.
  asio::awaitable<void> wait_beyond(LogIndex seen, std::chrono::milliseconds patience);

 private:
  struct State;
  class Waiter;
  std::shared_ptr<State> state_;
};

}  // namespace starling::web
