// simulate --seed S [--trace | --shrink] | --seeds N [--seed S]: runs virtual swarms, stops at the
// first broken promise and says how to see it again.
#include "tests/support/swarm_run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

namespace starling::tests {
namespace {

char replay_line[256];

void print_replay(int) {
  const auto ignored = ::write(STDERR_FILENO, replay_line, std::strlen(replay_line));
  static_cast<void>(ignored);
}

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  std::uint64_t until = kNever;
  std::uint64_t calm_after = kNever;
  std::vector<std::string> without;
  bool trace = false;
  bool all = false;
  bool shrink = false;
  bool keeps_itself = false;
};

std::string replay_command(const char* program, std::uint64_t seed, const Arguments& arguments) {
  std::string line = fmt::format("{} --seed {}", program, seed);
  for (const std::string& fault : arguments.without)
    line += " --without " + fault;
  if (arguments.calm_after != kNever) line += fmt::format(" --calm-after {}", arguments.calm_after);
  if (arguments.keeps_itself) line += " --keeps-itself";
  if (arguments.until != kNever) line += fmt::format(" --until {}", arguments.until);
  return line + " --trace";
}

void print_sum(std::uint64_t seeds, const SwarmReport& sum) {
  fmt::print(
      "{} seeds: {:.2f} virtual hours, {} steps, {} entries committed, {} operations, "
      "{} crashes\n",
      seeds,
      std::chrono::duration<double, std::ratio<3600>>(sum.lived).count(),
      sum.steps,
      sum.committed.value,
      sum.operations,
      sum.crashes);
  for (std::size_t i = 0; i < kMarkCount; ++i) {
    const auto mark = static_cast<Mark>(i);
    fmt::print("  {:<24} {}\n", to_string(mark), sum.marks.count(mark));
  }
}

std::optional<SwarmOptions> options_from(const Arguments& arguments) {
  SwarmOptions options;
  options.until = arguments.until;
  options.calm_after = arguments.calm_after;
  for (const std::string& name : arguments.without) {
    const auto fault = fault_named(name);
    if (!fault) {
      fmt::print(stderr, "there is no class of faults named '{}'; the classes are:", name);
      for (std::size_t i = 0; i < kFaultCount; ++i)
        fmt::print(stderr, " {}", to_string(static_cast<Fault>(i)));
      fmt::print(stderr, "\n");
      return std::nullopt;
    }
    options.without.insert(*fault);
  }
  if (arguments.keeps_itself) options.keeps_itself = true;
  if (arguments.trace) options.trace = [](const std::string& line) { std::puts(line.c_str()); };
  return options;
}

/// Runs one seed in a process of its own, which may abort. Returns: whether it failed.
bool fails(const SwarmOptions& options) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    static_cast<void>(std::freopen("/dev/null", "w", stderr));
    ::_exit(run_swarm(options).failure ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

/// Leaves out each class of faults that a failure does not need, and lets the faults stop as soon
/// as it still comes. Prints the command that shows what is left.
int shrink(const char* program, Arguments arguments, SwarmOptions options) {
  options.trace = nullptr;
  if (!fails(options)) {
    fmt::print("seed {} does not fail\n", options.seed);
    return 1;
  }
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    SwarmOptions less = options;
    if (!less.without.insert(static_cast<Fault>(i)).second || !fails(less)) continue;
    options = less;
    arguments.without.emplace_back(to_string(static_cast<Fault>(i)));
  }
  constexpr std::uint64_t kStepsMost = 1U << 21;
  std::uint64_t enough = kStepsMost;
  for (std::uint64_t step = enough; step > 0; step /= 2) {
    options.calm_after = enough - step;
    if (fails(options)) enough -= step;
  }
  if (enough < kStepsMost) arguments.calm_after = enough;
  fmt::print("{}\n", replay_command(program, options.seed, arguments));
  return 0;
}

int simulate(int argc, char** argv) {
  CLI::App app{"Runs Raft swarms with virtual network, disks, clocks and clients, from seeds."};
  Arguments arguments;
  app.add_option("--seed", arguments.seed, "the seed to run, or the first one");
  app.add_option("--seeds", arguments.seeds, "how many seeds to run");
  app.add_option("--without", arguments.without, "leave out a class of faults; repeatable");
  app.add_option("--calm-after", arguments.calm_after, "no faults after this step");
  app.add_option("--until", arguments.until, "end at this step");
  app.add_flag("--trace", arguments.trace, "print every event");
  app.add_flag(
      "--shrink", arguments.shrink, "of one seed: leave out what its failure does not need");
  app.add_flag("--keeps-itself",
               arguments.keeps_itself,
               "only swarms with gossip and voter plan, not every fourth");
  app.add_flag("--all", arguments.all, "go on after a failure");
  CLI11_PARSE(app, argc, argv);
  auto options = options_from(arguments);
  if (!options) return 2;

  options->seed = arguments.seed;
  if (arguments.shrink) return shrink(argv[0], arguments, *options);
  std::signal(SIGABRT, print_replay);
  SwarmReport sum;
  std::uint64_t failures = 0;
  for (std::uint64_t i = 0; i < arguments.seeds; ++i) {
    options->seed = arguments.seed + i;
    const std::string replay = replay_command(argv[0], options->seed, arguments);
    std::strncpy(
        replay_line,
        fmt::format("aborted at seed {}; replay with: {}\n", options->seed, replay).c_str(),
        sizeof replay_line - 1);
    const SwarmReport report = run_swarm(*options);
    add(sum, report);
    if (!report.failure) continue;
    ++failures;
    fmt::print("seed {} FAILED: {}\nreplay with: {}\n", options->seed, *report.failure, replay);
    if (!arguments.all) return 1;
  }
  print_sum(arguments.seeds, sum);
  return failures > 0 ? 1 : 0;
}

}  // namespace
}  // namespace starling::tests

int main(int argc, char** argv) {
  return starling::tests::simulate(argc, argv);
}
