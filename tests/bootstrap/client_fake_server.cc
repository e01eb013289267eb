#include "tests/bootstrap/client_fake_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <cctype>

namespace starling::tests {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

struct FakeServer::State {
  asio::io_context context;
  tcp::acceptor acceptor{context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::uint16_t port = acceptor.local_endpoint().port();
};

struct FakeServer::Connection {
  explicit Connection(tcp::socket accepted) : socket(std::move(accepted)) {}

  tcp::socket socket;
  boost::beast::flat_buffer buffer;
};

FakeServer::FakeServer(Answer answer)
    : answer_(std::move(answer)), state_(std::make_unique<State>()), thread_([this] { serve(); }) {}

FakeServer::~FakeServer() {
  stop();
}

std::string FakeServer::url() const {
  return "http://127.0.0.1:" + std::to_string(state_->port);
}

std::vector<FakeRequest> FakeServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void FakeServer::stop() {
  if (!thread_.joinable()) return;
  is_stopping_ = true;
  // A last connection wakes the accept that waits.
  asio::io_context context;
  tcp::socket socket(context);
  boost::system::error_code ignored;
  socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), state_->port), ignored);
  thread_.join();
  state_->acceptor.close();
}

void FakeServer::serve() {
  std::vector<std::jthread> kept_open;  // until the client closes them
  while (true) {
    auto connection = std::make_unique<Connection>(tcp::socket(state_->context));
    boost::system::error_code failure;
    state_->acceptor.accept(connection->socket, failure);
    if (is_stopping_) return;
    if (!serve_one(*connection)) continue;
    kept_open.emplace_back([this, kept = std::move(connection)] {
      while (serve_one(*kept)) {
      }
    });
  }
}

/// Whether another request may follow.
bool FakeServer::serve_one(Connection& connection) {
  boost::system::error_code failure;
  http::request<http::string_body> received;
  http::read(connection.socket, connection.buffer, received, failure);
  if (failure) return false;
  FakeRequest request{
      std::string(received.method_string()), std::string(received.target()), {}, received.body()};
  for (const auto& header : received) {
    std::string name(header.name_string());
    std::ranges::transform(
        name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers[name] = std::string(header.value());
  }
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const FakeAnswer answer = answer_(request);
  if (answer.hangs_up) return false;
  http::response<http::string_body> response(static_cast<http::status>(answer.status), 11);
  response.body() = answer.body;
  for (const auto& [name, value] : answer.headers)
    response.set(name, value);
  response.keep_alive(answer.stays_open);
  response.prepare_payload();
  http::write(connection.socket, response, failure);
  return answer.stays_open && !failure;
}

}  // namespace starling::tests
