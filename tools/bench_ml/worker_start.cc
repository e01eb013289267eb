#include "tools/bench_ml/worker_start.h"

#include "ml/work/worker_pool.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace starling::bench {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::ordered_json;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ml::WorkTask task_on(const std::string& csv, const std::string& target) {
  ml::WorkTask task;
  task.study = "bench";
  task.dataset_path = csv;
  task.target = target;
  task.epochs_max = 1;
  return task;
}

/// Seconds until the first epoch is reported.
asio::awaitable<double> first_epoch(ml::WorkerPool& pool, ml::WorkTask task) {
  const double begun = seconds_now();
  auto spawned = co_await pool.spawn();
  if (!spawned) throw std::runtime_error(spawned.error().detail);
  const auto channel = std::move(*spawned);
  ml::WorkMessage first{std::move(task)};
  const auto written = co_await channel->write(std::move(first));
  if (!written) throw std::runtime_error(written.error().detail);
  auto message = co_await channel->read();
  const double seconds = seconds_now() - begun;
  if (!message || !std::holds_alternative<ml::WorkProgress>(*message))
    throw std::runtime_error("the worker did not train; is the target a column of the table?");
  while (message)
    message = co_await channel->read();
  static_cast<void>(co_await channel->exited());
  co_return seconds;
}

double run(asio::io_context& io, ml::WorkerPool& pool, const ml::WorkTask& task) {
  double seconds = 0;
  std::exception_ptr thrown;
  const auto done = [&](std::exception_ptr error, double value) {
    thrown = error;
    seconds = value;
  };
  asio::co_spawn(io, first_epoch(pool, task), done);
  io.restart();
  while (seconds == 0 && !thrown && io.run_one() > 0) {
  }
  if (thrown) std::rethrow_exception(thrown);
  return seconds;
}

/// The sum of a field of /proc/PID/smaps_rollup, in MB.
double memory_mb(std::int64_t pid, const std::vector<std::string>& fields) {
  std::ifstream rollup(fmt::format("/proc/{}/smaps_rollup", pid));
  double kib = 0;
  for (std::string line; std::getline(rollup, line);) {
    for (const std::string& field : fields)
      if (line.starts_with(field + ":")) kib += std::stod(line.substr(field.size() + 1));
  }
  return kib / 1024;
}

Json spread(std::vector<double>& samples) {
  std::ranges::sort(samples);
  return {{"median", samples[samples.size() / 2]}, {"least", samples[0]}};
}

}  // namespace

Json bench_worker(const std::string& program,
                  const std::string& csv,
                  const std::string& target,
                  int rounds) {
  const ml::WorkTask task = task_on(csv, target);
  std::vector<double> cold, warm, resident, own;
  for (int round = 0; round < rounds; ++round) {
    asio::io_context io;
    ml::WorkerPool pool(io.get_executor(), program);
    cold.push_back(1e3 * run(io, pool, task));
    warm.push_back(1e3 * run(io, pool, task));
    const std::int64_t pid = pool.program_pid().value_or(0);
    resident.push_back(memory_mb(pid, {"Rss"}));
    own.push_back(memory_mb(pid, {"Private_Clean", "Private_Dirty"}));
  }
  return {{"program", program},
          {"exec_to_first_epoch_ms", spread(cold)},
          {"fork_to_first_epoch_ms", spread(warm)},
          {"resident_mb", spread(resident)},
          {"private_mb", spread(own)}};
}

}  // namespace starling::bench
