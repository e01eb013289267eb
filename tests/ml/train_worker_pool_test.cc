// Children are forked, talk, fail, crash and are killed; their owners always learn how it ended.
#include "ml/work/worker_pool.h"
#include "tests/ml/train_pool_support.h"

#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>
#include <sys/socket.h>
#include <unistd.h>

namespace starling::ml {
namespace {

using testing::HasSubstr;

class WorkerPoolTest : public testing::Test {
 protected:
  Story story_of_width(std::int64_t width) {
    WorkTask task = insurance_task();
    task.params = {{"mlp.width", width}};
    return finish(io_, tell(pool_, std::move(task)));
  }

  asio::io_context io_;
  WorkerPool pool_{io_.get_executor(), STARLING_FAKE_WORKER};
};

TEST_F(WorkerPoolTest, ATrialReportsEachEpochAndItsOutcome) {
  const Story story = finish(io_, tell(pool_, insurance_task()));
  ASSERT_TRUE(story.done);
  EXPECT_EQ(story.progress.size(), 5U);
  EXPECT_EQ(story.done->best_epoch, 1U);
  EXPECT_EQ(story.done->epochs, 5U);
  EXPECT_EQ(story.done->metrics.count("r2"), 1U);
  EXPECT_NEAR(story.done->metrics.at("r2"), 0, 0.05);  // The mean explains nothing.
  EXPECT_GT(story.done->split.test, 150U);
  EXPECT_EQ(story.done->split.hash.size(), 64U);
  EXPECT_EQ(story.exit.status, 0);
  EXPECT_EQ(story.exit.signal, 0);
  EXPECT_GT(story.exit.peak_mb, 0U);
}

std::set<std::filesystem::path> files_of(std::int64_t pid) {
  std::set<std::filesystem::path> files;
  const auto folder = std::filesystem::path{"/proc"} / std::to_string(pid) / "fd";
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    std::error_code closed_meanwhile;
    files.insert(std::filesystem::read_symlink(entry.path(), closed_meanwhile));
  }
  return files;
}

TEST_F(WorkerPoolTest, TheProgramHoldsNoSocketOfTheNode) {
  const int own = ::socket(AF_INET, SOCK_STREAM, 0);
  const auto name = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(own));
  ASSERT_TRUE(finish(io_, tell(pool_, insurance_task())).done);
  EXPECT_TRUE(files_of(::getpid()).contains(name));
  EXPECT_FALSE(files_of(pool_.program_pid().value()).contains(name));
  ::close(own);
}

TEST_F(WorkerPoolTest, PatienceEndsATrialThatDoesNotImprove) {
  WorkTask task = insurance_task();
  task.epochs_max = 100;
  task.patience = 3;
  const Story story = finish(io_, tell(pool_, std::move(task)));
  ASSERT_TRUE(story.done);
  EXPECT_EQ(story.done->epochs, 4U);
}

TEST_F(WorkerPoolTest, ACrashEndsOneTrialOnly) {
  const Story crashed = story_of_width(1);
  EXPECT_FALSE(crashed.done);
  EXPECT_EQ(crashed.exit.signal, SIGKILL);
  const Story next = story_of_width(64);
  EXPECT_TRUE(next.done);
  EXPECT_EQ(pool_.starts(), 1U);
}

TEST_F(WorkerPoolTest, FailuresSayTheirKind) {
  EXPECT_EQ(story_of_width(2).failed, (WorkFailed{"internal", "the network broke"}));
  EXPECT_EQ(story_of_width(3).failed->kind, "out_of_memory");
  EXPECT_EQ(story_of_width(4).failed->kind, "diverged");
  const Story bad = story_of_width(-1);
  EXPECT_EQ(bad.failed->kind, "invalid");
  EXPECT_THAT(bad.failed->message, HasSubstr("mlp.width must be a whole number from 1 to 8192"));
  EXPECT_EQ(bad.exit.status, 2);
}

TEST_F(WorkerPoolTest, BadTasksAreRefusedWithTheFieldInTheSentence) {
  WorkTask task = insurance_task();
  task.target = "chrages";
  EXPECT_THAT(finish(io_, tell(pool_, task)).failed->message,
              HasSubstr("did you mean \"charges\""));
  task.target = "charges";
  task.metric = "f1";
  EXPECT_THAT(finish(io_, tell(pool_, task)).failed->message, HasSubstr("\"f1\" does not judge"));
  task.metric = "";
  task.params = {{"mlp.depth", std::int64_t{3}}};
  EXPECT_THAT(finish(io_, tell(pool_, task)).failed->message, HasSubstr("\"mlp.depth\""));
}

asio::awaitable<ChildExited> kill_while_it_works(WorkerPool& pool) {
  auto spawned = co_await pool.spawn();
  const auto channel = std::move(spawned.value());
  WorkTask task = insurance_task();
  task.params = {{"mlp.width", std::int64_t{5}}};
  WorkMessage message{std::move(task)};
  const auto written = co_await channel->write(std::move(message));
  channel->kill();
  const auto read = co_await channel->read();
  EXPECT_FALSE(read);
  co_return co_await channel->exited();
}

TEST_F(WorkerPoolTest, AKilledChildIsReaped) {
  EXPECT_EQ(finish(io_, kill_while_it_works(pool_)).signal, SIGKILL);
}

asio::awaitable<std::int64_t> drop_a_channel(WorkerPool& pool) {
  auto spawned = co_await pool.spawn();
  co_return spawned.value()->pid();
}

TEST_F(WorkerPoolTest, DroppingTheChannelEndsTheChild) {
  const auto pid = finish(io_, drop_a_channel(pool_));
  ASSERT_GT(pid, 0);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (::kill(static_cast<pid_t>(pid), 0) == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the child lives on";
    io_.run_one_for(std::chrono::milliseconds(1));
  }
}

asio::awaitable<ChildExited> lose_the_program(WorkerPool& pool) {
  auto spawned = co_await pool.spawn();
  const auto channel = std::move(spawned.value());
  ::kill(static_cast<pid_t>(pool.program_pid().value()), SIGKILL);
  const auto read = co_await channel->read();
  EXPECT_FALSE(read);
  co_return co_await channel->exited();
}

TEST_F(WorkerPoolTest, AProgramThatDiedIsStartedAgain) {
  EXPECT_EQ(finish(io_, lose_the_program(pool_)).signal, SIGKILL);
  EXPECT_TRUE(story_of_width(64).done);
  EXPECT_EQ(pool_.starts(), 2U);
}

TEST_F(WorkerPoolTest, SeveralChildrenWorkAtOnce) {
  std::vector<Story> stories;
  for (int i = 0; i < 6; ++i) {
    asio::co_spawn(io_, tell(pool_, insurance_task()), [&](std::exception_ptr, Story story) {
      stories.push_back(std::move(story));
    });
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (stories.size() < 6 && std::chrono::steady_clock::now() < deadline) {
    io_.run_one_for(std::chrono::seconds(1));
  }
  ASSERT_EQ(stories.size(), 6U);
  for (const Story& story : stories) {
    ASSERT_TRUE(story.done);
    EXPECT_EQ(story.done->value, stories[0].done->value);
  }
}

TEST(WorkerPoolProgram, AProgramThatIsNotThereIsNamed) {
  asio::io_context io;
  WorkerPool pool{io.get_executor(), "/no/such/worker"};
  const auto started = pool.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().detail, HasSubstr("/no/such/worker"));
}

TEST(WorkerPoolProgram, AProgramThatIsNoWorkerIsUnavailable) {
  asio::io_context io;
  WorkerPool pool{io.get_executor(), "/bin/true"};
  const Story story = finish(io, tell(pool, insurance_task()));
  ASSERT_TRUE(story.end);
  EXPECT_EQ(story.end->code, Errc::unavailable);
}

}  // namespace
}  // namespace starling::ml
