#include "tests/web/running_server.h"
#include "tests/web/test_client.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>

namespace starling::web {
namespace {

using namespace std::chrono_literals;
using tests::ask;
using tests::Reply;
using tests::request_text;
using tests::RunningServer;
using tests::TestClient;

std::atomic<int> streams_open{0};

struct StreamCount {
  StreamCount() { ++streams_open; }

  ~StreamCount() { --streams_open; }
};

asio::awaitable<void> count_up(StreamWriter& writer) {
  const StreamCount counted;
  for (int i = 0; i < 3; ++i) {
    const auto sent = co_await writer.write(std::to_string(i) + "\n");
    if (!sent) co_return;
  }
}

asio::awaitable<void> never_end(StreamWriter& writer) {
  const StreamCount counted;
  const auto sent = co_await writer.write("first\n");
  if (!sent) co_return;
  asio::steady_timer forever{co_await asio::this_coro::executor, 24h};
  co_await forever.async_wait(asio::use_awaitable);
}

Response text_response(std::string text) {
  Response response;
  response.set("Content-Type", "text/plain");
  response.body = std::move(text);
  return response;
}

/// What each path does is its name.
asio::awaitable<Response> handle(const Request& request, BodyReader& body) {
  const std::string& path = request.target.path;
  if (path == "/echo") {
    auto text = co_await body.read_all(1'000'000);
    if (!text) co_return problem(413, to_string(text.error().code), text.error().detail);
    co_return text_response(request.method + ":" + *text);
  }
  if (path == "/ignore-body") co_return text_response("ignored");
  if (path == "/throw") throw std::runtime_error("on purpose");
  if (path == "/count" || path == "/forever") {
    Response response;
    response.body = StreamBody{path == "/count" ? &count_up : &never_end};
    co_return response;
  }
  if (path == "/file") {
    Response response;
    response.body = FileBody{request.target.find("path").value_or("")};
    co_return response;
  }
  if (path == "/broken-header") {
    Response response = text_response("x");
    response.set("X-Name", "a\r\nX-Evil: yes");
    co_return response;
  }
  co_return problem(404, "not_found", "nothing here");
}

std::string get(std::string_view target, std::string_view extra = {}) {
  return request_text("GET", target, "localhost", extra);
}

template <class Condition>
bool becomes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(HttpServer, AnswersSeveralPipelinedRequestsInOrderOnOneConnection) {
  RunningServer server{&handle};
  TestClient client{server.port()};
  client.send(request_text("POST", "/echo", "h", "", "one") + get("/nothing") +
              request_text("PUT", "/echo", "h", "", "two"));
  EXPECT_EQ(client.read_reply().body, "POST:one");
  EXPECT_EQ(client.read_reply().status, 404U);
  EXPECT_EQ(client.read_reply().body, "PUT:two");
}

TEST(HttpServer, ReadsAChunkedBody) {
  RunningServer server{&handle};
  const Reply reply = ask(server.port(),
                          "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(reply.body, "POST:abcde");
}

TEST(HttpServer, AsksForTheBodyOfAClientThatExpectsContinue) {
  RunningServer server{&handle};
  TestClient client{server.port()};
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  EXPECT_EQ(client.read_reply().body, "POST:abc");
}

TEST(HttpServer, RefusesABodyOverTheLimitWithoutReadingIt) {
  RunningServer server{&handle};
  TestClient client{server.port()};
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n");
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 413U);
  EXPECT_NE(reply.body.find("1000000"), std::string::npos) << reply.body;
  EXPECT_EQ(reply.headers.at("connection"), "close");
}

TEST(HttpServer, LetsARefusedClientFinishSendingSoThatItSeesTheAnswer) {
  RunningServer server{&handle};
  TestClient client{server.port()};
  const std::string body(20'000'000, 'x');
  EXPECT_TRUE(client.send(request_text("POST", "/echo", "h", "", body)));
  EXPECT_EQ(client.read_reply().status, 413U);
}

TEST(HttpServer, EndsTheConnectionWhenTheHandlerLeftTheBody) {
  RunningServer server{&handle};
  TestClient client{server.port()};
  client.send(request_text("POST", "/ignore-body", "h", "", "something"));
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.body, "ignored");
  EXPECT_EQ(reply.headers.at("connection"), "close");
}

TEST(HttpServer, RefusesAHeaderOverTheLimit) {
  RunningServer server{&handle};
  const Reply reply =
      ask(server.port(), get("/echo", "X-Long: " + std::string(70'000, 'a') + "\r\n"));
  EXPECT_EQ(reply.status, 431U);
}

TEST(HttpServer, RefusesWhatIsNotHttp) {
  RunningServer server{&handle};
  for (const char* text :
       {"hello\r\n\r\n",
        "GET noslash HTTP/1.1\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nBad Name: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    const Reply reply = ask(server.port(), text);
    EXPECT_EQ(reply.status, 400U) << text;
    EXPECT_EQ(reply.headers.at("content-type"), "application/problem+json") << text;
  }
}

TEST(HttpServer, RefusesABrokenChunk) {
  RunningServer server{&handle};
  const Reply reply = ask(
      server.port(), "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  EXPECT_EQ(reply.status, 413U);  // The handler of this test answers every body error so.
  EXPECT_NE(reply.body.find("invalid_argument"), std::string::npos) << reply.body;
}

TEST(HttpServer, AnswersAFailingHandlerWith500AndLivesOn) {
  RunningServer server{&handle};
  TestClient client{server.port()};
  client.send(get("/throw"));
  const auto body = nlohmann::json::parse(client.read_reply().body);
  EXPECT_EQ(body["status"], 500);
  EXPECT_EQ(body["detail"].get<std::string>().find("on purpose"), std::string::npos);
  client.send(request_text("POST", "/echo", "h", "", "still here"));
  EXPECT_EQ(client.read_reply().body, "POST:still here");
}

TEST(HttpServer, NeverLetsAValueBreakOutOfItsHeader) {
  RunningServer server{&handle};
  const Reply reply = ask(server.port(), get("/broken-header"));
  EXPECT_EQ(reply.status, 200U);
  EXPECT_FALSE(reply.headers.contains("x-evil"));
}

TEST(HttpServer, SendsAFileInPiecesAndOnlyItsHeadForHead) {
  const auto path = std::filesystem::path{testing::TempDir()} / "http_server_test_file";
  std::string content;
  for (int i = 0; i < 100'000; ++i)
    content += std::to_string(i);
  std::ofstream{path, std::ios::binary} << content;
  RunningServer server{&handle};
  TestClient client{server.port()};
  const std::string target = "/file?path=" + path.string();
  client.send(request_text("HEAD", target, "h"));
  const Reply head = client.read_reply(false);
  EXPECT_EQ(head.headers.at("content-length"), std::to_string(content.size()));
  client.send(get(target));
  EXPECT_EQ(client.read_reply().body, content);
  client.send(get("/file?path=/nowhere/at/all"));
  EXPECT_EQ(client.read_reply().status, 404U);
  std::filesystem::remove(path);
}

TEST(HttpServer, StreamsUntilTheHandlerReturns) {
  RunningServer server{&handle};
  EXPECT_EQ(ask(server.port(), get("/count")).body, "0\n1\n2\n");
}

TEST(HttpServer, EndsTheHandlerOfAStreamWhoseClientWentAway) {
  streams_open = 0;
  RunningServer server{&handle};
  TestClient client{server.port()};
  client.send(get("/forever"));
  EXPECT_EQ(client.read_head().status, 200U);
  EXPECT_EQ(client.read_until("\n"), "first\n");
  EXPECT_EQ(streams_open, 1);
  client.close();
  EXPECT_TRUE(becomes_true([] { return streams_open == 0; }));
}

TEST(HttpServer, ClosesIdleAndSlowClients) {
  HttpLimits limits;
  limits.idle = 100ms;
  limits.header = 100ms;
  limits.piece = 100ms;
  RunningServer server{&handle, limits};
  for (const char* text :
       {"", "GET /ech", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"}) {
    TestClient client{server.port()};
    client.send(text);
    EXPECT_TRUE(client.is_closed_by_server()) << text;
  }
}

TEST(HttpServer, TurnsAwayClientsOverTheLimitAndServesThemOnceOneLeft) {
  HttpLimits limits;
  limits.connections = 2;
  RunningServer server{&handle, limits};
  TestClient first{server.port()};
  TestClient second{server.port()};
  for (TestClient* client : {&first, &second}) {
    client->send(request_text("POST", "/echo", "h", "", "x"));
    EXPECT_EQ(client->read_reply().status, 200U);
  }
  TestClient third{server.port()};
  EXPECT_EQ(third.read_reply().status, 503U);
  first.close();
  EXPECT_TRUE(becomes_true([&] {
    TestClient again{server.port()};
    again.send(request_text("POST", "/echo", "h", "", "x"));
    return again.read_reply().status == 200;
  }));
}

TEST(HttpServer, StopsWithStreamsAndIdleConnectionsOpen) {
  streams_open = 0;
  auto server = std::make_unique<RunningServer>(&handle);
  TestClient idle{server->port()};
  TestClient streaming{server->port()};
  streaming.send(get("/forever"));
  EXPECT_EQ(streaming.read_head().status, 200U);
  server.reset();
  EXPECT_EQ(streams_open, 0);
  EXPECT_TRUE(idle.is_closed_by_server());
}

}  // namespace
}  // namespace starling::web
