// Drives coroutines of a worker pool in a test, with a deadline instead of sleeps.
#pragma once

#include "ml/work/worker_pool.h"
#include "tests/support/scratch_folder.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace starling::ml {

using tests::ScratchFolder;

/// Runs `work` to its end on `io`; a minute later the test fails.
template <class T>
T finish(asio::io_context& io, asio::awaitable<T> work) {
  std::optional<T> out;
  std::exception_ptr thrown;
  asio::co_spawn(io, std::move(work), [&](std::exception_ptr e, T value) {
    thrown = e;
    out.emplace(std::move(value));
  });
  io.restart();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!out && std::chrono::steady_clock::now() < deadline) {
    io.run_one_for(std::chrono::seconds(1));
  }
  if (thrown) std::rethrow_exception(thrown);
  if (!out) throw std::runtime_error("nothing came of it within a minute");
  return std::move(*out);
}

/// What one child said, and how it ended.
struct Story {
  std::vector<WorkProgress> progress;
  std::optional<WorkDone> done;
  std::optional<WorkFailed> failed;
  std::optional<Error> end;
  ChildExited exit;
  double to_first_epoch = 0;  ///< seconds from asking for the child
  double seconds = 0;
};

inline asio::awaitable<Story> tell(WorkerPool& pool, WorkTask task) {
  Story story;
  const auto now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
  const double start = now();
  auto spawned = co_await pool.spawn();
  if (!spawned) {
    story.end = spawned.error();
    co_return story;
  }
  const auto channel = std::move(*spawned);
  WorkMessage first{std::move(task)};
  const auto written = co_await channel->write(std::move(first));
  for (;;) {
    auto message = co_await channel->read();
    if (!message) {
      story.end = message.error();
      break;
    }
    if (const auto* progress = std::get_if<WorkProgress>(&*message)) {
      if (story.progress.empty()) story.to_first_epoch = now() - start;
      story.progress.push_back(*progress);
    }
    if (const auto* done = std::get_if<WorkDone>(&*message)) {
      story.done = *done;
      story.seconds = now() - start;
    }
    if (const auto* failed = std::get_if<WorkFailed>(&*message)) story.failed = *failed;
  }
  story.exit = co_await channel->exited();
  co_return story;
}

inline WorkTask insurance_task() {
  WorkTask task;
  task.study = "s-1";
  task.dataset_path = std::string(STARLING_SOURCE_DIR) + "/data/insurance.csv";
  task.target = "charges";
  task.epochs_max = 5;
  return task;
}

}  // namespace starling::ml
