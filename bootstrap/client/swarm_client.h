/// The API of a swarm, whichever of its nodes lives: JSON calls that are sent again when they may
/// be, with the same Idempotency-Key, and to another member when the node is gone.
#pragma once

#include "bootstrap/client/http_client.h"
#include "bootstrap/client/json_access.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace starling::bootstrap {

struct RetryPlan {
  int attempts = 4;
  std::chrono::milliseconds pause{200};       ///< Doubles with every attempt.
  std::chrono::milliseconds timeout{30'000};  ///< For an answer.
};

class SwarmClient {
 public:
  SwarmClient(std::string url, std::string token, RetryPlan plan = {});

  /// Called when the client turns from one member to another.
  using Moved = std::function<void(const std::string& from, const std::string& to)>;

  void on_move(Moved moved) { moved_ = std::move(moved); }

  /// Paths are like "/api/v1/studies". Each call reads what this client has written before.
  /// Errors: those of the API; `unavailable` (nothing was done), `timed_out` (outcome unknown).
  Result<Json> get(const std::string& path);
  Result<Json> post(const std::string& path, const Json& body);
  Result<Json> erase(const std::string& path);
  Result<Json> upload(const std::string& path,
                      const std::filesystem::path& file,
                      const Transferred& transferred = {});
  /// A file under a name that says what it is: it may be sent again.
  Result<Json> put_file(const std::string& path, const std::filesystem::path& file);
  Result<Json> post_bytes(const std::string& path, std::string bytes);

  Result<Json> put(const std::string& path, std::string bytes);

  /// Only if nothing is there yet; otherwise `conflict`.
  Result<Json> put_new(const std::string& path, std::string bytes);
  Result<> download(const std::string& path,
                    const std::filesystem::path& file,
                    const Transferred& transferred = {});

  /// A POST that changes nothing, like a prediction.
  Result<Json> ask(const std::string& path, const Json& body);
  Result<std::string> ask_csv(const std::string& path, std::string csv);

  /// Remembers where the other members answer, for when this one does not.
  Result<Json> learn_members();

  const std::string& url() const { return url_; }

 private:
  Result<HttpAnswer> call(HttpCall request, const std::string& path);
  Result<Json> call_json(HttpCall request, const std::string& path);
  bool move_on();

  HttpClient http_;
  std::string url_;
  std::string token_;
  RetryPlan plan_;
  Moved moved_;
  std::vector<std::string> others_;  ///< Next to try first.
  std::uint64_t written_index_ = 0;
};

}  // namespace starling::bootstrap
