// What a person may get wrong when starting nodes: the right exit code and a sentence that helps.
#include "node/base/durable_file.h"
#include "tests/support/scratch_folder.h"
#include "tests/swarm/process_swarm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class NodeErrors : public testing::Test {
 protected:
  int node(std::vector<std::string> options, std::chrono::seconds patience = 20s) {
    std::vector<std::string> arguments{STARLING_PROGRAM, "node"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run_program(arguments, output_, patience);
  }

  /// One that joins with these options beside, for five seconds.
  int joining(const std::string& seed, std::vector<std::string> options) {
    options.insert(options.end(),
                   {"--join", seed, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"});
    return node(std::move(options), 5s);
  }

  std::filesystem::path secret_file(const std::string& content) {
    const auto path = folder_ / "secret";
    EXPECT_TRUE(write_file_atomically(path, content, 0600));
    return path;
  }

  const ScratchFolder scratch_;
  const std::filesystem::path folder_ = scratch_.path();
  std::string output_;
};

TEST_F(NodeErrors, WithNeitherFoundNorJoinItSaysWhichToUse) {
  EXPECT_EQ(node({"--data", folder_ / "n", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"}), 2);
  EXPECT_THAT(output_, HasSubstr("--found"));
  EXPECT_THAT(output_, HasSubstr("--join"));
}

TEST_F(NodeErrors, ListeningEverywhereNeedsAnAddressForOthers) {
  EXPECT_EQ(node({"--data", folder_ / "n", "--found", "--listen", "0.0.0.0:7400"}), 2);
  EXPECT_THAT(output_, HasSubstr("--advertise HOST:PORT"));
  EXPECT_EQ(node({"--data", folder_ / "n", "--found", "--advertise", "0.0.0.0:7400"}), 2);
  EXPECT_THAT(output_, HasSubstr("nobody can connect to that"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "n")) << "nothing was changed";
}

TEST_F(NodeErrors, JoiningNeedsASecretOrAToken) {
  const std::vector<std::string> join{"--data",
                                      folder_ / "n",
                                      "--join",
                                      "127.0.0.1:1",
                                      "--listen",
                                      "127.0.0.1:0",
                                      "--http",
                                      "127.0.0.1:0"};
  EXPECT_EQ(node(join), 2);
  EXPECT_THAT(output_, HasSubstr("--secret-file"));
  EXPECT_THAT(output_, HasSubstr("--join-token"));
  auto with = join;
  with.insert(with.end(), {"--secret-file", folder_ / "absent"});
  EXPECT_EQ(node(with), 2);
  EXPECT_THAT(output_, HasSubstr("openssl rand -hex 32"));
  with.back() = secret_file("not a secret");
  EXPECT_EQ(node(with), 2);
  EXPECT_THAT(output_, HasSubstr("64 hex digits"));
  EXPECT_THAT(output_, testing::Not(HasSubstr("not a secret"))) << "secrets are not repeated";
  with = join;
  with.insert(with.end(), {"--join-token", "starling-join-123"});
  EXPECT_EQ(node(with), 2);
  EXPECT_THAT(output_, HasSubstr("96 hex digits"));
}

TEST_F(NodeErrors, AnUnknownOptionAndAMissingDirectoryAreUsage) {
  EXPECT_EQ(node({"--data", folder_ / "n", "--fond"}), 2);
  EXPECT_EQ(node({"--found"}), 2);
  EXPECT_THAT(output_, HasSubstr("--data"));
}

TEST_F(NodeErrors, APortInUseIsNamed) {
  ProcessSwarm swarm{1};
  const auto peer = read_file(swarm.folder() / "node-1" / "addresses.json").value();
  const std::string listen = Json::parse(peer)["listen"];
  EXPECT_EQ(node({"--data", folder_ / "n", "--found", "--listen", listen}), 1);
  EXPECT_THAT(output_, HasSubstr("--listen " + listen));
  EXPECT_THAT(output_, HasSubstr("in use"));
}

TEST_F(NodeErrors, ADirectoryInUseIsNamed) {
  ProcessSwarm swarm{1};
  EXPECT_EQ(node({"--data", swarm.folder() / "node-1", "--found"}), 1);
  EXPECT_THAT(output_, HasSubstr("another starling process"));
}

TEST_F(NodeErrors, JoiningWhereNobodyListensKeepsTryingAndSaysSo) {
  // A port that was free a moment ago: taken and given back.
  ProcessSwarm swarm{1};
  const auto peer = read_file(swarm.folder() / "node-1" / "addresses.json").value();
  const std::string nobody = Json::parse(peer)["listen"];
  swarm.kill(0);
  const int status = joining(
      nobody, {"--data", folder_ / "n", "--secret-file", swarm.folder() / "node-1" / "swarm-keys"});
  EXPECT_EQ(status, 128 + SIGKILL) << "it was still trying when the test ended it";
  EXPECT_THAT(output_, HasSubstr(nobody));
  EXPECT_THAT(output_, HasSubstr("trying"));
}

TEST_F(NodeErrors, ADirectoryOfAnotherSwarmIsNotLetIn) {
  const auto secret = secret_file(std::string(64, 'a'));
  ProcessSwarm one{SwarmPlan{.nodes = 1, .secret_file = secret}};
  ProcessSwarm other{SwarmPlan{.nodes = 1, .secret_file = secret}};
  const auto peer = read_file(one.folder() / "node-1" / "addresses.json").value();
  const std::string seed = Json::parse(peer)["listen"];
  other.kill(0);
  joining(seed, {"--data", other.folder() / "node-1"});
  EXPECT_THAT(output_, HasSubstr("this node belongs to swarm")) << output_;
  auto client = one.client(0);
  EXPECT_EQ(client.get("/api/v1/swarm").value()["members"].size(), 1U);
}

TEST_F(NodeErrors, WhoHasAnotherSecretIsNotAnswered) {
  ProcessSwarm swarm{1};
  const auto peer = read_file(swarm.folder() / "node-1" / "addresses.json").value();
  const std::string seed = Json::parse(peer)["listen"];
  joining(seed, {"--data", folder_ / "n", "--secret-file", secret_file(std::string(64, 'a'))});
  EXPECT_THAT(output_, HasSubstr("does not know the same secret")) << output_;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "n" / "state"));
}

TEST_F(NodeErrors, AWrongTokenIsRefused) {
  ProcessSwarm swarm{1};
  bootstrap::SwarmClient client{swarm.url(0), "wrong", {.attempts = 1, .pause = 1ms}};
  EXPECT_EQ(client.get("/api/v1/swarm").error().code, Errc::unauthorized);
}

TEST_F(NodeErrors, ANameThatIsNoTextIsRefusedAndNotPutIntoTheLog) {
  ProcessSwarm swarm{1};
  bootstrap::SwarmClient client{swarm.url(0), swarm.token(), {.attempts = 1, .pause = 1ms}};
  for (const char* path : {"/api/v1/datasets/%FF", "/api/v1/registers/%FF"}) {
    const auto answer = client.erase(path);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::invalid_argument) << path << answer.error().detail;
  }
  EXPECT_EQ(client.post("/api/v1/studies/%FF/cancel", Json::object()).error().code,
            Errc::invalid_argument);
  EXPECT_TRUE(client.get("/api/v1/swarm")) << "the node still lives";
}

}  // namespace
}  // namespace starling::tests
