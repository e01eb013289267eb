#include "ml/engine/mlp.h"
#include "node/base/hash.h"
#include "node/base/random.h"
#include "tests/ml/activation_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <span>
#include <sstream>
#include <vector>

namespace starling::ml {
namespace {

constexpr std::size_t kActivations = kActivationNames.size();

struct Rows {
  std::vector<float> features;
  std::vector<float> numbers;
  std::vector<std::int64_t> classes;
  std::size_t count = 0;

  MlpBatch batch() const {
    return {.features = features, .numbers = numbers, .classes = classes, .rows = count};
  }

  MlpBatch part(const MlpShape& shape, std::size_t from, std::size_t rows) const {
    MlpBatch some = batch();
    some.features = some.features.subspan(from * shape.net.inputs, rows * shape.net.inputs);
    if (!numbers.empty()) some.numbers = some.numbers.subspan(from, rows);
    if (!classes.empty()) some.classes = some.classes.subspan(from, rows);
    some.rows = rows;
    return some;
  }
};

Rows rows_for(const MlpShape& shape, std::size_t count, std::uint64_t seed) {
  Random random{seed};
  Rows rows;
  rows.count = count;
  for (std::size_t i = 0; i < count * shape.net.inputs; ++i)
    rows.features.push_back(static_cast<float>(random.normal()));
  for (std::size_t i = 0; i < count; ++i) {
    if (shape.loss != MlpLoss::cross_entropy)
      rows.numbers.push_back(static_cast<float>(random.normal()));
    else
      rows.classes.push_back(static_cast<std::int64_t>(random.below(shape.net.outputs)));
  }
  return rows;
}

/// What each hidden unit of a layer is multiplied by in the first step of a network of that seed:
/// 0 or 1 / (1 - dropout).
std::vector<float> mask_of(const MlpShape& shape,
                           std::uint64_t seed,
                           std::size_t layer,
                           std::size_t rows) {
  const auto& [width, activation, norm, dropout] = shape.net.hidden[layer];
  std::vector<float> mask(rows * padded(width), 1);
  if (dropout == 0) return mask;
  portable_kernels().dropout({.count = mask.size(),
                              .values = mask.data(),
                              .key = static_cast<std::uint32_t>(mix_seeds(seed, layer)),
                              .threshold = static_cast<std::uint32_t>(dropout * 4294967296.0),
                              .scale = static_cast<float>(1 / (1 - dropout))});
  return mask;
}

double error_loss(const MlpShape& shape, double error) {
  if (shape.loss == MlpLoss::huber)
    return std::abs(error) > 1 ? std::abs(error) - 0.5 : error * error / 2;
  if (shape.loss == MlpLoss::pinball)
    return error > 0 ? (1 - shape.quantile) * error : -shape.quantile * error;
  return error * error;
}

void activate(Activation kind, std::vector<double>& values) {
  double total = 0;
  for (double& value : values) {
    value = kind == Activation::softmax ? std::exp(value) : defined_activation(kind, value);
    total += value;
  }
  for (double& value : values)
    value /= kind == Activation::softmax ? total : 1;
}

/// The mean loss in double, written down from the definition.
double loss_of(const MlpShape& shape,
               const std::vector<double>& weights,
               const Rows& rows,
               const std::vector<std::vector<float>>& masks) {
  double sum = 0;
  for (std::size_t row = 0; row < rows.count; ++row) {
    std::vector<double> values(
        rows.features.begin() + static_cast<long>(row * shape.net.inputs),
        rows.features.begin() + static_cast<long>((row + 1) * shape.net.inputs));
    std::size_t at = 0;
    for (std::size_t layer = 0; layer <= shape.net.hidden.size(); ++layer) {
      const bool is_last = layer == shape.net.hidden.size();
      const std::size_t width = is_last ? shape.net.outputs : shape.net.hidden[layer].width;
      std::vector<double> next(width);
      for (std::size_t c = 0; c < width; ++c) {
        next[c] = weights[at + values.size() * width + c];
        for (std::size_t k = 0; k < values.size(); ++k)
          next[c] += values[k] * weights[at + k * width + c];
      }
      if (!is_last) activate(shape.net.hidden[layer].activation, next);
      for (std::size_t c = 0; c < width && !is_last; ++c)
        next[c] *= masks[layer][row * padded(width) + c];
      at += (values.size() + 1) * width;
      values = next;
    }
    if (shape.loss != MlpLoss::cross_entropy) {
      sum += error_loss(shape, values[0] - rows.numbers[row]);
      continue;
    }
    double total = 0;
    for (const double value : values)
      total += std::exp(value);
    const auto truth = static_cast<std::size_t>(rows.classes[row]);
    sum += (1 - shape.label_smoothing) * (std::log(total) - values[truth]);
    for (const double value : values)
      sum += shape.label_smoothing / static_cast<double>(values.size()) * (std::log(total) - value);
  }
  return sum / static_cast<double>(rows.count);
}

MlpShape drawn_shape(Random& random) {
  MlpShape shape;
  shape.net.inputs = 1 + random.below(20);
  const std::size_t layers = random.below(4);
  for (std::size_t i = 0; i < layers; ++i)
    shape.net.hidden.push_back({.width = 1 + random.below(40),
                                .activation = static_cast<Activation>(random.below(kActivations)),
                                .dropout = random.chance(0.5) ? random.unit() / 2 : 0});
  constexpr MlpLoss kNumberLosses[] = {MlpLoss::squared, MlpLoss::huber, MlpLoss::pinball};
  const bool has_classes = random.chance(0.5);
  shape.loss = has_classes ? MlpLoss::cross_entropy : kNumberLosses[random.below(3)];
  shape.net.outputs = has_classes ? 2 + random.below(5) : 1;
  shape.quantile = random.unit();
  if (random.chance(0.5)) shape.label_smoothing = random.unit() / 2;
  shape.batch = 1 + random.below(60);
  return shape;
}

TEST(Mlp, ItsGradientIsTheSlopeOfItsLoss) {
  Random random{1};
  for (int round = 0; round < 120; ++round) {
    const MlpShape shape = drawn_shape(random);
    const Rows rows = rows_for(shape, shape.batch, random.next());
    const std::uint64_t seed = random.next();
    Mlp network{shape, best_kernels(), seed};
    std::vector<std::vector<float>> masks;
    for (std::size_t layer = 0; layer < shape.net.hidden.size(); ++layer)
      masks.push_back(mask_of(shape, seed, layer, rows.count));
    const auto floats = network.weights();
    const std::vector<double> weights(floats.begin(), floats.end());
    const double said = network.find_gradient(rows.batch()) / static_cast<double>(rows.count);
    EXPECT_NEAR(said, loss_of(shape, weights, rows, masks), 1e-5 * (1 + said));
    const auto gradient = network.gradient();
    ASSERT_EQ(gradient.size(), weights.size());
    for (int probe = 0; probe < 30; ++probe) {
      const std::size_t i = random.below(weights.size());
      constexpr double kStep = 1e-6;
      auto up = weights;
      auto down = weights;
      up[i] += kStep;
      down[i] -= kStep;
      const double slope =
          (loss_of(shape, up, rows, masks) - loss_of(shape, down, rows, masks)) / (2 * kStep);
      EXPECT_NEAR(gradient[i], slope, 2e-5 + 1e-4 * std::abs(slope)) << "weight " << i;
    }
  }
}

std::vector<float> trained(const Kernels& kernels, const MlpShape& shape, const Rows& rows) {
  Mlp network{shape, kernels, 11};
  for (int epoch = 0; epoch < 5; ++epoch)
    for (std::size_t from = 0; from < rows.count; from += shape.batch)
      network.step(rows.part(shape, from, std::min(shape.batch, rows.count - from)),
                   {.learning_rate = 3e-3, .weight_decay = 0.1, .average_rate = 0.2});
  auto all = network.weights();
  const auto average = network.averaged_weights();
  const auto said = network.predict(rows.features, rows.count);
  all.insert(all.end(), average.begin(), average.end());
  all.insert(all.end(), said.begin(), said.end());
  return all;
}

TEST(Mlp, TrainsToTheSameBitsWithEachSetOfKernels) {
  constexpr MlpLoss kLosses[] = {
      MlpLoss::squared, MlpLoss::cross_entropy, MlpLoss::huber, MlpLoss::pinball};
  for (std::size_t round = 0; round < 18; ++round) {
    const MlpLoss loss = kLosses[round % 4];
    HiddenLayer layer{.activation = static_cast<Activation>(round % kActivations), .dropout = 0.2};
    const MlpShape shape{.net = {.inputs = 11,
                                 .outputs = loss == MlpLoss::cross_entropy ? 3U : 1U,
                                 .hidden = hidden_layers({50, 70}, layer)},
                         .batch = 33,
                         .loss = loss,
                         .label_smoothing = 0.1,
                         .optimizer = static_cast<MlpOptimizer>(round % 3)};
    const Rows rows = rows_for(shape, 200, 5);
    const auto plain = trained(portable_kernels(), shape, rows);
    for (const Kernels* kernels : {avx2_kernels(), avx512_kernels()}) {
      if (kernels == nullptr) continue;
      const auto fast = trained(*kernels, shape, rows);
      ASSERT_EQ(fast.size(), plain.size());
      EXPECT_EQ(std::memcmp(fast.data(), plain.data(), plain.size() * sizeof(float)), 0)
          << kernels->name;
    }
  }
}

/// Each part that a network may have, in some shape.
MlpShape shape_of_parts(std::size_t round) {
  MlpShape shape;
  const HiddenLayer first{.width = 40,
                          .activation = static_cast<Activation>(round % kActivations),
                          .norm = static_cast<Norm>(round % 3),
                          .dropout = 0.2};
  HiddenLayer second = first;
  if (round % 3 == 2) second.activation = static_cast<Activation>((round + 5) % kActivations);
  if (round % 4 == 1) second.norm = Norm::none;
  shape.net = {.inputs = 12, .outputs = 3, .hidden = {first, second}};
  shape.net.is_residual = round % 2 == 0;
  shape.net.members = round % 4 == 3 ? 5 : 1;
  shape.net.scales_inputs = round % 4 == 2;
  InputEmbedding& embedding = shape.net.embedding;
  embedding.kind = static_cast<NumberEmbedding>((round / 3) % 3);
  if (embedding.kind != NumberEmbedding::none) embedding.numbers = {1, 4, 5};
  embedding.bins = 11;
  if (round % 5 != 0) embedding.levels = {{6, 3}};
  shape.batch = 33;
  shape.loss = MlpLoss::cross_entropy;
  return shape;
}

TEST(Mlp, EachPartTrainsToTheSameBitsWithEachSetOfKernels) {
  for (std::size_t round = 0; round < 12; ++round) {
    const MlpShape shape = shape_of_parts(round);
    const Rows rows = rows_for(shape, 150, 5);
    const auto plain = trained(portable_kernels(), shape, rows);
    for (const Kernels* kernels : {avx2_kernels(), avx512_kernels()}) {
      if (kernels == nullptr) continue;
      const auto fast = trained(*kernels, shape, rows);
      ASSERT_EQ(fast.size(), plain.size());
      EXPECT_EQ(std::memcmp(fast.data(), plain.data(), plain.size() * sizeof(float)), 0)
          << kernels->name << " round " << round;
    }
  }
}

TEST(Mlp, EachPartLearns) {
  for (std::size_t round = 0; round < 12; ++round) {
    MlpShape shape = shape_of_parts(round);
    for (HiddenLayer& layer : shape.net.hidden)
      layer.dropout = 0;
    Rows rows = rows_for(shape, 330, 3);
    for (std::size_t i = 0; i < rows.count; ++i) {
      const float* row = rows.features.data() + i * shape.net.inputs;
      rows.classes[i] = row[1] + row[2] > 0.5F ? 2 : row[7] > 0 ? 1 : 0;
    }
    Mlp network{shape, best_kernels(), 1};
    if (shape.net.embedding.kind == NumberEmbedding::piecewise) {
      std::vector<float> low(3 * 11);
      for (std::size_t i = 0; i < low.size(); ++i)
        low[i] = -2.2F + 0.4F * static_cast<float>(i % 11);
      network.set_bins(low, std::vector<float>(3 * 11, 2.5F));
    }
    double first = 0;
    double last = 0;
    for (int epoch = 0; epoch < 150; ++epoch) {
      last = 0;
      for (std::size_t from = 0; from < rows.count; from += 33)
        last += network.step(rows.part(shape, from, 33), {.learning_rate = 5e-3});
      if (epoch == 0) first = last;
    }
    EXPECT_LT(last, first / 4) << "round " << round;
    const auto said = network.predict(rows.features, rows.count);
    std::size_t right = 0;
    for (std::size_t i = 0; i < rows.count; ++i) {
      const float* chances = said.data() + 3 * i;
      right += std::max_element(chances, chances + 3) - chances == rows.classes[i] ? 1U : 0U;
    }
    EXPECT_GT(right, rows.count * 9 / 10) << "by the averaged weights, round " << round;
  }
}

/// With dropout, whose mask stays while no step is made: the loss rises along the gradient by its
/// length.
TEST(Mlp, TheGradientOfAllPartsTogetherIsTheSlopeOfTheLoss) {
  for (std::size_t round = 0; round < 36; ++round) {
    const MlpShape shape = shape_of_parts(round);
    const Rows rows = rows_for(shape, 33, round);
    Mlp network{shape, best_kernels(), 1};
    network.find_gradient(rows.batch());
    auto direction = network.gradient();
    std::size_t trained = 0;
    for (const Tensor& tensor : network.tensors().tensors)
      if (tensor.offset < network.tensors().trained) trained += tensor.values();
    std::fill(direction.begin() + static_cast<std::ptrdiff_t>(trained), direction.end(), 0.0F);
    double length = 0;
    for (const float slope : direction)
      length += static_cast<double>(slope) * static_cast<double>(slope);
    length = std::sqrt(length);
    const auto weights = network.weights();
    const auto loss_at = [&](double step) {
      auto moved = weights;
      for (std::size_t i = 0; i < moved.size(); ++i)
        moved[i] += static_cast<float>(step / length) * direction[i];
      network.set_weights(moved);
      return network.find_gradient(rows.batch()) / static_cast<double>(rows.count);
    };
    constexpr double kStep = 2e-3;
    const double slope = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
    EXPECT_NEAR(slope, length, 0.02 * length + 1e-3) << "round " << round;
  }
}

std::string state_of(const Mlp& network) {
  std::ostringstream out;
  network.save(out);
  return out.str();
}

TEST(Mlp, GoesOnFromAStateAsIfThereHadBeenNoPause) {
  for (std::size_t round = 0; round < 12; ++round) {
    MlpShape shape = shape_of_parts(round);
    shape.optimizer = static_cast<MlpOptimizer>(round % 3);
    const Rows rows = rows_for(shape, 33, 3);
    const MlpRates rates{.learning_rate = 5e-3, .average_rate = 0.3};
    Mlp whole{shape, best_kernels(), 1};
    std::string state;
    for (int step = 0; step < 10; ++step) {
      if (step == 2) whole.remember();
      if (step == 5) state = state_of(whole);
      whole.step(rows.batch(), rates);
    }
    Mlp resumed{shape, best_kernels(), 1};
    std::istringstream kept{state};
    ASSERT_TRUE(resumed.restore(kept));
    for (int step = 5; step < 10; ++step)
      resumed.step(rows.batch(), rates);
    EXPECT_EQ(state_of(resumed), state_of(whole)) << "round " << round;
    std::istringstream cut{state.substr(0, state.size() - 1)};
    EXPECT_FALSE(resumed.restore(cut));
  }
}

/// Two networks that differ in their parameters only: so much more they take.
TEST(Mlp, ToPredictTakesOneCopyOfTheWeights) {
  MlpShape shape = shape_of_parts(3);
  shape.net.hidden = hidden_layers({200, 200}, shape.net.hidden[0]);
  MlpShape deeper = shape;
  deeper.net.hidden = hidden_layers({200, 200, 200, 200}, shape.net.hidden[0]);
  const auto more = 4 * (tensors_of(deeper.net).total - tensors_of(shape.net).total);
  EXPECT_EQ(Mlp::slab_bytes(deeper, MlpUse::predict) - Mlp::slab_bytes(shape, MlpUse::predict),
            more);
  EXPECT_GT(Mlp::slab_bytes(deeper) - Mlp::slab_bytes(shape), 6 * more);
}

/// The moments that are used to predict are those of the rows, not of the batches: a last batch of
/// one row, which has no variance, does not pull them down.
TEST(Mlp, ASmallBatchMovesTheMomentsLittle) {
  MlpShape shape;
  shape.net = {.inputs = 3, .outputs = 1, .hidden = {{.width = 16, .norm = Norm::batch}}};
  shape.batch = 64;
  const Rows rows = rows_for(shape, 64, 3);
  const MlpRates still{.learning_rate = 0, .average_rate = 0.5};
  Mlp network{shape, best_kernels(), 1};
  network.step(rows.batch(), {.learning_rate = 0, .average_rate = 1});
  const auto before = network.averaged_weights();
  network.step(rows.part(shape, 0, 1), still);
  EXPECT_EQ(network.averaged_weights(), before) << "one row says nothing of a variance";
  network.step(rows.part(shape, 0, 2), still);
  const auto after = network.averaged_weights();
  EXPECT_NE(after, before);
  for (std::size_t i = 0; i < after.size(); ++i)
    EXPECT_NEAR(after[i], before[i], 0.1 * (1 + std::abs(before[i]))) << i;
}

/// The same bits as ever: who changes them on purpose writes the new hash here.
TEST(Mlp, TrainsToTheBitsThatAreWrittenDown) {
  const MlpShape shape{
      .net = {.inputs = 7, .outputs = 1, .hidden = hidden_layers({20, 20}, {.dropout = 0.1})},
      .batch = 16,
      .loss = {}};
  Rows rows;
  rows.count = 64;
  Random random{9};  // uniform numbers: no library decides their last bits
  for (std::size_t i = 0; i < rows.count * shape.net.inputs; ++i)
    rows.features.push_back(static_cast<float>(2 * random.unit() - 1));
  for (std::size_t i = 0; i < rows.count; ++i)
    rows.numbers.push_back(rows.features[i * shape.net.inputs]);
  const auto all = trained(best_kernels(), shape, rows);
  EXPECT_EQ(hash_of(std::as_bytes(std::span{all})).hex().substr(0, 16), "6489e802040a962e");
}

TEST(Mlp, ANumberThatIsNoneIsToldAndNotHidden) {
  const MlpShape shape{
      .net = {.inputs = 3, .outputs = 1, .hidden = hidden_layers({8, 8})}, .batch = 10, .loss = {}};
  for (const Kernels* kernels : {&portable_kernels(), avx2_kernels(), avx512_kernels()}) {
    if (kernels == nullptr) continue;
    Rows rows = rows_for(shape, 10, 3);
    rows.features[4] = NAN;
    Mlp network{shape, *kernels, 1};
    const auto before = network.weights();
    EXPECT_TRUE(std::isnan(network.step(rows.batch(), {}))) << kernels->name;
    EXPECT_EQ(network.weights(), before) << "no step was made";
    EXPECT_TRUE(std::isnan(network.predict(rows.features, rows.count)[1])) << kernels->name;
  }
}

TEST(Mlp, LearnsWhatCanBeLearned) {
  const MlpShape shape{.net = {.inputs = 2, .outputs = 1, .hidden = hidden_layers({32, 32})},
                       .batch = 50,
                       .loss = {}};
  Rows rows = rows_for(shape, 500, 3);
  for (std::size_t i = 0; i < rows.count; ++i)
    rows.numbers[i] = rows.features[2 * i] * rows.features[2 * i + 1];
  Mlp network{shape, best_kernels(), 1};
  double sum = 0;
  for (int epoch = 0; epoch < 200; ++epoch) {
    sum = 0;
    for (std::size_t from = 0; from < rows.count; from += shape.batch)
      sum += network.step(rows.part(shape, from, shape.batch), {.learning_rate = 1e-2});
  }
  EXPECT_LT(sum / static_cast<double>(rows.count), 0.01) << "a product of two numbers";
}

TEST(Mlp, LayersBeginAsTheyAreTold) {
  NetworkShape net{.inputs = 30, .outputs = 1, .hidden = hidden_layers({50})};
  const auto largest = [&net](WeightInit init, std::size_t from, std::size_t count) {
    const auto values = first_values(net, 3, init);
    double most = 0;
    for (std::size_t i = from; i < from + count; ++i)
      most = std::max(most, std::abs(static_cast<double>(values[i])));
    return most;
  };
  const std::size_t weights = 30 * 50;
  const auto expect_bounds = [&](WeightInit init, double weight_bound, double bias_bound) {
    EXPECT_LE(largest(init, 0, weights), weight_bound);
    EXPECT_GT(largest(init, 0, weights), 0.98 * weight_bound);
    EXPECT_LE(largest(init, weights, 50), bias_bound);
    EXPECT_GE(largest(init, weights, 50), 0.8 * bias_bound);
  };
  expect_bounds(WeightInit::inputs, 1 / std::sqrt(30), 1 / std::sqrt(30));
  expect_bounds(WeightInit::xavier, std::sqrt(6.0 / 80), 0);
  expect_bounds(WeightInit::kaiming, std::sqrt(6.0 / 30), 0);
}

TEST(Mlp, LayersOfTheTangentKindBeginNormalAndTheLastOneAtNothing) {
  const NetworkShape net{.inputs = 100, .outputs = 3, .hidden = hidden_layers({80})};
  const auto values = first_values(net, 3, WeightInit::tangent);
  const auto deviation = [&values](std::size_t from, std::size_t count) {
    double squares = 0;
    for (std::size_t i = from; i < from + count; ++i)
      squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    return std::sqrt(squares / static_cast<double>(count));
  };
  EXPECT_NEAR(deviation(0, 8000), 0.1, 0.003);
  EXPECT_NEAR(deviation(8000, 80), 1, 0.2);
  EXPECT_EQ(deviation(8080, 3 * 80 + 3), 0);
}

/// The first step of Adam is as long as the rate, whatever the gradient.
TEST(Mlp, PartsLearnAtTheirOwnRates) {
  MlpShape shape{
      .net = {.inputs = 16, .outputs = 1, .hidden = hidden_layers({25})}, .batch = 20, .loss = {}};
  shape.net.scales_inputs = true;
  shape.init = WeightInit::tangent;
  shape.bias_rate = 0.1;
  shape.scale_rate = 6;
  const Rows rows = rows_for(shape, 20, 3);
  Mlp network{shape, best_kernels(), 1};
  constexpr double kRate = 0.01;
  const MlpRates rates{.learning_rate = kRate, .weight_decay = 0, .gradient_norm_max = 1e9};
  network.step(rows.batch(), rates);  // before, the last layer is nothing and holds the rest back
  Mlp other{shape, best_kernels(), 1};
  auto weights = network.weights();
  other.set_weights(weights);
  other.step(rows.batch(), rates);
  const auto after = other.weights();
  const std::map<std::string, double> wanted{{"member_scale", 6 * kRate},
                                             {"weight0", kRate / 4},
                                             {"bias0", kRate / 10},
                                             {"weight1", kRate / 5},
                                             {"bias1", kRate / 10}};
  std::size_t at = 0;
  for (const Tensor& tensor : other.tensors().tensors) {
    double most = 0;
    for (std::size_t i = at; i < at + tensor.values(); ++i)
      most = std::max(most, std::abs(static_cast<double>(after[i] - weights[i])));
    EXPECT_NEAR(most, wanted.at(tensor.name), 0.01 * wanted.at(tensor.name)) << tensor.name;
    at += tensor.values();
  }
}

/// A step written down from each optimizer's definition, from the gradient that was found.
TEST(Mlp, EachOptimizerStepsAsItIsDefined) {
  for (const MlpOptimizer optimizer :
       {MlpOptimizer::adamw, MlpOptimizer::adam, MlpOptimizer::momentum}) {
    MlpShape shape{
        .net = {.inputs = 4, .outputs = 1, .hidden = hidden_layers({6})}, .batch = 20, .loss = {}};
    shape.optimizer = optimizer;
    shape.beta1 = 0.8;
    const Rows rows = rows_for(shape, 20, 3);
    const MlpRates rates{.learning_rate = 0.01, .weight_decay = 0.1, .gradient_norm_max = 1e9};
    Mlp network{shape, best_kernels(), 1};
    const std::size_t count = network.weights().size();
    std::vector<double> first(count), second(count);
    for (int step = 1; step <= 4; ++step) {
      const auto before = network.weights();
      network.step(rows.batch(), rates);
      const auto gradient = network.gradient();
      const auto after = network.weights();
      for (std::size_t i = 0; i < count; ++i) {
        double weight = before[i];
        double slope = gradient[i];
        if (optimizer == MlpOptimizer::adamw)
          weight -= rates.learning_rate * rates.weight_decay * weight;
        else
          slope += rates.weight_decay * weight;
        if (optimizer == MlpOptimizer::momentum) {
          first[i] = shape.beta1 * first[i] + slope;
          weight -= rates.learning_rate * first[i];
        } else {
          first[i] = shape.beta1 * first[i] + (1 - shape.beta1) * slope;
          second[i] = 0.999 * second[i] + 0.001 * slope * slope;
          weight -= rates.learning_rate * first[i] / (1 - std::pow(shape.beta1, step)) /
                    (std::sqrt(second[i] / (1 - std::pow(0.999, step))) + 1e-8);
        }
        EXPECT_NEAR(after[i], weight, 1e-5) << static_cast<int>(optimizer) << " step " << step;
      }
    }
  }
}

TEST(Mlp, RemembersAndRecalls) {
  const MlpShape shape{
      .net = {.inputs = 3, .outputs = 1, .hidden = hidden_layers({8})}, .batch = 10, .loss = {}};
  const Rows rows = rows_for(shape, 10, 3);
  Mlp network{shape, best_kernels(), 1};
  network.step(rows.batch(), {});
  network.remember();
  const auto before = network.averaged_weights();
  network.step(rows.batch(), {});
  EXPECT_NE(network.averaged_weights(), before);
  network.recall();
  EXPECT_EQ(network.averaged_weights(), before);
  EXPECT_EQ(network.weights(), before);
}

TEST(Mlp, ItsSlabIsKnownBeforehand) {
  const MlpShape shape{.net = {.inputs = 16, .outputs = 1, .hidden = hidden_layers({64, 64})},
                       .batch = 128,
                       .loss = {}};
  const std::size_t parameters = (16 + 1) * 64 + (64 + 1) * 64 + (64 + 1) * 16;
  const std::size_t floats = 6 * parameters + 128 * (64 + 64 + 16) + 2 * 128 * 64 + 64 * 64;
  EXPECT_EQ(Mlp::slab_bytes(shape), 4 * floats);
  MlpShape smooth = shape;
  smooth.net.hidden = hidden_layers({64, 64}, {.activation = Activation::mish});
  EXPECT_EQ(Mlp::slab_bytes(smooth), 4 * (floats + 128 * (64 + 64)));
  smooth.net.hidden[1].activation = Activation::softmax;
  EXPECT_EQ(Mlp::slab_bytes(smooth), 4 * (floats + 128 * (64 + 64 + 64)));
}

}  // namespace
}  // namespace starling::ml
