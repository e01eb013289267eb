/// Looks twice a second whether this node runs short of memory, and lets trials go, then ends its
/// youngest one, before the kernel ends something.
///
/// Threads: the core thread, except `is_short`, which any thread may call.
#pragma once

#include "ml/schedule/memory_call.h"
#include "node/base/log.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <string>

namespace starling::ml {

namespace asio = boost::asio;

struct MemoryWatchSources {
  std::function<MemorySeen()> look;
  /// The youngest of several trials goes on elsewhere. False: none can.
  std::function<bool(const std::string& why)> ease;
  /// Ends the youngest trial that runs here, for that reason. False: none runs.
  std::function<bool(const std::string& why)> make_way;
  std::function<void()> on_room;  ///< it is short no longer
};

class MemoryWatch {
 public:
  MemoryWatch(asio::any_io_executor core, MemoryWatchSources sources, Logger log);

  void start();
  void stop();

  bool is_short() const { return is_short_.load(); }

 private:
  asio::awaitable<void> run();
  void look();

  asio::any_io_executor core_;
  MemoryWatchSources sources_;
  Logger log_;
  asio::steady_timer alarm_;
  MemoryPressure pressure_;
  std::atomic<bool> is_short_{false};
  bool is_stopped_ = false;
};

}  // namespace starling::ml
