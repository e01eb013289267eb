#include "web/api/auth.h"

#include <boost/asio/ip/address.hpp>

#include <algorithm>

namespace starling::web {

namespace {

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return out;
}

struct HostPort {
  std::string host;  ///< lower case; an IPv6 literal with its brackets
  std::string port;
};

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<HostPort> split_host(std::string_view text, std::string_view default_port) {
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  HostPort split{lower(text.substr(0, has_port ? colon : text.size())),
                 std::string{has_port ? text.substr(colon + 1) : default_port}};
  const bool is_broken = split.host.find_first_of("/@?# ") != std::string::npos ||
                         (split.host.find(':') != std::string::npos && split.host.front() != '[');
  if (split.host.empty() || !is_port(split.port) || is_broken) return std::nullopt;
  return split;
}

bool is_literal_address(std::string_view host) {
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  boost::system::error_code ec;
  boost::asio::ip::make_address(std::string{host}, ec);
  return !ec;
}

bool is_wildcard(std::string_view host) {
  return host == "0.0.0.0" || host == "[::]" || host == "*";
}

bool is_loopback_name(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

}  // namespace

std::optional<std::string> bearer_token(const Request& request) {
  if (request.count("Authorization") != 1) return std::nullopt;
  const std::string value = *request.header("Authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() <= kScheme.size()) return std::nullopt;
  if (!equal_ignoring_case(value.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  const std::size_t start = value.find_first_not_of(' ', kScheme.size());
  if (start == std::string::npos) return std::nullopt;
  return value.substr(start);
}

std::vector<std::string> own_hosts(std::string_view listen, std::string_view advertised_url) {
  std::vector<std::string> own;
  if (const auto at = split_host(listen, "80")) {
    own.push_back((is_wildcard(at->host) ? "*" : at->host) + ":" + at->port);
    if (is_wildcard(at->host) || is_loopback_name(at->host)) {
      for (const char* name : {"localhost:", "127.0.0.1:", "[::1]:"})
        own.push_back(name + at->port);
    }
  }
  if (const auto origin = origin_of(advertised_url)) {
    own.push_back(origin->substr(origin->find("//") + 2));
  }
  return own;
}

bool is_own_host(std::string_view host, std::span<const std::string> own) {
  const auto asked = split_host(host, "80");
  if (!asked) return false;
  return std::any_of(own.begin(), own.end(), [&](const std::string& text) {
    const auto mine = split_host(text, "80");
    if (!mine || mine->port != asked->port) return false;
    return mine->host == asked->host || (mine->host == "*" && is_literal_address(asked->host));
  });
}

std::optional<std::string> origin_of(std::string_view url) {
  const std::string text = lower(url);
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view rest = std::string_view{text}.substr(scheme.size());
    const auto at = split_host(rest.substr(0, rest.find('/')), scheme == "http://" ? "80" : "443");
    if (!at) return std::nullopt;
    return std::string{scheme} + at->host + ":" + at->port;
  }
  return std::nullopt;
}

OriginRule judge_origin(const std::optional<std::string>& origin,
                        std::string_view host,
                        std::span<const std::string> member_urls) {
  if (!origin) return OriginRule::absent;
  const auto asked = origin_of(*origin);
  if (!asked) return OriginRule::stranger;
  if (asked == origin_of("http://" + std::string{host})) return OriginRule::same;
  const bool is_member =
      std::any_of(member_urls.begin(), member_urls.end(), [&](const std::string& url) {
        return origin_of(url) == asked;
      });
  return is_member ? OriginRule::member : OriginRule::stranger;
}

}  // namespace starling::web
