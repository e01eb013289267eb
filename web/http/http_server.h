/// HTTP/1.1 on one acceptor: keep-alive, pipelining, streamed bodies both ways, limits everywhere.
///
/// What it promises to handlers: a request is complete and within limits up to its body, the body
/// is pulled and never buffered whole, one slow or vanished client costs nobody else. A stream's
/// handler is cancelled when its client goes away. An ordinary handler is not: what it has proposed
/// to the log goes on anyway, so its answer is only not delivered.
///
/// Threads: the io_context is run by exactly one thread; `stop` may be called from any.
/// Source:  RFC 9110, RFC 9112; Boost.Beast.
#pragma once

#include "web/http/message.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace starling::web {

struct HttpLimits {
  std::uint32_t header_bytes = 64 * 1024;
  std::size_t connections = 1024;
  std::chrono::milliseconds idle{75'000};    ///< between two requests of one connection
  std::chrono::milliseconds header{15'000};  ///< from a request's first byte to its last header
  std::chrono::milliseconds piece{30'000};   ///< per 64 KiB of body, in or out
  std::chrono::milliseconds linger{5'000};   ///< to let a refused client finish sending
};

class HttpServer {
 public:
  HttpServer(asio::io_context& context,
             asio::ip::tcp::acceptor acceptor,
             Handler handler,
             HttpLimits limits = {});
  ~HttpServer();  ///< Stops.
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void start();

  /// Closes the acceptor and every connection, soon.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace starling::web
