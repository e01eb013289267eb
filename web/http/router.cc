#include "web/http/router.h"

#include "web/http/target.h"

#include <optional>
#include <set>

namespace starling::web {

namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    segments.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::optional<PathParams> bind(const std::vector<std::string>& pattern,
                               const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  PathParams params;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (!is_parameter(pattern[i])) {
      if (pattern[i] != path[i]) return std::nullopt;
      continue;
    }
    auto value = percent_decode(path[i]);
    if (!value || value->empty()) return std::nullopt;
    params[pattern[i].substr(1, pattern[i].size() - 2)] = std::move(*value);
  }
  return params;
}

std::string joined(const std::set<std::string>& methods) {
  std::string text;
  for (const std::string& method : methods)
    text += (text.empty() ? "" : ", ") + method;
  return text;
}

}  // namespace

void Router::add(std::string method, std::string_view pattern, int handler) {
  routes_.push_back({std::move(method), split(pattern), handler});
}

Match Router::match(std::string_view method, std::string_view path) const {
  const auto segments = split(path);
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  Match match;
  std::set<std::string> allowed;
  for (const Route& route : routes_) {
    auto params = bind(route.segments, segments);
    if (!params) continue;
    allowed.insert(route.method);
    if (route.method == "GET") allowed.insert("HEAD");
    if (match.kind == Match::Kind::found || route.method != wanted) continue;
    match.kind = Match::Kind::found;
    match.handler = route.handler;
    match.params = std::move(*params);
  }
  match.allow = joined(allowed);
  if (match.kind != Match::Kind::found && !allowed.empty()) match.kind = Match::Kind::wrong_method;
  return match;
}

}  // namespace starling::web
