/// Which handler a method and a path mean. Pure.
///
///     router.add("GET", "/api/v1/studies/{id}/trials/{number}", 7);
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace starling::web {

using PathParams = std::map<std::string, std::string, std::less<>>;

struct Match {
  enum class Kind { found, unknown_path, wrong_method };

  Kind kind = Kind::unknown_path;
  int handler = 0;
  PathParams params;  ///< decoded
  std::string allow;  ///< for `Allow`, when the path is known: "GET, HEAD, POST"
};

class Router {
 public:
  /// `pattern` is made of "/literal" and "/{name}" segments; a segment never matches empty.
  void add(std::string method, std::string_view pattern, int handler);

  /// HEAD finds what GET would. `path` is not yet decoded: an escaped slash stays in its segment.
  Match match(std::string_view method, std::string_view path) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    int handler = 0;
  };

  std::vector<Route> routes_;
};

}  // namespace starling::web
