#include "bootstrap/client/http_client.h"

#include "bootstrap/client/interrupt.h"
#include "bootstrap/client/json_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <curl/curl.h>
#include <optional>

namespace starling::bootstrap {
namespace {

constexpr std::size_t kAnswerBytesMax = 256 << 20;
constexpr std::chrono::milliseconds kTimeout{30'000};
constexpr long kConnectTimeoutMs = 3'000;

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

using File = std::unique_ptr<std::FILE, FileCloser>;

struct HeaderListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

using HeaderList = std::unique_ptr<curl_slist, HeaderListDeleter>;

/// What libcurl's callbacks of one call share.
struct Exchange {
  const HttpCall* call = nullptr;
  CURL* curl = nullptr;
  HttpAnswer answer;
  File from;
  File to;
  bool is_too_large = false;
  bool is_disk_full = false;
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size);
  // "100 Continue" has headers of its own: those of the last status line count.
  if (line.starts_with("HTTP/")) exchange.answer.headers.clear();
  const auto colon = line.find(':');
  if (colon != std::string_view::npos)
    exchange.answer.headers[lower(std::string(trimmed(line.substr(0, colon))))] =
        std::string(trimmed(line.substr(colon + 1)));
  return size;
}

std::size_t take_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  long status = 0;
  curl_easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, &status);
  if (exchange.to && status >= 200 && status < 300) {
    exchange.is_disk_full = std::fwrite(data, 1, size, exchange.to.get()) != size;
    return exchange.is_disk_full ? 0 : size;
  }
  exchange.is_too_large = exchange.answer.body.size() + size > kAnswerBytesMax;
  if (exchange.is_too_large) return 0;
  exchange.answer.body.append(data, size);
  return size;
}

std::size_t give_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::size_t count = std::fread(data, 1, size, exchange.from.get());
  return std::ferror(exchange.from.get()) != 0 ? CURL_READFUNC_ABORT : count;
}

int rewind_body(void* user, curl_off_t offset, int origin) {
  auto& exchange = *static_cast<Exchange*>(user);
  return fseeko(exchange.from.get(), offset, origin) == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

int take_progress(
    void* user, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up) {
  auto& exchange = *static_cast<Exchange*>(user);
  const bool is_upload = exchange.from != nullptr;
  if (exchange.call->transferred)
    exchange.call->transferred(static_cast<std::uint64_t>(is_upload ? up : down),
                               static_cast<std::uint64_t>(is_upload ? up_total : down_total));
  return was_interrupted() ? 1 : 0;
}

bool is_loopback(const std::string& url) {
  const auto from = url.find("://");
  const std::string_view host =
      std::string_view(url).substr(from == std::string::npos ? 0 : from + 3);
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

Result<> open_files(const HttpCall& call, Exchange& exchange) {
  if (!call.upload.empty()) {
    exchange.from.reset(std::fopen(call.upload.c_str(), "rb"));
    if (!exchange.from)
      return Error{
          Errc::io,
          fmt::format("{} cannot be read: {}", call.upload.string(), std::strerror(errno))};
  }
  if (!call.download.empty()) {
    exchange.to.reset(std::fopen(call.download.c_str(), "wb"));
    if (!exchange.to)
      return Error{
          Errc::io,
          fmt::format("{} cannot be written: {}", call.download.string(), std::strerror(errno))};
  }
  return {};
}

void set_body(CURL* curl, const HttpCall& call, Exchange& exchange) {
  if (exchange.from) {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    const auto size = std::filesystem::file_size(call.upload);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(curl, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_body);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, &exchange);
  } else if (call.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  // On a connection that it uses again libcurl repeats by itself what had no answer, and a change
  // that may have been made must not be taken for one that was not.
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, call.method == "GET" ? 0L : 1L);
}

void set_limits(CURL* curl, const HttpCall& call) {
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  const auto timeout = static_cast<long>(call.timeout.value_or(kTimeout).count());
  if (call.upload.empty() && call.download.empty()) {
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout);
    return;
  }
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, std::max(timeout / 1000, 1L));
}

Error failure_of(CURLcode code, const Exchange& exchange) {
  const std::string& url = exchange.call->url;
  if (exchange.is_disk_full)
    return {
        Errc::io,
        fmt::format("{} cannot be written: is the disk full?", exchange.call->download.string())};
  if (exchange.is_too_large)
    return {Errc::too_large, fmt::format("{} answered with more than 256 MiB", url)};
  if (was_interrupted()) return {Errc::timed_out, "interrupted while waiting for " + url};
  const char* words = curl_easy_strerror(code);
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
    return {Errc::invalid_argument,
            fmt::format("--url {}: {}; write it like http://127.0.0.1:8400", url, words)};
  if (code == CURLE_ABORTED_BY_CALLBACK)
    return {Errc::io,
            fmt::format("{} could not be read to its end", exchange.call->upload.string())};
  curl_off_t connected = 0;
  curl_easy_getinfo(exchange.curl, CURLINFO_CONNECT_TIME_T, &connected);
  const bool was_sent = code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST &&
                        (code != CURLE_OPERATION_TIMEDOUT || connected > 0);
  if (was_sent)
    return {Errc::timed_out, fmt::format("the connection to {} was lost: {}", url, words)};
  return {Errc::unavailable, fmt::format("no node answers at {}: {}", url, words)};
}

}  // namespace

struct HttpClient::State {
  CURL* curl = curl_easy_init();

  ~State() { curl_easy_cleanup(curl); }
};

HttpClient::HttpClient() {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(kReady);
  state_ = std::make_unique<State>();
}

HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<HttpAnswer> HttpClient::send(const HttpCall& call) {
  CURL* curl = state_->curl;
  if (curl == nullptr) return Error{Errc::io, "libcurl could not start: out of memory"};
  curl_easy_reset(curl);  // keeps the connections
  Exchange exchange;
  exchange.call = &call;
  exchange.curl = curl;
  if (const auto opened = open_files(call, exchange); !opened) return opened.error();
  HeaderList headers;
  for (const auto& header : call.headers)
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  curl_easy_setopt(curl, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "starling");
  if (is_loopback(call.url)) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  set_body(curl, call, exchange);
  set_limits(curl, call);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, take_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return failure_of(code, exchange);
  if (exchange.to && std::fflush(exchange.to.get()) != 0)
    return Error{
        Errc::io,
        fmt::format("{} cannot be written: {}", call.download.string(), std::strerror(errno))};
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange.answer.status);
  return std::move(exchange.answer);
}

std::string HttpAnswer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

namespace {

Errc code_of_status(long status) {
  switch (status) {
    case 401: return Errc::unauthorized;
    case 404: return Errc::not_found;
    case 409: return Errc::conflict;
    case 413: return Errc::too_large;
    case 429:
    case 503: return Errc::unavailable;
    case 504: return Errc::timed_out;
    default: return status >= 500 ? Errc::io : Errc::invalid_argument;
  }
}

std::optional<Errc> code_of_name(const std::string& name) {
  constexpr std::array kAll = {Errc::invalid_argument,
                               Errc::not_found,
                               Errc::not_leader,
                               Errc::timed_out,
                               Errc::unavailable,
                               Errc::corrupt,
                               Errc::io,
                               Errc::conflict,
                               Errc::too_large,
                               Errc::unauthorized,
                               Errc::unsupported};
  for (const Errc code : kAll)
    if (to_string(code) == name) return code;
  return std::nullopt;
}

}  // namespace

Error error_of(const HttpAnswer& answer) {
  const Json problem = Json::parse(answer.body, nullptr, false);
  Error error{code_of_name(text_field(problem, "code")).value_or(code_of_status(answer.status)),
              text_field(problem, "detail")};
  if (error.detail.empty())
    error.detail = fmt::format("the node answered with status {}", answer.status);
  const std::string name = text_field(problem, "field");
  if (!name.empty() && error.detail.find(name) == std::string::npos)
    error.detail = name + ": " + error.detail;
  return error;
}

std::string url_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~';
    encoded += is_plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return encoded;
}

}  // namespace starling::bootstrap
