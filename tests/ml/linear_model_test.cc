// Plain models against what is known of their minimum.
#include "ml/train/linear_model.h"

#include "ml/train/lbfgs.h"
#include "ml/train/native_model.h"
#include "ml/train/network_choice.h"
#include "node/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <vector>

namespace starling::ml {
namespace {

constexpr std::size_t kColumns = 3;
constexpr std::size_t kRows = 2500;  // more than two batches

using Row = std::array<double, kColumns>;

/// Columns that lean on each other, and a target that leans on them.
struct Problem {
  std::vector<Row> x;
  FitData data;

  explicit Problem(TaskKind task, std::uint64_t seed = 5) {
    Random random{seed};
    Matrix features{kRows, kColumns, {}};
    for (std::size_t row = 0; row < kRows; ++row) {
      Row values{random.normal(), random.normal(), 0};
      values[2] = 0.8 * values[0] + 0.3 * random.normal() + 1;
      for (double& value : values) {
        features.values.push_back(static_cast<float>(value));
        value = static_cast<double>(features.values.back());
      }
      x.push_back(values);
      const double signal = 2 * values[0] - values[1] + 0.5 * values[2] + 0.3 * random.normal();
      if (task == TaskKind::regression)
        data.numbers.push_back(static_cast<float>(signal));
      else if (task == TaskKind::binary)
        data.classes.push_back(signal > 0.2 ? 1 : 0);
      else
        data.classes.push_back(signal > 2 ? 2 : signal > -1 ? 1 : 0);
    }
    data.features = EncodedRows{std::move(features)};
  }
};

TargetCoding target_of(TaskKind task) {
  TargetCoding target;
  target.task = task;
  target.std = 1;
  if (task != TaskKind::regression) target.classes = {"a", "b"};
  if (task == TaskKind::multiclass) target.classes.emplace_back("c");
  return target;
}

/// Returns how many epochs it took.
int train(Learner& learner) {
  int epochs = 0;
  while (!learner.has_converged() && epochs < 500) {
    learner.train_epoch();
    ++epochs;
  }
  return epochs;
}

struct Weights {
  std::vector<double> weight;  ///< [columns][outputs]
  std::vector<double> bias;
};

Weights weights_of(Learner& learner, std::size_t outputs) {
  const auto model = read_native_model(learner.script());
  EXPECT_TRUE(model) << model.error().detail;
  const auto& all = model->weights;
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(kColumns * outputs);
  return {{all.begin(), middle}, {middle, all.end()}};
}

TEST(Ridge, IsAtItsMinimum) {
  const Problem problem(TaskKind::regression);
  for (const double l2 : {0.0, 0.01, 1.0}) {
    LinearSpec spec;
    spec.l2 = l2;
    const auto learner =
        make_linear_learner(spec, target_of(TaskKind::regression), problem.data, best_kernels());
    EXPECT_LT(train(*learner), 50);
    const Weights found = weights_of(*learner, 1);
    // The slope of mean (w x + b - y)^2 + l2 w^2 by each weight and the bias.
    std::array<double, kColumns> slope{};
    double bias_slope = 0;
    for (std::size_t row = 0; row < kRows; ++row) {
      double error = found.bias[0] - static_cast<double>(problem.data.numbers[row]);
      for (std::size_t c = 0; c < kColumns; ++c)
        error += found.weight[c] * problem.x[row][c];
      bias_slope += 2 * error / kRows;
      for (std::size_t c = 0; c < kColumns; ++c)
        slope[c] += 2 * error * problem.x[row][c] / kRows;
    }
    EXPECT_NEAR(bias_slope, 0, 2e-5);
    for (std::size_t c = 0; c < kColumns; ++c)
      EXPECT_NEAR(slope[c] + 2 * l2 * found.weight[c], 0, 2e-5) << "l2 " << l2 << ", column " << c;
    if (l2 == 0) {
      EXPECT_NEAR(found.weight[1], -1, 0.05);
    }
  }
}

class Logistic : public testing::TestWithParam<TaskKind> {};

TEST_P(Logistic, IsAtItsMinimum) {
  const Problem problem(GetParam());
  const TargetCoding target = target_of(GetParam());
  const std::size_t classes = target.classes.size();
  LinearSpec spec;
  spec.l2 = 0.01;
  const auto learner = make_linear_learner(spec, target, problem.data, best_kernels());
  EXPECT_LT(train(*learner), 100);
  const Weights found = weights_of(*learner, classes);
  const auto chances = learner->predict(problem.data.features);
  for (std::size_t k = 0; k < classes; ++k) {
    std::array<double, kColumns> slope{};
    double bias_slope = 0;
    for (std::size_t row = 0; row < kRows; ++row) {
      const bool is_it = problem.data.classes[row] == static_cast<std::int64_t>(k);
      const double error = static_cast<double>(chances[row * classes + k]) - (is_it ? 1 : 0);
      bias_slope += error / kRows;
      for (std::size_t c = 0; c < kColumns; ++c)
        slope[c] += error * problem.x[row][c] / kRows;
    }
    EXPECT_NEAR(bias_slope, 0, 2e-5);
    for (std::size_t c = 0; c < kColumns; ++c)
      EXPECT_NEAR(slope[c] + 2 * spec.l2 * found.weight[c * classes + k], 0, 2e-5);
  }
}

TEST_P(Logistic, GoesOnFromAnyEpochAndIsServedAsItWasTrained) {
  const Problem problem(GetParam());
  const TargetCoding target = target_of(GetParam());
  const auto undisturbed = make_linear_learner({}, target, problem.data, best_kernels());
  std::stringstream state;
  for (int epoch = 0; epoch < 8; ++epoch) {
    undisturbed->train_epoch();
    if (epoch == 2) undisturbed->remember();
    if (epoch != 3) continue;
    undisturbed->save(state);
    EXPECT_EQ(state.str().size(), undisturbed->state_bytes());
  }
  const auto resumed = make_linear_learner({}, target, problem.data, best_kernels());
  std::istringstream cut(state.str().substr(0, state.str().size() - 1));
  EXPECT_THROW(make_linear_learner({}, target, problem.data, best_kernels())->restore(cut),
               std::runtime_error);
  resumed->restore(state);
  for (int epoch = 4; epoch < 8; ++epoch)
    resumed->train_epoch();
  EXPECT_EQ(resumed->script(), undisturbed->script());
  for (Learner* learner : {undisturbed.get(), resumed.get()})
    learner->recall();
  EXPECT_EQ(resumed->script(), undisturbed->script());
  EXPECT_EQ(resumed->predict(problem.data.features), undisturbed->predict(problem.data.features));
}

INSTANTIATE_TEST_SUITE_P(Tasks, Logistic, testing::Values(TaskKind::binary, TaskKind::multiclass));

TEST(Baseline, SaysTheMeanAndTheShares) {
  Problem numbers(TaskKind::regression);
  numbers.data.weights.assign(kRows, 0.5F);
  numbers.data.weights[0] = 100;
  TargetCoding target = target_of(TaskKind::regression);
  target.mean = 7;
  target.std = 3;
  const auto of_numbers = make_baseline_learner(target, numbers.data, best_kernels());
  double sum = 0;
  double weights = 0;
  for (std::size_t row = 0; row < kRows; ++row) {
    weights += static_cast<double>(numbers.data.weights[row]);
    sum += static_cast<double>(numbers.data.weights[row] * numbers.data.numbers[row]);
  }
  of_numbers->train_epoch();
  EXPECT_TRUE(of_numbers->has_converged());
  for (const float said : of_numbers->predict(numbers.data.features))
    ASSERT_NEAR(said, 7 + 3 * sum / weights, 1e-4);

  const Problem problem(TaskKind::multiclass);
  const auto of_classes =
      make_baseline_learner(target_of(TaskKind::multiclass), problem.data, best_kernels());
  const double loss = of_classes->train_epoch();
  const auto said = of_classes->predict(problem.data.features);
  double entropy = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const auto rows = std::count(problem.data.classes.begin(), problem.data.classes.end(), k);
    const double share = static_cast<double>(rows) / kRows;
    EXPECT_NEAR(said[k], share, 1e-6);
    entropy -= share * std::log(share);
  }
  EXPECT_NEAR(loss, entropy, 1e-5);
}

TEST(LbfgsTest, FindsTheMinimumOfRosenbrocksValleyAndStaysThere) {
  Lbfgs minimum({-1.2, 1});
  const auto valley = [](const std::vector<double>& x, std::vector<double>& slope) {
    const double across = x[1] - x[0] * x[0];
    slope = {-400 * x[0] * across - 2 * (1 - x[0]), 200 * across};
    return 100 * across * across + (1 - x[0]) * (1 - x[0]);
  };
  double last = INFINITY;
  for (int step = 0; step < 200 && !minimum.has_converged(); ++step) {
    minimum.step(valley);
    EXPECT_LE(minimum.value(), last);
    last = minimum.value();
  }
  EXPECT_TRUE(minimum.has_converged());
  EXPECT_NEAR(minimum.x()[0], 1, 1e-5);
  EXPECT_NEAR(minimum.x()[1], 1, 1e-5);
  const auto there = minimum.x();
  minimum.step(valley);
  EXPECT_EQ(minimum.x(), there);
}

TEST(LbfgsTest, AValueThatIsNoNumberIsSaidAndNotFollowed) {
  Lbfgs minimum({1});
  minimum.step([](const auto&, auto& slope) {
    slope = {1};
    return std::nan("");
  });
  EXPECT_TRUE(std::isnan(minimum.value()));
  EXPECT_EQ(minimum.x(), std::vector<double>{1});
}

TEST(NetworkChoice, MembersLearnTheirScales) {
  MlpSpec spec;
  spec.members = 4;
  EXPECT_EQ(shape_of(spec, {}, 1, true, 10).scale_rate, 1) << "as all else";
  spec.scale_rate = 6;
  EXPECT_EQ(shape_of(spec, {}, 1, true, 10).scale_rate, 6);
}

}  // namespace
}  // namespace starling::ml
