/// Blocking work beside the core thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <utility>

namespace starling::node {

namespace asio = boost::asio;

namespace detail {

template <class T>
asio::awaitable<T> carry_out(std::function<T()> work) {
  co_return work();
}

}  // namespace detail

/// Runs blocking `work` on a thread of the pool; its value, or what it throws, arrives where the
/// caller runs.
template <class T>
asio::awaitable<T> on_disk(asio::thread_pool& pool, std::function<T()> work) {
  // A coroutine of its own: a post alone would only pass through the pool, and `work` would run on
  // the caller's executor.
  auto there = detail::carry_out<T>(std::move(work));
  co_return co_await asio::co_spawn(pool, std::move(there), asio::use_awaitable);
}

}  // namespace starling::node
