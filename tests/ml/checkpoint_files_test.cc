// A node keeps the checkpoints of what has not ended, and no others.
#include "ml/work/checkpoint_files.h"

#include "tests/ml/study_fixture.h"
#include "tests/support/scratch_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace starling::ml {
namespace {

namespace fs = std::filesystem;

class CheckpointFilesTest : public testing::Test {
 protected:
  CheckpointFilesTest() {
    swarm_.add_dataset();
    swarm_.create_study(3);
    swarm_.queue(0);
    swarm_.queue(1);
  }

  void put(const std::string& name) { std::ofstream(folder_ / name) << "state"; }

  std::set<std::string> there() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator{folder_})
      names.insert(entry.path().filename().string());
    return names;
  }

  void forget(std::uint64_t running = 0) {
    files_.forget(swarm_.view, [running](std::uint64_t token) { return token == running; });
  }

  Swarm swarm_;
  tests::ScratchFolder scratch_;
  fs::path folder_ = scratch_.path() / "checkpoints";
  CheckpointFiles files_{folder_};
};

TEST_F(CheckpointFilesTest, ThoseOfTrialsThatMayComeAgainAreKept) {
  EXPECT_EQ(files_.path("s-1", 0), folder_ / "s-1_0");
  EXPECT_EQ(files_.path("s-1", std::nullopt), folder_ / "s-1_final");
  const std::set<std::string> needed{"s-1_0", "s-1_0.before", "s-1_1", "s-1_final"};
  for (const std::string& name : needed)
    put(name);
  put("s-1_7");
  put("s-2_0");
  put("s-2_final");
  forget();
  EXPECT_EQ(there(), needed);
  const auto token = swarm_.start(0);
  EXPECT_FALSE(swarm_.finish(0, token, 5.0).error);
  forget();
  EXPECT_EQ(there(), (std::set<std::string>{"s-1_1", "s-1_final"})) << "trial 0 has ended";
  EXPECT_FALSE(swarm_.run(StopStudy{"s-1", "enough", false}).error);
  forget();
  EXPECT_TRUE(there().empty()) << "the study was stopped";
}

TEST_F(CheckpointFilesTest, UnfinishedOnesGoWithTheirAttempt) {
  put("s-1_0.17.new");
  put("s-1_0.18.new");
  forget(18);
  EXPECT_EQ(there(), std::set<std::string>{"s-1_0.18.new"});
  put("s-1_0");
  const CheckpointFiles started_again{folder_};
  EXPECT_EQ(there(), std::set<std::string>{"s-1_0"}) << "its children are dead";
}

}  // namespace
}  // namespace starling::ml
