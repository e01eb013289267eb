/// Says what attempts brought until the swarm has heard it: each result is on the disk before it is
/// said for the first time, and is said again after a restart.
///
/// Threads: the core thread.
#pragma once

#include "ml/study/ledger.h"
#include "ml/work/outbox.h"
#include "node/base/log.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <functional>
#include <optional>
#include <vector>

namespace starling::ml {

namespace asio = boost::asio;

class ResultRecorder {
 public:
  /// `at`: as `record` returns it.
  using OnSaid = std::function<void(std::uint64_t token, std::optional<LogIndex> at)>;

  /// `recovery_epoch`: how often the swarm was recovered by force.
  ResultRecorder(asio::any_io_executor core,
                 Ledger& ledger,
                 std::filesystem::path outbox,
                 std::uint64_t recovery_epoch,
                 Logger log);

  /// Says again what an earlier process could not, `on_said` after each, and what a swarm that was
  /// recovered since may have lost. Returns the tokens of the former.
  std::vector<std::uint64_t> say_kept(OnSaid on_said);

  /// Returns when it is acknowledged or refused, is no longer wanted, or this stops; it stays in
  /// the outbox then. The index at which the log has answered; nothing if it never did.
  asio::awaitable<std::optional<LogIndex>> record(Command result,
                                                  std::uint64_t token,
                                                  std::function<bool()> is_unwanted);

  void stop() { is_stopped_ = true; }

 private:
  asio::awaitable<void> say_again(std::uint64_t token, Command result, OnSaid on_said);
  asio::awaitable<void> regain(std::uint64_t token, Command result);
  asio::awaitable<void> report_lost(std::string what);

  asio::any_io_executor core_;
  Ledger& ledger_;
  Outbox outbox_;
  std::uint64_t recovery_epoch_;
  Logger log_;
  bool is_stopped_ = false;
};

}  // namespace starling::ml
