#include "bootstrap/client/client_commands.h"
#include "bootstrap/client/client_options.h"
#include "bootstrap/client/insurance_csv.h"
#include "tests/bootstrap/client_fake_server.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iterator>
#include <vector>

namespace starling::bootstrap {
namespace {

using tests::FakeAnswer;
using tests::FakeRequest;
using tests::FakeServer;

const std::string kTable = STARLING_SOURCE_DIR "/data/insurance.csv";

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

Ran run(std::vector<std::string> words) {
  CLI::App app("test", "starling");
  std::function<int()> chosen;
  add_client_commands(app, chosen);
  words.insert(words.begin(), "starling");
  std::vector<const char*> arguments;
  for (const auto& word : words)
    arguments.push_back(word.c_str());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ran ran;
  ran.code = parse_and_run(app, chosen, static_cast<int>(arguments.size()), arguments.data());
  ran.out = testing::internal::GetCapturedStdout();
  ran.err = testing::internal::GetCapturedStderr();
  return ran;
}

TEST(ClientArguments, a_wrong_command_line_is_2) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"fly"},
      {"study"},
      {"study", "watch"},
      {"trial", "show", "insurance", "three"},
      {"run", kTable},
      {"run", "/nowhere.csv", "--target", "charges"},
      {"run", kTable, "--target", "charges", "--trials", "0"},
      {"run", kTable, "--target", "charges", "--time-limit", "soon"},
      {"demo", "--nodes", "0"},
      {"model", "download", "insurance", "--version", "-1"},
      {"member", "list", "--token-file", "/nowhere/token"},
  };
  for (const auto& words : wrong) {
    std::string line;
    for (const auto& word : words)
      line += word + " ";
    EXPECT_EQ(run(words).code, kUsage) << line;
  }
}

TEST(ClientArguments, every_command_has_help_with_an_example) {
  const std::vector<std::vector<std::string>> commands = {{"demo"},
                                                          {"run"},
                                                          {"predict"},
                                                          {"dataset", "list"},
                                                          {"dataset", "show"},
                                                          {"dataset", "add"},
                                                          {"dataset", "rm"},
                                                          {"study", "list"},
                                                          {"study", "show"},
                                                          {"study", "watch"},
                                                          {"study", "cancel"},
                                                          {"trial", "list"},
                                                          {"trial", "show"},
                                                          {"model", "list"},
                                                          {"model", "show"},
                                                          {"model", "download"},
                                                          {"member", "list"}};
  for (auto words : commands) {
    words.push_back("--help");
    const Ran ran = run(words);
    EXPECT_EQ(ran.code, kDone) << words[0];
    EXPECT_NE(ran.out.find("Example"), std::string::npos) << ran.out;
    EXPECT_NE(ran.out.find("--json"), std::string::npos) << ran.out;
  }
}

TEST(ClientArguments, times_are_written_as_people_do) {
  EXPECT_EQ(parse_duration("90"), 90u);
  EXPECT_EQ(parse_duration("10m"), 600u);
  EXPECT_EQ(parse_duration("1h30m"), 5400u);
  for (const char* wrong : {"", "0", "m", "10 m", "1h30", "-5", "99999999999"})
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

TEST(ClientArguments, nobody_there_is_3_and_names_the_address) {
  const std::string url = FakeServer([](const FakeRequest&) { return FakeAnswer(); }).url();
  const Ran ran = run({"member", "list", "--url", url});
  EXPECT_EQ(ran.code, kUnknown);
  EXPECT_NE(ran.err.find(url), std::string::npos) << ran.err;
}

TEST(ClientArguments, a_refusal_is_1_with_its_reason) {
  FakeServer server([](const FakeRequest&) {
    return FakeAnswer{.status = 401, .body = R"({"code":"unauthorized","detail":"no token"})"};
  });
  const Ran ran = run({"study", "list", "--url", server.url()});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_NE(ran.err.find("--token-file"), std::string::npos) << ran.err;
}

TEST(ClientArguments, json_is_one_line_on_stdout_and_nothing_else) {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{.body = "{\n\"models\": []\n}"}; });
  const Ran ran = run({"model", "list", "--json", "--url", server.url()});
  EXPECT_EQ(ran.code, kDone);
  EXPECT_EQ(ran.out, "{\"models\":[]}\n");
  EXPECT_EQ(ran.err, "");
}

TEST(ClientArguments, an_outside_program_asks_and_tells_by_commands) {
  FakeServer server([](const FakeRequest& request) {
    if (request.target.ends_with("/ask"))
      return FakeAnswer{.body = R"({"number":3,"token":117,"params":{"x":0.5}})"};
    return FakeAnswer{.body = R"({"number":3})"};
  });
  const auto call = [&](const std::string& command, std::vector<std::string> more) {
    std::vector<std::string> words{"study", command, "s-1a2b3c4d", "--url", server.url()};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const auto said = [&] { return Json::parse(server.requests().back().body); };
  const Ran asked = call("ask", {"--lease", "60", "--wait", "5"});
  EXPECT_EQ(asked.out, "{\"number\":3,\"params\":{\"x\":0.5},\"token\":117}\n");
  EXPECT_EQ(said(), (Json{{"lease_s", 60}, {"wait_s", 5}}));
  EXPECT_EQ(server.requests().back().target, "/api/v1/studies/s-1a2b3c4d/ask");
  const std::vector<std::string> trial{"--number", "3", "--attempt", "117"};
  const auto told = [&](std::vector<std::string> more) {
    more.insert(more.begin(), trial.begin(), trial.end());
    return call("tell", more).code;
  };
  Json whole{{"number", 3}, {"token", 117}};
  EXPECT_EQ(told({"--value", "-0.25"}), kDone);
  whole["value"] = -0.25;
  EXPECT_EQ(said(), whole);
  EXPECT_EQ(told({"--value", "-0.25", "--step", "7"}), kDone);
  whole["step"] = 7;
  EXPECT_EQ(said(), whole);
  EXPECT_EQ(told({"--failed", "no license"}), kDone);
  EXPECT_EQ(said()["error"], "no license");
  const auto before = server.requests().size();
  EXPECT_EQ(told({}), kFailed);
  EXPECT_EQ(told({"--pruned", "--step", "7"}), kFailed);
  EXPECT_EQ(told({"--failed", "why", "--value", "1"}), kFailed);
  EXPECT_EQ(call("tell", {"--value", "1"}).code, kUsage);
  EXPECT_EQ(call("ask", {"--lease", "0"}).code, kUsage);
  EXPECT_EQ(server.requests().size(), before) << "nothing was sent";
}

TEST(ClientArguments, predictions_are_rows_or_json) {
  const std::string rows = testing::TempDir() + "/client_rows.csv";
  std::ofstream(rows) << "age,smoker\n19,yes\n";
  FakeServer server([](const FakeRequest&) {
    return FakeAnswer{.body = "age,smoker,prediction\n19,yes,16000.5\n"};
  });
  const Ran plain = run({"predict", "insurance:2", rows, "--url", server.url()});
  EXPECT_EQ(plain.out, "age,smoker,prediction\n19,yes,16000.5\n");
  EXPECT_EQ(server.requests()[0].target, "/api/v1/models/insurance/predict?version=2");
  EXPECT_EQ(server.requests()[0].body, "age,smoker\n19,yes\n");
  const Ran json = run({"predict", "insurance", rows, "--json", "--url", server.url()});
  EXPECT_EQ(json.out,
            "{\"model\":\"insurance\",\"predictions\":[16000.5],\"probabilities\":null,"
            "\"rows\":1}\n");
  EXPECT_EQ(run({"predict", "insurance:new", rows, "--url", server.url()}).code, kFailed);
}

TEST(ClientArguments, the_demo_carries_its_table) {
  std::ifstream in(kTable, std::ios::binary);
  const std::string file((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  ASSERT_FALSE(file.empty());
  EXPECT_EQ(insurance_csv(), file);
  EXPECT_NE(file.find("19,female,27.9,0,yes,southwest,16884.924"), std::string::npos)
      << "the demo's person is one of the table";
}

}  // namespace
}  // namespace starling::bootstrap
