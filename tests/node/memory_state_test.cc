// Limits, what is left below them, and what the kernel has done, from files as kernels write them.
#include "node/process/memory_state.h"

#include "node/process/process_groups.h"
#include "tests/support/scratch_folder.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace starling::node {
namespace {

constexpr std::uint64_t kMb = 1 << 20;

class MemoryFiles : public testing::Test {
 protected:
  MemoryFiles() {
    sources_.own_groups = folder_.path() / "groups";
    sources_.v2_root = folder_.path() / "v2";
    sources_.v1_root = folder_.path() / "v1";
    sources_.meminfo = folder_.path() / "meminfo";
    sources_.vmstat = folder_.path() / "vmstat";
    sources_.pressure = folder_.path() / "pressure";
    write("meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\nMemAvailable:    4194304 kB\n");
    write("vmstat", "nr_free_pages 1\noom_kill 7\n");
  }

  void write(const std::string& name, const std::string& text) {
    const auto path = folder_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path} << text;
  }

  tests::ScratchFolder folder_;
  MemorySources sources_;
};

TEST_F(MemoryFiles, WithoutGroupsTheMachineCounts) {
  write("pressure", "some avg10=12.50 avg60=1.00 avg300=0.00 total=5\nfull avg10=0.00\n");
  const auto state = memory_state(sources_);
  EXPECT_EQ(state.limit_bytes, 8192 * kMb);
  EXPECT_EQ(state.free_bytes, 4096 * kMb);
  EXPECT_EQ(state.stalled_percent, 12.5);
  EXPECT_EQ(state.oom_kills, 7U);
}

TEST_F(MemoryFiles, TheTightestGroupOfVersion2CountsAndIdlePagesOfFilesAreFree) {
  write("groups", "0::/swarm/node\n");
  write("v2/swarm/memory.max", "536870912\n");
  write("v2/swarm/memory.current", "503316480\n");
  write("v2/swarm/memory.stat", "anon 1\ninactive_file 83886080\nactive_file 20971520\n");
  write("v2/swarm/node/memory.max", "max\n");
  write("v2/swarm/node/memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n");
  write("v2/swarm/node/memory.pressure", "some avg10=3.00 avg60=0.00 avg300=0.00 total=1\n");
  const auto state = memory_state(sources_);
  EXPECT_EQ(state.limit_bytes, 512 * kMb);
  EXPECT_EQ(state.free_bytes, (512 - 480 + 100) * kMb);
  EXPECT_EQ(state.oom_kills, 2U);
  EXPECT_EQ(state.stalled_percent, 3.0);
  EXPECT_EQ(cgroup_limit_bytes(sources_), 512 * kMb);
}

TEST_F(MemoryFiles, Version1IsReadTheSameWay) {
  write("groups", "5:cpu:/x\n4:memory:/node\n");
  write("v1/memory.limit_in_bytes", "9223372036854771712\n");
  write("v1/node/memory.limit_in_bytes", "268435456\n");
  write("v1/node/memory.usage_in_bytes", "134217728\n");
  write("v1/node/memory.stat", "inactive_file 5\ntotal_inactive_file 33554432\n");
  write("v1/node/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
  const auto state = memory_state(sources_);
  EXPECT_EQ(state.limit_bytes, 256 * kMb);
  EXPECT_EQ(state.free_bytes, (256 - 128 + 32) * kMb);
  EXPECT_EQ(state.oom_kills, 4U);
}

TEST_F(MemoryFiles, WhatIsNotSaidCountsAsPlenty) {
  MemorySources nowhere;
  for (auto* path : {&nowhere.own_groups, &nowhere.meminfo, &nowhere.vmstat, &nowhere.pressure})
    *path = folder_.path() / "none";
  const auto state = memory_state(nowhere);
  EXPECT_GT(state.limit_bytes, std::uint64_t{1} << 60);
  EXPECT_GT(state.free_bytes, std::uint64_t{1} << 60);
  EXPECT_EQ(state.oom_kills, 0U);
  EXPECT_EQ(state.stalled_percent, 0);
}

TEST(MemoryState, OfThisMachineIsPlausible) {
  const auto state = memory_state();
  EXPECT_GT(state.limit_bytes, 64 * kMb);
  EXPECT_GT(state.free_bytes, 0U);
  EXPECT_LE(state.free_bytes, state.limit_bytes);
}

/// Plain files take the place of the kernel's: they show what would be written where.
class GroupFilesTest : public MemoryFiles {
 protected:
  std::string content(const std::string& name) const {
    std::ifstream file{folder_.path() / name};
    return {std::istreambuf_iterator<char>(file), {}};
  }

  static std::string leaf() { return "starling-node-" + std::to_string(::getpid()); }

  static std::string child(int pid) {
    return "starling-trial-" + std::to_string(::getpid()) + "-" + std::to_string(pid);
  }

  /// The kernel makes these with a group; here they must be there before.
  void prepare_child(const std::string& group, const std::string& limit) {
    write(group + "/" + limit, "");
    write(group + "/cgroup.procs", "");
  }
};

TEST_F(GroupFilesTest, OfVersion2AreMadeBesideTheLeafThatThisProcessMovesInto) {
  write("groups", "0::/unit\n");
  write("v2/unit/memory.max", "max\n");
  write("v2/unit/cgroup.controllers", "cpu memory pids\n");
  write("v2/unit/cgroup.subtree_control", "");
  write("v2/unit/cgroup.procs", "");
  prepare_child("v2/unit/" + leaf(), "memory.max");
  prepare_child("v2/unit/" + child(17), "memory.max");
  auto groups = ProcessGroups::open(sources_);
  ASSERT_TRUE(groups) << groups.error().detail;
  EXPECT_EQ(content("v2/unit/" + leaf() + "/cgroup.procs"), std::to_string(::getpid()));
  EXPECT_EQ(content("v2/unit/cgroup.subtree_control"), "+memory");
  EXPECT_FALSE(groups->is_confined(17));
  ASSERT_TRUE(groups->confine(17, 64 * kMb));
  EXPECT_TRUE(groups->is_confined(17));
  EXPECT_EQ(content("v2/unit/" + child(17) + "/memory.max"), std::to_string(64 * kMb));
  EXPECT_EQ(content("v2/unit/" + child(17) + "/cgroup.procs"), "17");
  EXPECT_EQ(groups->oom_kills(17), 0U);
  write("v2/unit/" + child(17) + "/memory.events", "low 0\noom 1\noom_kill 1\n");
  EXPECT_EQ(groups->oom_kills(17), 1U);
  EXPECT_EQ(groups->oom_kills(18), 0U);
  groups->release(17);
  EXPECT_FALSE(groups->is_confined(17));

  // The same program started anew in place is in the leaf already.
  write("groups", "0::/unit/" + leaf() + "\n");
  auto again = ProcessGroups::open(sources_);
  ASSERT_TRUE(again) << again.error().detail;
  prepare_child("v2/unit/" + child(18), "memory.max");
  ASSERT_TRUE(again->confine(18, kMb));
  EXPECT_EQ(content("v2/unit/" + child(18) + "/cgroup.procs"), "18");
}

TEST_F(GroupFilesTest, WhereNoneCanBeMadeItSaysWhyAndThisProcessStaysWhereItIs) {
  const auto why = [&] {
    const auto none = ProcessGroups::open(sources_);
    EXPECT_FALSE(none);
    return none ? std::string{} : none.error().detail;
  };
  EXPECT_EQ(ProcessGroups::open(sources_).error().code, Errc::unsupported);
  write("groups", "0::/unit\n");
  write("v2/unit/memory.max", "max\n");
  write("v2/unit/cgroup.controllers", "cpu pids\n");
  EXPECT_NE(why().find("no memory controller"), std::string::npos);

  // Another process shares the group: the kernel refuses controllers for its children.
  write("v2/unit/cgroup.controllers", "memory\n");
  write("v2/unit/cgroup.procs", "");
  prepare_child("v2/unit/" + leaf(), "memory.max");
  EXPECT_NE(why().find("subtree_control"), std::string::npos);
  EXPECT_EQ(content("v2/unit/cgroup.procs"), std::to_string(::getpid()));

  write("groups", "4:memory:/\n");
  write("v1/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_NE(why().find("root"), std::string::npos);
  write("groups", "4:memory:/unit\n");
  write("v1/unit/memory.limit_in_bytes", "9223372036854771712\n");
  write("v1/unit/memory.use_hierarchy", "0\n");
  EXPECT_NE(why().find("hierarchical"), std::string::npos);
}

/// A real child in a real group: the kernel ends it and says so.
TEST(ProcessGroupsTest, TheKernelEndsWhatTakesMoreAndCountsItThere) {
  auto groups = ProcessGroups::open();
  if (!groups) GTEST_SKIP() << "no cgroups can be made here: " << groups.error().detail;
  int gate[2];
  ASSERT_EQ(::pipe(gate), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char word = 0;
    if (::read(gate[0], &word, 1) != 1) ::_exit(1);
    constexpr std::size_t kTaken = 96 * kMb;
    void* taken =
        ::mmap(nullptr, kTaken, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (taken == MAP_FAILED) ::_exit(2);
    std::memset(taken, 1, kTaken);
    ::_exit(0);
  }
  const auto confined = groups->confine(child, 32 * kMb);
  EXPECT_TRUE(confined) << confined.error().detail;
  EXPECT_EQ(::write(gate[1], "!", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  EXPECT_EQ(groups->oom_kills(child), 1U);
  groups->release(child);
  ::close(gate[0]);
  ::close(gate[1]);
}

}  // namespace
}  // namespace starling::node
