#include "ml/train/torch_engine.h"

#include "ml/train/native_model.h"

#include <fmt/format.h>
#include <torch/script.h>
#include <torch/utils.h>

#include <cmath>
#include <sstream>

namespace starling::ml {
namespace {

constexpr double kGradientNormMax = 1.0;
constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

/// Weights are judged and kept as their running average: at a constant learning rate the last step
/// is noise. Source: Polyak and Juditsky (1992); bias correction as in Morales-Brotons et al.,
/// "Exponential Moving Average of Weights in Deep Learning" (2024).
constexpr double kAverageEpochs = 2;  // how far the average reaches back
constexpr std::size_t kPredictRows = 4096;
constexpr std::int64_t kNoIgnoredClass = -100;  // LibTorch's own word for none
constexpr double kMomentum = 0.9;

/// A view of rows that the caller keeps alive.
at::Tensor tensor_of(const Matrix& matrix) {
  auto* data = const_cast<float*>(matrix.values.data());  // LibTorch has no constant tensors.
  const auto rows = static_cast<std::int64_t>(matrix.rows);
  return torch::from_blob(data, {rows, static_cast<std::int64_t>(matrix.columns)}, at::kFloat);
}

std::vector<float> floats_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kFloat).contiguous().view(-1);
  const auto* begin = flat.data_ptr<float>();
  return {begin, begin + flat.numel()};
}

at::Tensor activated(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::relu: break;
    case Activation::gelu: return at::gelu(x, "tanh");
    case Activation::selu: return at::selu(x);
    case Activation::mish: return at::mish(x);
    case Activation::silu: return at::silu(x);
    case Activation::tanh: return at::tanh(x);
    case Activation::sigmoid: return at::sigmoid(x);
  }
  return at::relu(x);
}

struct Layer {
  at::Tensor weight;  ///< [out, in]
  at::Tensor bias;    ///< [out]
};

/// All parameters are views of one flat tensor, and so are their gradients: the optimizer is a
/// handful of operations whatever the depth.
class MlpLearner : public Learner {
 public:
  MlpLearner(const MlpSpec& spec,
             const TargetCoding& target,
             const FitData& data,
             std::uint64_t seed);

  double train_epoch() override;
  std::vector<float> predict(const EncodedRows& features) override;

  void remember() override { best_.copy_(average_); }

  void recall() override {
    flat_.copy_(best_);
    average_.copy_(best_);
  }

  std::string script() override;

 private:
  void make_layers(std::int64_t inputs);
  at::Tensor forward(at::Tensor x, bool is_training) const;
  at::Tensor loss_of(const at::Tensor& rows) const;
  void step();
  void move_by_adam(double rate);

  bool is_regression() const { return target_.task == TaskKind::regression; }

  MlpSpec spec_;
  TargetCoding target_;
  Matrix rows_;  ///< what `features_` shows
  at::Tensor features_, truth_;
  at::Tensor flat_, gradient_, first_moment_, second_moment_, average_, best_;
  std::vector<Layer> layers_;
  std::int64_t steps_ = 0;
};

MlpLearner::MlpLearner(const MlpSpec& spec,
                       const TargetCoding& target,
                       const FitData& data,
                       std::uint64_t seed)
    : spec_(spec), target_(target) {
  torch::manual_seed(seed);
  rows_ = data.features.dense();
  features_ = tensor_of(rows_);
  const auto rows = static_cast<std::int64_t>(data.features.rows());
  if (is_regression()) {
    truth_ = torch::from_blob(const_cast<float*>(data.numbers.data()), {rows}, at::kFloat);
  } else {
    truth_ = torch::from_blob(const_cast<std::int64_t*>(data.classes.data()), {rows}, at::kLong);
  }
  make_layers(features_.size(1));
}

void MlpLearner::make_layers(std::int64_t inputs) {
  std::vector<std::int64_t> sizes{inputs};
  sizes.insert(sizes.end(), spec_.n_layers, spec_.width);
  sizes.push_back(is_regression() ? 1 : static_cast<std::int64_t>(target_.classes.size()));
  std::int64_t total = 0;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i)
    total += (sizes[i] + 1) * sizes[i + 1];
  flat_ = at::empty({total}, at::kFloat);
  gradient_ = at::zeros({total}, at::kFloat);
  first_moment_ = at::zeros({total}, at::kFloat);
  second_moment_ = at::zeros({total}, at::kFloat);
  average_ = at::empty({total}, at::kFloat);
  best_ = at::empty({total}, at::kFloat);

  std::int64_t offset = 0;
  const auto take = [&](at::IntArrayRef shape, double bound) {
    std::int64_t size = 1;
    for (const std::int64_t side : shape)
      size *= side;
    flat_.narrow(0, offset, size).uniform_(-bound, bound);
    at::Tensor leaf = flat_.narrow(0, offset, size).view(shape).detach().requires_grad_(true);
    leaf.mutable_grad() = gradient_.narrow(0, offset, size).view(shape);
    offset += size;
    return leaf;
  };
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    const double bound = 1 / std::sqrt(static_cast<double>(std::max<std::int64_t>(1, sizes[i])));
    at::Tensor weight = take({sizes[i + 1], sizes[i]}, bound);
    at::Tensor bias = take({sizes[i + 1]}, bound);
    layers_.push_back({std::move(weight), std::move(bias)});
  }
  average_.copy_(flat_);
}

at::Tensor MlpLearner::forward(at::Tensor x, bool is_training) const {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    x = at::linear(x, layers_[i].weight, layers_[i].bias);
    if (i + 1 == layers_.size()) break;
    x = activated(x, spec_.activation);
    if (is_training && spec_.dropout > 0) x = at::dropout(x, spec_.dropout, true);
  }
  return x;
}

at::Tensor MlpLearner::loss_of(const at::Tensor& rows) const {
  const at::Tensor out = forward(features_.index_select(0, rows), true);
  const at::Tensor truth = truth_.index_select(0, rows);
  if (!is_regression()) {
    return at::cross_entropy_loss(
        out, truth, {}, at::Reduction::Mean, kNoIgnoredClass, spec_.label_smoothing);
  }
  switch (spec_.loss) {
    case NumberLoss::squared: break;
    case NumberLoss::huber: return at::huber_loss(out.squeeze(1), truth);
    case NumberLoss::absolute: return at::l1_loss(out.squeeze(1), truth) / 2;
  }
  return at::mse_loss(out.squeeze(1), truth);
}

double MlpLearner::train_epoch() {
  const std::int64_t rows = features_.size(0);
  const at::Tensor order = at::randperm(rows, at::kLong);
  double sum = 0;
  for (std::int64_t from = 0; from < rows; from += spec_.batch_size) {
    const std::int64_t count = std::min<std::int64_t>(spec_.batch_size, rows - from);
    const at::Tensor loss = loss_of(order.narrow(0, from, count));
    gradient_.zero_();
    loss.backward();
    step();
    sum += loss.item<double>() * static_cast<double>(count);
  }
  return sum / static_cast<double>(rows);
}

void MlpLearner::step() {
  const at::NoGradGuard no_gradients;
  const double steps_per_epoch =
      std::ceil(static_cast<double>(features_.size(0)) / spec_.batch_size);
  const double t = std::min(1.0, static_cast<double>(steps_) / (steps_per_epoch * spec_.epochs));
  const double rate = spec_.learning_rate * rate_at(spec_.schedule, t);
  ++steps_;
  const double norm = gradient_.norm().item<double>();
  if (norm > kGradientNormMax) gradient_.mul_(kGradientNormMax / norm);
  if (spec_.optimizer == OptimizerKind::adamw)
    flat_.mul_(1 - rate * spec_.weight_decay);
  else
    gradient_.add_(flat_, spec_.weight_decay);
  if (spec_.optimizer == OptimizerKind::sgd) {
    first_moment_.mul_(kMomentum).add_(gradient_);
    flat_.add_(first_moment_, -rate);
  } else {
    move_by_adam(rate);
  }
  const double reach = std::min(kAverageEpochs * steps_per_epoch, static_cast<double>(steps_));
  average_.lerp_(flat_, 1 / reach);
}

void MlpLearner::move_by_adam(double rate) {
  first_moment_.mul_(kBeta1).add_(gradient_, 1 - kBeta1);
  second_moment_.mul_(kBeta2).addcmul_(gradient_, gradient_, 1 - kBeta2);
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(kBeta2, static_cast<double>(steps_));
  const at::Tensor scale = second_moment_.sqrt().div_(std::sqrt(correction2)).add_(kEpsilon);
  flat_.addcdiv_(first_moment_, scale, -rate / correction1);
}

std::vector<float> MlpLearner::predict(const EncodedRows& rows) {
  const at::NoGradGuard no_gradients;
  const at::Tensor trained = flat_.clone();
  flat_.copy_(average_);
  std::vector<float> out;
  for (std::size_t from = 0; from < rows.rows(); from += kPredictRows) {
    const std::size_t count = std::min(kPredictRows, rows.rows() - from);
    const Matrix some = rows.dense(from, count);
    at::Tensor said = forward(tensor_of(some), false);
    said = is_regression() ? said.squeeze(1) * target_.std + target_.mean : at::softmax(said, 1);
    if (target_.is_log) said = at::expm1(said);
    const auto values = floats_of(said);
    out.insert(out.end(), values.begin(), values.end());
  }
  flat_.copy_(trained);
  return out;
}

// The network as it is judged: its average. Nothing is trained after this.
std::string MlpLearner::script() {
  {
    const at::NoGradGuard no_gradients;
    flat_.copy_(average_);
  }
  torch::jit::Module module("StarlingMlp");
  module.register_attribute("training", c10::BoolType::get(), false);
  std::string code = "def forward(self, x: Tensor) -> Tensor:\n";
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::string weight = fmt::format("weight{}", i);
    const std::string bias = fmt::format("bias{}", i);
    module.register_parameter(weight, layers_[i].weight.detach().clone(), false);
    module.register_parameter(bias, layers_[i].bias.detach().clone(), false);
    code += fmt::format("  x = torch.linear(x, self.{}, self.{})\n", weight, bias);
    if (i + 1 == layers_.size()) break;
    code += fmt::format("  x = {}\n", torchscript_call(spec_.activation, "x"));
  }
  if (is_regression()) {
    code +=
        fmt::format("  x = torch.squeeze(x, 1) * {:.17e} + {:.17e}\n", target_.std, target_.mean);
    code += target_.is_log ? "  return torch.expm1(x)\n" : "  return x\n";
  } else {
    code += "  return torch.softmax(x, 1)\n";
  }
  module.define(code);
  std::ostringstream out;
  module.save(out);
  return std::move(out).str();
}

class TorchServedModel : public ServedModel {
 public:
  explicit TorchServedModel(const std::string& path) : module_(torch::jit::load(path)) {}

  std::vector<float> predict(const Matrix& features, std::size_t& columns) override {
    const at::NoGradGuard no_gradients;
    const at::Tensor out = module_.forward({tensor_of(features)}).toTensor();
    columns = out.dim() == 1 ? 1 : static_cast<std::size_t>(out.size(1));
    return floats_of(out);
  }

 private:
  torch::jit::Module module_;
};

}  // namespace

void TorchEngine::prepare(std::uint32_t threads) {
  torch::set_num_threads(static_cast<int>(threads));
}

std::unique_ptr<Learner> TorchEngine::make_learner(const MlpSpec& spec,
                                                   const TargetCoding& target,
                                                   const FitData& data,
                                                   std::uint64_t seed) {
  return std::make_unique<MlpLearner>(spec, target, data, seed);
}

std::unique_ptr<ServedModel> TorchEngine::load(const std::string& path) {
  return std::make_unique<TorchServedModel>(path);
}

}  // namespace starling::ml
