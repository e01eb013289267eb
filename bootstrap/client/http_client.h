/// One HTTP call at a time, by libcurl: files are streamed both ways, Ctrl-C ends any call.
#pragma once

#include "node/base/error.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace starling::bootstrap {

/// Bytes moved so far and in all; 0 in all: not known.
using Transferred = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct HttpCall {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  ///< "Name: value"
  std::string body;
  std::filesystem::path upload;    ///< Streamed as the body instead of `body`.
  std::filesystem::path download;  ///< Where the body of a 2xx answer goes.
  Transferred transferred;
  std::optional<std::chrono::milliseconds> timeout;  ///< 30 s; files: without a byte.
};

struct HttpAnswer {
  long status = 0;
  std::map<std::string, std::string> headers;  ///< Names in lower case.
  std::string body;

  bool is_success() const { return status >= 200 && status < 300; }

  /// Empty if it was not sent.
  std::string header(const std::string& name) const;
};

/// What the answer's problem+json says, as an Error that names the field to blame.
Error error_of(const HttpAnswer& answer);

class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  /// Any status is an answer.
  /// Errors: `unavailable` (no connection: nothing was done), `timed_out` (sent, no whole answer:
  ///         outcome unknown), `invalid_argument` (the URL), `io` (a local file), `too_large`.
  Result<HttpAnswer> send(const HttpCall& call);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// For a path segment or a query value.
std::string url_encoded(std::string_view text);

}  // namespace starling::bootstrap
