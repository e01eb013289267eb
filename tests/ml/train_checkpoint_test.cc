// A trial that is ended in the middle and started again comes to the same end, bit for bit.
#include "ml/search/family_spec.h"
#include "ml/train/checkpoint.h"
#include "ml/train/native_engine.h"
#include "ml/train/trial_data.h"
#include "tests/ml/train_pool_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
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

/// The learners of a trial, as its child has them.
struct Trained {
  explicit Trained(const WorkTask& task) : data(load_trial_data(task).value()) {
    auto spec = family_spec_from(task.params).value();
    std::visit([&](auto& known) { known.epochs = task.epochs_max; }, spec);
    for (const TrialRound& round : data.rounds)
      learners.push_back(engine.make_learner(spec, round.encoder.target(), round.fit, task.seed));
  }

  TrialData data;
  NativeEngine engine;
  std::vector<std::unique_ptr<Learner>> learners;
};

constexpr double kMark = 123456.5;

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
    fs::create_directories(path_.parent_path());
  }

  Story run(const WorkTask& task) { return finish(io_, tell(pool_, task)); }

  std::string identity() const { return checkpoint_identity(task_, STARLING_WORKER); }

  /// Ends the child after so many epochs, and changes what its checkpoint says of the first: who
  /// says the change went on from there.
  void end_after(std::size_t epochs) {
    ASSERT_EQ(finish(io_, interrupted(pool_, task_, epochs)), epochs);
    Trained trained{task_};
    auto kept = read_checkpoint(path_, identity(), trained.learners);
    ASSERT_TRUE(kept) << kept.error().detail;
    kept->progress[0].train_loss = kMark;
    ASSERT_TRUE(write_checkpoint(task_, identity(), *kept, trained.learners));
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
  EXPECT_EQ(a.done->is_pruned, b.done->is_pruned);
  EXPECT_EQ(a.done->rungs, b.done->rungs);
}

/// That it went on from a checkpoint, and came to the same end.
void expect_resumed(Story resumed, const Story& undisturbed) {
  ASSERT_FALSE(resumed.progress.empty());
  EXPECT_EQ(resumed.progress[0].train_loss, kMark);
  resumed.progress[0].train_loss = undisturbed.progress[0].train_loss;
  expect_same(resumed, undisturbed);
}

/// Tells the child to yield after so many epochs; the epoch of its last checkpoint, 0: it went on.
asio::awaitable<std::uint32_t> yielded(WorkerPool& pool, WorkTask task, std::size_t epochs) {
  auto spawned = co_await pool.spawn();
  const auto channel = std::move(spawned.value());
  WorkMessage first{std::move(task)};
  const auto written = co_await channel->write(std::move(first));
  std::uint32_t kept = 0;
  for (std::size_t heard = 0; written;) {
    const auto message = co_await channel->read();
    if (!message || std::holds_alternative<WorkDone>(*message)) break;
    if (const auto* checkpoint = std::get_if<WorkCheckpoint>(&*message)) kept = checkpoint->epoch;
    if (const auto* last = std::get_if<WorkYielded>(&*message))
      co_return last->epoch == kept ? kept : 0;
    heard += std::holds_alternative<WorkProgress>(*message) ? 1 : 0;
    if (heard != epochs) continue;
    WorkMessage word = WorkYield{};
    static_cast<void>(co_await channel->write(std::move(word)));
    ++heard;
  }
  co_return 0;
}

TEST_F(CheckpointTest, ATrialThatIsToldToYieldGoesOnAtAnotherNodeToTheSameEnd) {
  task_.epochs_max = 300;
  task_.patience = 300;
  task_.checkpoint_seconds = 1000;
  const Story undisturbed = run(without_checkpoint());
  const auto epoch = finish(io_, yielded(pool_, task_, 2));
  ASSERT_GE(epoch, 2U);
  ASSERT_LT(epoch, 300U) << "it was told too late";
  EXPECT_EQ(checkpoint_epoch(path_), epoch);

  // Another node has the table and its folders elsewhere.
  const fs::path there = folder_.path() / "there";
  fs::create_directories(there);
  fs::copy_file(task_.dataset_path, there / fs::path{task_.dataset_path}.filename());
  fs::copy_file(path_, there / "s-1_0");
  task_.dataset_path = (there / fs::path{task_.dataset_path}.filename()).string();
  task_.checkpoint_path = (there / "s-1_0").string();
  Trained trained{task_};
  const auto kept = read_checkpoint(there / "s-1_0", identity(), trained.learners);
  ASSERT_TRUE(kept) << kept.error().detail;
  EXPECT_EQ(kept->progress.size(), epoch);
  expect_same(run(task_), undisturbed);
}

TEST_F(CheckpointTest, ATrialThatWasEndedGoesOnToTheSameEnd) {
  for (const SplitMethod method : {SplitMethod::holdout, SplitMethod::kfold}) {
    task_.split.method = method;
    task_.split.folds = method == SplitMethod::kfold ? 3 : 1;
    const Story undisturbed = run(without_checkpoint());
    end_after(3);
    end_after(7);
    expect_resumed(run(task_), undisturbed);
    remove_checkpoint(path_);
  }
}

TEST_F(CheckpointTest, ATrialIsPrunedAtItsRungAlsoAfterACheckpoint) {
  const Story whole = run(without_checkpoint());
  ASSERT_TRUE(whole.done);
  EXPECT_FALSE(whole.done->is_pruned);
  ASSERT_EQ(whole.done->rungs.size(), 1U) << "after 5 of 12 epochs";
  double best = whole.progress[0].value;
  for (std::size_t epoch = 1; epoch < 5; ++epoch)
    best = std::min(best, whole.progress[epoch].value);
  EXPECT_EQ(whole.done->rungs[0], best);

  task_.rung_cutoffs = {best};
  EXPECT_FALSE(run(without_checkpoint()).done->is_pruned) << "as good goes on";
  task_.rung_cutoffs = {std::nullopt};
  EXPECT_FALSE(run(without_checkpoint()).done->is_pruned);
  task_.rung_cutoffs = {std::nextafter(best, 0)};
  const Story pruned = run(without_checkpoint());
  ASSERT_TRUE(pruned.done);
  EXPECT_TRUE(pruned.done->is_pruned);
  EXPECT_EQ(pruned.done->epochs, 5U);
  EXPECT_EQ(pruned.done->value, best);
  end_after(4);
  expect_resumed(run(task_), pruned);
}

TEST_F(CheckpointTest, WhereMoreIsBetterTheRungIsTurned) {
  task_.metric = "r2";
  const Story whole = run(without_checkpoint());
  ASSERT_TRUE(whole.done);
  ASSERT_EQ(whole.done->rungs.size(), 1U);
  EXPECT_LT(whole.done->rungs[0], 0) << "R2 above 0 is good, and turned below 0";
  task_.rung_cutoffs = {whole.done->rungs[0] - 0.01};
  EXPECT_TRUE(run(without_checkpoint()).done->is_pruned);
}

/// The best epoch lies behind the checkpoint: what was best, and for how long, is in it.
TEST_F(CheckpointTest, PatienceEndsWhereItWouldHaveEnded) {
  task_.epochs_max = 300;
  task_.patience = 12;
  task_.params["mlp.learning_rate"] = 0.02;
  task_.params["mlp.schedule"] = "constant";
  const Story undisturbed = run(without_checkpoint());
  ASSERT_TRUE(undisturbed.done);
  ASSERT_EQ(undisturbed.done->epochs, undisturbed.done->best_epoch + 12);
  end_after(undisturbed.done->best_epoch + 6);
  expect_resumed(run(task_), undisturbed);
}

TEST_F(CheckpointTest, AFinalModelIsTheSameToTheByte) {
  task_.kind = WorkKind::final;
  task_.fixed_epochs = 9;
  WorkTask undisturbed = without_checkpoint();
  undisturbed.artifact_path = (folder_.path() / "a.zip").string();
  task_.artifact_path = (folder_.path() / "b.zip").string();
  const Story whole = run(undisturbed);
  ASSERT_TRUE(whole.done);
  end_after(4);
  expect_resumed(run(task_), whole);
  EXPECT_EQ(content_of(task_.artifact_path), content_of(undisturbed.artifact_path));
}

TEST_F(CheckpointTest, OfTwoTheNewestThatIsWholeIsTaken) {
  Trained trained{task_};
  const auto keep = [&](std::uint32_t best_epoch) {
    ASSERT_TRUE(write_checkpoint(task_, identity(), {.best_epoch = best_epoch}, trained.learners));
  };
  const auto found = [&](const WorkTask& task) {
    return read_checkpoint(path_, checkpoint_identity(task, STARLING_WORKER), trained.learners);
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
                            +[](WorkTask& task) { task.split.folds = 7; },
                            +[](WorkTask& task) { task.params["mlp.dropout"] = std::int64_t{0}; },
                            +[](WorkTask& task) { task.kind = WorkKind::final; }}) {
    WorkTask other = task_;
    change(other);
    EXPECT_FALSE(found(other)) << "of another task";
  }
  const std::string other_program = checkpoint_identity(task_, "/nowhere");
  EXPECT_FALSE(read_checkpoint(path_, other_program, trained.learners)) << "of another program";
  remove_checkpoint(path_);
  EXPECT_EQ(found(task_).error().code, Errc::not_found);
}

TEST_F(CheckpointTest, LeavesTheDiskItsReserve) {
  Trained trained{task_};
  task_.disk_reserve = std::uint64_t{1} << 60;
  const auto written = write_checkpoint(task_, identity(), {}, trained.learners);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().detail, testing::HasSubstr("the disk has"));
  EXPECT_TRUE(fs::is_empty(path_.parent_path()));
}

TEST_F(CheckpointTest, AStateOfAnotherNetworkIsCorruptAndTheTrialBeginsAgain) {
  WorkTask smaller = task_;
  smaller.params["mlp.width"] = std::int64_t{16};
  Trained small{smaller}, right{task_};
  ASSERT_TRUE(write_checkpoint(task_, identity(), {.best_epoch = 1}, small.learners));
  EXPECT_EQ(read_checkpoint(path_, identity(), right.learners).error().code, Errc::corrupt);
  expect_same(run(task_), run(without_checkpoint()));
  remove_checkpoint(path_);
  ASSERT_TRUE(write_checkpoint(task_, identity(), {.best_epoch = 1}, right.learners));
  EXPECT_EQ(read_checkpoint(path_, identity(), small.learners).error().code, Errc::corrupt);
}

TEST_F(CheckpointTest, TreesGoOnToTheSameEnd) {
  task_.params = {{"family", "xgboost"}, {"xgb.subsample", 0.6}, {"xgb.colsample_bylevel", 0.5}};
  task_.patience = 4;
  for (const SplitMethod method : {SplitMethod::holdout, SplitMethod::kfold}) {
    task_.split.method = method;
    task_.split.folds = method == SplitMethod::kfold ? 3 : 1;
    const Story undisturbed = run(without_checkpoint());
    end_after(3);
    end_after(5);
    expect_resumed(run(task_), undisturbed);
    remove_checkpoint(path_);
  }
}

}  // namespace
}  // namespace starling::ml
