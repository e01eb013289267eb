// Every layer of the own engine against LibTorch's automatic derivatives in double, and those
// against differences: random networks of all parts that a network may have.
#include "ml/engine/mlp.h"
#include "ml/train/torch_code.h"
#include "node/base/random.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <cmath>
#include <vector>

namespace starling::ml {
namespace {

MlpShape drawn_shape(Random& random) {
  MlpShape shape;
  NetworkShape& net = shape.net;
  net.inputs = 4 + random.below(12);
  const std::size_t width = 1 + random.below(40);
  for (std::size_t i = random.below(4); i > 0; --i)
    net.hidden.push_back(
        {.width = random.chance(0.7) ? width : 1 + random.below(40),
         .activation = static_cast<Activation>(random.below(kActivationNames.size())),
         .norm = static_cast<Norm>(random.below(3))});
  net.is_residual = random.chance(0.5);
  net.members = random.chance(0.5) ? 1 : 2 + random.below(5);
  net.embedding.kind = static_cast<NumberEmbedding>(random.below(3));
  net.embedding.bins = 2 + random.below(20);
  net.embedding.width = 16 * (1 + random.below(2));
  net.embedding.frequency_scale = 0.5;
  const bool has_numbers = net.embedding.kind != NumberEmbedding::none;
  for (std::size_t i = 0; has_numbers && i < 3; ++i)
    if (i == 0 || random.chance(0.5)) net.embedding.numbers.push_back(i);
  if (random.chance(0.5)) net.embedding.levels.push_back({net.inputs - 1, 1});
  if (net.inputs > 8 && random.chance(0.5))
    net.embedding.levels.insert(net.embedding.levels.begin(), {4, 1 + random.below(3)});
  constexpr MlpLoss kNumberLosses[] = {MlpLoss::squared, MlpLoss::huber, MlpLoss::pinball};
  const bool has_classes = random.chance(0.5);
  shape.loss = has_classes ? MlpLoss::cross_entropy : kNumberLosses[random.below(3)];
  net.outputs = has_classes ? 2 + random.below(5) : 1;
  if (has_classes) shape.label_smoothing = random.unit() / 2;
  shape.batch = 2 + random.below(50);
  return shape;
}

std::string told(const MlpShape& shape) {
  const NetworkShape& net = shape.net;
  std::string layers;
  for (const HiddenLayer& layer : net.hidden)
    layers += fmt::format(" {} of activation {} norm {},",
                          layer.width,
                          static_cast<int>(layer.activation),
                          static_cast<int>(layer.norm));
  return fmt::format(
      "inputs {}, hidden{} residual {}, members {}, embedding {} of {}, {} levels, loss {}",
      net.inputs,
      layers,
      net.is_residual,
      net.members,
      static_cast<int>(net.embedding.kind),
      net.embedding.numbers.size(),
      net.embedding.levels.size(),
      static_cast<int>(shape.loss));
}

struct Rows {
  std::vector<float> features, numbers, weights;
  std::vector<std::int64_t> classes;
};

Rows rows_for(const MlpShape& shape, Random& random) {
  Rows rows;
  for (std::size_t i = 0; i < shape.batch * shape.net.inputs; ++i)
    rows.features.push_back(static_cast<float>(random.normal()));
  for (std::size_t i = 0; i < shape.batch; ++i) {
    if (shape.loss == MlpLoss::cross_entropy)
      rows.classes.push_back(static_cast<std::int64_t>(random.below(shape.net.outputs)));
    else
      rows.numbers.push_back(static_cast<float>(random.normal()));
  }
  if (random.chance(0.5)) {
    for (std::size_t i = 0; i < shape.batch; ++i)
      rows.weights.push_back(static_cast<float>(2 * random.unit()));
  }
  return rows;
}

/// Values that a network might have after some training: nothing is exactly 0 or 1.
std::vector<float> drawn_weights(const MlpShape& shape, Random& random) {
  auto values = first_values(shape.net, random.next());
  std::size_t at = 0;
  for (const Tensor& tensor : tensors_of(shape.net).tensors) {
    const bool is_positive = tensor.name.starts_with("variance") || tensor.name == "bin_inverse";
    const bool is_free = tensor.name == "bin_low";
    for (std::size_t i = 0; i < tensor.values(); ++i, ++at) {
      if (is_free) values[at] = static_cast<float>(random.normal());
      if (is_positive) values[at] = static_cast<float>(0.5 + random.unit());
      if (!is_free && !is_positive) values[at] += static_cast<float>(0.1 * random.normal());
    }
  }
  return values;
}

/// The same network in LibTorch, in double.
class Reference {
 public:
  Reference(const MlpShape& shape, const std::vector<float>& weights) : shape_(shape) {
    module_.register_attribute("training", c10::BoolType::get(), true);
    const float* at = weights.data();
    const TensorPlan plan = tensors_of(shape.net);
    for (const Tensor& tensor : plan.tensors) {
      const auto sides = torch_sides(tensor);
      const std::vector<std::int64_t> sizes(sides.begin(), sides.end());
      auto values = to_torch(tensor, at);
      at += tensor.values();
      at::Tensor held = torch::from_blob(values.data(), sizes, at::kFloat).to(at::kDouble);
      if (tensor.offset < plan.trained) {
        held.requires_grad_(true);
        module_.register_parameter(tensor.name, held, false);
      } else {
        module_.register_buffer(tensor.name, held);
      }
    }
    module_.define("def scores(self, x: Tensor) -> Tensor:\n" +
                   torch_forward(shape.net, TorchUse::answers));
  }

  at::Tensor scores(const Rows& rows, bool is_training) {
    const auto count = static_cast<std::int64_t>(shape_.batch);
    auto* features = const_cast<float*>(rows.features.data());
    const at::Tensor x = torch::from_blob(
        features, {count, static_cast<std::int64_t>(shape_.net.inputs)}, at::kFloat);
    module_.setattr("training", is_training);
    return module_.get_method("scores")({x.to(at::kDouble)}).toTensor();
  }

  at::Tensor loss(const Rows& rows) {
    const at::Tensor out = scores(rows, true);
    const auto members = static_cast<std::int64_t>(shape_.net.members);
    const at::Tensor losses = losses_of(out.view({-1, out.size(-1)}), rows, members);
    if (rows.weights.empty()) return losses.mean();
    return (losses * torch::tensor(rows.weights).to(at::kDouble).repeat({members})).mean();
  }

  at::Tensor tensor(const std::string& name) { return module_.attr(name).toTensor(); }

 private:
  at::Tensor losses_of(const at::Tensor& said, const Rows& rows, std::int64_t members) const {
    constexpr auto kEach = at::Reduction::None;
    if (shape_.loss == MlpLoss::cross_entropy) {
      const at::Tensor truth = torch::tensor(rows.classes).repeat({members});
      return at::cross_entropy_loss(said, truth, {}, kEach, -100, shape_.label_smoothing);
    }
    const at::Tensor truth = torch::tensor(rows.numbers).to(at::kDouble).repeat({members});
    const at::Tensor error = said.squeeze(1) - truth;
    if (shape_.loss == MlpLoss::huber) return at::huber_loss(said.squeeze(1), truth, kEach);
    if (shape_.loss == MlpLoss::pinball)
      return at::max((1 - shape_.quantile) * error, -shape_.quantile * error);
    return error * error;
  }

  MlpShape shape_;
  torch::jit::Module module_{"Reference"};
};

std::vector<double> doubles_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().contiguous().view(-1);
  const auto* begin = flat.data_ptr<double>();
  return {begin, begin + flat.numel()};
}

/// The slope of the loss along one direction of one tensor, by differences.
double slope_along(Reference& reference,
                   const Rows& rows,
                   const std::string& name,
                   const at::Tensor& direction) {
  const at::NoGradGuard no_gradients;
  constexpr double kStep = 1e-7;  // small, so that few units turn on or off between
  at::Tensor held = reference.tensor(name);
  held.add_(direction, kStep);
  const double up = reference.loss(rows).item<double>();
  held.add_(direction, -2 * kStep);
  const double down = reference.loss(rows).item<double>();
  held.add_(direction, kStep);
  return (up - down) / (2 * kStep);
}

TEST(EveryLayer, HasTheGradientThatLibTorchFinds) {
  Random random{7};
  torch::manual_seed(7);
  for (int round = 0; round < 80; ++round) {
    const MlpShape shape = drawn_shape(random);
    SCOPED_TRACE(fmt::format("round {}: {}", round, told(shape)));
    const Rows rows = rows_for(shape, random);
    const auto weights = drawn_weights(shape, random);
    Mlp network{shape, best_kernels(), 1};
    network.set_weights(weights);
    const MlpBatch batch{.features = rows.features,
                         .numbers = rows.numbers,
                         .classes = rows.classes,
                         .weights = rows.weights,
                         .rows = shape.batch};
    const double said = network.find_gradient(batch) / static_cast<double>(shape.batch);
    const auto gradient = network.gradient();

    Reference reference{shape, weights};
    const at::Tensor loss = reference.loss(rows);
    loss.backward();
    EXPECT_NEAR(said, loss.item<double>(), 2e-5 * (1 + std::abs(said)));
    const float* at = gradient.data();
    const TensorPlan plan = tensors_of(shape.net);
    for (const Tensor& tensor : plan.tensors) {
      const auto own = to_torch(tensor, at);
      at += tensor.values();
      if (tensor.offset >= plan.trained) continue;
      const at::Tensor found = reference.tensor(tensor.name).grad();
      const auto expected = doubles_of(found);
      for (std::size_t i = 0; i < own.size(); ++i)
        ASSERT_NEAR(own[i], expected[i], 5e-5 + 2e-4 * std::abs(expected[i]))
            << tensor.name << " " << i;
      at::Tensor direction = torch::randn_like(found);
      direction /= direction.norm();
      const double along = (direction * found).sum().item<double>();
      EXPECT_NEAR(slope_along(reference, rows, tensor.name, direction),
                  along,
                  1e-5 + 1e-3 * std::abs(along))
          << tensor.name;
    }
  }
}

TEST(EveryLayer, SaysWhatLibTorchSays) {
  Random random{8};
  for (int round = 0; round < 80; ++round) {
    const MlpShape shape = drawn_shape(random);
    SCOPED_TRACE(fmt::format("round {}: {}", round, told(shape)));
    const Rows rows = rows_for(shape, random);
    const auto weights = drawn_weights(shape, random);
    Mlp network{shape, best_kernels(), 1, MlpUse::predict};
    network.set_weights(weights);
    Mlp trainer{shape, best_kernels(), 1};
    trainer.set_weights(weights);
    const auto said = network.predict(rows.features, shape.batch);
    EXPECT_EQ(trainer.predict(rows.features, shape.batch), said) << "bit for bit";
    Reference reference{shape, weights};
    at::Tensor expected = reference.scores(rows, false);
    if (shape.loss == MlpLoss::cross_entropy) expected = at::softmax(expected, -1);
    if (shape.net.members > 1) expected = expected.mean(0);
    const auto values = doubles_of(expected);
    ASSERT_EQ(said.size(), values.size());
    for (std::size_t i = 0; i < said.size(); ++i)
      ASSERT_NEAR(said[i], values[i], 2e-5 * (1 + std::abs(values[i])));
  }
}

}  // namespace
}  // namespace starling::ml
