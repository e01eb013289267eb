#include "tests/web/running_server.h"

namespace starling::tests {

RunningServer::RunningServer()
    : work_(web::asio::make_work_guard(context_)),
      acceptor_(context_, {web::asio::ip::address_v4::loopback(), 0}),
      port_(acceptor_.local_endpoint().port()) {}

RunningServer::RunningServer(web::Handler handler, web::HttpLimits limits) : RunningServer() {
  start(std::move(handler), limits);
}

void RunningServer::start(web::Handler handler, web::HttpLimits limits) {
  server_.emplace(context_, std::move(acceptor_), std::move(handler), limits);
  server_->start();
  thread_ = std::thread{[this] { context_.run(); }};
}

RunningServer::~RunningServer() {
  if (server_) server_->stop();
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

}  // namespace starling::tests
