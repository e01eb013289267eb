/// A server whose every answer the test writes itself: also none, and half of one.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace starling::tests {

struct FakeRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  ///< Names in lower case.
  std::string body;
};

struct FakeAnswer {
  unsigned status = 200;
  std::string body = "{}";
  std::map<std::string, std::string> headers = {};
  bool hangs_up = false;    ///< Closes the connection instead of answering.
  bool stays_open = false;  ///< The next request may come on the same connection.
};

/// Answers on a thread of its own, until destroyed: one request per connection, unless it stays
/// open.
class FakeServer {
 public:
  using Answer = std::function<FakeAnswer(const FakeRequest&)>;

  explicit FakeServer(Answer answer);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  std::string url() const;

  /// What has arrived so far.
  std::vector<FakeRequest> requests() const;

  /// From now on connections are refused.
  void stop();

 private:
  struct State;
  struct Connection;
  void serve();
  bool serve_one(Connection& connection);

  Answer answer_;
  std::unique_ptr<State> state_;
  mutable std::mutex mutex_;
  std::vector<FakeRequest> requests_;
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

}  // namespace starling::tests
