/// One io_context in one thread for tests: runs it until something is true, with a deadline.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>

namespace starling::tests {

namespace asio = boost::asio;

class Loop {
 public:
  static constexpr std::chrono::seconds kDeadline{60};

  asio::io_context& io() { return io_; }

  /// False if the deadline passed first.
  bool run_until(const std::function<bool()>& is_true) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (!is_true()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds{5});
    }
    return true;
  }

  /// The value of a coroutine. Throws if the deadline passes first.
  template <class T>
  T await(asio::awaitable<T> work) {
    std::optional<T> value;
    asio::co_spawn(io_, std::move(work), [&value](std::exception_ptr failure, T result) {
      if (failure) std::rethrow_exception(failure);
      value.emplace(std::move(result));
    });
    if (!run_until([&value] { return value.has_value(); }))
      throw std::runtime_error("the coroutine did not end before the deadline");
    return std::move(*value);
  }

  asio::ip::tcp::acceptor listen() {
    return {io_, asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  }

 private:
  asio::io_context io_;
};

inline std::string address_of(const asio::ip::tcp::acceptor& listener) {
  return "127.0.0.1:" + std::to_string(listener.local_endpoint().port());
}

}  // namespace starling::tests
