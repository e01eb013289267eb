// What the own engine trains, LibTorch opens, and says the same.
#include "ml/train/native_engine.h"
#include "ml/train/native_model.h"
#include "ml/train/network_choice.h"
#include "ml/train/torch_engine.h"
#include "node/base/durable_file.h"
#include "node/base/random.h"
#include "tests/support/scratch_folder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

namespace starling::ml {
namespace {

FitData data_for(TaskKind task, std::size_t rows) {
  Random random{2};
  FitData data;
  Matrix features{rows, 5, {}};
  for (std::size_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (int c = 0; c < 5; ++c) {
      features.values.push_back(static_cast<float>(random.normal()));
      sum += features.values.back();
    }
    if (task == TaskKind::regression)
      data.numbers.push_back(static_cast<float>(sum));
    else
      data.classes.push_back(sum > 1 ? 2 : sum > -1 ? 1 : 0);
  }
  data.features = EncodedRows{std::move(features)};
  return data;
}

TargetCoding target_of(TaskKind task) {
  TargetCoding target;
  target.task = task;
  target.mean = 13'000.25;
  target.std = 1'234.5;
  if (task != TaskKind::regression) target.classes = {"a", "b", "c"};
  return target;
}

/// What an engine says with a script that it opens from a file.
std::vector<float> said_by(Engine& engine,
                           const std::string& script,
                           const FitData& data,
                           std::size_t columns_expected) {
  const tests::ScratchFolder folder;
  const std::string path = folder / "model.pt";
  std::ofstream{path, std::ios::binary} << script;
  std::size_t columns = 0;
  auto said = engine.load(path)->predict(data.features.dense(), columns);
  EXPECT_EQ(columns, columns_expected);
  return said;
}

class OpenedByTorch : public testing::TestWithParam<TaskKind> {};

TEST_P(OpenedByTorch, GivesTheSameAnswers) {
  const FitData data = data_for(GetParam(), 300);
  const TargetCoding target = target_of(GetParam());
  MlpSpec spec;
  spec.n_layers = 3;
  spec.width = 37;
  NativeEngine native;
  const auto learner = native.make_learner(spec, target, data, 1);
  for (int epoch = 0; epoch < 5; ++epoch)
    learner->train_epoch();
  const auto said = learner->predict(data.features);

  const std::string script = learner->script();
  const std::size_t columns = GetParam() == TaskKind::regression ? 1 : 3;
  EXPECT_EQ(said_by(native, script, data, columns), said) << "bit for bit";
  TorchEngine torch;
  torch.prepare(1);
  const auto by_torch = said_by(torch, script, data, columns);
  ASSERT_EQ(by_torch.size(), said.size());
  for (std::size_t i = 0; i < said.size(); ++i)
    EXPECT_NEAR(by_torch[i], said[i], 1e-5 * (1 + std::abs(said[i])));
}

INSTANTIATE_TEST_SUITE_P(Tasks,
                         OpenedByTorch,
                         testing::Values(TaskKind::regression, TaskKind::multiclass));

TEST(Activations, AreTheSameInTheOwnEngineInLibTorchAndInTheFile) {
  for (std::size_t kind = 0; kind < kActivationNames.size(); ++kind) {
    const FitData data = data_for(TaskKind::regression, 300);
    TargetCoding target = target_of(TaskKind::regression);
    target.mean = 0.5;
    target.std = 0.25;
    target.is_log = true;
    MlpSpec spec;
    spec.activation = static_cast<Activation>(kind);
    spec.width = 37;
    NativeEngine native;
    TorchEngine torch;
    torch.prepare(1);
    for (Engine* engine : std::initializer_list<Engine*>{&native, &torch}) {
      const auto learner = engine->make_learner(spec, target, data, 1);
      for (int epoch = 0; epoch < 3; ++epoch)
        learner->train_epoch();
      const auto said = learner->predict(data.features);
      const std::string script = learner->script();
      const auto opened = said_by(torch, script, data, 1);
      ASSERT_EQ(opened.size(), said.size());
      for (std::size_t i = 0; i < said.size(); ++i)
        EXPECT_NEAR(opened[i], said[i], 2e-5 * (1 + std::abs(said[i]))) << kind;
      if (engine == &native) {
        EXPECT_EQ(said_by(native, script, data, 1), said) << kind;
      }
    }
  }
}

MlpSpec spec_of_parts(std::size_t round) {
  MlpSpec spec;
  spec.width = 32;
  spec.dropout = 0;
  spec.epochs = 15;
  spec.norm = static_cast<Norm>(round % 3);
  spec.is_residual = round % 2 == 0;
  spec.members = round % 4 == 1 ? 4 : 1;
  spec.embedding = static_cast<NumberEmbedding>((round / 2) % 3);
  spec.embedding_bins = 8;
  if (round % 3 == 1) spec.layers[1] = {.width = 24, .activation = Activation::silu};
  if (round % 4 == 2) spec.layers[0] = {.activation = Activation::softmax, .norm = Norm::batch};
  return spec;
}

TEST(BothEngines, TakeFirstWeightsAndClippingFromTheSpec) {
  const FitData data = data_for(TaskKind::regression, 300);
  const TargetCoding target = target_of(TaskKind::regression);
  NativeEngine native;
  TorchEngine torch;
  torch.prepare(1);
  std::set<float> begins;
  for (const WeightInit init : {WeightInit::inputs, WeightInit::xavier, WeightInit::kaiming}) {
    MlpSpec spec;
    spec.init = init;
    const auto own = native.make_learner(spec, target, data, 1)->predict(data.features);
    const auto other = torch.make_learner(spec, target, data, 1)->predict(data.features);
    begins.insert(own[0]);
    for (std::size_t i = 0; i < own.size(); ++i)
      ASSERT_NEAR(own[i], other[i], 2e-5 * (1 + std::abs(own[i])));
  }
  EXPECT_EQ(begins.size(), 3U);
  for (Engine* engine : std::initializer_list<Engine*>{&native, &torch}) {
    const auto moved = [&](double grad_clip) {
      MlpSpec spec;
      spec.optimizer = OptimizerKind::sgd;
      spec.momentum = 0;
      spec.learning_rate = 0.1;
      spec.grad_clip = grad_clip;
      const auto learner = engine->make_learner(spec, target, data, 1);
      const float before = learner->predict(data.features)[0];
      learner->train_epoch();
      return std::abs(learner->predict(data.features)[0] - before);
    };
    EXPECT_GT(moved(1), 1e-3);
    EXPECT_LT(moved(1e-3), 0.05 * moved(1));
  }
}

TEST(NetworkChoice, MomentumIsThatOfTheOptimizer) {
  MlpSpec spec;
  spec.beta1 = 0.5;
  spec.momentum = 0.25;
  EXPECT_EQ(shape_of(spec, {}, 1, true, 10).beta1, 0.5);
  spec.optimizer = OptimizerKind::sgd;
  EXPECT_EQ(shape_of(spec, {}, 1, true, 10).beta1, 0.25);
}

/// A network of each part: both learn the same, and each opens what the other wrote.
TEST(BothEngines, HaveEveryPart) {
  for (std::size_t round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    const TaskKind task = round % 5 == 0 ? TaskKind::multiclass : TaskKind::regression;
    const FitData data = data_for(task, 64 * 15 + 1);  // the last batch is a row
    TargetCoding target = target_of(task);
    target.mean = 3;
    target.std = 2;
    NativeEngine native;
    TorchEngine torch;
    torch.prepare(1);
    std::vector<double> losses;
    for (Engine* engine : std::initializer_list<Engine*>{&native, &torch}) {
      const auto learner = engine->make_learner(spec_of_parts(round), target, data, 1);
      double loss = 0;
      for (int epoch = 0; epoch < 15; ++epoch)
        loss = learner->train_epoch();
      losses.push_back(loss);
      learner->remember();
      const auto said = learner->predict(data.features);
      learner->train_epoch();
      EXPECT_NE(learner->predict(data.features), said);
      learner->recall();
      EXPECT_EQ(learner->predict(data.features), said);
      const std::string script = learner->script();
      EXPECT_TRUE(is_native_model(script));
      const std::size_t columns = task == TaskKind::regression ? 1 : 3;
      for (Engine* reader : std::initializer_list<Engine*>{&native, &torch}) {
        const auto opened = said_by(*reader, script, data, columns);
        ASSERT_EQ(opened.size(), said.size());
        for (std::size_t i = 0; i < said.size(); ++i)
          ASSERT_NEAR(opened[i], said[i], 1e-4 * (1 + std::abs(said[i])));
      }
    }
    EXPECT_NEAR(losses[0], losses[1], 0.02 + 0.3 * losses[1]);
  }
}

/// What is trained is the same; what is said, by the learner and by its file, is adjusted.
TEST(BothEngines, AdjustChances) {
  const FitData data = data_for(TaskKind::multiclass, 640);
  FitData adjusted_data = data_for(TaskKind::multiclass, 640);
  adjusted_data.logit_adjustment = {1.5, 0, -2};
  const TargetCoding target = target_of(TaskKind::multiclass);
  NativeEngine native;
  TorchEngine torch;
  torch.prepare(1);
  for (Engine* engine : std::initializer_list<Engine*>{&native, &torch}) {
    for (std::size_t round = 0; round < 12; ++round) {
      SCOPED_TRACE(round);
      const MlpSpec spec = spec_of_parts(round);
      const auto plain = engine->make_learner(spec, target, data, 1);
      const auto adjusted = engine->make_learner(spec, target, adjusted_data, 1);
      for (int epoch = 0; epoch < 3; ++epoch)
        ASSERT_EQ(plain->train_epoch(), adjusted->train_epoch());
      const auto before = plain->predict(data.features);
      const auto after = adjusted->predict(data.features);
      for (std::size_t at = 0; at < before.size() && spec.members == 1; at += 3) {
        ASSERT_NEAR(
            std::log(after[at] / after[at + 1]), std::log(before[at] / before[at + 1]) + 1.5, 1e-3);
        ASSERT_NEAR(std::log(after[at + 2] / after[at + 1]),
                    std::log(before[at + 2] / before[at + 1]) - 2,
                    1e-3);
      }
      EXPECT_NE(before, after);
      for (Engine* reader : std::initializer_list<Engine*>{&native, &torch}) {
        const auto opened = said_by(*reader, adjusted->script(), data, 3);
        for (std::size_t i = 0; i < after.size(); ++i)
          ASSERT_NEAR(opened[i], after[i], 1e-5);
      }
    }
  }
}

/// Whatever is chosen, both engines end near the same loss.
TEST(BothEngines, LearnTheSameWithEachOptimizerScheduleAndLoss) {
  for (std::size_t round = 0; round < 9; ++round) {
    const bool has_classes = round % 3 == 2;
    const TaskKind task = has_classes ? TaskKind::multiclass : TaskKind::regression;
    const FitData data = data_for(task, 2000);
    TargetCoding target = target_of(task);
    target.mean = 0;
    target.std = 1;
    MlpSpec spec;
    spec.dropout = 0;
    spec.width = 32;
    spec.epochs = 15;
    spec.optimizer = static_cast<OptimizerKind>(round / 3);
    spec.schedule = static_cast<RateSchedule>(round % 3);
    spec.loss = static_cast<NumberLoss>(round % 3);
    spec.label_smoothing = has_classes ? 0.1 : 0;
    spec.activation = Activation::selu;
    spec.learning_rate = spec.optimizer == OptimizerKind::sgd ? 0.03 : 3e-3;
    NativeEngine native;
    TorchEngine torch;
    torch.prepare(1);
    std::vector<double> losses;
    for (Engine* engine : std::initializer_list<Engine*>{&native, &torch}) {
      const auto learner = engine->make_learner(spec, target, data, 1);
      double loss = 0;
      for (std::uint32_t epoch = 0; epoch < spec.epochs; ++epoch)
        loss = learner->train_epoch();
      losses.push_back(loss);
    }
    EXPECT_NEAR(losses[0], losses[1], 0.01 + 0.15 * losses[1]) << "round " << round;
  }
}

/// Without dropout both begin and train alike, but for the rows' order and rounding.
TEST(BothEngines, LearnTheSameThing) {
  const FitData data = data_for(TaskKind::regression, 2000);
  TargetCoding target = target_of(TaskKind::regression);
  target.mean = 0;
  target.std = 1;
  MlpSpec spec;
  spec.dropout = 0;
  spec.width = 32;
  NativeEngine native;
  TorchEngine torch;
  torch.prepare(1);
  std::vector<double> losses;
  for (Engine* engine : std::initializer_list<Engine*>{&native, &torch}) {
    const auto learner = engine->make_learner(spec, target, data, 1);
    double loss = 0;
    for (int epoch = 0; epoch < 20; ++epoch)
      loss = learner->train_epoch();
    losses.push_back(loss);
  }
  EXPECT_LT(losses[0], 0.05);
  EXPECT_LT(losses[1], 0.05);
}

TEST(TorchTraining, GoesOnFromAnyEpochToTheSameWeights) {
  const FitData data = data_for(TaskKind::multiclass, 500);
  const TargetCoding target = target_of(TaskKind::multiclass);
  MlpSpec spec;
  spec.dropout = 0.3;
  spec.norm = Norm::batch;
  spec.width = 32;
  TorchEngine torch;
  torch.prepare(1);
  const auto undisturbed = torch.make_learner(spec, target, data, 1);
  std::stringstream state;
  for (int epoch = 0; epoch < 6; ++epoch) {
    undisturbed->train_epoch();
    if (epoch == 1) undisturbed->remember();
    if (epoch != 2) continue;
    undisturbed->save(state);
    EXPECT_EQ(state.str().size(), undisturbed->state_bytes());
  }
  const auto resumed = torch.make_learner(spec, target, data, 1);
  std::istringstream cut(state.str().substr(0, state.str().size() - 1));
  EXPECT_THROW(torch.make_learner(spec, target, data, 1)->restore(cut), std::runtime_error);
  resumed->restore(state);
  for (int epoch = 3; epoch < 6; ++epoch)
    resumed->train_epoch();
  EXPECT_EQ(resumed->predict(data.features), undisturbed->predict(data.features));
  for (Learner* learner : {undisturbed.get(), resumed.get()})
    learner->recall();
  EXPECT_EQ(resumed->script(), undisturbed->script());
}

}  // namespace
}  // namespace starling::ml
