/// Who may call: tokens, the Host rule against DNS rebinding, the Origin rule against other pages.
///
/// Pure functions of their arguments. Source: RFC 6750; RFC 6454; WHATWG Fetch, CORS protocol.
#pragma once

#include "web/http/message.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling::web {

/// The token of "Authorization: Bearer TOKEN"; nothing if it is absent, sent twice or malformed.
std::optional<std::string> bearer_token(const Request& request);

/// The `Host` values a node answers to, from where it listens and how it is advertised (a URL or
/// empty). A node on 0.0.0.0 or [::] gets "*:PORT": any literal IP address with that port, which no
/// DNS rebinding can produce.
std::vector<std::string> own_hosts(std::string_view listen, std::string_view advertised_url);

/// Whether `host` (HOST[:PORT], port 80 if absent) is one of `own`.
bool is_own_host(std::string_view host, std::span<const std::string> own);

/// "http://HOST:PORT" of a URL, lower case; nothing if it is not http or https.
std::optional<std::string> origin_of(std::string_view url);

enum class OriginRule {
  absent,    ///< not sent: no browser, or a plain navigation
  same,      ///< this node's own page
  member,    ///< another member's page: answer with CORS headers
  stranger,  ///< refuse
};

OriginRule judge_origin(const std::optional<std::string>& origin,
                        std::string_view host,
                        std::span<const std::string> member_urls);

}  // namespace starling::web
