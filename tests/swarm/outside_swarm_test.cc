// Programs outside a swarm of real processes compute its trials, while one of them and a node die.
#include "tests/swarm/process_swarm.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;

constexpr int kTrials = 40;

std::string create(bootstrap::SwarmClient& client) {
  const Json x{{"type", "float"}, {"low", -5}, {"high", 5}};
  const Json body{
      {"task", "outside"}, {"trials", kTrials}, {"parallelism", 4}, {"search_space", {{"x", x}}}};
  const auto made = client.post("/api/v1/studies", body);
  EXPECT_TRUE(made) << made.error().detail;
  return made ? made->value("id", "") : "";
}

/// Asks its own node, which may be killed meanwhile.
class Program {
 public:
  Program(ProcessSwarm& swarm, std::size_t node, std::string study)
      : client_(swarm.client(node)), path_("/api/v1/studies/" + std::move(study)) {}

  std::optional<Json> ask(int lease_s) {
    const auto asked = client_.post(path_ + "/ask", {{"lease_s", lease_s}, {"wait_s", 1}});
    return asked ? std::optional{*asked} : std::nullopt;
  }

  /// How many of its values were taken; until nothing is left, or its node is gone.
  int compute() {
    int taken = 0;
    for (int missed = 0; missed < 10;) {
      const auto trial = ask(3);
      missed = trial ? 0 : missed + 1;
      if (!trial) continue;
      const double x = (*trial)["params"]["x"].get<double>();
      const Json word{
          {"number", (*trial)["number"]}, {"token", (*trial)["token"]}, {"value", x * x}};
      taken += client_.post(path_ + "/tell", word) ? 1 : 0;
    }
    return taken;
  }

 private:
  bootstrap::SwarmClient client_;
  std::string path_;
};

TEST(Outside, EveryTrialIsComputedThoughAProgramAndANodeDie) {
  ProcessSwarm swarm{3};
  auto client = swarm.client(0);
  const auto id = create(client);
  Program forgets{swarm, 1, id};
  std::optional<Json> forgotten;
  ASSERT_TRUE(wait_until(30s, [&] {
    forgotten = forgets.ask(1);
    return forgotten.has_value();
  })) << swarm.logs();
  std::atomic<int> taken = 0;
  std::vector<std::thread> programs;
  for (const std::size_t node : {0UL, 1UL, 2UL})
    programs.emplace_back([&swarm, &taken, id, node] {
      Program program{swarm, node, id};
      taken += program.compute();
    });
  ASSERT_TRUE(wait_until(60s, [&] {
    return taken > 0 || client.get("/api/v1/studies/" + id)->at("trials")["completed"] > 5;
  }));
  swarm.kill(2);
  for (auto& program : programs)
    program.join();
  const auto study = swarm.wait_for_study(client, id, 60s);
  ASSERT_EQ(study["status"], "completed") << study.dump(1) << swarm.logs();
  EXPECT_EQ(study["trials"]["completed"], kTrials);
  const auto trials = client.get("/api/v1/studies/" + id + "/trials").value()["trials"];
  const Json& first = trials[(*forgotten)["number"].get<std::size_t>()];
  EXPECT_EQ(first["past_attempts"][0]["cause"], "not_told") << first.dump(1);
  EXPECT_EQ(first["params"], (*forgotten)["params"]);
  for (const Json& trial : trials) {
    const double x = trial["params"]["x"].get<double>();
    EXPECT_EQ(trial["value"], x * x);
  }
}

}  // namespace
}  // namespace starling::tests
