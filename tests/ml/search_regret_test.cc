// How good the search is: regret on known functions next to Optuna's, and the cost of a draw.
#include "ml/search/sampler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <numbers>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;
using Objective = std::function<double(const Params&)>;

constexpr std::uint64_t kSeeds = 20;
constexpr std::size_t kTrials = 100;

double x(const Params& params, int i) {
  return std::get<double>(params.at(fmt::format("x{}", i)));
}

SearchSpace box(int dimensions, double low, double high) {
  SearchSpace space;
  Distribution parameter;
  parameter.low = low;
  parameter.high = high;
  for (int i = 0; i < dimensions; ++i)
    space.parameters.emplace_back(fmt::format("x{}", i), parameter);
  return space;
}

double sphere5(const Params& params) {
  double sum = 0;
  for (int i = 0; i < 5; ++i)
    sum += x(params, i) * x(params, i);
  return sum;
}

SearchSpace branin_space() {
  SearchSpace space = box(2, -5, 10);
  space.parameters[1].second.low = 0;
  space.parameters[1].second.high = 15;
  return space;
}

/// Dixon and Szego (1978), less its minimum.
double branin(const Params& params) {
  const double pi = std::numbers::pi;
  const double a = x(params, 0);
  const double valley = x(params, 1) - 5.1 / (4 * pi * pi) * a * a + 5 / pi * a - 6;
  return valley * valley + 10 * (1 - 1 / (8 * pi)) * std::cos(a) + 10 - 0.39788735772973816;
}

/// Dixon and Szego (1978), less its minimum.
double hartmann6(const Params& params) {
  static constexpr double kHeight[] = {1, 1.2, 3, 3.2};
  static constexpr double kWidth[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                          {0.05, 10, 17, 0.1, 8, 14},
                                          {3, 3.5, 1.7, 10, 17, 8},
                                          {17, 8, 0.05, 10, 0.1, 14}};
  static constexpr double kCentre[4][6] = {{1312, 1696, 5569, 124, 8283, 5886},
                                           {2329, 4135, 8307, 3736, 1004, 9991},
                                           {2348, 1451, 3522, 2883, 3047, 6650},
                                           {4047, 8828, 8732, 5743, 1091, 381}};
  double sum = 0;
  for (int peak = 0; peak < 4; ++peak) {
    double distance = 0;
    for (int i = 0; i < 6; ++i)
      distance += kWidth[peak][i] * std::pow(x(params, i) - 1e-4 * kCentre[peak][i], 2);
    sum += kHeight[peak] * std::exp(-distance);
  }
  return 3.32236801141551 - sum;
}

/// Best value after 25, 50 and 100 trials, median over the seeds.
std::array<double, 3> medians(const SearchSpace& space,
                              const Objective& objective,
                              bool is_random) {
  std::array<std::vector<double>, 3> best_at;
  TpeOptions options;
  if (is_random) options.n_startup_trials = kTrials;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    std::vector<Observation> trials;
    double best = std::numeric_limits<double>::infinity();
    for (std::uint64_t number = 0; number < kTrials; ++number) {
      Observation trial;
      trial.number = number;
      trial.params = draw(seed, number, space, trials, options);
      trial.value = objective(trial.params);
      best = std::min(best, *trial.value);
      trials.push_back(std::move(trial));
      for (std::size_t i = 0; i < 3; ++i) {
        if (trials.size() == std::array<std::size_t, 3>{25, 50, 100}[i]) best_at[i].push_back(best);
      }
    }
  }
  std::array<double, 3> result{};
  for (std::size_t i = 0; i < 3; ++i) {
    std::ranges::sort(best_at[i]);
    result[i] = (best_at[i][kSeeds / 2 - 1] + best_at[i][kSeeds / 2]) / 2;
  }
  return result;
}

/// Where the middle half of Optuna's 20 seeds is after 100 trials, taken as normally distributed.
struct Quartiles {
  double low, high;
};

Quartiles optuna_at_100(const std::string& function) {
  std::ifstream file(std::string(STARLING_SHARED_DIR) + "/golden/optuna_regret_table.json");
  for (const Json& row : Json::parse(file)) {
    if (row["f"] != function || row["sampler"] != "tpe_v5_default") continue;
    const double deviation = row["se"][2].get<double>() * std::sqrt(row["seeds"].get<double>());
    const double mean = row["mean"][2];
    return {mean - 0.6745 * deviation, mean + 0.6745 * deviation};
  }
  return {0, 0};
}

void compare(const std::string& function, const SearchSpace& space, const Objective& objective) {
  const auto ours = medians(space, objective, false);
  const auto random = medians(space, objective, true);
  const Quartiles optuna = optuna_at_100(function);
  fmt::print("{}: TPE {:.4g} {:.4g} {:.4g}, random {:.4g} {:.4g} {:.4g}; Optuna {:.4g} .. {:.4g}\n",
             function,
             ours[0],
             ours[1],
             ours[2],
             random[0],
             random[1],
             random[2],
             optuna.low,
             optuna.high);
  EXPECT_LE(ours[2], optuna.high) << function;
  EXPECT_LT(ours[2], random[2]) << function;
}

TEST(Regret, Sphere5) {
  compare("sphere5", box(5, -5, 5), sphere5);
}

TEST(Regret, Branin) {
  compare("branin", branin_space(), branin);
}

TEST(Regret, Hartmann6) {
  compare("hartmann6", box(6, 0, 1), hartmann6);
}

/// Every kind of parameter at once: log, whole log, choice, step.
double mixed(const Params& params) {
  const double rate = std::log10(std::get<double>(params.at("lr"))) + 2.5;
  const double width =
      std::log2(static_cast<double>(std::get<std::int64_t>(params.at("width")))) - 7;
  const double layers = static_cast<double>(std::get<std::int64_t>(params.at("layers"))) - 3;
  const double drop = std::get<double>(params.at("drop")) - 0.2;
  const double activation = params.at("activation") == ParamValue{"gelu"} ? 0 : 0.1;
  return 0.3 * rate * rate + 0.1 * width * width + 0.05 * layers * layers + 2 * drop * drop +
         activation;
}

TEST(Regret, MixedKindsAreFoundFiveTimesCloserThanByChance) {
  const SearchSpace space = parse_search_space(R"({
    "lr": {"type": "float", "low": 1e-5, "high": 1e-1, "log": true},
    "width": {"type": "int", "low": 16, "high": 512, "log": true},
    "layers": {"type": "int", "low": 1, "high": 6},
    "drop": {"type": "float", "low": 0, "high": 0.5, "step": 0.05},
    "activation": {"type": "categorical", "choices": ["relu", "gelu", "selu"]}})")
                                .value();
  const auto ours = medians(space, mixed, false);
  const auto random = medians(space, mixed, true);
  fmt::print("mixed: TPE {:.4g} {:.4g} {:.4g}, random {:.4g} {:.4g} {:.4g}\n",
             ours[0],
             ours[1],
             ours[2],
             random[0],
             random[1],
             random[2]);
  EXPECT_LT(ours[2] * 5, random[2]);
}

TEST(DrawCost, At300TrialsOfTenParameters) {
  const SearchSpace mixed_space = parse_search_space(R"({
    "a": {"type": "float", "low": 1e-5, "high": 1e-1, "log": true},
    "b": {"type": "float", "low": 0, "high": 1}, "c": {"type": "float", "low": 0, "high": 1},
    "d": {"type": "float", "low": 0, "high": 1, "step": 0.05},
    "e": {"type": "int", "low": 16, "high": 512, "log": true},
    "f": {"type": "int", "low": 1, "high": 8}, "g": {"type": "float", "low": 0, "high": 1},
    "h": {"type": "categorical", "choices": ["x", "y", "z"]},
    "i": {"type": "float", "low": 1e-6, "high": 1, "log": true},
    "j": {"type": "categorical", "choices": [32, 64, 128, 256]}})")
                                      .value();
  std::vector<Observation> trials;
  for (std::uint64_t number = 0; number < 300; ++number) {
    Random random(number);
    Observation trial;
    trial.number = number;
    trial.params = sample_random(mixed_space, random);
    trial.value = std::get<double>(trial.params.at("b"));
    trials.push_back(std::move(trial));
  }
  constexpr int kDraws = 100;
  const auto start = std::chrono::steady_clock::now();
  std::size_t values = 0;
  for (std::uint64_t number = 300; number < 300 + kDraws; ++number)
    values += draw(1, number, mixed_space, trials).size();
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  fmt::print("{:.0f} microseconds per draw at 300 trials of 10 parameters\n",
             took.count() / kDraws);
  EXPECT_EQ(values, 1000U);
}

}  // namespace
}  // namespace starling::ml
