/// The request target taken apart: "/api/v1/studies/a%20b?limit=5" -> path and query.
///
/// Pure. Source: RFC 3986 sections 2.1 and 3.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace starling::web {

struct Target {
  std::string path;                                        ///< as sent, not yet decoded
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order

  /// The first value of `name`.
  std::optional<std::string> find(std::string_view name) const;
};

/// Nothing unless `text` is an origin-form target: it starts with "/" and its query decodes.
std::optional<Target> parse_target(std::string_view text);

/// Nothing on a broken escape or an escaped NUL byte.
std::optional<std::string> percent_decode(std::string_view text);

/// Escapes all but unreserved characters.
std::string percent_encode(std::string_view text);

}  // namespace starling::web
