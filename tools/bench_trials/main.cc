// bench_trials: how many trials a second the deciding rooms alone can draw, give, start and finish,
// as JSON on stdout. Every command goes through its bytes and `apply`, as on a node; no disk, no
// network, no training.
#include "ml/schedule/own_queue.h"
#include "ml/schedule/scheduler.h"
#include "ml/search/named_spaces.h"
#include "ml/search/sampler.h"
#include "ml/study/study_wire.h"
#include "ml/table/profile_json.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct Options {
  std::uint32_t trials = 1000;
  std::uint32_t nodes = 4;
  std::uint32_t slots = 2;
};

TableProfile ten_numbers() {
  TableProfile profile;
  profile.rows = 10'000;
  for (int i = 0; i <= 10; ++i) {
    ColumnProfile column;
    column.name = i == 10 ? "y" : fmt::format("x{}", i);
    column.type = ColumnType::number;
    column.distinct = 5000;
    column.max = 1;
    profile.columns.push_back(std::move(column));
  }
  return profile;
}

/// The replicated state of one swarm, and the nodes that work on it.
class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {
    for (std::uint32_t i = 0; i < options.nodes; ++i) {
      NodeRoom room{.id = {}, .slots = options.slots, .memory_budget_mb = 4096};
      room.id.bytes.fill(static_cast<std::uint8_t>(i + 1));
      rooms_.push_back(std::move(room));
    }
    say(RaiseFeatureLevel{kFeatureLevel});
    Dataset dataset;
    dataset.id = "d-1";
    dataset.name = "table";
    dataset.profile = to_json(ten_numbers());
    say(AddDataset{dataset});
    StudySpec spec;
    spec.name = "table";
    spec.dataset = "d-1";
    spec.target = "y";
    spec.task = "regression";
    spec.metric = "rmse";
    spec.trials = options.trials;
    spec.parallelism = 2 * options.nodes * options.slots;
    spec.search_space_json = to_json(default_space());
    say(CreateStudy{"s-1", spec});
  }

  Json run() {
    const auto began = Clock::now();
    while (find_study(view_, "s-1")->status != StudyStatus::finishing)
      round();
    const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
    return {{"trials", options_.trials},
            {"trials_per_s", std::round(options_.trials / seconds)},
            {"commands", index_},
            {"ms_per_trial", std::round(1e6 * seconds / options_.trials) / 1e3},
            {"plan_ms_per_trial", std::round(1e6 * planning_ / options_.trials) / 1e3}};
  }

 private:
  void say(CommandBody body) {
    const Command command{.key = {},
                          .request_hash = {},
                          .time_ms = index_,
                          .wall_ms = index_,
                          .body = std::move(body)};
    const auto decoded = decode_command(encode(command));
    view_.commit(apply(view_, {++index_}, *decoded).changes);
  }

  void round() {
    const auto began = Clock::now();
    const auto commands = plan({.view = view_,
                                .alive = rooms_,
                                .away = {},
                                .knows_all = true,
                                .gone = {},
                                .now_ms = index_});
    planning_ += std::chrono::duration<double>(Clock::now() - began).count();
    for (const auto& body : commands)
      say(body);
    for (const auto& room : rooms_)
      for (const auto& start : own_starts(view_, room))
        say(start);
    for (const auto& trial : list_trials(view_, "s-1", find_study(view_, "s-1")->all_final_below))
      if (trial.state == TrialState::running) finish(trial);
  }

  void finish(const Trial& trial) {
    FinishTrial finish;
    finish.study = "s-1";
    finish.number = trial.number;
    finish.token = trial.current.token;
    finish.value = 1.0 / (1 + trial.number % 17);
    finish.peak_mb = trial.estimate_mb;
    say(std::move(finish));
  }

  Options options_;
  std::vector<NodeRoom> rooms_;
  MapView view_;
  std::uint64_t index_ = 0;
  double planning_ = 0;
};

/// Ten parameters of all kinds.
SearchSpace ten_parameters() {
  SearchSpace space;
  for (int i = 0; i < 10; ++i) {
    Distribution parameter;
    parameter.low = i == 8 ? 1 : 0.001;
    parameter.high = i == 8 ? 10 : 1;
    parameter.log = i < 8 && i % 2 == 0;
    if (i == 8) {
      parameter.kind = Distribution::Kind::integer;
      parameter.step = 1;
    } else if (i == 9) {
      parameter.kind = Distribution::Kind::categorical;
      parameter.choices = {"a", "b", "c"};
    }
    space.parameters.emplace_back(fmt::format("p{}", i), std::move(parameter));
  }
  return space;
}

/// What it takes to draw one trial from so many, the sampler alone: median, in ms.
Json draw_times() {
  constexpr std::size_t kSeen = 300;
  constexpr std::size_t kDraws = 200;
  const SearchSpace space = ten_parameters();
  std::vector<Observation> seen;
  Random random{1};
  for (std::uint64_t number = 0; number < kSeen; ++number) {
    Observation one;
    one.number = number;
    one.params = sample_random(space, random);
    one.value = random.unit();
    seen.push_back(std::move(one));
  }
  std::vector<double> took;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const auto began = Clock::now();
    const Params drawn = sample_tpe(space, seen, seed);
    took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - began).count());
    if (drawn.size() != space.parameters.size()) throw std::logic_error("a draw lacks parameters");
  }
  std::ranges::nth_element(took, took.begin() + kDraws / 2);
  return {{"trials", kSeen}, {"parameters", 10}, {"ms", std::round(1e3 * took[kDraws / 2]) / 1e3}};
}

}  // namespace
}  // namespace starling::ml

int main(int argc, char** argv) {
  CLI::App app{"Measures the scheduler alone; JSON on stdout"};
  starling::ml::Options options;
  app.add_option("--trials", options.trials, "Of the study")
      ->check(CLI::Range(8U, starling::ml::kTrialsMax))
      ->capture_default_str();
  app.add_option("--nodes", options.nodes)->check(CLI::Range(1, 200))->capture_default_str();
  app.add_option("--slots", options.slots, "Of each node")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  auto found = starling::ml::Bench{options}.run();
  found["draw"] = starling::ml::draw_times();
  std::puts(found.dump(1).c_str());
  return 0;
}
