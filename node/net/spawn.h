/// Starts a coroutine that nobody awaits.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <utility>

namespace starling::node {

namespace asio = boost::asio;

/// Runs `work` on `executor`. An exception that leaves it is a bug: it comes out of the executor's
/// run() rather than being swallowed.
template <class Executor>
void spawn(const Executor& executor, asio::awaitable<void> work) {
  asio::co_spawn(executor, std::move(work), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
}

}  // namespace starling::node
