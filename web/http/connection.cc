#include "web/http/connection.h"

#include "node/base/log.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sys/socket.h>
#include <vector>

namespace starling::web {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using namespace asio::experimental::awaitable_operators;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

template <class Message>
std::optional<Request> request_from(const Message& message) {
  auto target = parse_target({message.target().data(), message.target().size()});
  if (!target) return std::nullopt;
  Request request;
  request.method = std::string{message.method_string()};
  request.target = std::move(*target);
  for (const auto& field : message) {
    request.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
  }
  return request;
}

// A header value never breaks its line, whatever a dataset or a model is called.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return text;
}

std::string head_of(const Response& response,
                    std::optional<std::uint64_t> content_length,
                    bool keep_alive) {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  for (const auto& [name, value] : response.headers) {
    head += fmt::format("{}: {}\r\n", one_line(name), one_line(value));
  }
  if (content_length && response.status != 204 && response.status != 304) {
    head += fmt::format("Content-Length: {}\r\n", *content_length);
  }
  if (!keep_alive) head += "Connection: close\r\n";
  return head + "\r\n";
}

}  // namespace

class HttpConnection::Body : public BodyReader {
 public:
  Body(HttpConnection& connection, Parser& parser)
      : connection_(connection),
        parser_(parser),
        wants_continue_(parser.get().version() >= 11 &&
                        beast::iequals(parser.get()[http::field::expect], "100-continue")) {}

  bool has_body() const override {
    return parser_.chunked() || parser_.content_length().has_value();
  }

  std::optional<std::uint64_t> declared_size() const override {
    if (const auto size = parser_.content_length()) return *size;
    return std::nullopt;
  }

  bool is_read() const { return parser_.is_done(); }

  bool client_is_there() const override {
    char next = 0;
    const int socket = connection_.stream_.socket().native_handle();
    const auto got = ::recv(socket, &next, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
  }

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    if (parser_.is_done()) co_return 0;
    if (wants_continue_) {
      wants_continue_ = false;
      const bool sent = co_await connection_.write(kContinue);
      if (!sent) co_return Error{Errc::io, "the client went away before it sent the body"};
    }
    for (;;) {
      auto& body = parser_.get().body();
      body.data = into.data();
      body.size = into.size();
      body.more = true;
      connection_.stream_.expires_after(connection_.limits_.piece);
      const auto [ec, byte_count] =
          co_await http::async_read(connection_.stream_, connection_.buffer_, parser_, kAsTuple);
      const std::size_t filled = into.size() - parser_.get().body().size;
      if (ec && ec != http::error::need_buffer) co_return broken(ec);
      if (filled > 0 || parser_.is_done()) co_return filled;
    }
  }

 private:
  Error broken(boost::system::error_code ec) const {
    if (ec == beast::error::timeout) {
      return {Errc::timed_out,
              fmt::format("the client sent less than {} bytes of body in {} ms",
                          kPieceBytes,
                          connection_.limits_.piece.count())};
    }
    const bool is_framing =
        ec.category() == http::make_error_code(http::error::bad_chunk).category();
    if (is_framing && ec != http::error::end_of_stream && ec != http::error::partial_message) {
      return {Errc::invalid_argument, fmt::format("the body is not valid HTTP: {}", ec.message())};
    }
    return {Errc::io, fmt::format("the client went away while sending the body: {}", ec.message())};
  }

  HttpConnection& connection_;
  Parser& parser_;
  bool wants_continue_;
};

class HttpConnection::Writer : public StreamWriter {
 public:
  explicit Writer(HttpConnection& connection) : connection_(connection) {}

  asio::awaitable<Result<>> write(std::string text) override {
    const bool sent = co_await connection_.write(text);
    if (!sent) co_return Error{Errc::io, "the client went away"};
    co_return Result<>{};
  }

 private:
  HttpConnection& connection_;
};

HttpConnection::HttpConnection(asio::ip::tcp::socket socket,
                               const Handler& handler,
                               HttpLimits limits)
    : stream_(std::move(socket)), handler_(handler), limits_(limits) {
  boost::system::error_code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay{true}, ignored);
}

void HttpConnection::close() {
  stream_.close();
}

asio::awaitable<void> HttpConnection::run() {
  for (;;) {
    const bool is_coming = co_await wait_for_request();
    if (!is_coming) break;
    const Next next = co_await serve_one();
    if (next == Next::close) break;
  }
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
}

asio::awaitable<bool> HttpConnection::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  stream_.expires_after(limits_.idle);
  const auto room = buffer_.prepare(4096);
  const auto [ec, byte_count] = co_await stream_.async_read_some(room, kAsTuple);
  if (ec) co_return false;
  buffer_.commit(byte_count);
  co_return true;
}

asio::awaitable<HttpConnection::Next> HttpConnection::serve_one() {
  Parser parser;
  parser.header_limit(limits_.header_bytes);
  parser.body_limit(boost::none);
  stream_.expires_after(limits_.header);
  const auto [ec, byte_count] =
      co_await http::async_read_header(stream_, buffer_, parser, kAsTuple);
  if (ec) co_return co_await refuse(ec);

  const auto request = request_from(parser.get());
  Body body{*this, parser};
  Response response;
  if (!request) {
    response = problem(400, "invalid_argument", "the request target is not a valid path and query");
  } else {
    response = co_await answer(*request, body);
  }
  const bool is_stream = std::holds_alternative<StreamBody>(response.body);
  const bool keep_alive = parser.keep_alive() && body.is_read() && !is_stream;
  const bool with_body = parser.get().method() != http::verb::head;
  const bool sent = co_await send(std::move(response), with_body, keep_alive);
  if (sent && !body.is_read()) co_await linger();
  co_return sent&& keep_alive ? Next::another_request : Next::close;
}

asio::awaitable<Response> HttpConnection::answer(const Request& request, Body& body) {
  const auto expect = request.header("Expect");
  if (expect && !beast::iequals(*expect, "100-continue")) {
    co_return problem(417, "unsupported", "Expect: only 100-continue is understood");
  }
  try {
    co_return co_await handler_(request, body);
  } catch (const std::exception& failure) {
    const Logger log{"http", "server"};
    log.warn("a handler failed method={} path={} what={}",
             request.method,
             request.target.path,
             failure.what());
  }
  co_return problem(500, "internal", "the node failed to answer this request; its log says why");
}

asio::awaitable<HttpConnection::Next> HttpConnection::refuse(boost::system::error_code why) {
  const bool is_http = why.category() == http::make_error_code(http::error::bad_chunk).category();
  if (!is_http || why == http::error::end_of_stream || why == http::error::partial_message) {
    co_return Next::close;
  }
  const bool too_long = why == http::error::header_limit || why == http::error::buffer_overflow;
  Response response =
      too_long ? problem(431,
                         "too_large",
                         fmt::format("the request's header is larger than the limit of {} bytes",
                                     limits_.header_bytes))
               : problem(400,
                         "invalid_argument",
                         fmt::format("this is not an HTTP/1.1 request: {}", why.message()));
  const bool sent = co_await send(std::move(response), true, false);
  if (sent) co_await linger();
  co_return Next::close;
}

asio::awaitable<bool> HttpConnection::send(Response response, bool with_body, bool keep_alive) {
  if (const auto* text = std::get_if<std::string>(&response.body)) {
    std::string whole = head_of(response, text->size(), keep_alive);
    if (with_body) whole += *text;
    co_return co_await write(whole);
  }
  if (const auto* file = std::get_if<FileBody>(&response.body)) {
    std::error_code ec;
    const auto size = std::filesystem::file_size(file->path, ec);
    if (ec) {
      Response gone = problem(404, "not_found", "the file is not on this node any more");
      co_return co_await send(std::move(gone), with_body, keep_alive);
    }
    std::string head = head_of(response, size, keep_alive);
    co_return co_await send_file(*file, std::move(head), with_body);
  }
  std::string head = head_of(response, std::nullopt, false);
  co_return co_await send_stream(std::get<StreamBody>(response.body), std::move(head), with_body);
}

asio::awaitable<bool> HttpConnection::send_file(const FileBody& file,
                                                std::string head,
                                                bool with_body) {
  std::ifstream in{file.path, std::ios::binary};
  const bool head_sent = co_await write(head);
  if (!head_sent || !with_body) co_return head_sent;
  std::vector<char> piece(kPieceBytes);
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto got = static_cast<std::size_t>(in.gcount());
    if (got == 0) break;
    const std::string_view filled{piece.data(), got};
    const bool sent = co_await write(filled);
    if (!sent) co_return false;
  }
  co_return in.eof();
}

namespace {

// An exception would leave `||` waiting for the other side, so it ends here.
asio::awaitable<void> run_stream(const StreamBody& stream, StreamWriter& writer) {
  try {
    co_await stream(writer);
  } catch (const std::exception& failure) {
    const Logger log{"http", "server"};
    log.debug("a stream ended what={}", failure.what());
  }
}

}  // namespace

asio::awaitable<bool> HttpConnection::send_stream(const StreamBody& stream,
                                                  std::string head,
                                                  bool with_body) {
  const bool head_sent = co_await write(head);
  if (!head_sent || !with_body) co_return head_sent;
  Writer writer{*this};
  co_await (run_stream(stream, writer) || client_gone());
  co_return true;
}

asio::awaitable<bool> HttpConnection::write(std::string_view text) {
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, kPieceBytes);
    stream_.expires_after(limits_.piece);
    const auto source = asio::buffer(piece);
    const auto [ec, byte_count] = co_await asio::async_write(stream_, source, kAsTuple);
    if (ec) co_return false;
    text.remove_prefix(piece.size());
  }
  stream_.expires_never();
  co_return true;
}

asio::awaitable<void> HttpConnection::client_gone() {
  std::array<char, 1024> ignored;
  for (;;) {
    const auto [ec] =
        co_await stream_.socket().async_wait(asio::ip::tcp::socket::wait_read, kAsTuple);
    if (ec) co_return;
    // What is sent after the request for a stream has no meaning: the stream is the last answer.
    boost::system::error_code read_error;
    stream_.socket().non_blocking(true, read_error);
    const auto room = asio::buffer(ignored);
    stream_.socket().read_some(room, read_error);
    if (read_error && read_error != asio::error::would_block) co_return;
  }
}

asio::awaitable<void> HttpConnection::linger() {
  // Closing with unread bytes would reset the connection and destroy the answer on its way.
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  std::vector<char> scratch(kPieceBytes);
  stream_.expires_after(limits_.linger);
  for (;;) {
    const auto room = asio::buffer(scratch);
    const auto [ec, byte_count] = co_await stream_.async_read_some(room, kAsTuple);
    if (ec) co_return;
  }
}

}  // namespace starling::web
