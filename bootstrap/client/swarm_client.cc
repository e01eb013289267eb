#include "bootstrap/client/swarm_client.h"

#include "bootstrap/client/interrupt.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace starling::bootstrap {
namespace {

std::string without_last_slash(std::string url) {
  while (url.ends_with('/'))
    url.pop_back();
  return url;
}

std::string fresh_key() {
  return to_hex(secure_random_bytes(16));
}

/// A call that changes something: it may be sent again under the same key.
HttpCall command(const std::string& method, const std::string& content_type) {
  HttpCall request;
  request.method = method;
  request.headers = {"Content-Type: " + content_type, "Idempotency-Key: " + fresh_key()};
  return request;
}

/// What one attempt has shown about the call.
enum class Outcome { final, not_done, unknown };

Outcome outcome_of(const Result<HttpAnswer>& answer) {
  if (!answer) {
    if (answer.error().code == Errc::unavailable) return Outcome::not_done;
    return answer.error().code == Errc::timed_out ? Outcome::unknown : Outcome::final;
  }
  if (answer->status == 429) return Outcome::not_done;
  if (answer->status != 503 && answer->status != 504) return Outcome::final;
  return error_of(*answer).code == Errc::timed_out ? Outcome::unknown : Outcome::not_done;
}

/// A call that changes something carries a key, so that it can be sent again.
bool is_command(const HttpCall& request) {
  return std::ranges::any_of(request.headers, [](const std::string& header) {
    return header.starts_with("Idempotency-Key:");
  });
}

Error give_up(const Result<HttpAnswer>& last, bool is_unknown) {
  const Error error = last ? error_of(*last) : last.error();
  if (!is_unknown) return error;
  return {Errc::timed_out, "the outcome is unknown, look before you try again: " + error.detail};
}

Error explained(Error error) {
  if (error.code == Errc::unauthorized)
    error.detail += " (give the token with --token-file DIR/admin-token, DIR of the founding node)";
  return error;
}

}  // namespace

SwarmClient::SwarmClient(std::string url, std::string token, RetryPlan plan)
    : url_(without_last_slash(std::move(url))), token_(std::move(token)), plan_(plan) {}

bool SwarmClient::move_on() {
  if (others_.empty()) return false;
  const std::string from = url_;
  others_.push_back(from);
  url_ = others_.front();
  others_.erase(others_.begin());
  if (moved_) moved_(from, url_);
  return true;
}

Result<HttpAnswer> SwarmClient::call(HttpCall request, const std::string& path) {
  if (!request.timeout) request.timeout = plan_.timeout;
  if (!token_.empty()) request.headers.push_back("Authorization: Bearer " + token_);
  if (request.method == "GET" && written_index_ > 0)
    request.headers.push_back(fmt::format("Starling-Min-Index: {}", written_index_));
  bool is_unknown = false;
  auto pause = plan_.pause;
  const int attempts = plan_.attempts + static_cast<int>(others_.size());
  for (int attempt = 1;; ++attempt) {
    request.url = url_ + path;
    auto answer = http_.send(request);
    const Outcome outcome = outcome_of(answer);
    if (outcome == Outcome::final) return answer;
    is_unknown = is_unknown || (outcome == Outcome::unknown && is_command(request));
    const bool has_moved = !answer && move_on();
    const bool is_hopeless = outcome == Outcome::not_done && !answer && !has_moved && !is_unknown;
    if (attempt >= attempts || is_hopeless || was_interrupted()) return give_up(answer, is_unknown);
    if (has_moved) continue;
    if (!pause_for(pause)) return give_up(answer, is_unknown);
    pause *= 2;
  }
}

Result<Json> SwarmClient::call_json(HttpCall request, const std::string& path) {
  const auto answer = call(std::move(request), path);
  if (!answer) return answer.error();
  if (!answer->is_success()) return explained(error_of(*answer));
  const std::string index = answer->header("starling-index");
  std::uint64_t written = 0;
  std::from_chars(index.data(), index.data() + index.size(), written);
  written_index_ = std::max(written_index_, written);
  Json json = Json::parse(answer->body, nullptr, false);
  if (json.is_discarded())
    return Error{Errc::corrupt,
                 fmt::format("{}{} answered with something that is not JSON: is this a Starling "
                             "node?",
                             url_,
                             path)};
  return as_result(std::move(json));
}

Result<Json> SwarmClient::get(const std::string& path) {
  HttpCall request;
  return call_json(std::move(request), path);
}

Result<Json> SwarmClient::post(const std::string& path, const Json& body) {
  HttpCall request = command("POST", "application/json");
  request.body = body.dump();
  return call_json(std::move(request), path);
}

Result<Json> SwarmClient::erase(const std::string& path) {
  HttpCall request;
  request.method = "DELETE";
  request.headers = {"Idempotency-Key: " + fresh_key()};
  return call_json(std::move(request), path);
}

Result<Json> SwarmClient::upload(const std::string& path,
                                 const std::filesystem::path& file,
                                 const Transferred& transferred) {
  HttpCall request = command("POST", "text/csv");
  request.upload = file;
  request.transferred = transferred;
  return call_json(std::move(request), path);
}

Result<Json> SwarmClient::put_file(const std::string& path, const std::filesystem::path& file) {
  HttpCall request = command("PUT", "application/octet-stream");
  request.upload = file;
  return call_json(std::move(request), path);
}

Result<Json> SwarmClient::post_bytes(const std::string& path, std::string bytes) {
  HttpCall request = command("POST", "application/octet-stream");
  request.body = std::move(bytes);
  return call_json(std::move(request), path);
}

Result<Json> SwarmClient::put(const std::string& path, std::string bytes) {
  HttpCall request = command("PUT", "application/octet-stream");
  request.body = std::move(bytes);
  return call_json(std::move(request), path);
}

Result<Json> SwarmClient::put_new(const std::string& path, std::string bytes) {
  HttpCall request = command("PUT", "application/octet-stream");
  request.headers.emplace_back("If-None-Match: *");
  request.body = std::move(bytes);
  return call_json(std::move(request), path);
}

Result<> SwarmClient::download(const std::string& path,
                               const std::filesystem::path& file,
                               const Transferred& transferred) {
  HttpCall request;
  request.download = file.string() + ".part";
  request.transferred = transferred;
  const auto part = request.download;
  const auto answer = call(std::move(request), path);
  std::error_code ignored;
  if (!answer || !answer->is_success()) std::filesystem::remove(part, ignored);
  if (!answer) return answer.error();
  if (!answer->is_success()) return explained(error_of(*answer));
  std::error_code failure;
  std::filesystem::rename(part, file, failure);
  if (failure)
    return Error{Errc::io,
                 fmt::format("{} cannot be written: {}", file.string(), failure.message())};
  return {};
}

Result<Json> SwarmClient::ask(const std::string& path, const Json& body) {
  HttpCall request;
  request.method = "POST";
  request.body = body.dump();
  request.headers = {"Content-Type: application/json"};
  return call_json(std::move(request), path);
}

Result<std::string> SwarmClient::ask_csv(const std::string& path, std::string csv) {
  HttpCall request;
  request.method = "POST";
  request.body = std::move(csv);
  request.headers = {"Content-Type: text/csv", "Accept: text/csv"};
  request.timeout = std::chrono::minutes(5);
  const auto answer = call(std::move(request), path);
  if (!answer) return answer.error();
  if (!answer->is_success()) return explained(error_of(*answer));
  return answer->body;
}

Result<Json> SwarmClient::learn_members() {
  const auto swarm = get("/api/v1/swarm");
  if (!swarm) return swarm.error();
  others_.clear();
  for (const Json& member : field(*swarm, "members")) {
    const std::string url = without_last_slash(text_field(member, "http"));
    const bool can_answer = text_field(member, "state") == "alive" && url.starts_with("http");
    const bool is_this_one = url == url_ || text_field(member, "id") == text_field(*swarm, "self");
    if (can_answer && !is_this_one) others_.push_back(url);
  }
  return swarm;
}

}  // namespace starling::bootstrap
