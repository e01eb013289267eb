#include "web/http/http_server.h"

#include "web/http/connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <set>

namespace starling::web {

namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

// Best effort: a full house answers without reading and without waiting.
void turn_away(asio::ip::tcp::socket socket) {
  static constexpr std::string_view kFull =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
      "Connection: close\r\n\r\n";
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(kFull), ignored);
  socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  State(asio::io_context& io, asio::ip::tcp::acceptor from, Handler with, HttpLimits within)
      : context(io), acceptor(std::move(from)), handler(std::move(with)), limits(within) {}

  asio::io_context& context;
  asio::ip::tcp::acceptor acceptor;
  Handler handler;
  HttpLimits limits;
  std::set<std::shared_ptr<HttpConnection>> connections;
  bool is_stopped = false;

  static asio::awaitable<void> serve(std::shared_ptr<State> state,
                                     std::shared_ptr<HttpConnection> connection) {
    co_await connection->run();
    state->connections.erase(connection);
  }

  static asio::awaitable<void> accept_all(std::shared_ptr<State> state) {
    asio::steady_timer pause{state->context};
    while (!state->is_stopped) {
      auto [ec, socket] = co_await state->acceptor.async_accept(kAsTuple);
      if (state->is_stopped) co_return;
      if (ec) {  // Out of files and the like: give the others a moment to end.
        pause.expires_after(std::chrono::milliseconds{50});
        co_await pause.async_wait(kAsTuple);
        continue;
      }
      state->welcome(std::move(socket));
    }
  }

  void welcome(asio::ip::tcp::socket socket) {
    if (connections.size() >= limits.connections) {
      turn_away(std::move(socket));
      return;
    }
    auto connection = std::make_shared<HttpConnection>(std::move(socket), handler, limits);
    connections.insert(connection);
    asio::co_spawn(context, serve(shared_from_this(), connection), asio::detached);
  }

  void close_all() {
    is_stopped = true;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    for (const auto& connection : connections)
      connection->close();
  }
};

HttpServer::HttpServer(asio::io_context& context,
                       asio::ip::tcp::acceptor acceptor,
                       Handler handler,
                       HttpLimits limits)
    : state_(std::make_shared<State>(context, std::move(acceptor), std::move(handler), limits)) {}

HttpServer::~HttpServer() {
  stop();
}

void HttpServer::start() {
  asio::co_spawn(state_->context, State::accept_all(state_), asio::detached);
}

void HttpServer::stop() {
  const auto state = state_;
  asio::post(state->context, [state] { state->close_all(); });
}

}  // namespace starling::web
