// Whatever is killed: the study ends with exactly N trials, and nothing acknowledged is lost.
#include "tests/swarm/process_swarm.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <unistd.h>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;

Json study_request(int trials) {
  return {{"target", "charges"}, {"trials", trials}, {"parallelism", 3}, {"epochs", 25}};
}

int final_trials(bootstrap::SwarmClient& client, const std::string& id) {
  const auto study = client.get("/api/v1/studies/" + id);
  if (!study) return -1;
  const auto& trials = (*study)["trials"];
  return trials["completed"].get<int>() + trials["failed"].get<int>();
}

/// Every trial is there once, final, and the model answers on every node that runs.
void expect_whole(ProcessSwarm& swarm,
                  bootstrap::SwarmClient& client,
                  const Json& study,
                  int trials) {
  ASSERT_EQ(study["status"], "completed") << study.dump(1) << swarm.logs();
  EXPECT_EQ(study["trials"]["completed"], trials) << study["trials"].dump();
  const auto listed = client.get("/api/v1/studies/" + study["id"].get<std::string>() + "/trials");
  ASSERT_TRUE(listed);
  ASSERT_EQ((*listed)["trials"].size(), static_cast<std::size_t>(trials));
  for (int i = 0; i < trials; ++i)
    EXPECT_EQ((*listed)["trials"][static_cast<std::size_t>(i)]["number"], i);
  EXPECT_GT(study["result"]["test"]["r2"].get<double>(), 0.6);
  for (std::size_t i = 0; i < swarm.size(); ++i) {
    if (!swarm.is_running(i)) continue;
    const bool answers = wait_until(30s, [&] {
      bootstrap::SwarmClient one{swarm.url(i), swarm.token(), {.attempts = 1, .pause = 1ms}};
      const auto answer = one.ask("/api/v1/models/insurance/predict", kInsuredPerson);
      return answer && (*answer)["predictions"][0].get<double>() > 10'000;
    });
    EXPECT_TRUE(answers) << "node " << i + 1 << swarm.logs();
  }
}

TEST(Kill, TheLeaderInTheMiddleOfAStudy) {
  ProcessSwarm swarm{3};
  auto client = swarm.client(1);
  const auto id = swarm.start_study(client, kInsurance, study_request(12));
  ASSERT_TRUE(wait_until(60s, [&] { return final_trials(client, id) >= 3; })) << swarm.logs();
  swarm.kill(swarm.leader());
  const auto study = swarm.wait_for_study(client, id, 120s);
  expect_whole(swarm, client, study, 12);
}

TEST(Kill, AllThreeAtOnceAndNothingAcknowledgedIsLost) {
  ProcessSwarm swarm{3};
  auto client = swarm.client(0);
  const auto id = swarm.start_study(client, kInsurance, study_request(8));
  ASSERT_TRUE(wait_until(60s, [&] { return final_trials(client, id) >= 2; })) << swarm.logs();
  const int before = final_trials(client, id);
  for (std::size_t i = 0; i < 3; ++i)
    swarm.kill(i);
  for (std::size_t i = 0; i < 3; ++i)
    swarm.start(i);
  auto again = swarm.client(2);
  ASSERT_TRUE(wait_until(30s, [&] { return final_trials(again, id) >= before; })) << swarm.logs();
  expect_whole(swarm, again, swarm.wait_for_study(again, id, 120s), 8);
}

TEST(Kill, AFollowerThatComesBackCatchesUpAndServes) {
  ProcessSwarm swarm{3};
  const auto leader = swarm.leader();
  const auto follower = (leader + 1) % 3;
  swarm.kill(follower);
  auto client = swarm.client(leader);
  const auto id = swarm.start_study(client, kInsurance, study_request(4));
  const auto study = swarm.wait_for_study(client, id, 120s);
  swarm.start(follower);
  expect_whole(swarm, client, study, 4);
}

/// The leader's own word: how many voters are alive.
std::size_t living_voters(ProcessSwarm& swarm, std::size_t at) {
  bootstrap::SwarmClient one{swarm.url(at), swarm.token(), {.attempts = 1, .pause = 1ms}};
  const auto seen = one.get("/api/v1/swarm");
  if (!seen) return 0;
  std::size_t count = 0;
  for (const auto& member : (*seen)["members"])
    count += member["role"] == "voter" && member["state"] == "alive" ? 1 : 0;
  return count;
}

TEST(Quarantine, ADiskThatWentBackInTimeComesBackAsANewMember) {
  ProcessSwarm swarm{3};
  const auto leader = swarm.leader();
  const auto follower = (leader + 1) % 3;
  const auto state = swarm.folder() / ("node-" + std::to_string(follower + 1)) / "state";
  const auto earlier = swarm.folder() / "earlier";
  swarm.kill(follower);
  std::filesystem::copy(state, earlier, std::filesystem::copy_options::recursive);
  swarm.start(follower);
  auto client = swarm.client(leader);
  const auto id = swarm.start_study(client, kInsurance, study_request(4));
  const auto study = swarm.wait_for_study(client, id, 120s);
  ASSERT_TRUE(wait_until(30s, [&] {
    bootstrap::SwarmClient one{swarm.url(follower), swarm.token(), {.attempts = 1, .pause = 1ms}};
    const auto seen = one.get("/api/v1/studies/" + id);
    return seen && (*seen)["status"] == "completed";
  })) << swarm.logs();

  swarm.kill(follower);
  std::filesystem::remove_all(state);
  std::filesystem::rename(earlier, state);
  swarm.start(follower);
  EXPECT_TRUE(wait_until(60s, [&] {
    return std::filesystem::exists(state.parent_path() / "state.lost-1") &&
           living_voters(swarm, leader) == 3;
  })) << swarm.logs();
  expect_whole(swarm, client, study, 4);
}

/// A disk that confirms nothing any more, for a node that was started while this lives.
class DyingDisk {
 public:
  explicit DyingDisk(const std::filesystem::path& file) : file_(file) {
    setenv("FAIL_SYNC_IN", file_.c_str(), 1);
    setenv("LD_PRELOAD", FAIL_SYNC_LIBRARY, 1);
  }

  ~DyingDisk() {
    unsetenv("LD_PRELOAD");
    unsetenv("FAIL_SYNC_IN");
  }

  DyingDisk(const DyingDisk&) = delete;
  DyingDisk& operator=(const DyingDisk&) = delete;

  void die_for(pid_t node) const {
    const auto other = file_.string() + ".new";
    std::ofstream{other} << node;
    std::filesystem::rename(other, file_);
  }

 private:
  std::filesystem::path file_;
};

TEST(Disk, TheLeaderStopsAtItsFirstFailedSyncAndNothingAcknowledgedIsLost) {
  const auto where = std::filesystem::path{testing::TempDir()} / fmt::format("sync-{}", getpid());
  std::optional<DyingDisk> disk{std::in_place, where};
  ProcessSwarm swarm{3};
  auto client = swarm.client(1);
  const auto id = swarm.start_study(client, kInsurance, study_request(12));
  ASSERT_TRUE(wait_until(60s, [&] { return final_trials(client, id) >= 3; })) << swarm.logs();
  const int before = final_trials(client, id);
  const auto leader = swarm.leader();
  disk->die_for(swarm.pid(leader));
  EXPECT_EQ(swarm.wait_for_end(leader), 128 + SIGABRT) << swarm.logs();
  disk.reset();
  std::filesystem::remove(where);

  EXPECT_NE(swarm.leader(), leader);
  auto other = swarm.client((leader + 1) % 3);
  EXPECT_GE(final_trials(other, id), before);
  swarm.start(leader);
  const auto study = swarm.wait_for_study(other, id, 120s);
  expect_whole(swarm, other, study, 12);
}

TEST(Stop, OnSigtermIsOrderlyAndHandsTheLeadershipOver) {
  ProcessSwarm swarm{3};
  const auto leader = swarm.leader();
  EXPECT_EQ(swarm.stop(leader), 0) << swarm.logs();
  EXPECT_NE(swarm.leader(), leader);
}

TEST(Membership, AKilledNodeIsDeadEverywhereAndARestartedOneIsBack) {
  ProcessSwarm swarm{5};
  const auto state_of = [&](std::size_t at, std::size_t of) {
    bootstrap::SwarmClient one{swarm.url(at), swarm.token(), {.attempts = 1, .pause = 1ms}};
    const auto seen = one.get("/api/v1/swarm");
    if (!seen) return std::string{"unknown"};
    for (const auto& member : (*seen)["members"]) {
      if (member["http"] == swarm.url(of)) return member["state"].get<std::string>();
    }
    return std::string{"absent"};
  };
  const auto everyone_sees = [&](const std::string& state) {
    for (std::size_t i = 0; i < 4; ++i) {
      if (state_of(i, 4) != state) return false;
    }
    return true;
  };
  swarm.kill(4);
  // The promise is 10 s and 5 s on a quiet machine; the test leaves room for a busy one.
  EXPECT_TRUE(wait_until(20s, [&] { return everyone_sees("dead"); })) << swarm.logs();
  swarm.start(4);
  EXPECT_TRUE(wait_until(15s, [&] { return everyone_sees("alive"); })) << swarm.logs();
}

}  // namespace
}  // namespace starling::tests
