/// Asks nodes over HTTP and says exactly what is known afterwards: it sends each request once, and
/// never again behind the caller's back.
///
/// Threads: one per object.
#pragma once

#include "tests/support/history.h"
#include "tests/web/test_client.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::tests {

struct Told {
  /// `fail` is definite: nothing was done. `unknown`: it was sent, and no answer says what became
  /// of it, or the answer itself says that nobody knows.
  Known known = Known::unknown;
  unsigned status = 0;                   ///< 0: no answer
  std::string code;                      ///< of a problem
  std::optional<std::uint64_t> version;  ///< of the ETag
  std::string body;

  bool is_refused() const { return code == "conflict"; }
};

class NodeClient {
 public:
  /// `urls` as nodes print them, by node; all on loopback.
  NodeClient(const std::vector<std::string>& urls,
             std::string token,
             std::chrono::milliseconds patience);

  std::size_t nodes() const { return hosts_.size(); }

  /// `headers` are whole lines, each with its line end.
  Told ask(std::size_t node,
           std::string_view method,
           std::string_view path,
           std::string_view headers = {},
           std::string_view body = {});

  /// Null unless the answer is 200 and JSON.
  Json get_json(std::size_t node, std::string_view path);

 private:
  /// Nothing if the node cannot be reached.
  TestClient* connected(std::size_t node);

  std::vector<std::string> hosts_;  ///< HOST:PORT
  std::string token_;
  std::chrono::milliseconds patience_;
  std::vector<std::optional<TestClient>> connections_;
};

}  // namespace starling::tests
