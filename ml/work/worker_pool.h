/// The node's side of a worker program: starts it, asks it for children, talks to each, and learns
/// how each ended.
///
/// The program is a preloaded parent (ml/train/worker_parent.h) that forks one child per piece of
/// work. If it dies its children die with it: every channel then ends, and the next `spawn` starts
/// the program again.
///
/// Threads: everything lives on the executor given at construction. `start` and `spawn` must be
///          called from a thread that lives as long as the pool: the kernel ends the program with
///          the thread that started it.
#pragma once

#include "ml/work/work_protocol.h"
#include "node/base/error.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <filesystem>
#include <memory>
#include <optional>

namespace starling::ml {

namespace asio = boost::asio;

class WorkerPool;

/// One child process. Dropping the channel ends the child.
class WorkerChannel {
 public:
  struct State;

  explicit WorkerChannel(std::shared_ptr<State> state) : state_(std::move(state)) {}

  ~WorkerChannel();
  WorkerChannel(const WorkerChannel&) = delete;
  WorkerChannel& operator=(const WorkerChannel&) = delete;

  std::int64_t pid() const;

  /// The next message of the child. One reader at a time.
  /// Errors: `unavailable` when the child is gone (see `exited`); `corrupt`: kill it.
  asio::awaitable<Result<WorkMessage>> read();

  /// Errors: `unavailable` when the child is gone. One writer at a time.
  asio::awaitable<Result<>> write(WorkMessage message);

  /// Ends the child at once, whatever it is doing. `read` then ends with `unavailable`.
  void kill();

  /// Waits until the child has been reaped. If the whole program died: signal 9, peak unknown (0).
  asio::awaitable<ChildExited> exited();

 private:
  std::shared_ptr<State> state_;
};

class WorkerPool {
 public:
  WorkerPool(asio::any_io_executor executor, std::filesystem::path program);

  /// Stops the program and all of its children.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Starts loading the program, so that the first `spawn` does not wait for it.
  /// Errors: `io` names the program and why it cannot run.
  Result<> start();

  /// A new child, ready to get its `WorkTask`.
  /// Errors: `io` if the program cannot be started; `unavailable` if it died or cannot fork.
  asio::awaitable<Result<std::unique_ptr<WorkerChannel>>> spawn();

  /// Of the program, while it runs; for tests and for the status page.
  std::optional<std::int64_t> program_pid() const;

  /// How often the program has been started.
  std::uint64_t starts() const;

  void stop();

 private:
  friend class WorkerChannel;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace starling::ml
