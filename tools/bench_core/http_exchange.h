/// One HTTP request and its answer on an open connection, as cheaply as can be.
///
/// Beast builds a map of every answer's fields; a load that shares the processors with what it
/// measures reads the status and the length only.
#pragma once

#include "node/base/error.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <string>
#include <string_view>

namespace starling::bench {

struct HttpEndpoint {
  boost::asio::ip::tcp::endpoint address;
  std::string host;  ///< for the Host header
};

/// `url` is http://IP:PORT. Errors: `invalid_argument`.
Result<HttpEndpoint> endpoint_of(std::string_view url);

struct HttpStatus {
  int status = 0;
  std::string body;

  bool is_success() const { return status >= 200 && status < 300; }
};

class HttpExchange {
 public:
  explicit HttpExchange(boost::asio::any_io_executor executor) : socket_(std::move(executor)) {}

  /// Errors: `unavailable`.
  boost::asio::awaitable<Result<>> connect(const HttpEndpoint& to);

  /// `request` is the whole text. The answer must have a Content-Length, or no body.
  /// Errors: `timed_out` (lost on the way), `corrupt`.
  boost::asio::awaitable<Result<HttpStatus>> send(const std::string& request);

  void close();

 private:
  boost::asio::ip::tcp::socket socket_;
  std::string arrived_;
};

}  // namespace starling::bench
