#include "ml/study/swarm_members.h"
#include "node/secure/join_token.h"
#include "tests/support/test_trust.h"
#include "tests/web/api_fixture.h"

namespace starling::tests {
namespace {

using nlohmann::json;

class MembersApi : public ApiTest {
 protected:
  MembersApi() {
    node.apply(ml::CommandBody{ml::AddSwarmKey{ring_of(1)[0].key}});
    for (const std::uint8_t i : {std::uint8_t{1}, std::uint8_t{2}})
      node.apply(
          ml::CommandBody{ml::AddMember{keyed_secret(i).key(), "node-" + std::to_string(i), {}}});
    start();
  }

  Reply post(const std::string& path, const json& body, const std::string& headers = {}) {
    return send("POST", path, body.dump(), headers + "Content-Type: application/json\r\n");
  }
};

TEST_F(MembersApi, AnInvitationIsATokenThatTheStateKnows) {
  const Reply made = post("/api/v1/swarm/invites", {{"uses", 2}, {"expires_s", 60}});
  ASSERT_EQ(made.status, 201U) << made.body;
  const json answer = json::parse(made.body);
  EXPECT_EQ(answer["uses"], 2);
  EXPECT_EQ(answer["expires_s"], 60);
  const auto token = node::parse_join_token(answer["token"].get<std::string>());
  ASSERT_TRUE(token);
  const auto key = node::credential_of(*token).key;
  EXPECT_EQ(ml::invite_key(*node.state(), node::key_id_of(key)), key);
}

TEST_F(MembersApi, ARepeatedInvitationIsTheSameAndOthersAreNot) {
  const std::string key = "Idempotency-Key: one\r\n";
  const auto token = [&](const std::string& headers) {
    return json::parse(post("/api/v1/swarm/invites", json::object(), headers).body)["token"];
  };
  const json first = token(key);
  EXPECT_EQ(token(key), first);
  EXPECT_NE(token("Idempotency-Key: two\r\n"), first);
  EXPECT_NE(token(""), token(""));
}

TEST_F(MembersApi, LimitsOfInvitationsAreNamed) {
  for (const auto& [field, value] : {std::pair{"uses", 0}, {"uses", 10'001}, {"expires_s", 0}}) {
    const Reply refused = post("/api/v1/swarm/invites", {{field, value}});
    EXPECT_EQ(refused.status, 422U) << refused.body;
    EXPECT_NE(refused.body.find(field), std::string::npos) << refused.body;
  }
  EXPECT_EQ(post("/api/v1/swarm/invites", {{"often", 1}}).status, 422U);
}

TEST_F(MembersApi, MembersAreMarkedByNameOrIdAndRemoved) {
  const std::string two = keyed_node(2).hex();
  ASSERT_EQ(post("/api/v1/swarm/members/node-2/drain", json::object()).status, 200U);
  EXPECT_TRUE(ml::member_of(*node.state(), keyed_node(2))->is_draining);
  const Reply back =
      post("/api/v1/swarm/members/" + two.substr(0, 8) + "/drain", {{"draining", false}});
  ASSERT_EQ(back.status, 200U) << back.body;
  EXPECT_FALSE(ml::member_of(*node.state(), keyed_node(2))->is_draining);
  ASSERT_EQ(post("/api/v1/swarm/members/node-2/promote", json::object()).status, 200U);
  EXPECT_TRUE(ml::member_of(*node.state(), keyed_node(2))->wants_vote);
  EXPECT_EQ(post("/api/v1/swarm/members/node-2/drain", {{"draining", "yes"}}).status, 422U);
  EXPECT_EQ(post("/api/v1/swarm/members/node-9/drain", json::object()).status, 404U);

  ASSERT_EQ(send("DELETE", "/api/v1/swarm/members/node-2").status, 200U);
  EXPECT_EQ(ml::standing_of(*node.state(), keyed_secret(2).key().public_key),
            node::Standing::removed);
  EXPECT_EQ(send("DELETE", "/api/v1/swarm/members/node-2").status, 404U);
  EXPECT_EQ(send("DELETE", "/api/v1/swarm/members/node-1").status, 409U) << "the last one";
}

TEST_F(MembersApi, ARemovalAskedForTwiceIsAnsweredTheSame) {
  const std::string key = "Idempotency-Key: gone\r\n";
  ASSERT_EQ(send("DELETE", "/api/v1/swarm/members/node-2", "", key).status, 200U);
  EXPECT_EQ(send("DELETE", "/api/v1/swarm/members/node-2", "", key).status, 200U);
}

TEST_F(MembersApi, ANewKeyIsGivenOutAndASecondHasToWait) {
  const Reply first = post("/api/v1/swarm/rotate-secret", json::object());
  ASSERT_EQ(first.status, 202U) << first.body;
  EXPECT_EQ(json::parse(first.body)["generation"], 2);
  EXPECT_EQ(first.body.find(to_hex(view_of(ml::swarm_key_ring(*node.state())[0].key))),
            std::string::npos)
      << "the key itself is not told";
  EXPECT_EQ(post("/api/v1/swarm/rotate-secret", json::object()).status, 409U);
}

}  // namespace
}  // namespace starling::tests
