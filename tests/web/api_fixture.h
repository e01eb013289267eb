/// An API on a free port, over a FakeNode, with one valid token.
#pragma once

#include "tests/web/fake_node.h"
#include "tests/web/running_server.h"
#include "tests/web/test_client.h"
#include "web/api/api.h"
#include "web/api/auth.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace starling::tests {

inline constexpr std::string_view kToken = "a-token-of-the-tests";

/// Enough rows for a study.
inline const std::string kCsv = [] {
  std::string csv = "age,smoker,charges\n";
  for (int row = 0; row < 40; ++row) {
    csv +=
        fmt::format("{},{},{}.25\n", 19 + row % 17, row % 3 == 0 ? "yes" : "no", 1000 + 37 * row);
  }
  return csv;
}();

class ApiTest : public testing::Test {
 protected:
  ApiTest() { node.apply(ml::CommandBody{ml::AddToken{hash_of(to_bytes(kToken))}}); }

  /// Call it once per test, after changing `options`.
  void start() {
    server.emplace();
    host = fmt::format("127.0.0.1:{}", server->port());
    options.hosts = web::own_hosts(host, "");
    api = std::make_unique<web::Api>(server->context().get_executor(), node, options);
    node.on_applied = [this](LogIndex index) { api->notify_applied(index); };
    server->start(api->handler());
  }

  ~ApiTest() override { server.reset(); }

  static std::string auth() { return fmt::format("Authorization: Bearer {}\r\n", kToken); }

  Reply get(std::string_view target, std::string_view extra = {}) {
    return ask(server->port(), request_text("GET", target, host, auth().append(extra)));
  }

  Reply send(std::string_view method,
             std::string_view target,
             std::string_view body = {},
             std::string_view extra = {}) {
    return ask(server->port(), request_text(method, target, host, auth().append(extra), body));
  }

  Reply post_json(std::string_view target, std::string_view body, std::string extra = {}) {
    return send("POST", target, body, extra + "Content-Type: application/json\r\n");
  }

  static nlohmann::json parsed(const Reply& reply) {
    return nlohmann::json::parse(reply.body, nullptr, false);
  }

  std::string upload(std::string_view name = "people") {
    const Reply reply = send("POST", fmt::format("/api/v1/datasets?name={}", name), kCsv);
    EXPECT_EQ(reply.status, 201U) << reply.body;
    return parsed(reply).value("id", "");
  }

  std::string create_study() {
    const Reply reply =
        post_json("/api/v1/studies", R"({"dataset":"people","target":"charges","trials":3})");
    EXPECT_EQ(reply.status, 202U) << reply.body;
    return parsed(reply).value("id", "");
  }

  FakeNode node;
  web::ApiOptions options;
  std::string host;
  std::unique_ptr<web::Api> api;
  std::optional<RunningServer> server;
};

}  // namespace starling::tests
