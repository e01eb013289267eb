/// One answer that a coroutine waits for and somebody else on the same executor gives.
///
/// Threads: one executor.
#pragma once

#include "node/base/error.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace starling::consensus {

template <class T>
class Waiter {
 public:
  explicit Waiter(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  /// The first answer counts.
  void set(Result<T> answer) {
    if (answer_) return;
    answer_ = std::move(answer);
    timer_.cancel();
  }

  /// Errors: `timed_out` with `if_late`, or what was set.
  static boost::asio::awaitable<Result<T>> wait(std::shared_ptr<Waiter> waiter,
                                                std::chrono::milliseconds patience,
                                                std::string if_late) {
    if (!waiter->answer_) {
      waiter->timer_.expires_after(patience);
      co_await waiter->timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    if (waiter->answer_) co_return std::move(*waiter->answer_);
    co_return Error{Errc::timed_out, std::move(if_late)};
  }

 private:
  boost::asio::steady_timer timer_;
  std::optional<Result<T>> answer_;
};

}  // namespace starling::consensus
