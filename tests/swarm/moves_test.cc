// Running trials that go on elsewhere, in a swarm of real processes.
#include "tests/swarm/process_swarm.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;

/// One trial of some seconds.
Json long_study() {
  const auto fixed = [](const Json& value) { return Json{{"type", "fixed"}, {"value", value}}; };
  return {{"target", "charges"},
          {"trials", 1},
          {"epochs", 3000},
          {"patience", 3000},
          {"search_space",
           {{"family", fixed("mlp")},
            {"mlp.n_layers", fixed(2)},
            {"mlp.width", fixed(128)},
            {"mlp.patience", fixed(3000)},
            {"mlp.learning_rate", fixed(0.0001)}}}};
}

Json trial_of(bootstrap::SwarmClient& client, const std::string& study) {
  const auto trial = client.get("/api/v1/studies/" + study + "/trials/0");
  return trial ? *trial : Json::object();
}

std::size_t number_of(ProcessSwarm& swarm,
                      bootstrap::SwarmClient& client,
                      const std::string& name) {
  const auto status = client.get("/api/v1/swarm").value();
  for (const auto& member : status["members"]) {
    if (member["name"] != name && member["id"] != name) continue;
    for (std::size_t i = 0; i < swarm.size(); ++i)
      if (member["http"] == swarm.url(i)) return i;
  }
  return swarm.size();
}

TEST(Moves, ATrialOfADrainedNodeGoesOnElsewhereToTheSameBits) {
  ProcessSwarm swarm{3};
  auto client = swarm.client(0);
  const auto id = swarm.start_study(client, kInsurance, long_study());
  ASSERT_TRUE(wait_until(60s, [&] {
    const auto trial = trial_of(client, id);
    return trial.value("state", "") == "running" && trial["curve"].size() > 20 &&
           trial["curve"].back()["epoch"] > 800;
  })) << swarm.logs();
  const auto owner = trial_of(client, id)["node"].get<std::string>();
  const Json draining{{"draining", true}};
  const auto path = fmt::format("/api/v1/swarm/members/{}/drain", owner);
  ASSERT_TRUE(client.post(path, draining)) << owner;
  ASSERT_TRUE(wait_until(60s,
                         [&] {
                           const auto trial = trial_of(client, id);
                           return trial["past_attempts"].size() == 1 && trial["node"] != owner;
                         }))
      << trial_of(client, id).dump(1) << swarm.logs();
  // Whoever drained may go: what it had reached is elsewhere.
  const std::size_t drained = number_of(swarm, client, owner);
  ASSERT_LT(drained, swarm.size());
  swarm.kill(drained);
  auto other = swarm.client(drained == 0 ? 1 : 0);
  const auto study = swarm.wait_for_study(other, id, 120s);
  ASSERT_EQ(study["status"], "completed") << study.dump(1) << swarm.logs();
  const auto moved = trial_of(other, id);
  EXPECT_EQ(moved["past_attempts"][0]["cause"], "moved") << moved.dump(1);
  // What it had trained before counts as its own, and was not done again.
  const auto second_attempt_ms =
      moved["ended_ms"].get<std::int64_t>() - moved["started_ms"].get<std::int64_t>();
  EXPECT_GT(moved["seconds"].get<double>() * 1000, static_cast<double>(second_attempt_ms));

  const auto again = swarm.start_study(other, kInsurance, long_study());
  swarm.wait_for_study(other, again, 120s);
  const auto undisturbed = trial_of(other, again);
  EXPECT_TRUE(undisturbed["past_attempts"].empty());
  EXPECT_EQ(moved["value"], undisturbed["value"]);
  EXPECT_EQ(moved["metrics"], undisturbed["metrics"]);
  EXPECT_EQ(moved["best_epoch"], undisturbed["best_epoch"]);
}

}  // namespace
}  // namespace starling::tests
