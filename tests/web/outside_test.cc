// A program outside the swarm is the objective: it asks for trials and tells what came of them.
#include "ml/schedule/scheduler.h"
#include "ml/study/study_state.h"
#include "tests/web/api_fixture.h"

#include <latch>
#include <mutex>
#include <thread>

namespace starling::tests {
namespace {

using json = nlohmann::json;

class OutsideTest : public ApiTest {
 protected:
  OutsideTest() { node.apply(ml::CommandBody{ml::RaiseFeatureLevel{ml::kFeatureLevel}}); }

  std::string create(const std::string& more = "") {
    const Reply made = post_json("/api/v1/studies",
                                 R"({"task":"outside","trials":12,)"
                                 R"("parallelism":2,"metric":"cost",)"
                                 R"("search_space":{"x":{"type":"float",)"
                                 R"("low":-5,"high":5}})" +
                                     more + "}");
    EXPECT_EQ(made.status, 202U) << made.body;
    path = "/api/v1/studies/" + parsed(made).value("id", "");
    lead();
    return parsed(made).value("id", "");
  }

  /// What a leader would say now; no node works.
  void lead(std::uint64_t now_ms = 0) {
    const auto view = node.state();
    for (auto& command : ml::plan({.view = *view,
                         .alive = {},
                         .away = {},
                         .knows_all = true,
                         .gone = {},
                         .now_ms = now_ms}))
      node.apply(std::move(command));
  }

  json ask_one(const std::string& body = R"({"wait_s":0})") {
    const Reply reply = post_json(path + "/ask", body);
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return parsed(reply);
  }

  static std::string word(const json& asked, const json& more) {
    json body{{"number", asked["number"]}, {"token", asked["token"]}};
    body.update(more);
    return body.dump();
  }

  Reply tell(const json& asked, const json& more) {
    return post_json(path + "/tell", word(asked, more));
  }

  json study() { return parsed(get(path)); }

  std::string path;
};

TEST_F(OutsideTest, AsksComputesAndTellsUntilTheStudyIsComplete) {
  start();
  create();
  EXPECT_NE(study()["waiting_reason"].get<std::string>().find("/ask"), std::string::npos);
  double best = 1e9;
  for (int i = 0; i < 12; ++i) {
    const json asked = ask_one();
    EXPECT_EQ(asked["number"], i);
    EXPECT_EQ(asked["lease_s"], 600);
    const double x = asked["params"]["x"];
    best = std::min(best, x * x);
    const Reply told = tell(asked, {{"value", x * x}, {"metrics", {{"x", x}}}});
    EXPECT_EQ(told.status, 200U) << told.body;
    EXPECT_EQ(parsed(told)["state"], "completed");
    EXPECT_EQ(parsed(told)["metrics"]["x"], x);
    EXPECT_EQ(tell(asked, {{"value", x * x}}).status, 200U) << "said again, it counts once";
    lead();
  }
  EXPECT_EQ(study()["status"], "completed");
  EXPECT_EQ(study()["best"]["value"], best);
  EXPECT_EQ(study()["trials"]["completed"], 12);
  EXPECT_TRUE(study()["result"].is_null()) << "there is nothing to fit";
  EXPECT_EQ(post_json(path + "/ask", "").status, 409U);
  EXPECT_EQ(post_json(path + "/reproduce", "").status, 409U);
  EXPECT_EQ(post_json(path + "/extend", R"({"trials":1})").status, 200U);
  lead();
  EXPECT_EQ(ask_one()["number"], 12);
}

TEST_F(OutsideTest, TwoProgramsNeverGetTheSameTrialAndOneKeyOnlyOne) {
  start();
  create();
  const std::string key = "Idempotency-Key: mine\r\n";
  const json first = parsed(post_json(path + "/ask", "{}", key));
  EXPECT_EQ(parsed(post_json(path + "/ask", "{}", key)), first);
  const json second = ask_one();
  EXPECT_NE(first["number"], second["number"]);
  const Reply none = post_json(path + "/ask", R"({"wait_s":0})");
  EXPECT_EQ(none.status, 409U);
  EXPECT_NE(none.body.find("parallelism is 2"), std::string::npos) << none.body;
  EXPECT_EQ(tell(second, {{"value", 1}}).status, 200U);
  lead();
  EXPECT_EQ(post_json(path + "/ask", R"({"wait_s":0})").status, 409U) << "trial 0 is still open";
  EXPECT_EQ(tell(first, {{"state", "failed"}, {"error", "no licence"}}).status, 200U);
  EXPECT_EQ(parsed(get(path + "/trials/0"))["error"], "no licence");
  lead();
  EXPECT_EQ(ask_one()["number"], 2);
}

TEST_F(OutsideTest, AValueThatDoesNotCountIsNotAnsweredAsIfItDid) {
  start();
  create();
  const json first = ask_one();
  const json second = ask_one();
  EXPECT_EQ(tell(first, {{"value", 1}}).status, 200U);
  const Reply other = tell(first, {{"value", 2}});
  EXPECT_EQ(other.status, 409U);
  EXPECT_NE(other.body.find("completed with 1"), std::string::npos) << other.body;
  EXPECT_EQ(send("POST", path + "/cancel").status, 200U);
  EXPECT_EQ(tell(second, {{"value", 1}}).status, 409U);
  EXPECT_EQ(tell(second, {{"step", 1}, {"value", 1}}).status, 409U);
}

TEST_F(OutsideTest, ManyStepsAreFewEntriesOfTheLog) {
  start();
  create(R"(,"pruner":"asha","epochs":100)");
  const json asked = ask_one();
  const auto before = node.applied().value;
  for (int step = 1; step <= 20; ++step)
    EXPECT_EQ(tell(asked, {{"step", step}, {"value", step}}).status, 200U);
  // The first, and the rungs after 5 and 20; one more for each second that this took.
  EXPECT_GE(node.applied().value, before + 3);
  EXPECT_LE(node.applied().value, before + 10);
}

TEST_F(OutsideTest, ATrialThatIsNotToldIsGivenOutAgainAndTheOldWordIsRefused) {
  start();
  create();
  const json lost = ask_one(R"({"wait_s":0,"lease_s":60})");
  const std::uint64_t asked_ms = 1000 * node.applied().value;  // as this node's clock goes
  EXPECT_EQ(tell(lost, {{"step", 1}, {"value", 2}}).status, 200U);
  lead(asked_ms + 60'000);
  EXPECT_EQ(parsed(get(path + "/trials/0"))["state"], "running") << "a step renews the lease";
  while (node.applied().value * 1000 < asked_ms + 61'000)  // so this node's clock goes
    node.apply(ml::CommandBody{ml::AddToken{hash_of(to_bytes("x"))}});
  lead(asked_ms + 61'000);
  const json trial = parsed(get(path + "/trials/0"));
  EXPECT_EQ(trial["state"], "queued");
  EXPECT_EQ(trial["past_attempts"][0]["cause"], "not_told");
  const json again = ask_one();
  EXPECT_EQ(again["number"], 0);
  EXPECT_EQ(again["params"], lost["params"]);
  EXPECT_EQ(tell(lost, {{"value", 1}}).status, 409U);
  const Reply step = tell(lost, {{"step", 2}, {"value", 1}});
  EXPECT_EQ(step.status, 409U);
  EXPECT_NE(step.body.find("stop"), std::string::npos) << step.body;
  EXPECT_EQ(tell(again, {{"value", 3}}).status, 200U);
  EXPECT_EQ(parsed(get(path + "/trials/0"))["value"], 3);
}

TEST_F(OutsideTest, StepsSayWhetherItIsWorthGoingOn) {
  start();
  create(R"(,"pruner":"asha","epochs":100,"direction":"maximize")");
  for (int i = 0; i < 11; ++i) {
    const json asked = ask_one();
    const Reply reply = tell(asked, {{"step", 5}, {"value", i < 8 ? 10 + i : 1}});
    ASSERT_EQ(reply.status, 200U) << reply.body;
    // What is known of trial 8 and later: that the first came to 10 and more.
    EXPECT_EQ(parsed(reply)["should_prune"], i >= 8) << i;
    json end{{"value", 10 + i}};
    if (i >= 8) end["state"] = "pruned";
    EXPECT_EQ(tell(asked, end).status, 200U);
    lead();
  }
  EXPECT_EQ(study()["trials"]["pruned"], 3);
  EXPECT_EQ(study()["best"]["value"], 17);
  const json trial = parsed(get(path + "/trials/0"));
  EXPECT_EQ(trial["epochs"], 5);
  EXPECT_EQ(trial["curve"], json::parse(R"([{"epoch":5,"value":10.0}])"));
}

TEST_F(OutsideTest, WaitsUntilATrialIsDrawn) {
  start();
  const Reply made = post_json("/api/v1/studies",
                               R"({"task":"outside","search_space":{"x":{"type":"int",)"
                               R"("low":1,"high":9}},"trials":1})");
  ASSERT_EQ(made.status, 202U) << made.body;
  path = "/api/v1/studies/" + parsed(made).value("id", "");
  EXPECT_EQ(post_json(path + "/ask", R"({"wait_s":0})").status, 409U);
  std::latch asked{1};
  std::once_flag once;
  node.on_look = [&] { std::call_once(once, [&asked] { asked.count_down(); }); };
  std::thread leader{[this, &asked] {
    asked.wait();
    lead();
  }};
  EXPECT_EQ(ask_one(R"({"wait_s":30})")["number"], 0);
  leader.join();
  node.on_look = nullptr;
}

TEST_F(OutsideTest, RefusesWhatDoesNotBelongAndNamesTheField) {
  start();
  const auto field = [&](const std::string& target, const std::string& body) {
    const Reply refused = post_json(target, body);
    EXPECT_EQ(refused.status, 422U) << body << refused.body;
    return parsed(refused).value("field", "");
  };
  const std::string with = R"({"task":"outside","search_space":{"x":{"type":"int","low":1,)"
                           R"("high":9}})";
  EXPECT_EQ(field("/api/v1/studies", R"({"task":"outside"})"), "search_space");
  EXPECT_EQ(field("/api/v1/studies", R"({"task":"outside","search_space":"default"})"),
            "search_space");
  for (const char* stranger : {R"("dataset":"people")",
                               R"("target":"y")",
                               R"("engine":"torch")",
                               R"("patience":3)",
                               R"("requires":{"gpu":"true"})",
                               R"("metric":"a b")",
                               R"("direction":"up")",
                               R"("initial":[{"y":1}])"}) {
    const std::string name = std::string{stranger}.substr(1, std::string{stranger}.find(':') - 2);
    EXPECT_EQ(field("/api/v1/studies", with + "," + stranger + "}"), name);
  }
  upload();
  EXPECT_EQ(
      field("/api/v1/studies", R"({"dataset":"people","target":"charges","direction":"maximize"})"),
      "direction");
  const std::string trained = create_study();
  EXPECT_EQ(post_json("/api/v1/studies/" + trained + "/ask", "{}").status, 409U);
  EXPECT_EQ(post_json("/api/v1/studies/s-0/ask", "{}").status, 404U);
  create();
  const json asked = ask_one();
  EXPECT_EQ(field(path + "/ask", R"({"lease_s":0})"), "lease_s");
  EXPECT_EQ(field(path + "/ask", R"({"wait_s":31})"), "wait_s");
  EXPECT_EQ(field(path + "/tell", R"({"token":1,"value":1})"), "number");
  EXPECT_EQ(field(path + "/tell", R"({"number":0,"value":1})"), "token");
  const auto tells = [&](const json& more) { return field(path + "/tell", word(asked, more)); };
  EXPECT_EQ(tells(json::object()), "value");
  EXPECT_EQ(tells({{"value", "low"}}), "value");
  EXPECT_EQ(tells({{"value", 1}, {"state", "failed"}}), "value");
  EXPECT_EQ(tells({{"value", 1}, {"error", "odd"}}), "error");
  EXPECT_EQ(tells({{"value", 1}, {"state", "running"}}), "state");
  EXPECT_EQ(tells({{"step", 1}}), "value");
  EXPECT_EQ(tells({{"step", 1}, {"value", 1}, {"state", "pruned"}}), "step");
  EXPECT_EQ(tells({{"step", 1}, {"value", 1}, {"state", "completed"}}), "step");
  EXPECT_EQ(post_json(path + "/tell", "{").status, 400U);
  EXPECT_EQ(post_json(path + "/ask", "{").status, 400U);
  const std::string words =
      fmt::format(R"({{"x":{{"type":"fixed","value":"{}"}}}})", std::string(70'000, 'x'));
  EXPECT_EQ(field("/api/v1/studies", R"({"task":"outside","search_space":)" + words + "}"),
            "search_space");
  EXPECT_EQ(tells({{"value", 1}, {"metrics", {{"a", "b"}}}}), "metrics");
  EXPECT_EQ(parsed(get(path + "/trials/0"))["state"], "running") << "nothing of it was taken";
}

}  // namespace
}  // namespace starling::tests
