#include "ml/study/registers.h"

#include "tests/web/api_fixture.h"

namespace starling::tests {
namespace {

using nlohmann::json;

constexpr const char* kPath = "/api/v1/registers/lock-1";

std::string if_match(const std::string& tag) {
  return "If-Match: " + tag + "\r\n";
}

const std::string kIfNew = "If-None-Match: *\r\n";

TEST_F(ApiTest, KeepsBytesUnderAKeyWithAVersion) {
  start();
  const std::string bytes{"\0\xff raw", 6};
  const Reply put = send("PUT", kPath, bytes);
  ASSERT_EQ(put.status, 201U) << put.body;
  const std::string tag = put.headers.at("etag");
  EXPECT_EQ(tag, fmt::format("\"{}\"", node.applied().value));
  EXPECT_EQ(put.headers.at("starling-index"), std::to_string(node.applied().value));
  EXPECT_EQ(json::parse(put.body),
            (json{{"key", "lock-1"}, {"version", node.applied().value}, {"bytes", bytes.size()}}));

  const Reply got = get(kPath);
  EXPECT_EQ(got.status, 200U);
  EXPECT_EQ(got.body, bytes);
  EXPECT_EQ(got.headers.at("etag"), tag);
  EXPECT_EQ(got.headers.at("content-type"), "application/octet-stream");
  EXPECT_EQ(get(kPath, "If-None-Match: " + tag + "\r\n").status, 304U);

  const Reply again = send("PUT", kPath, "");
  EXPECT_EQ(again.status, 200U) << "it was there already";
  EXPECT_EQ(get(kPath).body, "");
  EXPECT_EQ(json::parse(get("/api/v1/registers").body)["registers"],
            json::parse(fmt::format(R"([{{"key":"lock-1","version":{},"bytes":0}}])",
                                    node.applied().value)));
}

TEST_F(ApiTest, WritesARegisterOnlyIfTheConditionHolds) {
  start();
  const Reply first = send("PUT", kPath, "a", kIfNew);
  ASSERT_EQ(first.status, 201U);
  const std::string tag = first.headers.at("etag");
  const Reply taken = send("PUT", kPath, "b", kIfNew);
  EXPECT_EQ(taken.status, 412U);
  EXPECT_EQ(taken.headers.at("etag"), tag);
  EXPECT_EQ(taken.headers.at("content-type"), "application/problem+json");
  EXPECT_NE(json::parse(taken.body)["detail"].get<std::string>().find(
                "has version " + tag.substr(1, tag.size() - 2)),
            std::string::npos);
  const Reply second = send("PUT", kPath, "b", if_match(tag));
  EXPECT_EQ(second.status, 200U);
  EXPECT_EQ(send("PUT", kPath, "c", if_match(tag)).status, 412U);
  EXPECT_EQ(get(kPath).body, "b");

  EXPECT_EQ(send("DELETE", kPath, "", if_match(tag)).status, 412U);
  EXPECT_EQ(send("DELETE", kPath, "", if_match(second.headers.at("etag"))).status, 200U);
  EXPECT_EQ(get(kPath).status, 404U);
  EXPECT_EQ(send("DELETE", kPath).status, 404U);
  const Reply gone = send("PUT", kPath, "d", if_match(tag));
  EXPECT_EQ(gone.status, 412U) << "it does not exist any more";
  EXPECT_FALSE(gone.headers.contains("etag"));
}

TEST_F(ApiTest, RefusesRegistersThatAreNoneWithTheReason) {
  start();
  const Reply key = send("PUT", "/api/v1/registers/a%20b", "x");
  EXPECT_EQ(key.status, 422U);
  EXPECT_EQ(json::parse(key.body)["field"], "key");
  EXPECT_EQ(send("PUT", "/api/v1/registers/%FF", "x").status, 422U);
  EXPECT_EQ(send("DELETE", "/api/v1/registers/%FF").status, 422U);
  EXPECT_EQ(send("PUT", "/api/v1/registers/" + std::string(129, 'k'), "x").status, 422U);
  EXPECT_EQ(send("PUT", kPath, std::string(ml::kRegisterValueMax + 1, 'x')).status, 413U);
  for (const char* tag : {"5", "\"0\"", "\"x\"", "*", "W/\"5\"", "\"\""})
    EXPECT_EQ(send("PUT", kPath, "x", if_match(tag)).status, 400U) << tag;
  EXPECT_EQ(send("PUT", kPath, "x", "If-None-Match: \"5\"\r\n").status, 400U);
  EXPECT_EQ(send("PUT", kPath, "x", kIfNew + if_match("\"5\"")).status, 400U);
  EXPECT_EQ(send("POST", kPath, "x").status, 405U);
  EXPECT_EQ(get(kPath).status, 404U);
  EXPECT_TRUE(json::parse(get("/api/v1/registers").body)["registers"].empty());
}

TEST_F(ApiTest, TheConditionBelongsToTheRequestUnderAnIdempotencyKey) {
  start();
  const std::string key = "Idempotency-Key: r1\r\n";
  const Reply first = send("PUT", kPath, "a", key + kIfNew);
  const Reply again = send("PUT", kPath, "a", key + kIfNew);
  EXPECT_EQ(again.status, 201U);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.headers.at("etag"), first.headers.at("etag"));
  EXPECT_EQ(send("PUT", kPath, "a", key).status, 422U);
}

TEST_F(ApiTest, ReadsOfRegistersHonourTheIndexAndAskTheLeader) {
  start();
  const std::string index = send("PUT", kPath, "a").headers.at("starling-index");
  EXPECT_EQ(get(kPath, "Starling-Min-Index: " + index + "\r\n").body, "a");
  EXPECT_EQ(get(kPath, "Starling-Min-Index: 99999\r\n").status, 503U);
  const std::string linearizable = std::string{kPath} + "?consistency=linearizable";
  EXPECT_EQ(get(linearizable).body, "a");
  node.ledger_error = Error{Errc::unavailable, "no leader"};
  EXPECT_EQ(get(linearizable).status, 503U);
  EXPECT_EQ(get(kPath).body, "a");
}

// The ledger asks again while an outcome is unknown: the first time may have counted.
TEST_F(ApiTest, AWriteWithoutAKeyIsDoneOnceThoughTheLedgerAppliesItTwice) {
  start();
  node.apply_twice = true;
  const Reply put = send("PUT", kPath, "a", kIfNew);
  EXPECT_EQ(put.status, 201U) << put.body;
  EXPECT_EQ(send("PUT", kPath, "b", if_match(put.headers.at("etag"))).status, 200U);
  EXPECT_EQ(send("DELETE", kPath).status, 200U);
  upload();
  const std::string study = create_study();
  EXPECT_EQ(send("POST", "/api/v1/studies/" + study + "/cancel").status, 200U);
  EXPECT_EQ(send("DELETE", "/api/v1/datasets/people").status, 200U);
}

TEST_F(ApiTest, NoClientCanSendAKeyOfTheNodesOwnForm) {
  start();
  EXPECT_EQ(send("PUT", kPath, "a", "Idempotency-Key: \x01k\r\n").status, 400U);
}

}  // namespace
}  // namespace starling::tests
