#include "tools/bench_core/http_exchange.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace starling::bench {
namespace {

namespace asio = boost::asio;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPieceBytes = 4096;
constexpr std::string_view kScheme = "http://";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

template <class Number>
std::optional<Number> number_at(std::string_view text, std::size_t at) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  return number;
}

/// Field names are as these servers write them: in the usual case, or all lower.
std::size_t content_length(std::string_view head) {
  for (const std::string_view name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
    const auto found = head.find(name);
    if (found == std::string_view::npos) continue;
    return number_at<std::size_t>(head, found + name.size()).value_or(0);
  }
  return 0;
}

}  // namespace

Result<HttpEndpoint> endpoint_of(std::string_view url) {
  const auto colon = url.rfind(':');
  boost::system::error_code error;
  HttpEndpoint endpoint;
  if (url.starts_with(kScheme) && colon > kScheme.size()) {
    endpoint.host = url.substr(kScheme.size());
    const auto ip = asio::ip::make_address(
        std::string{url.substr(kScheme.size(), colon - kScheme.size())}, error);
    const auto port = number_at<std::uint16_t>(url, colon + 1);
    endpoint.address = {ip, port.value_or(0)};
    if (!error && port) return endpoint;
  }
  return Error{Errc::invalid_argument, fmt::format("{} is not http://IP:PORT", url)};
}

asio::awaitable<Result<>> HttpExchange::connect(const HttpEndpoint& to) {
  const auto [failed] = co_await socket_.async_connect(to.address, kAsTuple);
  if (failed)
    co_return Error{Errc::unavailable, fmt::format("connect to {}: {}", to.host, failed.message())};
  boost::system::error_code ignored;  // It costs speed only.
  socket_.set_option(asio::ip::tcp::no_delay{true}, ignored);
  co_return Result<>{};
}

asio::awaitable<Result<HttpStatus>> HttpExchange::send(const std::string& request) {
  const auto [unsent, sent] = co_await asio::async_write(socket_, asio::buffer(request), kAsTuple);
  if (unsent) co_return Error{Errc::timed_out, unsent.message()};
  arrived_.clear();
  std::size_t whole = std::string::npos;  // not known before the head is there
  HttpStatus answer;
  while (arrived_.size() < whole) {
    const std::size_t held = arrived_.size();
    arrived_.resize(held + kPieceBytes);
    const auto room = asio::buffer(arrived_.data() + held, kPieceBytes);
    const auto [lost, count] = co_await socket_.async_read_some(room, kAsTuple);
    arrived_.resize(held + count);
    if (lost) co_return Error{Errc::timed_out, lost.message()};
    const auto head_end = arrived_.find(kHeadEnd);
    if (whole != std::string::npos || head_end == std::string::npos) continue;
    const auto status = number_at<int>(arrived_, std::string_view{"HTTP/1.1 "}.size());
    if (!status) co_return Error{Errc::corrupt, "the answer is not HTTP"};
    answer.status = *status;
    const std::string_view head = std::string_view{arrived_}.substr(0, head_end + 2);
    whole = head_end + kHeadEnd.size() + content_length(head);
  }
  answer.body = arrived_.substr(arrived_.find(kHeadEnd) + kHeadEnd.size());
  co_return answer;
}

void HttpExchange::close() {
  boost::system::error_code ignored;  // It is closed either way.
  socket_.close(ignored);
}

}  // namespace starling::bench
