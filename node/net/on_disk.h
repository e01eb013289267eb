/// Blocking work beside the core thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>

namespace starling::node {

namespace asio = boost::asio;

/// Runs blocking `work` on the pool and comes back to the core thread with its value.
template <class T>
asio::awaitable<T> on_disk(asio::thread_pool& pool,
                           asio::any_io_executor core,
                           std::function<T()> work) {
  co_await asio::post(pool, asio::use_awaitable);
  T value = work();
  co_await asio::post(core, asio::use_awaitable);
  co_return value;
}

}  // namespace starling::node
