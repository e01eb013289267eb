#include "web/api/auth.h"

#include <gtest/gtest.h>

namespace starling::web {
namespace {

Request with(Headers headers) {
  Request request;
  request.headers = std::move(headers);
  return request;
}

TEST(BearerToken, IsReadFromExactlyOneWellFormedHeader) {
  EXPECT_EQ(bearer_token(with({{"authorization", "Bearer abc"}})), "abc");
  EXPECT_EQ(bearer_token(with({{"Authorization", "bearer  abc"}})), "abc");
  EXPECT_EQ(bearer_token(with({})), std::nullopt);
  EXPECT_EQ(bearer_token(with({{"Authorization", "Basic abc"}})), std::nullopt);
  EXPECT_EQ(bearer_token(with({{"Authorization", "Bearer "}})), std::nullopt);
  EXPECT_EQ(bearer_token(with({{"Authorization", "Bearer"}})), std::nullopt);
  EXPECT_EQ(bearer_token(with({{"Authorization", "Bearer a"}, {"Authorization", "Bearer a"}})),
            std::nullopt);
}

struct HostCase {
  std::string listen;
  std::string advertised;
  std::string host;
  bool is_own;
};

TEST(Host, IsOwnOnlyByListeningOrAdvertisedAddress) {
  const std::vector<HostCase> table{
      {"127.0.0.1:8400", "", "127.0.0.1:8400", true},
      {"127.0.0.1:8400", "", "localhost:8400", true},
      {"127.0.0.1:8400", "", "LOCALHOST:8400", true},
      {"127.0.0.1:8400", "", "[::1]:8400", true},
      {"127.0.0.1:8400", "", "127.0.0.1", false},
      {"127.0.0.1:8400", "", "127.0.0.1:8401", false},
      {"127.0.0.1:8400", "", "evil.example:8400", false},
      {"127.0.0.1:8400", "", "127.0.0.1.evil.example:8400", false},
      {"127.0.0.1:8400", "", "", false},
      {"127.0.0.1:8400", "", "127.0.0.1:8400@evil", false},
      {"127.0.0.1:80", "", "localhost", true},
      {"10.0.0.5:8400", "http://node.lan:9000/", "node.lan:9000", true},
      {"10.0.0.5:8400", "http://node.lan:9000/", "10.0.0.5:8400", true},
      {"10.0.0.5:8400", "", "localhost:8400", false},
      {"0.0.0.0:8400", "", "192.168.1.7:8400", true},
      {"0.0.0.0:8400", "", "[fe80::1]:8400", true},
      {"0.0.0.0:8400", "", "localhost:8400", true},
      {"0.0.0.0:8400", "", "evil.example:8400", false},
      {"10.0.0.5:8400", "https://node.lan", "node.lan:443", true},
  };
  for (const HostCase& given : table) {
    EXPECT_EQ(is_own_host(given.host, own_hosts(given.listen, given.advertised)), given.is_own)
        << given.listen << " " << given.advertised << " <- " << given.host;
  }
}

struct OriginCase {
  std::optional<std::string> origin;
  OriginRule rule;
};

TEST(Origin, IsTheOwnPageOrThePageOfAMember) {
  const std::vector<std::string> members{"http://10.0.0.6:8400", "http://node.lan"};
  const std::vector<OriginCase> table{
      {std::nullopt, OriginRule::absent},
      {"http://127.0.0.1:8400", OriginRule::same},
      {"http://10.0.0.6:8400", OriginRule::member},
      {"HTTP://Node.Lan", OriginRule::member},
      {"http://node.lan:80", OriginRule::member},
      {"https://10.0.0.6:8400", OriginRule::stranger},
      {"http://10.0.0.6:8401", OriginRule::stranger},
      {"http://evil.example", OriginRule::stranger},
      {"null", OriginRule::stranger},
      {"", OriginRule::stranger},
      {"file://", OriginRule::stranger},
  };
  for (const OriginCase& given : table) {
    EXPECT_EQ(judge_origin(given.origin, "127.0.0.1:8400", members), given.rule)
        << given.origin.value_or("(none)");
  }
}

}  // namespace
}  // namespace starling::web
