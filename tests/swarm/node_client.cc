#include "tests/swarm/node_client.h"

#include <fmt/format.h>

#include <charconv>

namespace starling::tests {
namespace {

std::uint16_t port_of(const std::string& host) {
  return static_cast<std::uint16_t>(std::stoul(host.substr(host.rfind(':') + 1)));
}

std::optional<std::uint64_t> version_of(const Reply& reply) {
  const auto tag = reply.headers.find("etag");
  if (tag == reply.headers.end() || tag->second.size() < 3) return std::nullopt;
  std::uint64_t version = 0;
  const auto* begin = tag->second.data() + 1;
  std::from_chars(begin, begin + tag->second.size() - 2, version);
  return version;
}

std::string code_of(const Reply& reply) {
  const Json problem = Json::parse(reply.body, nullptr, false);
  return problem.is_object() ? problem.value("code", "") : "";
}

/// An answer of the server's own making, with any other status, says nothing of the outcome.
Known known_by(unsigned status, std::string_view code) {
  if (status >= 200 && status < 300) return Known::ok;
  if (status >= 400 && status < 500) return Known::fail;
  return status == 503 && code == "unavailable" ? Known::fail : Known::unknown;
}

}  // namespace

NodeClient::NodeClient(const std::vector<std::string>& urls,
                       std::string token,
                       std::chrono::milliseconds patience)
    : token_(std::move(token)), patience_(patience), connections_(urls.size()) {
  for (const auto& url : urls)
    hosts_.push_back(url.substr(url.find("//") + 2));
}

TestClient* NodeClient::connected(std::size_t node) {
  auto& connection = connections_[node];
  if (connection && connection->has_ended()) connection.reset();
  if (connection) return &*connection;
  try {
    connection.emplace(port_of(hosts_[node]), patience_);
  } catch (const boost::system::system_error&) {
    return nullptr;
  }
  return &*connection;
}

Told NodeClient::ask(std::size_t node,
                     std::string_view method,
                     std::string_view path,
                     std::string_view headers,
                     std::string_view body) {
  TestClient* connection = connected(node);
  Told told;
  if (connection == nullptr) {
    told.known = Known::fail;
    told.code = "unreachable";
    return told;
  }
  const auto extra = fmt::format("Authorization: Bearer {}\r\n{}", token_, headers);
  const bool is_sent = connection->send(request_text(method, path, hosts_[node], extra, body));
  const Reply reply = is_sent ? connection->read_reply() : Reply{};
  if (reply.status == 0) {
    connections_[node].reset();
    return told;
  }
  told.status = reply.status;
  told.code = reply.status >= 400 ? code_of(reply) : "";
  told.known = known_by(reply.status, told.code);
  told.version = version_of(reply);
  told.body = reply.body;
  return told;
}

Json NodeClient::get_json(std::size_t node, std::string_view path) {
  const Told told = ask(node, "GET", path);
  return told.status == 200 ? Json::parse(told.body, nullptr, false) : Json{};
}

}  // namespace starling::tests
