/// A blocking client that shows exactly what the server sent. Every wait has a deadline.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace starling::tests {

struct Reply {
  unsigned status = 0;  ///< 0: the connection ended before a whole reply came
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

class TestClient {
 public:
  explicit TestClient(std::uint16_t port,
                      std::chrono::milliseconds patience = std::chrono::seconds{20});

  /// False once the server has gone.
  bool send(std::string_view text);

  /// The next reply; its body by Content-Length, or up to the end of the connection.
  Reply read_reply(bool has_body = true);

  /// Only the head of the next reply.
  Reply read_head();

  /// Text up to and with `end`; what came so far if the connection ends or patience does.
  std::string read_until(std::string_view end);

  /// True if nothing can be asked any more, as far as this end has been told. Does not wait.
  bool has_ended();

  /// True if the server closes within the patience, whatever it sends before.
  bool is_closed_by_server();

  void close();

 private:
  bool read_more();

  std::unique_ptr<boost::asio::io_context> context_ = std::make_unique<boost::asio::io_context>();
  boost::asio::ip::tcp::socket socket_{*context_};
  std::string received_;
};

/// One request on a connection of its own.
Reply ask(std::uint16_t port, std::string_view raw_request);

/// "GET /path HTTP/1.1\r\nHost: ...": `extra` is whole header lines, each with its line end.
std::string request_text(std::string_view method,
                         std::string_view target,
                         std::string_view host,
                         std::string_view extra = {},
                         std::string_view body = {});

}  // namespace starling::tests
