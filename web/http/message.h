/// A request as handlers see it, the body they pull, the answer they give.
#pragma once

#include "node/base/error.h"
#include "web/http/target.h"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace starling::web {

namespace asio = boost::asio;

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  Target target;
  Headers headers;

  /// The value of header `name`, in any case; nothing if it was not sent.
  std::optional<std::string> header(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

/// The body of one request, pulled piece by piece. Lives as long as the handler runs.
class BodyReader {
 public:
  virtual ~BodyReader() = default;

  /// Chunked, or with a length. Without a body this is false and `read` gives 0.
  virtual bool has_body() const = 0;
  virtual std::optional<std::uint64_t> declared_size() const = 0;

  /// Fills `into` from the start. Returns: the bytes read, 0 at the end of the body.
  /// Errors: `io` (client gone), `timed_out` (client too slow), `invalid_argument` (bad chunk).
  virtual asio::awaitable<Result<std::size_t>> read(std::span<char> into) = 0;

  /// Whether the client has not closed its side yet.
  virtual bool client_is_there() const = 0;

  /// The whole body. Errors: also `too_large`, naming `limit`.
  asio::awaitable<Result<std::string>> read_all(std::uint64_t limit);
};

/// Where a stream's handler writes. Every write is flushed.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;

  /// Errors: `io`, `timed_out`: the client is gone; return.
  virtual asio::awaitable<Result<>> write(std::string text) = 0;
};

struct FileBody {
  std::filesystem::path path;
};

/// Runs until it returns or the client goes away, which cancels what it awaits.
using StreamBody = std::function<asio::awaitable<void>(StreamWriter& writer)>;

struct Response {
  unsigned status = 200;
  Headers headers;  ///< without Content-Length and Connection, which the server adds
  std::variant<std::string, FileBody, StreamBody> body;

  void set(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
  }
};

/// One call per request; it may throw, which is answered with 500.
using Handler = std::function<asio::awaitable<Response>(const Request& request, BodyReader& body)>;

/// application/problem+json of RFC 9457. `field`, unless empty, is the request's field to blame.
Response problem(unsigned status,
                 std::string_view code,
                 std::string_view detail,
                 std::string_view field = {});

/// The standard phrase of a status: "Not Found".
std::string_view reason_phrase(unsigned status);

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace starling::web
