/// The HTTP API of one node (docs/api.md): guards in front, one function per route behind.
///
/// Threads: made anywhere, used on the HTTP server's one thread; `notify_applied` from any. It
///          outlives the server that uses its handler.
#pragma once

#include "web/api/node_view.h"
#include "web/api/pages.h"
#include "web/http/message.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace starling::web {

struct ApiOptions {
  /// The `Host` values this node answers to: `own_hosts(listen, advertised_url)` of auth.h.
  std::vector<std::string> hosts;

  /// Off only for --insecure-no-auth, which the caller allows on loopback only.
  bool needs_token = true;

  /// Empty: a token is valid if its BLAKE2b-256 is in the replicated state (ml::AddToken). Looking
  /// up the hash takes no longer the more of the token is right.
  std::function<bool(std::string_view token)> is_token;

  std::uint64_t upload_bytes_max = std::uint64_t{4} << 30;
  std::vector<StaticFile> pages;

  std::chrono::milliseconds read_patience{2'000};    ///< to catch up with an index
  std::chrono::milliseconds write_patience{10'000};  ///< to commit a command
  std::chrono::milliseconds keep_alive{15'000};      ///< between two lines of an event stream
};

class Api {
 public:
  /// `executor` is that of the HTTP server's io_context. `node` outlives the API.
  Api(asio::any_io_executor executor, NodeView& node, ApiOptions options);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  Handler handler();

  /// Wakes the event streams. Call it after `node.applied()` and `node.state()` show `index`.
  void notify_applied(LogIndex index);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starling::web
