#include "tests/web/test_client.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <sys/socket.h>

namespace starling::tests {

namespace asio = boost::asio;

TestClient::TestClient(std::uint16_t port, std::chrono::milliseconds patience) {
  socket_.connect({asio::ip::address_v4::loopback(), port});
  const auto ms = patience.count();
  const timeval limit{.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

bool TestClient::send(std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(socket_.native_handle(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool TestClient::read_more() {
  std::array<char, 65536> piece;
  const auto got = ::recv(socket_.native_handle(), piece.data(), piece.size(), 0);
  if (got <= 0) return false;
  received_.append(piece.data(), static_cast<std::size_t>(got));
  return true;
}

std::string TestClient::read_until(std::string_view end) {
  for (;;) {
    const std::size_t at = received_.find(end);
    if (at != std::string::npos || !read_more()) {
      const std::size_t size = at == std::string::npos ? received_.size() : at + end.size();
      std::string text = received_.substr(0, size);
      received_.erase(0, size);
      return text;
    }
  }
}

Reply TestClient::read_head() {
  const std::string head = read_until("\r\n\r\n");
  Reply reply;
  if (head.size() < 12 || !head.ends_with("\r\n\r\n")) return reply;
  reply.status = static_cast<unsigned>(std::stoul(head.substr(9, 3)));
  std::size_t line = head.find("\r\n") + 2;
  while (line + 2 < head.size()) {
    const std::size_t end = head.find("\r\n", line);
    const std::size_t colon = head.find(": ", line);
    std::string name = head.substr(line, colon - line);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
      return static_cast<char>(std::tolower(c));
    });
    reply.headers[name] = head.substr(colon + 2, end - colon - 2);
    line = end + 2;
  }
  return reply;
}

Reply TestClient::read_reply(bool has_body) {
  Reply reply = read_head();
  if (reply.status == 0 || !has_body || reply.status == 204 || reply.status == 304 ||
      reply.status < 200)
    return reply;
  const auto length = reply.headers.find("content-length");
  if (length == reply.headers.end()) {
    while (read_more()) {
    }
    reply.body = std::move(received_);
    received_.clear();
    return reply;
  }
  const std::size_t size = std::stoull(length->second);
  while (received_.size() < size) {
    if (!read_more()) return Reply{};
  }
  reply.body = received_.substr(0, size);
  received_.erase(0, size);
  return reply;
}

bool TestClient::has_ended() {
  char next = 0;
  const auto got = ::recv(socket_.native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

bool TestClient::is_closed_by_server() {
  std::array<char, 4096> piece;
  for (;;) {
    const auto got = ::recv(socket_.native_handle(), piece.data(), piece.size(), 0);
    if (got == 0) return true;
    if (got < 0) return errno == ECONNRESET;
  }
}

void TestClient::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Reply ask(std::uint16_t port, std::string_view raw_request) {
  TestClient client{port};
  client.send(raw_request);
  return client.read_reply(!raw_request.starts_with("HEAD"));
}

std::string request_text(std::string_view method,
                         std::string_view target,
                         std::string_view host,
                         std::string_view extra,
                         std::string_view body) {
  std::string text{method};
  text.append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  text.append(extra);
  const bool may_have_body = method != "GET" && method != "HEAD" && method != "OPTIONS";
  if (may_have_body) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

}  // namespace starling::tests
