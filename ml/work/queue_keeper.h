/// Starts what waits in this node's own queue, and steals from others' when there is nothing to do.
///
/// Threads: the core thread.
#pragma once

#include "ml/schedule/moving.h"
#include "ml/schedule/node_load.h"
#include "ml/study/ledger.h"
#include "node/base/log.h"
#include "node/base/random.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace starling::ml {

namespace asio = boost::asio;

/// What the keeper needs of its node.
struct QueueSources {
  std::function<std::shared_ptr<const StateView>()> state;
  std::function<LogIndex()> applied;              ///< to `state`, at least
  std::function<std::optional<NodeRoom>()> self;  ///< none: not known yet
  std::function<std::vector<NodeRoom>()> others;  ///< that work, this node left out
  /// Asks its owner to give up an attempt in favour of this node. False: it does not.
  std::function<asio::awaitable<bool>(MoveHere move)> ask_to_move;
};

class QueueKeeper {
 public:
  QueueKeeper(asio::any_io_executor core,
              Ledger& ledger,
              QueueSources sources,
              std::uint64_t seed,
              Logger log);

  void start();
  void stop();

  /// Something was applied, a member changed or memory became free.
  void wake();

 private:
  asio::awaitable<void> run();
  asio::awaitable<bool> start_queued(const StateView& view, const NodeRoom& self);
  asio::awaitable<void> steal_some(const StateView& view, const NodeRoom& self);
  asio::awaitable<void> fetch_running(const StateView& view, const NodeRoom& self);
  asio::awaitable<bool> say(CommandBody body);
  void back_off();

  asio::any_io_executor core_;
  Ledger& ledger_;
  QueueSources sources_;
  Random random_;
  Logger log_;
  asio::steady_timer alarm_;
  std::chrono::milliseconds steal_pause_;
  std::chrono::steady_clock::time_point next_steal_;
  PaceWatch paces_;
  std::chrono::steady_clock::time_point next_look_at_paces_;
  LogIndex said_{0};  ///< of the last command that was recorded; seen here a little later
  bool wants_to_steal_ = false;  ///< as soon as it may
  bool is_woken_ = false;
  bool is_stopped_ = false;
};

}  // namespace starling::ml
