// Limits, what is left below them, and what the kernel has done, from files as kernels write them.
#include "node/process/memory_state.h"

#include "tests/support/scratch_folder.h"

#include <gtest/gtest.h>

#include <fstream>

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

}  // namespace
}  // namespace starling::node
