/// The door to the replicated log: the only way to change shared truth.
#pragma once

#include "ml/study/command.h"
#include "node/base/error.h"
#include "node/base/ids.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>

namespace starling::ml {

/// What became of a committed command.
struct Recorded {
  LogIndex index;
  Outcome outcome;
};

/// Threads: any; the coroutine completes on the caller's executor.
class Ledger {
 public:
  virtual ~Ledger() = default;

  /// Commits `command` through the leader, wherever it is (one hop).
  /// Errors: `unavailable`: definitely not recorded (no leader). `timed_out`: unknown; send the
  ///         same idempotency key again to learn. A command that was recorded but refused by the
  ///         state machine is not an error here: see `Outcome`.
  virtual boost::asio::awaitable<Result<Recorded>> append(Command command,
                                                          std::chrono::milliseconds patience) = 0;
};

}  // namespace starling::ml
