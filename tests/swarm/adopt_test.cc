// Two swarms with work in both: one is kept, and adopts what the other has.
#include "ml/search/named_spaces.h"
#include "ml/study/adoption.h"
#include "ml/study/state_backup.h"
#include "ml/study/study_wire.h"
#include "tests/support/scratch_folder.h"
#include "tests/swarm/node_client.h"
#include "tests/swarm/process_swarm.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Adopt : public testing::Test {
 protected:
  /// In `other_`: a study that has ended, one that has not, and two registers.
  void work_there() {
    auto client = other_.client(0);
    done_ = other_.start_study(
        client,
        kInsurance,
        {{"target", "charges"}, {"trials", 2}, {"epochs", 4}, {"name", "costs"}});
    ASSERT_EQ(other_.wait_for_study(client, done_, 120s)["status"], "completed");
    predicted_ = client.ask("/api/v1/models/costs/predict", kInsuredPerson).value()["predictions"];
    const Json slow{{"dataset", "insurance"},
                    {"target", "charges"},
                    {"trials", 2},
                    {"epochs", 400},
                    {"patience", 400},
                    {"families", Json::array({"mlp"})},
                    {"name", "slow"}};
    const auto made = client.post("/api/v1/studies", slow);
    ASSERT_TRUE(made) << made.error().detail;
    open_ = (*made)["id"];
    ASSERT_TRUE(wait_until(60s, [&] {
      const auto study = client.get("/api/v1/studies/" + open_);
      return study && (*study)["trials"]["running"] > 0;
    }));
    NodeClient writer{{other_.url(0)}, other_.token(), 20s};
    ASSERT_EQ(writer.ask(0, "PUT", "/api/v1/registers/both", {}, "there").known, Known::ok);
    ASSERT_EQ(writer.ask(0, "PUT", "/api/v1/registers/only-there", {}, "there").known, Known::ok);
  }

  int adopt(const std::vector<std::string>& from) {
    std::vector<std::string> words{
        STARLING_PROGRAM, "adopt", "--url", kept_.url(0), "--token", kept_.token()};
    words.insert(words.end(), from.begin(), from.end());
    return run_program(words, output_, 120s);
  }

  void expect_all_of_it_here() {
    auto client = kept_.client(0);
    const auto study = client.get("/api/v1/studies/" + done_);
    ASSERT_TRUE(study) << output_;
    EXPECT_EQ((*study)["status"], "completed");
    const auto predicted = client.ask("/api/v1/models/costs/predict", kInsuredPerson);
    ASSERT_TRUE(predicted) << predicted.error().detail;
    EXPECT_EQ((*predicted)["predictions"], predicted_) << "the same model, bit for bit";
    EXPECT_EQ(kept_.wait_for_study(client, open_, 240s)["status"], "completed") << kept_.logs();
  }

  ProcessSwarm kept_{1};
  ProcessSwarm other_{1};
  std::string done_;
  std::string open_;
  Json predicted_;
  std::string output_;
};

TEST_F(Adopt, ALivingSwarmsStudiesModelsAndRegistersGoOnInThisOne) {
  work_there();
  NodeClient writer{{kept_.url(0)}, kept_.token(), 20s};
  ASSERT_EQ(writer.ask(0, "PUT", "/api/v1/registers/both", {}, "here").known, Known::ok);
  const auto token_file = (other_.data(0) / "admin-token").string();
  ASSERT_EQ(adopt({other_.url(0), "--from-token-file", token_file}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("1 datasets and 2 studies with their models adopted"));
  EXPECT_THAT(output_, HasSubstr("stay as they are: both"));
  EXPECT_EQ(writer.ask(0, "GET", "/api/v1/registers/both").body, "here");
  EXPECT_EQ(writer.ask(0, "GET", "/api/v1/registers/only-there").body, "there");
  ASSERT_EQ(adopt({other_.url(0), "--from-token-file", token_file}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("0 datasets and 0 studies"));
  EXPECT_THAT(output_, HasSubstr("3 were here already"));
  other_.kill(0);
  expect_all_of_it_here();
}

TEST_F(Adopt, WhatIsLeftOfASwarmIsItsBackupAndItsBlobs) {
  work_there();
  const ScratchFolder scratch;
  const auto file = (scratch.path() / "other.backup").string();
  ASSERT_EQ(
      run_program(
          {STARLING_PROGRAM, "backup", file, "--url", other_.url(0), "--token", other_.token()},
          output_,
          60s),
      0)
      << output_;
  other_.kill(0);
  EXPECT_EQ(adopt({file}), 1);
  EXPECT_THAT(output_, HasSubstr("--blobs"));
  const auto empty = scratch.path() / "empty";
  std::filesystem::create_directory(empty);
  EXPECT_EQ(adopt({file, "--blobs", empty.string()}), 1) << "nothing is taken without its content";
  EXPECT_THAT(output_, HasSubstr("was not adopted: --blobs: there is no"));
  ASSERT_EQ(adopt({file, "--blobs", (other_.data(0) / "blobs").string()}), 0) << output_;
  expect_all_of_it_here();
}

/// A backup of a swarm that had one cancelled study of so many trials.
void write_large_backup(const std::filesystem::path& file, std::uint32_t trials) {
  ml::Study study;
  study.id = "s-large";
  study.spec.name = "large";
  study.spec.dataset = "d-gone";
  study.spec.target = "y";
  study.spec.task = "regression";
  study.spec.metric = "rmse";
  study.spec.trials = trials;
  study.spec.search_space_json = ml::to_json(ml::default_space());
  study.status = ml::StudyStatus::cancelled;
  study.counts.cancelled = trials;
  Changes changes;
  changes.put(ml::keys::study(study.id), ml::encode(study));
  for (std::uint32_t number = 0; number < trials; ++number) {
    ml::Trial trial;
    trial.study = study.id;
    trial.number = number;
    trial.state = ml::TrialState::cancelled;
    trial.params = ml::default_params();
    trial.error = std::string(100, 'x');
    changes.put(ml::keys::trial(study.id, number), ml::encode(trial));
  }
  auto view = std::make_shared<MapView>();
  view->commit(changes);
  const ml::BackupHead head{.swarm = SwarmId{{1}}, .index = {9}, .time_ms = 1};
  ml::BackupWriter writer{view, head};
  std::ofstream out{file, std::ios::binary};
  for (std::string piece = writer.next(); !piece.empty(); piece = writer.next())
    out << piece;
}

TEST(AdoptLarge, AStudyGoesThroughTheLogInManyPieces) {
  constexpr std::uint32_t kTrials = 3000;
  ProcessSwarm swarm{3};
  const ScratchFolder scratch;
  const auto file = scratch.path() / "other.backup";
  write_large_backup(file, kTrials);
  ASSERT_GT(std::filesystem::file_size(file), 2 * ml::kAdoptedBytesMax);
  std::string output;
  const std::vector<std::string> words{STARLING_PROGRAM,
                                       "adopt",
                                       file.string(),
                                       "--blobs",
                                       scratch.path().string(),
                                       "--url",
                                       swarm.url(1),
                                       "--token",
                                       swarm.token()};
  // A swarm that has just begun may still be counting who knows this command.
  ASSERT_TRUE(wait_until(20s, [&] { return run_program(words, output, 60s) == 0; })) << output;
  auto client = swarm.client(2);
  const auto all_there = [&] {
    const auto trials = client.get("/api/v1/studies/s-large/trials");
    return trials && (*trials)["trials"].size() == kTrials;
  };
  EXPECT_TRUE(wait_until(20s, all_there)) << output;
}

}  // namespace
}  // namespace starling::tests
