#include "bootstrap/client/demo_chaos.h"
#include "bootstrap/client/local_swarm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <signal.h>
#include <unistd.h>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

LocalSwarmPlan plan() {
  LocalSwarmPlan plan;
  plan.program = STARLING_FAKE_NODE;
  return plan;
}

bool is_gone(pid_t pid) {
  return kill(pid, 0) != 0 && errno == ESRCH;
}

TEST(LocalSwarm, it_stands_while_it_lives_and_leaves_nothing) {
  std::vector<std::string> waited_for;
  auto swarm =
      LocalSwarm::start(plan(), [&](const std::string& what) { waited_for.push_back(what); });
  ASSERT_TRUE(swarm) << swarm.error().detail;
  EXPECT_EQ((*swarm)->nodes().size(), 3u);
  EXPECT_EQ((*swarm)->token(), "secret");
  EXPECT_TRUE((*swarm)->url().starts_with("http://127.0.0.1:"));
  ASSERT_FALSE(waited_for.empty());
  EXPECT_NE(waited_for.front().find("node-1 to listen"), std::string::npos);
  const auto nodes = (*swarm)->nodes();
  const auto folder = (*swarm)->folder();
  EXPECT_TRUE(std::filesystem::exists(folder));
  swarm->reset();
  EXPECT_FALSE(std::filesystem::exists(folder));
  for (const auto& node : nodes)
    EXPECT_TRUE(is_gone(node.pid)) << node.name;
}

TEST(LocalSwarm, a_node_that_ends_is_named_with_its_last_words) {
  setenv("FAKE_NODE_FAILS", "node-2", 1);
  const auto swarm = LocalSwarm::start(plan(), {});
  unsetenv("FAKE_NODE_FAILS");
  ASSERT_FALSE(swarm);
  EXPECT_NE(swarm.error().detail.find("node-2 ended with code 1"), std::string::npos)
      << swarm.error().detail;
  EXPECT_NE(swarm.error().detail.find("node-2 has no disk"), std::string::npos)
      << swarm.error().detail;
}

TEST(LocalSwarm, nodes_are_killed_stopped_and_started_again) {
  auto started = LocalSwarm::start(plan(), {});
  ASSERT_TRUE(started) << started.error().detail;
  LocalSwarm& swarm = **started;
  const pid_t first = swarm.nodes()[1].pid;
  swarm.kill_node(1);
  EXPECT_TRUE(is_gone(first));
  EXPECT_FALSE(swarm.nodes()[1].is_running);
  EXPECT_FALSE(swarm.kill_trial(1));
  ASSERT_TRUE(swarm.restart_node(1));
  EXPECT_TRUE(swarm.nodes()[1].is_running);
  EXPECT_NE(swarm.nodes()[1].pid, first);
  swarm.stop_node(2);
  EXPECT_TRUE(swarm.nodes()[2].is_stopped);
  EXPECT_FALSE(swarm.kill_trial(2)) << "the fake node has no workers";
  const auto nodes = swarm.nodes();
  started->reset();  // one is still stopped
  for (const auto& node : nodes)
    EXPECT_TRUE(is_gone(node.pid)) << node.name;
}

/// A demo whose page is this test.
class DemoChaosTest : public testing::Test {
 protected:
  using Time = DemoChaos::Time;

  DemoChaosTest() : swarm_(LocalSwarm::start(plan(), {}).value()), chaos_(*swarm_, 1) {}

  void wish(const std::string& id, const std::string& fault, const std::string& node) {
    std::ofstream(swarm_->folder() / "demo-chaos-wish")
        << Json{{"id", id}, {"fault", fault}, {"node", node}};
  }

  void step(std::chrono::milliseconds later) { chaos_.step(now_ += later); }

  std::vector<std::string> log() const {
    std::ifstream in(swarm_->folder() / "demo-chaos");
    std::vector<std::string> all;
    const Json story = Json::parse(in);
    for (const Json& entry : story.at("log"))
      all.push_back(entry.at("what"));
    return all;
  }

  std::unique_ptr<LocalSwarm> swarm_;
  DemoChaos chaos_;
  Time now_{};
};

TEST_F(DemoChaosTest, does_each_wish_once_and_mends_what_it_did) {
  step(200ms);
  EXPECT_TRUE(log().empty());
  wish("a", "kill", "node-2");
  step(200ms);
  EXPECT_FALSE(swarm_->nodes()[1].is_running);
  wish("b", "stop", "node-3");
  step(200ms);
  EXPECT_FALSE(swarm_->nodes()[2].is_stopped) << "a majority must work";
  step(1500ms);
  EXPECT_TRUE(swarm_->nodes()[1].is_running);
  wish("c", "stop", "node-3");
  step(200ms);
  EXPECT_TRUE(swarm_->nodes()[2].is_stopped);
  wish("a", "kill", "node-2");  // a node that was away shows what was before
  step(4000ms);
  EXPECT_FALSE(swarm_->nodes()[2].is_stopped);
  EXPECT_TRUE(swarm_->nodes()[1].is_running);
  EXPECT_EQ(log(),
            (std::vector<std::string>{"killed node-2 (signal 9)",
                                      "nothing is done: a majority of the nodes must work",
                                      "node-2 starts again",
                                      "stopped node-3 (it hangs)",
                                      "node-3 goes on"}));
}

TEST_F(DemoChaosTest, a_node_that_ends_otherwise_starts_again) {
  const pid_t first = swarm_->nodes()[0].pid;
  kill(first, SIGKILL);
  for (int looks = 0; looks < 1000 && swarm_->nodes()[0].is_running; ++looks) {
    step(1ms);
    usleep(1000);
  }
  EXPECT_FALSE(swarm_->nodes()[0].is_running);
  step(1600ms);
  EXPECT_TRUE(swarm_->nodes()[0].is_running);
  EXPECT_NE(swarm_->nodes()[0].pid, first);
}

TEST_F(DemoChaosTest, a_storm_ends_and_leaves_a_majority_at_every_time) {
  wish("a", "storm", "");
  std::size_t faults = 0;
  for (int i = 0; i < 200; ++i) {
    step(200ms);
    const auto& nodes = swarm_->nodes();
    const auto works = std::ranges::count_if(
        nodes, [](const auto& node) { return node.is_running && !node.is_stopped; });
    ASSERT_GE(works, 2);
    faults += works < 3 ? 1 : 0;
  }
  EXPECT_GT(faults, 20U);
  EXPECT_EQ(std::ranges::count(log(), "the storm is over"), 1);
}

TEST(LocalSwarm, a_program_that_cannot_run_is_said) {
  auto broken = plan();
  broken.program = "/nowhere/starling";
  const auto swarm = LocalSwarm::start(broken, {});
  ASSERT_FALSE(swarm);
  EXPECT_NE(swarm.error().detail.find("node-1 ended with code 127"), std::string::npos);
}

TEST(LocalSwarm, the_folder_stays_if_asked) {
  auto swarm = LocalSwarm::start(plan(), {});
  ASSERT_TRUE(swarm) << swarm.error().detail;
  (*swarm)->keep_folder();
  const auto folder = (*swarm)->folder();
  swarm->reset();
  EXPECT_TRUE(std::filesystem::exists(folder / "node-1" / "addresses.json"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace starling::bootstrap
