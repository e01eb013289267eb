// A trial that is ended in the middle and started again comes to the same end, bit for bit.
#include "ml/search/family_spec.h"
#include "ml/train/checkpoint.h"
#include "ml/train/native_engine.h"
#include "ml/train/trial_data.h"
#include "tests/ml/train_pool_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace starling::ml {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// Ends the child after so many epochs.
asio::awaitable<std::size_t> interrupted(WorkerPool& pool, WorkTask task, std::size_t epochs) {
  auto spawned = co_await pool.spawn();
  const auto channel = std::move(spawned.value());
  WorkMessage first{std::move(task)};
  const auto written = co_await channel->write(std::move(first));
  std::size_t heard = 0;
  while (written && heard < epochs) {
    const auto message = co_await channel->read();
    if (!message) break;
    heard += std::holds_alternative<WorkProgress>(*message) ? 1 : 0;
  }
  channel->kill();
  static_cast<void>(co_await channel->exited());
  co_return heard;
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    task_ = insurance_task();
    task_.epochs_max = 12;
    task_.patience = 12;
    task_.params = {{"mlp.embedding", "piecewise"},
                    {"mlp.norm", "batch"},
                    {"mlp.schedule", "cosine"},
                    {"mlp.activation", "silu"}};
    task_.checkpoint_seconds = 0;
    task_.checkpoint_path = path_.string();
  }

  Story run(const WorkTask& task) { return finish(io_, tell(pool_, task)); }

  void end_after(const WorkTask& task, std::size_t epochs) {
    ASSERT_EQ(finish(io_, interrupted(pool_, task, epochs)), epochs);
    ASSERT_TRUE(fs::exists(path_));
  }

  WorkTask without_checkpoint() const {
    WorkTask task = task_;
    task.checkpoint_path.clear();
    return task;
  }

  ScratchFolder folder_;
  fs::path path_ = folder_.path() / "checkpoints" / "s-1_0";
  WorkTask task_;
  asio::io_context io_;
  WorkerPool pool_{io_.get_executor(), STARLING_WORKER};
};

void expect_same(const Story& a, const Story& b) {
  ASSERT_TRUE(a.done && b.done);
  EXPECT_EQ(a.progress, b.progress);
  EXPECT_EQ(a.done->value, b.done->value);
  EXPECT_EQ(a.done->metrics, b.done->metrics);
  EXPECT_EQ(a.done->best_epoch, b.done->best_epoch);
  EXPECT_EQ(a.done->epochs, b.done->epochs);
}

TEST_F(CheckpointTest, ATrialThatWasEndedGoesOnToTheSameEnd) {
  const Story whole = run(without_checkpoint());
  for (const char* method : {"holdout", "kfold"}) {
    if (method == std::string{"kfold"}) task_.split.method = SplitMethod::kfold;
    const Story undisturbed = run(without_checkpoint());
    end_after(task_, 3);
    end_after(task_, 7);
    expect_same(run(task_), undisturbed);
    remove_checkpoint(path_);
  }
  EXPECT_TRUE(whole.done);
}

TEST_F(CheckpointTest, AFinalModelIsTheSameToTheByte) {
  task_.kind = WorkKind::final;
  task_.fixed_epochs = 9;
  WorkTask undisturbed = without_checkpoint();
  undisturbed.artifact_path = (folder_.path() / "a.zip").string();
  task_.artifact_path = (folder_.path() / "b.zip").string();
  ASSERT_TRUE(run(undisturbed).done);
  end_after(task_, 4);
  ASSERT_TRUE(run(task_).done);
  EXPECT_EQ(content_of(task_.artifact_path), content_of(undisturbed.artifact_path));
}

/// The learners of a trial, as its child has them.
struct Trained {
  explicit Trained(const WorkTask& task) : data(load_trial_data(task).value()) {
    const auto spec = family_spec_from(task.params).value();
    const TrialRound& round = data.rounds[0];
    learners.push_back(engine.make_learner(spec, round.encoder.target(), round.fit, task.seed));
  }

  TrialData data;
  NativeEngine engine;
  std::vector<std::unique_ptr<Learner>> learners;
};

TEST_F(CheckpointTest, IsReadByTheChildAndSaidAgain) {
  Trained trained{task_};
  trained.learners[0]->train_epoch();
  const Checkpoint kept{.progress = {{1, 123456.5, 7.25}}, .best_epoch = 1, .best = 123456.5};
  ASSERT_TRUE(write_checkpoint(path_, task_, kept, trained.learners));
  const Story story = run(task_);
  ASSERT_TRUE(story.done);
  EXPECT_EQ(story.progress[0], kept.progress[0]) << "it is the one that was kept";
  EXPECT_EQ(story.progress.size(), 12U);
}

TEST_F(CheckpointTest, OfTwoTheNewestThatIsWholeIsTaken) {
  Trained trained{task_};
  const auto keep = [&](std::uint32_t best_epoch) {
    ASSERT_TRUE(write_checkpoint(path_, task_, {.best_epoch = best_epoch}, trained.learners));
  };
  const auto found = [&](const WorkTask& task) {
    return read_checkpoint(path_, task, trained.learners);
  };
  EXPECT_EQ(found(task_).error().code, Errc::not_found);
  keep(1);
  keep(2);
  EXPECT_EQ(found(task_)->best_epoch, 2U);
  const std::string newest = content_of(path_);
  for (const std::size_t at : {std::size_t{3}, newest.size() / 2, newest.size() - 1}) {
    std::string damaged = newest;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    put(path_, damaged);
    EXPECT_EQ(found(task_)->best_epoch, 1U) << "byte " << at;
    put(path_, newest.substr(0, at));
    EXPECT_EQ(found(task_)->best_epoch, 1U) << "cut at " << at;
  }
  put(path_, newest);
  for (const auto change : {+[](WorkTask& task) { task.seed = 43; },
                            +[](WorkTask& task) { task.params["mlp.width"] = std::int64_t{9}; },
                            +[](WorkTask& task) { task.dataset_path += "x"; },
                            +[](WorkTask& task) { task.kind = WorkKind::final; }}) {
    WorkTask other = task_;
    change(other);
    EXPECT_FALSE(found(other)) << "of another task";
  }
  remove_checkpoint(path_);
  EXPECT_EQ(found(task_).error().code, Errc::not_found);
}

TEST_F(CheckpointTest, AStateOfAnotherNetworkIsCorruptAndTheTrialBeginsAgain) {
  WorkTask smaller = task_;
  smaller.params["mlp.width"] = std::int64_t{16};
  Trained trained{smaller};
  ASSERT_TRUE(write_checkpoint(path_, task_, {.best_epoch = 1}, trained.learners));
  Trained larger{task_};
  EXPECT_EQ(read_checkpoint(path_, task_, larger.learners).error().code, Errc::corrupt);
  expect_same(run(task_), run(without_checkpoint()));
}

TEST_F(CheckpointTest, TreesAreTrainedFromTheStart) {
  task_.params = {{"family", "xgboost"}};
  const Story story = run(task_);
  ASSERT_TRUE(story.done);
  EXPECT_TRUE(fs::is_empty(path_.parent_path())) << "nor is anything left of the try";
}

}  // namespace
}  // namespace starling::ml
