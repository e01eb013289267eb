/// One client: request after request until one side has had enough.
#pragma once

#include "web/http/http_server.h"
#include "web/http/message.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <memory>

namespace starling::web {

/// Threads: the one of its executor.
class HttpConnection {
 public:
  HttpConnection(asio::ip::tcp::socket socket, const Handler& handler, HttpLimits limits);

  /// Serves until the connection ends.
  asio::awaitable<void> run();

  /// Ends it at the next await.
  void close();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;
  class Body;
  class Writer;
  enum class Next { another_request, close };

  asio::awaitable<bool> wait_for_request();
  asio::awaitable<Next> serve_one();
  asio::awaitable<Response> answer(const Request& request, Body& body);
  asio::awaitable<Next> refuse(boost::system::error_code why);
  asio::awaitable<bool> send(Response response, bool with_body, bool keep_alive);
  asio::awaitable<bool> send_file(const FileBody& file, std::string head, bool with_body);
  asio::awaitable<bool> send_stream(const StreamBody& stream, std::string head, bool with_body);
  asio::awaitable<bool> write(std::string_view text);
  asio::awaitable<void> client_gone();
  asio::awaitable<void> linger();

  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  const Handler& handler_;
  HttpLimits limits_;
};

}  // namespace starling::web
