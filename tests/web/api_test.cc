#include "node/base/random.h"
#include "tests/web/api_fixture.h"

#include <fstream>

namespace starling::tests {
namespace {

using nlohmann::json;

TEST_F(ApiTest, GuardsEverythingButHealthAndThePageWithTheToken) {
  options.pages = {{"index.html", "text/html", "<html>"}};
  start();
  for (const char* path : {"/healthz", "/readyz", "/", "/anything"}) {
    EXPECT_EQ(ask(server->port(), request_text("GET", path, host)).status, 200U) << path;
  }
  for (const char* path : {"/api/v1/swarm",
                           "/api/v1/studies",
                           "/metrics",
                           "/api/v1/events",
                           "/api/unknown",
                           "/v2/models"}) {
    const Reply none = ask(server->port(), request_text("GET", path, host));
    EXPECT_EQ(none.status, 401U) << path;
    EXPECT_EQ(none.headers.at("www-authenticate"), "Bearer");
    const Reply wrong =
        ask(server->port(), request_text("GET", path, host, "Authorization: Bearer wrong\r\n"));
    EXPECT_EQ(wrong.status, 401U) << path;
  }
  EXPECT_EQ(get("/api/v1/swarm").status, 200U);
}

TEST_F(ApiTest, DoesNotRefuseAnUnknownTokenForGoodWhileItIsBehind) {
  node.not_ready = Error{Errc::unavailable, "it applies its log again"};
  start();
  const auto reply_to = [&](std::string_view extra) {
    return ask(server->port(), request_text("GET", "/api/v1/studies", host, extra));
  };
  const Reply unknown = reply_to("Authorization: Bearer minted-a-moment-ago\r\n");
  EXPECT_EQ(unknown.status, 503U);
  EXPECT_NE(unknown.body.find("it applies its log again"), std::string::npos);
  EXPECT_EQ(reply_to("").status, 401U) << "none is none";
}

TEST_F(ApiTest, ChecksHostAndOriginEvenWithoutTokens) {
  options.needs_token = false;
  node.member_urls = {"http://10.0.0.6:8400"};
  start();
  const auto status = [&](std::string_view with_host, std::string_view extra) {
    return ask(server->port(), request_text("GET", "/api/v1/swarm", with_host, extra)).status;
  };
  EXPECT_EQ(status(host, ""), 200U);
  EXPECT_EQ(status("evil.example", ""), 403U);
  EXPECT_EQ(status(host, "Host: evil.example\r\n"), 400U);
  EXPECT_EQ(status(host, "Origin: http://evil.example\r\n"), 403U);
  EXPECT_EQ(status(host, "Origin: null\r\n"), 403U);
  EXPECT_EQ(status(host, fmt::format("Origin: http://{}\r\n", host)), 200U);
  EXPECT_EQ(ask(server->port(), "GET /healthz HTTP/1.1\r\n\r\n").status, 400U);
  EXPECT_EQ(ask(server->port(), request_text("GET", "/healthz", "evil.example")).status, 403U);
}

TEST_F(ApiTest, LetsThePageOfAnotherMemberIn) {
  node.member_urls = {"http://10.0.0.6:8400"};
  start();
  const std::string origin = "Origin: http://10.0.0.6:8400\r\n";
  const Reply reply = get("/api/v1/swarm", origin);
  EXPECT_EQ(reply.status, 200U);
  EXPECT_EQ(reply.headers.at("access-control-allow-origin"), "http://10.0.0.6:8400");
  const Reply before =
      ask(server->port(), request_text("OPTIONS", "/api/v1/studies", host, origin));
  EXPECT_EQ(before.status, 204U);
  EXPECT_NE(before.headers.at("access-control-allow-headers").find("Authorization"),
            std::string::npos);
}

TEST_F(ApiTest, AnswersUnknownPathsAndMethodsWithProblems) {
  start();
  for (const char* path : {"/api", "/api/v1/nothing", "/api/v2/swarm", "/v1/x", "/v2/x"}) {
    const Reply reply = get(path);
    EXPECT_EQ(reply.status, 404U) << path;
    EXPECT_EQ(reply.headers.at("content-type"), "application/problem+json") << path;
  }
  const Reply reply = send("DELETE", "/api/v1/studies");
  EXPECT_EQ(reply.status, 405U);
  EXPECT_EQ(reply.headers.at("allow"), "GET, HEAD, POST");
}

TEST_F(ApiTest, ServesThePageWithTagAndStrictPolicy) {
  options.pages = {{"index.html", "text/html", "<html>"}, {"assets/a.js", "text/javascript", "1"}};
  start();
  const Reply page = get("/studies/s-1");
  EXPECT_EQ(page.body, "<html>");
  EXPECT_NE(page.headers.at("content-security-policy").find("script-src 'self'"),
            std::string::npos);
  EXPECT_EQ(get("/assets/a.js").headers.at("content-type"), "text/javascript");
  EXPECT_EQ(get("/assets/b.js").status, 404U);
  const Reply again = get("/", fmt::format("If-None-Match: {}\r\n", page.headers.at("etag")));
  EXPECT_EQ(again.status, 304U);
  EXPECT_EQ(send("POST", "/").status, 405U);
}

TEST_F(ApiTest, TellsOfTheSwarmAndReadiness) {
  start();
  const json swarm = json::parse(get("/api/v1/swarm").body);
  EXPECT_EQ(swarm["leader"], test_node_id().hex());
  EXPECT_EQ(swarm["members"][0]["memory"]["free_mb"], 700);
  EXPECT_EQ(swarm["members"][0]["state"], "alive");
  EXPECT_EQ(swarm["members"][0]["labels"]["rack"], "a");
  EXPECT_NE(get("/metrics").body.find("starling_members{state=\"alive\"} 1"), std::string::npos);
  node.not_ready = Error{Errc::unavailable, "no leader yet"};
  const Reply reply = get("/readyz");
  EXPECT_EQ(reply.status, 503U);
  EXPECT_EQ(reply.headers.at("retry-after"), "1");
  EXPECT_EQ(json::parse(reply.body)["detail"], "no leader yet");
}

TEST_F(ApiTest, TakesADatasetAndGivesItBack) {
  start();
  const Reply added = send("POST", "/api/v1/datasets?name=my+people", kCsv);
  ASSERT_EQ(added.status, 201U) << added.body;
  const json dataset = json::parse(added.body);
  const std::string id = dataset["id"];
  EXPECT_EQ(added.headers.at("location"), "/api/v1/datasets/" + id);
  EXPECT_EQ(dataset["name"], "my people");
  EXPECT_EQ(dataset["rows"], 40);
  EXPECT_EQ(dataset["bytes"], kCsv.size());
  EXPECT_EQ(dataset["sha"], hash_of(to_bytes(kCsv)).hex());
  EXPECT_EQ(dataset["columns"].size(), 3U);
  EXPECT_EQ(json::parse(get("/api/v1/datasets/my%20people").body), dataset);
  EXPECT_EQ(json::parse(get("/api/v1/datasets/" + id + "/profile").body), dataset);
  EXPECT_EQ(get("/api/v1/datasets/" + id + "/content").body, kCsv);
  EXPECT_EQ(json::parse(get("/api/v1/datasets").body)["datasets"].size(), 1U);
  EXPECT_EQ(send("DELETE", "/api/v1/datasets/" + id).status, 200U);
  EXPECT_EQ(get("/api/v1/datasets/" + id).status, 404U);
}

TEST_F(ApiTest, RefusesBadUploadsAndKeepsNothingOfThem) {
  options.upload_bytes_max = 1000;
  start();
  const std::string path = "/api/v1/datasets?name=x";
  const auto field = [](const Reply& reply) { return json::parse(reply.body).value("field", ""); };
  EXPECT_EQ(send("POST", "/api/v1/datasets", kCsv).status, 400U);
  EXPECT_EQ(field(send("POST", "/api/v1/datasets?name=%0A", kCsv)), "name");
  EXPECT_EQ(send("POST", path, kCsv, "Content-Type: multipart/form-data; boundary=x\r\n").status,
            415U);
  const std::string no_length =
      fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", path, host, auth());
  EXPECT_EQ(ask(server->port(), no_length).status, 411U);
  const Reply large = send("POST", path, std::string(1001, 'x'));
  EXPECT_EQ(large.status, 413U);
  EXPECT_NE(large.body.find("1001"), std::string::npos) << large.body;
  const std::string chunked = fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\n{}Transfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
      path,
      host,
      auth(),
      std::string(1001, 'x'));
  EXPECT_EQ(ask(server->port(), chunked).status, 413U);
  const Reply unreadable = send("POST", path, "no table");
  EXPECT_EQ(unreadable.status, 422U);
  EXPECT_NE(unreadable.body.find("a header but no rows"), std::string::npos) << unreadable.body;
  EXPECT_EQ(send("POST", path, kCsv, "Idempotency-Key: a b\r\n").status, 400U);
  EXPECT_TRUE(node.blobs().list().empty());
  EXPECT_EQ(json::parse(get("/api/v1/datasets").body)["datasets"].size(), 0U);
}

TEST_F(ApiTest, TakesWhatItsOwnerSaysOfATable) {
  start();
  std::string table = "zip;price\n";
  for (int i = 0; i < 40; ++i)
    table += fmt::format("{};{},5\n", 10'000 + i % 7, i);
  const Reply added =
      send("POST",
           "/api/v1/datasets?name=houses&columns=" +
               web::percent_encode(R"({"zip":{"type":"category","role":"ignore"}})"),
           table);
  ASSERT_EQ(added.status, 201U) << added.body;
  const json dataset = json::parse(added.body);
  EXPECT_EQ(dataset["csv"]["delimiter"], ";");
  EXPECT_EQ(dataset["csv"]["decimal"], ",");
  EXPECT_EQ(dataset["columns"][0]["type"], "category");
  EXPECT_EQ(dataset["columns"][0]["role"], "ignore");
  EXPECT_EQ(dataset["columns"][1]["max"], 39.5);
  const Reply bare = send("POST", "/api/v1/datasets?name=bare&delimiter=%3B&header=false", table);
  EXPECT_EQ(json::parse(bare.body)["columns"][0]["name"], "column_1") << bare.body;
  EXPECT_EQ(json::parse(bare.body)["rows"], 41);
}

TEST_F(ApiTest, RefusesWhatNoTableCanBeAndNamesTheParameter) {
  start();
  const auto refused = [&](const std::string& query, const std::string& says) {
    const Reply reply = send("POST", "/api/v1/datasets?name=x&" + query, kCsv);
    EXPECT_EQ(reply.status, 422U) << query << reply.body;
    EXPECT_NE(reply.body.find(says), std::string::npos) << query << reply.body;
    return json::parse(reply.body).value("field", "");
  };
  EXPECT_EQ(refused("delimiter=ab", "one character"), "delimiter");
  EXPECT_EQ(refused("delimiter=%22", "no quote"), "delimiter");
  EXPECT_EQ(refused("decimal=x", "must be"), "decimal");
  EXPECT_EQ(refused("header=perhaps", "true or false"), "header");
  EXPECT_EQ(refused("skip=1001", "from 0 to 1000"), "skip");
  EXPECT_EQ(refused("skip=1&skip=2", "given twice"), "skip");
  EXPECT_EQ(refused("encoding=klingon", "is not known"), "encoding");
  EXPECT_EQ(refused("columns=%5B%5D", "JSON object"), "columns");
  EXPECT_EQ(refused("columns=" + web::percent_encode(R"({"age":{"type":"color"}})"), "age"),
            "columns");
  EXPECT_EQ(refused("columns=" + web::percent_encode(R"({"agee":{"role":"id"}})"), "did you mean"),
            "columns");
  refused("delimeter=%3B", "no such parameter");
  EXPECT_TRUE(node.blobs().list().empty());
}

TEST_F(ApiTest, RefusesASecondDatasetOfTheSameNameOrOneInUse) {
  start();
  const std::string id = upload();
  const Reply taken = send("POST", "/api/v1/datasets?name=people", "a,b\n1,2\n");
  EXPECT_EQ(taken.status, 409U);
  EXPECT_EQ(json::parse(taken.body)["field"], "name");
  create_study();
  EXPECT_EQ(send("DELETE", "/api/v1/datasets/" + id).status, 409U);
}

TEST_F(ApiTest, CreatesShowsAndCancelsAStudy) {
  start();
  upload();
  const std::string id = create_study();
  node.apply(ml::CommandBody{ml::QueueTrials{id, {{0, {{"mlp.width", std::int64_t{64}}}, 200}}}});
  const auto token =
      node.apply(ml::CommandBody{ml::StartTrial{id, 0, test_node_id()}}).outcome.number;
  node.apply(ml::CommandBody{ml::ReportProgress{{{id, 0, token, {1, 9.5}}}}});

  const json study = json::parse(get("/api/v1/studies/" + id).body);
  EXPECT_EQ(study["status"], "running");
  EXPECT_EQ(study["dataset_name"], "people");
  EXPECT_EQ(study["trials"]["requested"], 3);
  EXPECT_EQ(study["trials"]["waiting"], 2);
  EXPECT_EQ(study["trials"]["running"], 1);
  EXPECT_TRUE(study["best"].is_null());
  EXPECT_TRUE(study["result"].is_null());
  const json trial = json::parse(get("/api/v1/studies/" + id + "/trials/0").body);
  EXPECT_EQ(trial["node_name"], "node-1");
  EXPECT_EQ(trial["params"]["mlp.width"], 64);
  EXPECT_EQ(trial["curve"], json::parse(R"([{"epoch":1,"value":9.5}])"));
  const json trials = json::parse(get("/api/v1/studies/" + id + "/trials").body);
  EXPECT_FALSE(trials["trials"][0].contains("curve"));
  EXPECT_EQ(json::parse(get("/api/v1/studies").body)["studies"].size(), 1U);

  const Reply cancelled = send("POST", "/api/v1/studies/" + id + "/cancel");
  EXPECT_EQ(cancelled.status, 200U) << cancelled.body;
  EXPECT_EQ(json::parse(cancelled.body)["status"], "cancelled");
  EXPECT_EQ(json::parse(cancelled.body)["trials"]["cancelled"], 3);
  EXPECT_EQ(send("POST", "/api/v1/studies/" + id + "/cancel").status, 409U);
}

TEST_F(ApiTest, PausesResumesAndExtendsAStudyAndSaysWhyItWaits) {
  start();
  node.apply(ml::CommandBody{ml::RaiseFeatureLevel{ml::kFeatureLevel}});
  upload();
  const std::string id = create_study();
  const std::string path = "/api/v1/studies/" + id;
  const auto reason = [&] { return parsed(get(path))["waiting_reason"].get<std::string>(); };
  EXPECT_EQ(reason(), "its first trials are being drawn");
  node.apply(ml::CommandBody{ml::QueueTrials{id, {{0, {}, 200, 200}, {1, {}, 5000, 5000}}}});
  EXPECT_EQ(reason(), "trial 0 is about to start");
  const Reply paused = send("POST", path + "/pause");
  EXPECT_EQ(paused.status, 200U) << paused.body;
  EXPECT_EQ(parsed(paused)["status"], "paused");
  EXPECT_NE(reason().find("starling study resume " + id), std::string::npos) << reason();
  EXPECT_EQ(parsed(send("POST", path + "/resume"))["status"], "running");
  EXPECT_EQ(send("POST", path + "/resume").status, 200U) << "said again";
  node.apply(ml::CommandBody{ml::RefuseTrial{id, 0, "for the test"}});
  EXPECT_EQ(reason(),
            "trial 1 needs about 5000 MB; it waits for a node with that much to come back");

  const Reply extended = post_json(path + "/extend", R"({"trials":4})");
  EXPECT_EQ(extended.status, 200U) << extended.body;
  EXPECT_EQ(parsed(extended)["trials"]["requested"], 7);
  for (const char* body : {R"({})", R"({"trials":0})", R"({"trials":10001})", R"({"more":1})"}) {
    const Reply refused = post_json(path + "/extend", body);
    EXPECT_EQ(refused.status, 422U) << body << refused.body;
  }
  EXPECT_EQ(parsed(post_json(path + "/extend", R"({"trials":9999})"))["field"], "trials");
  for (const char* action : {"pause", "resume"})
    EXPECT_EQ(send("POST", fmt::format("/api/v1/studies/s-0/{}", action)).status, 404U);
}

TEST_F(ApiTest, TakesPriorityAndRequiredLabelsAndNamesWhatIsWrong) {
  start();
  node.apply(ml::CommandBody{ml::RaiseFeatureLevel{ml::kFeatureLevel}});
  upload();
  const std::string with = R"({"dataset":"people","target":"charges",)";
  const Reply made =
      post_json("/api/v1/studies", with + R"("priority":-2,"requires":{"gpu":"true"}})");
  ASSERT_EQ(made.status, 202U) << made.body;
  const std::string id = parsed(made)["id"];
  const json study = parsed(get("/api/v1/studies/" + id));
  EXPECT_EQ(study["priority"], -2);
  EXPECT_EQ(study["requires"]["gpu"], "true");
  node.apply(ml::CommandBody{ml::QueueTrials{id, {{0, {}, 10, 10}}}});
  const json waiting = parsed(get("/api/v1/studies/" + id));
  EXPECT_EQ(waiting["waiting_reason"],
            "no node that works has the labels gpu=true: start one with --label");
  const auto field = [&](const std::string& rest) {
    const Reply refused = post_json("/api/v1/studies", with + rest);
    EXPECT_EQ(refused.status, 422U) << rest << refused.body;
    return parsed(refused).value("field", "");
  };
  EXPECT_EQ(field(R"("priority":11})"), "priority");
  EXPECT_EQ(field(R"("priority":18446744073709551615})"), "priority");
  EXPECT_EQ(field(R"("priority":"high"})"), "priority");
  EXPECT_EQ(field(R"("requires":["gpu"]})"), "requires");
  EXPECT_EQ(field(R"("requires":{"gpu":true}})"), "requires");
  EXPECT_EQ(field(R"("requires":{"":"x"}})"), "requires");
  EXPECT_EQ(field(R"("requires":{"a":"1","b":"1","c":"1","d":"1","e":"1"}})"), "requires");
}

TEST_F(ApiTest, ShowsWhereATrialWaitsAndWhyEarlierAttemptsEnded) {
  start();
  node.apply(ml::CommandBody{ml::RaiseFeatureLevel{ml::kFeatureLevel}});
  upload();
  const std::string id = create_study();
  node.apply(ml::CommandBody{ml::QueueTrials{id, {{0, {}, 100, 90}}}});
  const auto token =
      node.apply(ml::CommandBody{ml::StartTrial{id, 0, test_node_id()}}).outcome.number;
  ml::FinishTrial lack;
  lack.study = id;
  lack.token = token;
  lack.state = ml::TrialState::failed;
  lack.may_retry = true;
  lack.end = ml::AttemptEnd::out_of_memory;
  lack.error = "out of memory";
  node.apply(ml::CommandBody{lack});
  node.apply(ml::CommandBody{ml::MoveTrials{{{id, 0, {}, test_node_id()}}, "given"}});
  const json trial = parsed(get("/api/v1/studies/" + id + "/trials/0"));
  EXPECT_EQ(trial["queued_at"], test_node_id().hex());
  EXPECT_EQ(trial["estimate_mb"], 90);
  EXPECT_EQ(trial["predicted_peak_mb"], 150);
  ASSERT_EQ(trial["past_attempts"].size(), 1U);
  EXPECT_EQ(trial["past_attempts"][0]["cause"], "out_of_memory");
  EXPECT_EQ(trial["past_attempts"][0]["node_name"], "node-1");
}

TEST_F(ApiTest, SaysWhatModelsCostAndByHowMuchThatIsTooMuch) {
  start();
  node.apply(ml::CommandBody{ml::RaiseFeatureLevel{ml::kFeatureLevel}});
  upload();
  const Reply made = post_json("/api/v1/studies",
                               R"({"dataset":"people","target":"charges","trials":3,"final":"refit",
          "constraints":{"model_mb":1}})");
  ASSERT_EQ(made.status, 202U) << made.body;
  const std::string id = json::parse(made.body)["id"];
  const auto finish = [&](std::uint32_t number, const ml::ModelCost& cost) {
    node.apply(ml::CommandBody{ml::QueueTrials{id, {{number, {}, 100, 90}}}});
    ml::FinishTrial word;
    word.study = id;
    word.number = number;
    word.token =
        node.apply(ml::CommandBody{ml::StartTrial{id, number, test_node_id()}}).outcome.number;
    word.value = 1.0 + number;
    word.cost = cost;
    node.apply(ml::CommandBody{word});
  };
  finish(0, {.bytes = 1'500'000, .predict_ms = 0.25});
  finish(1, {.bytes = 900'000, .predict_ms = 0.125});
  finish(2, {});
  const json trials = parsed(get("/api/v1/studies/" + id + "/trials"))["trials"];
  EXPECT_EQ(trials[0]["model_bytes"], 1'500'000);
  EXPECT_EQ(trials[0]["predict_ms"], 0.25);
  EXPECT_EQ(trials[0]["violation"], 0.5);
  EXPECT_EQ(trials[1]["violation"], 0);
  EXPECT_TRUE(trials[2]["model_bytes"].is_null());
  EXPECT_GT(trials[2]["violation"], 0) << "behind what keeps to the limit";
  EXPECT_LT(trials[2]["violation"], 0.5);
  EXPECT_EQ(parsed(get("/api/v1/studies/" + id))["best"]["number"], 1);

  const auto token =
      node.apply(ml::CommandBody{ml::StartFinal{id, test_node_id(), 100}}).outcome.number;
  ml::FinalResult result;
  result.cost = {.bytes = 950'000, .predict_ms = 0};
  node.apply(ml::CommandBody{ml::FinishFinal{id, token, result, false, ""}});
  const json cost = parsed(get("/api/v1/studies/" + id))["result"]["cost"];
  EXPECT_EQ(cost["bytes"], 950'000);
  EXPECT_TRUE(cost["predict_ms"].is_null()) << "it was not measured";
}

TEST_F(ApiTest, RefusesBadStudiesAndNamesTheField) {
  start();
  upload();
  const auto refused = [&](std::string_view body, unsigned status) {
    const Reply reply = post_json("/api/v1/studies", body);
    EXPECT_EQ(reply.status, status) << body << reply.body;
    EXPECT_EQ(reply.headers.at("content-type"), "application/problem+json");
    return json::parse(reply.body).value("field", "");
  };
  EXPECT_EQ(refused("not json", 400), "");
  EXPECT_EQ(refused(R"({"dataset":"nothing","target":"charges"})", 422), "dataset");
  EXPECT_EQ(refused(R"({"dataset":"people","target":"chrages"})", 422), "target");
  EXPECT_EQ(refused(R"({"dataset":"people","target":"charges","trials":0})", 422), "trials");
  EXPECT_EQ(refused(R"({"dataset":"people","target":"charges","task":"image"})", 422), "task");
  // A value that no field may have: each refusal names its field.
  for (const char* field :
       {"name",     "metric",      "time_limit_s", "seed",     "parallelism", "search_space",
        "initial",  "epochs",      "patience",     "engine",   "use_case",    "tags",
        "split",    "pruner",      "final",        "priority", "requires",    "direction",
        "families", "constraints", "class_weight"}) {
    const std::string body =
        fmt::format(R"({{"dataset":"people","target":"charges","{}":[[]]}})", field);
    EXPECT_EQ(refused(body, 422), field);
  }
  EXPECT_EQ(send("POST", "/api/v1/studies", "{}").status, 415U);
  for (const char* path : {"/api/v1/studies/s-0",
                           "/api/v1/studies/s-0/trials",
                           "/api/v1/studies/s-0/trials/0",
                           "/api/v1/datasets/d-0",
                           "/api/v1/datasets/d-0/content",
                           "/api/v1/models/m",
                           "/api/v1/models/m/versions/1",
                           "/api/v1/models/m/versions/x/download"}) {
    EXPECT_EQ(get(path).status, 404U) << path;
  }
  EXPECT_EQ(send("POST", "/api/v1/studies/s-0/cancel").status, 404U);
}

TEST_F(ApiTest, GivesTheFirstAnswerToARepeatedKeyAndRefusesAnotherBodyUnderIt) {
  start();
  upload();
  const std::string key = "Idempotency-Key: k1\r\n";
  const std::string body = R"({"dataset":"people","target":"charges"})";
  const Reply first = post_json("/api/v1/studies", body, key);
  const Reply second = post_json("/api/v1/studies", body, key);
  EXPECT_EQ(first.status, 202U);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(json::parse(get("/api/v1/studies").body)["studies"].size(), 1U);
  const Reply other =
      post_json("/api/v1/studies", R"({"dataset":"people","target":"charges","seed":7})", key);
  EXPECT_EQ(other.status, 422U);
  EXPECT_EQ(json::parse(other.body)["field"], "Idempotency-Key");
  const std::string dataset =
      json::parse(get("/api/v1/datasets").body)["datasets"][0]["id"].get<std::string>();
  const std::string study = json::parse(first.body)["id"].get<std::string>();
  EXPECT_EQ(send("POST", "/api/v1/studies/" + study + "/cancel").status, 200U);
  EXPECT_EQ(send("DELETE", "/api/v1/datasets/" + dataset).status, 200U);
  const Reply third = post_json("/api/v1/studies", body, key);
  EXPECT_EQ(third.body, first.body) << "the dataset is gone, the first answer is not";
  const Reply upload_first =
      send("POST", "/api/v1/datasets?name=more", kCsv, "Idempotency-Key: u\r\n");
  const Reply upload_again =
      send("POST", "/api/v1/datasets?name=more", kCsv, "Idempotency-Key: u\r\n");
  EXPECT_EQ(upload_again.body, upload_first.body);
}

TEST_F(ApiTest, RefusesUploadsOnALowDiskBeforeTheirFirstByte) {
  start();
  node.no_room = Error{Errc::no_space, "12 MB are free, 256 MB are kept"};
  const Reply reply = send("POST", "/api/v1/datasets?name=people", kCsv);
  EXPECT_EQ(reply.status, 507U);
  EXPECT_EQ(json::parse(reply.body)["code"], "no_space");
  EXPECT_TRUE(node.blobs().list().empty());
}

TEST_F(ApiTest, SaysWhetherAFailedWriteMayHaveHappened) {
  start();
  upload();
  const std::string body = R"({"dataset":"people","target":"charges"})";
  for (const Errc code : {Errc::unavailable, Errc::timed_out, Errc::not_leader}) {
    node.ledger_error = Error{code, "no leader"};
    const Reply reply = post_json("/api/v1/studies", body);
    EXPECT_EQ(reply.status, 503U);
    EXPECT_EQ(reply.headers.at("retry-after"), "1");
    EXPECT_EQ(json::parse(reply.body)["code"],
              code == Errc::timed_out ? "timed_out" : "unavailable");
  }
}

TEST_F(ApiTest, WaitsForTheIndexAReaderHasSeen) {
  start();
  const Reply written = send("POST", "/api/v1/datasets?name=x", kCsv);
  const std::string index = written.headers.at("starling-index");
  EXPECT_EQ(index, std::to_string(node.applied().value));
  EXPECT_EQ(get("/api/v1/datasets", "Starling-Min-Index: " + index + "\r\n").status, 200U);
  EXPECT_EQ(get("/api/v1/datasets", "Starling-Min-Index: 99999\r\n").status, 503U);
  EXPECT_EQ(get("/api/v1/datasets", "Starling-Min-Index: x\r\n").status, 400U);
  EXPECT_EQ(get("/api/v1/datasets?consistency=linearizable").status, 200U);
  EXPECT_EQ(get("/api/v1/datasets?consistency=strange").status, 400U);
  node.ledger_error = Error{Errc::unavailable, "no leader"};
  EXPECT_EQ(get("/api/v1/datasets?consistency=linearizable").status, 503U);
  EXPECT_EQ(get("/api/v1/datasets").status, 200U);
}

TEST_F(ApiTest, ServesModelsTheirFilesAndTheirPredictions) {
  start();
  upload();
  const std::string id = create_study();
  auto writer = std::move(node.blobs().create().value());
  ASSERT_TRUE(writer->append(to_bytes("a zip")));
  ml::FinalResult result;
  result.artifact = writer->finish().value();
  result.test = {{"rmse", 4.5}};
  result.features_json = R"([{"name":"age","type":"number"}])";
  for (std::uint32_t n = 0; n < 3; ++n) {
    node.apply(ml::CommandBody{ml::QueueTrials{id, {{n, {}, 1}}}});
    ml::FinishTrial finish;
    finish.study = id;
    finish.number = n;
    finish.token =
        node.apply(ml::CommandBody{ml::StartTrial{id, n, test_node_id()}}).outcome.number;
    finish.value = n;
    node.apply(ml::CommandBody{finish});
  }
  const auto token = node.apply(ml::CommandBody{ml::StartFinal{id, test_node_id()}}).outcome.number;
  const auto done = node.apply(ml::CommandBody{ml::FinishFinal{id, token, result, false, ""}});
  ASSERT_FALSE(done.outcome.error) << done.outcome.error->detail;

  const json study = json::parse(get("/api/v1/studies/" + id).body);
  EXPECT_EQ(study["result"]["test"]["rmse"], 4.5);
  const std::string name = study["result"]["model"]["name"];
  const std::string path = "/api/v1/models/" + name;
  EXPECT_EQ(json::parse(get("/api/v1/models").body)["models"][0]["latest"], 1);
  EXPECT_EQ(json::parse(get(path).body)["versions"][0]["features"][0]["name"], "age");
  EXPECT_EQ(json::parse(get(path + "/versions/1").body)["study"], id);
  EXPECT_EQ(get(path + "/versions/2").status, 404U);
  EXPECT_EQ(get(path + "/versions/1/download").body, "a zip");
  EXPECT_EQ(json::parse(post_json(path + "/predict", R"({"rows":[{}]})").body)["version"], 1);
  const Reply csv =
      send("POST", path + "/predict?version=1", "a\n1\n", "Content-Type: text/csv\r\n");
  EXPECT_EQ(csv.headers.at("content-type"), "text/csv");
  EXPECT_EQ(post_json(path + "/predict", R"({"rows":["bad"]})").status, 422U);
  EXPECT_EQ(post_json(path + "/predict", "{").status, 400U);
  EXPECT_EQ(post_json(path + "/predict?version=x", "{}").status, 400U);
  EXPECT_EQ(post_json(path + "/predict?version=9", "{}").status, 404U);
  EXPECT_EQ(send("POST", path + "/predict", "{}").status, 415U);
  EXPECT_EQ(post_json(path + "/predict", std::string((16 << 20) + 1, ' ')).status, 413U);
}

TEST_F(ApiTest, AnswersAnyBytesAsAStudyWithAProblem) {
  start();
  upload();
  const std::string good =
      R"({"dataset":"people","target":"charges","trials":0,"tags":["a"],"initial":[{"a":1.5}]})";
  Random random{20240607};
  TestClient client{server->port()};
  for (int round = 0; round < 10'000; ++round) {
    std::string body = good;
    if (round % 2 == 0) body.assign(random.below(60), ' ');
    const std::uint64_t changes = round % 2 == 0 ? body.size() : 1 + random.below(6);
    for (std::uint64_t i = 0; i < changes && !body.empty(); ++i) {
      body[random.below(body.size())] = static_cast<char>(random.below(256));
    }
    // "trials" stays 0 or is broken, so no body of this test may pass by chance.
    if (body.find("\"trials\":0") == std::string::npos) body += "}";
    client.send(request_text(
        "POST", "/api/v1/studies", host, auth() + "Content-Type: application/json\r\n", body));
    const Reply reply = client.read_reply();
    ASSERT_GE(reply.status, 400U) << "round " << round << ": " << body;
    ASSERT_LT(reply.status, 500U) << "round " << round << ": " << body << reply.body;
    ASSERT_EQ(json::parse(reply.body)["status"], reply.status);
  }
}

}  // namespace
}  // namespace starling::tests
