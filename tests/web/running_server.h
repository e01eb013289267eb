/// An HttpServer on a free port of the loopback, with its thread.
#pragma once

#include "web/http/http_server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <optional>
#include <thread>

namespace starling::tests {

class RunningServer {
 public:
  explicit RunningServer(web::Handler handler, web::HttpLimits limits = {});

  /// The port is known before the handler is needed: for handlers that must know their address.
  RunningServer();
  void start(web::Handler handler, web::HttpLimits limits = {});

  ~RunningServer();
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  std::uint16_t port() const { return port_; }

  web::asio::io_context& context() { return context_; }

 private:
  web::asio::io_context context_{1};
  web::asio::executor_work_guard<web::asio::io_context::executor_type> work_;
  web::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::optional<web::HttpServer> server_;
  std::thread thread_;
};

}  // namespace starling::tests
