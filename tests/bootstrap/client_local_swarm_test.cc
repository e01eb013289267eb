#include "bootstrap/client/local_swarm.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <signal.h>

namespace starling::bootstrap {
namespace {

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
