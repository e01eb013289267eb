#include "bootstrap/client/swarm_client.h"
#include "bootstrap/client/temporary_folder.h"
#include "tests/bootstrap/client_fake_server.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace starling::bootstrap {
namespace {

using tests::FakeAnswer;
using tests::FakeRequest;
using tests::FakeServer;

constexpr RetryPlan kQuick{.attempts = 4, .pause = std::chrono::milliseconds(1)};

std::unique_ptr<TemporaryFolder> folder() {
  return std::move(TemporaryFolder::make().value());
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

FakeAnswer problem(unsigned status, const std::string& code, const std::string& detail) {
  return {.status = status,
          .body = Json({{"status", status}, {"code", code}, {"detail", detail}}).dump(),
          .headers = {{"Content-Type", "application/problem+json"}}};
}

/// An address where nobody listens any more.
std::string dead_url() {
  return FakeServer([](const FakeRequest&) { return FakeAnswer(); }).url();
}

TEST(ClientHttp, the_token_and_what_was_written_before_travel_along) {
  FakeServer server([](const FakeRequest&) {
    return FakeAnswer{.body = R"({"id":"s-1"})", .headers = {{"Starling-Index", "42"}}};
  });
  SwarmClient client(server.url() + "/", "secret", kQuick);
  EXPECT_EQ(text_field(client.post("/api/v1/studies", {{"a", 1}}).value(), "id"), "s-1");
  ASSERT_TRUE(client.get("/api/v1/studies"));
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].headers.at("authorization"), "Bearer secret");
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/json");
  EXPECT_EQ(requests[0].body, R"({"a":1})");
  EXPECT_EQ(requests[0].headers.count("starling-min-index"), 0u);
  EXPECT_EQ(requests[1].headers.at("starling-min-index"), "42");
  EXPECT_EQ(requests[1].headers.count("idempotency-key"), 0u);
}

TEST(ClientHttp, a_problem_becomes_an_error_with_its_words) {
  FakeServer server([](const FakeRequest&) {
    return problem(422, "invalid_argument", "no column \"chrages\" in this table");
  });
  SwarmClient client(server.url(), "", kQuick);
  const auto answer = client.post("/api/v1/studies", Json::object());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::invalid_argument);
  EXPECT_EQ(answer.error().detail, "no column \"chrages\" in this table");
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(ClientHttp, a_command_with_unknown_outcome_is_sent_again_with_the_same_key) {
  std::atomic<int> count = 0;
  FakeServer server([&](const FakeRequest&) {
    const int now = ++count;
    if (now == 1) return problem(503, "timed_out", "outcome unknown");
    if (now == 2) return FakeAnswer{.hangs_up = true};
    return FakeAnswer{.status = 202, .body = R"({"id":"s-2"})"};
  });
  SwarmClient client(server.url(), "", kQuick);
  EXPECT_EQ(text_field(client.post("/api/v1/studies", Json::object()).value(), "id"), "s-2");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3u);
  const std::string key = requests[0].headers.at("idempotency-key");
  EXPECT_FALSE(key.empty());
  EXPECT_EQ(requests[1].headers.at("idempotency-key"), key);
  EXPECT_EQ(requests[2].headers.at("idempotency-key"), key);
}

TEST(ClientHttp, two_commands_have_two_keys) {
  FakeServer server([](const FakeRequest&) { return FakeAnswer(); });
  SwarmClient client(server.url(), "", kQuick);
  ASSERT_TRUE(client.post("/a", Json::object()));
  ASSERT_TRUE(client.erase("/a"));
  const auto requests = server.requests();
  EXPECT_NE(requests[0].headers.at("idempotency-key"), requests[1].headers.at("idempotency-key"));
}

TEST(ClientHttp, what_stays_unknown_is_said_to_be_unknown) {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{.hangs_up = true}; });
  SwarmClient client(server.url(), "", kQuick);
  const auto answer = client.post("/api/v1/studies", Json::object());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::timed_out);
  EXPECT_NE(answer.error().detail.find("outcome is unknown"), std::string::npos);
  EXPECT_EQ(server.requests().size(), 4u);
}

TEST(ClientHttp, a_change_is_sent_once_also_after_a_connection_that_stayed_open) {
  FakeServer server([](const FakeRequest& request) {
    return request.method == "GET" ? FakeAnswer{.stays_open = true} : FakeAnswer{.hangs_up = true};
  });
  HttpClient client;
  HttpCall call;
  call.url = server.url() + "/a";
  ASSERT_TRUE(client.send(call));
  call.method = "POST";
  const auto answer = client.send(call);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::timed_out) << answer.error().detail;
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST(ClientHttp, an_address_where_nobody_listens_is_unavailable_at_once) {
  const std::string url = dead_url();
  SwarmClient client(url, "");
  const auto answer = client.post("/api/v1/studies", Json::object());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_NE(answer.error().detail.find(url), std::string::npos) << answer.error().detail;
}

TEST(ClientHttp, a_wrong_address_is_named) {
  SwarmClient client("ftp://127.0.0.1", "");
  const auto answer = client.get("/api/v1/swarm");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::invalid_argument);
  EXPECT_NE(answer.error().detail.find("ftp://127.0.0.1"), std::string::npos);
}

TEST(ClientHttp, files_are_streamed_up_with_their_length_and_down_in_one_step) {
  const auto place = folder();
  const auto file = place->path() / "rows.csv";
  const std::string rows(300'000, 'x');
  std::ofstream(file, std::ios::binary) << rows;
  FakeServer server([&](const FakeRequest& request) {
    if (request.method == "POST") return FakeAnswer{.status = 201, .body = R"({"id":"d-1"})"};
    return FakeAnswer{.body = "zip bytes"};
  });
  SwarmClient client(server.url(), "", kQuick);
  std::uint64_t sent = 0;
  const auto note = [&](std::uint64_t done, std::uint64_t) { sent = done; };
  ASSERT_TRUE(client.upload("/api/v1/datasets?name=a", file, note));
  EXPECT_EQ(sent, rows.size());
  EXPECT_EQ(server.requests()[0].body, rows);
  EXPECT_EQ(server.requests()[0].headers.at("content-length"), "300000");
  ASSERT_TRUE(client.download("/download", place->path() / "m.zip"));
  EXPECT_EQ(content_of(place->path() / "m.zip"), "zip bytes");
}

TEST(ClientHttp, a_refused_download_leaves_no_file) {
  const auto place = folder();
  FakeServer server([](const FakeRequest&) { return problem(404, "not_found", "no version 7"); });
  SwarmClient client(server.url(), "", kQuick);
  const auto done = client.download("/download", place->path() / "m.zip");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().detail, "no version 7");
  EXPECT_TRUE(std::filesystem::is_empty(place->path()));
}

}  // namespace
}  // namespace starling::bootstrap
