#include "ml/train/torch_engine.h"

#include "ml/train/native_model.h"
#include "ml/train/network_choice.h"
#include "ml/train/torch_code.h"
#include "node/base/random.h"

#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/script.h>
#include <torch/utils.h>

#include <cmath>
#include <istream>
#include <ostream>
#include <stdexcept>

namespace starling::ml {
namespace {

constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

constexpr std::size_t kPredictRows = 4096;
constexpr std::int64_t kNoIgnoredClass = -100;  // LibTorch's own word for none

/// A view of rows that the caller keeps alive.
at::Tensor tensor_of(const Matrix& matrix) {
  auto* data = const_cast<float*>(matrix.values.data());  // LibTorch has no constant tensors.
  const auto rows = static_cast<std::int64_t>(matrix.rows);
  return torch::from_blob(data, {rows, static_cast<std::int64_t>(matrix.columns)}, at::kFloat);
}

std::vector<float> floats_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kCPU, at::kFloat).contiguous().view(-1);
  const auto* begin = flat.data_ptr<float>();
  return {begin, begin + flat.numel()};
}

/// A copy, of its own memory.
at::Tensor as_torch(const Tensor& tensor, const float* values) {
  const auto sides = torch_sides(tensor);
  const std::vector<std::int64_t> shape(sides.begin(), sides.end());
  auto floats = to_torch(tensor, values);
  return torch::from_blob(floats.data(), shape, at::kFloat).clone();
}

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

  void remember() override {
    best_.copy_(average_);
    for (std::size_t i = 0; i < moments_.size(); ++i)
      best_moments_[i].copy_(moments_[i]);
  }

  void recall() override {
    flat_.copy_(best_);
    average_.copy_(best_);
    for (std::size_t i = 0; i < moments_.size(); ++i)
      moments_[i].copy_(best_moments_[i]);
  }

  std::uint64_t state_bytes() const override;
  void save(std::ostream& out) override;
  void restore(std::istream& in) override;
  std::string script() override;

 private:
  struct Progress {
    std::int64_t epochs = 0, steps = 0;
  };

  std::vector<at::Tensor> state() const;
  void make_module(std::uint64_t seed);
  void set_bins(const NumberBins& bins);
  void take_average();
  at::Tensor scores(const at::Tensor& x, bool is_training);
  at::Tensor loss_of(const at::Tensor& rows);
  at::Tensor losses_of(const at::Tensor& said, const at::Tensor& truth) const;
  void step();
  void move_by_adam(double rate);

  bool is_regression() const { return target_.task == TaskKind::regression; }

  at::Device device_ = torch::cuda::is_available() ? at::kCUDA : at::kCPU;
  MlpSpec spec_;
  TargetCoding target_;
  std::uint64_t seed_;
  Matrix rows_;  ///< what `features_` shows
  at::Tensor features_, truth_, weights_, adjustment_;
  at::Tensor flat_, gradient_, first_moment_, second_moment_, average_, best_;
  NetworkShape net_;
  TensorPlan tensors_;
  std::vector<at::Tensor> moments_, best_moments_;  ///< of batches; no parameters
  torch::jit::Module module_{"StarlingMlp"};        ///< its parameters are views of `flat_`
  Progress progress_;
};

MlpLearner::MlpLearner(const MlpSpec& spec,
                       const TargetCoding& target,
                       const FitData& data,
                       std::uint64_t seed)
    : spec_(spec), target_(target), seed_(seed) {
  rows_ = data.features.dense();
  features_ = tensor_of(rows_).to(device_);
  const auto rows = static_cast<std::int64_t>(data.features.rows());
  if (is_regression()) {
    truth_ = torch::from_blob(const_cast<float*>(data.numbers.data()), {rows}, at::kFloat);
  } else {
    truth_ = torch::from_blob(const_cast<std::int64_t*>(data.classes.data()), {rows}, at::kLong);
  }
  truth_ = truth_.to(device_);
  if (!data.weights.empty()) {
    auto* weights = const_cast<float*>(data.weights.data());
    weights_ = torch::from_blob(weights, {rows}, at::kFloat).to(device_);
  }
  if (!data.logit_adjustment.empty())
    adjustment_ = torch::tensor(data.logit_adjustment, at::kFloat).to(device_);
  net_ = network_of(spec_,
                    data.features.features(),
                    is_regression() ? 1 : static_cast<std::size_t>(target_.classes.size()));
  tensors_ = tensors_of(net_);
  make_module(seed);
  if (const auto bins = bins_of(net_.embedding, data.features)) set_bins(*bins);
}

void MlpLearner::make_module(std::uint64_t seed) {
  std::int64_t total = 0;
  for (const Tensor& tensor : tensors_.tensors)
    if (tensor.offset < tensors_.trained) total += static_cast<std::int64_t>(tensor.values());
  for (at::Tensor* copy : {&flat_, &gradient_, &first_moment_, &second_moment_, &average_, &best_})
    *copy = at::zeros({total}, torch::TensorOptions(at::kFloat).device(device_));
  module_.register_attribute("training", c10::BoolType::get(), true);
  const auto values = first_values(net_, seed, spec_.init);
  const float* at = values.data();
  std::int64_t offset = 0;
  for (const Tensor& tensor : tensors_.tensors) {
    const at::Tensor first = as_torch(tensor, at).to(device_);
    at += tensor.values();
    if (tensor.offset >= tensors_.trained) {
      module_.register_buffer(tensor.name, first);
      if (tensor.offset >= tensors_.fixed) {
        moments_.push_back(first);
        best_moments_.push_back(first.clone());
      }
      continue;
    }
    const std::int64_t size = first.numel();
    flat_.narrow(0, offset, size).copy_(first.view(-1));
    at::Tensor leaf = flat_.narrow(0, offset, size).view(first.sizes()).detach();
    leaf.requires_grad_(true).mutable_grad() =
        gradient_.narrow(0, offset, size).view(first.sizes());
    module_.register_parameter(tensor.name, leaf, false);
    offset += size;
  }
  average_.copy_(flat_);
  module_.define("def scores(self, x: Tensor) -> Tensor:\n" +
                 torch_forward(net_, TorchUse::training));
}

void MlpLearner::set_bins(const NumberBins& bins) {
  const at::NoGradGuard no_gradients;
  module_.attr("bin_low").toTensor().copy_(as_torch(*tensors_.find("bin_low"), bins.low.data()));
  module_.attr("bin_inverse")
      .toTensor()
      .copy_(as_torch(*tensors_.find("bin_inverse"), bins.inverse.data()));
}

/// The network as it is judged: its average, adjusted.
void MlpLearner::take_average() {
  flat_.copy_(average_);
  if (!adjustment_.defined()) return;
  module_.attr(fmt::format("bias{}", net_.hidden.size())).toTensor().add_(adjustment_);
}

at::Tensor MlpLearner::scores(const at::Tensor& x, bool is_training) {
  module_.setattr("training", is_training);
  return module_.get_method("scores")({x}).toTensor();
}

/// The mean of the members' losses, where there are members.
at::Tensor MlpLearner::loss_of(const at::Tensor& rows) {
  const at::Tensor out = scores(features_.index_select(0, rows), true);
  at::Tensor truth = truth_.index_select(0, rows);
  const auto members = static_cast<std::int64_t>(net_.members);
  if (members > 1) truth = truth.repeat({members});
  const at::Tensor losses = losses_of(out.view({truth.size(0), out.size(-1)}), truth);
  if (!weights_.defined()) return losses.mean();
  return (losses * weights_.index_select(0, rows).repeat({members})).mean();
}

at::Tensor MlpLearner::losses_of(const at::Tensor& said, const at::Tensor& truth) const {
  constexpr auto kEach = at::Reduction::None;
  if (!is_regression()) {
    return at::cross_entropy_loss(said, truth, {}, kEach, kNoIgnoredClass, spec_.label_smoothing);
  }
  const at::Tensor numbers = said.squeeze(1);
  switch (spec_.loss) {
    case NumberLoss::squared: break;
    case NumberLoss::huber: return at::huber_loss(numbers, truth, kEach);
    case NumberLoss::absolute: return at::l1_loss(numbers, truth, kEach) / 2;
  }
  return at::mse_loss(numbers, truth, kEach);
}

/// Chance begins anew with each epoch, so that training can go on from any.
double MlpLearner::train_epoch() {
  torch::manual_seed(mix_seeds(seed_, static_cast<std::uint64_t>(progress_.epochs++)));
  const std::int64_t rows = features_.size(0);
  const at::Tensor order = at::randperm(rows, at::kLong).to(device_);
  double sum = 0;
  for (std::int64_t from = 0; from < rows; from += spec_.batch_size) {
    const std::int64_t count = std::min<std::int64_t>(spec_.batch_size, rows - from);
    if (from > 0 && !can_learn_from(net_, static_cast<std::size_t>(count))) break;
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
  const double t =
      std::min(1.0, static_cast<double>(progress_.steps) / (steps_per_epoch * spec_.epochs));
  const double rate = spec_.learning_rate * rate_at(spec_.schedule, t);
  ++progress_.steps;
  const double norm = gradient_.norm().item<double>();
  if (norm > spec_.grad_clip) gradient_.mul_(spec_.grad_clip / norm);
  if (spec_.optimizer == OptimizerKind::adamw)
    flat_.mul_(1 - rate * spec_.weight_decay);
  else
    gradient_.add_(flat_, spec_.weight_decay);
  if (spec_.optimizer == OptimizerKind::sgd) {
    first_moment_.mul_(spec_.momentum).add_(gradient_);
    flat_.add_(first_moment_, -rate);
  } else {
    move_by_adam(rate);
  }
  const double reach =
      std::min(kAverageEpochs * steps_per_epoch, static_cast<double>(progress_.steps));
  average_.lerp_(flat_, 1 / reach);
}

void MlpLearner::move_by_adam(double rate) {
  first_moment_.mul_(spec_.beta1).add_(gradient_, 1 - spec_.beta1);
  second_moment_.mul_(kBeta2).addcmul_(gradient_, gradient_, 1 - kBeta2);
  const double correction1 = 1 - std::pow(spec_.beta1, static_cast<double>(progress_.steps));
  const double correction2 = 1 - std::pow(kBeta2, static_cast<double>(progress_.steps));
  const at::Tensor scale = second_moment_.sqrt().div_(std::sqrt(correction2)).add_(kEpsilon);
  flat_.addcdiv_(first_moment_, scale, -rate / correction1);
}

std::vector<float> MlpLearner::predict(const EncodedRows& rows) {
  const at::NoGradGuard no_gradients;
  const at::Tensor trained = flat_.clone();
  take_average();
  std::vector<float> out;
  for (std::size_t from = 0; from < rows.rows(); from += kPredictRows) {
    const std::size_t count = std::min(kPredictRows, rows.rows() - from);
    const Matrix some = rows.dense(from, count);
    at::Tensor said = scores(tensor_of(some).to(device_), false);
    if (!is_regression()) said = at::softmax(said, -1);
    if (net_.members > 1) said = said.mean(0);
    if (is_regression()) said = said.squeeze(1) * target_.std + target_.mean;
    if (target_.is_log) said = at::expm1(said);
    const auto values = floats_of(said);
    out.insert(out.end(), values.begin(), values.end());
  }
  flat_.copy_(trained);
  return out;
}

/// All that training changes.
std::vector<at::Tensor> MlpLearner::state() const {
  std::vector<at::Tensor> all{flat_, first_moment_, second_moment_, average_, best_};
  all.insert(all.end(), moments_.begin(), moments_.end());
  all.insert(all.end(), best_moments_.begin(), best_moments_.end());
  return all;
}

std::uint64_t MlpLearner::state_bytes() const {
  std::uint64_t bytes = sizeof(Progress);
  for (const at::Tensor& tensor : state())
    bytes += tensor.nbytes();
  return bytes;
}

void MlpLearner::save(std::ostream& out) {
  out.write(reinterpret_cast<const char*>(&progress_), sizeof(Progress));
  for (const at::Tensor& tensor : state()) {
    const at::Tensor here = tensor.to(at::kCPU).contiguous();
    out.write(static_cast<const char*>(here.data_ptr()),
              static_cast<std::streamsize>(here.nbytes()));
  }
}

void MlpLearner::restore(std::istream& in) {
  const at::NoGradGuard no_gradients;
  in.read(reinterpret_cast<char*>(&progress_), sizeof(Progress));
  for (at::Tensor& tensor : state()) {
    at::Tensor here = at::empty(tensor.sizes(), at::kFloat);
    in.read(static_cast<char*>(here.data_ptr()), static_cast<std::streamsize>(here.nbytes()));
    if (!in) throw std::runtime_error("the state of training is cut off");
    tensor.copy_(here);
  }
}

// Nothing is trained after this.
std::string MlpLearner::script() {
  const at::NoGradGuard no_gradients;
  take_average();
  NativeModel model;
  model.net = net_;
  model.is_regression = is_regression();
  model.scale = model.is_regression ? target_.std : 1;
  model.shift = model.is_regression ? target_.mean : 0;
  model.is_log = target_.is_log;
  for (const Tensor& tensor : tensors_.tensors) {
    const auto values = floats_of(module_.attr(tensor.name).toTensor());
    const auto own = from_torch(tensor, values.data());
    model.weights.insert(model.weights.end(), own.begin(), own.end());
  }
  auto bytes = to_torchscript(model);
  if (!bytes) throw std::runtime_error(bytes.error().detail);
  return std::move(*bytes);
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

std::unique_ptr<Learner> TorchEngine::make_learner(const FamilySpec& spec,
                                                   const TargetCoding& target,
                                                   const FitData& data,
                                                   std::uint64_t seed) {
  const auto* network = std::get_if<MlpSpec>(&spec);
  if (network == nullptr)
    throw std::invalid_argument(
        "the torch worker trains networks only; xgboost is the native one's");
  return std::make_unique<MlpLearner>(*network, target, data, seed);
}

std::unique_ptr<ServedModel> TorchEngine::load(const std::string& path) {
  return std::make_unique<TorchServedModel>(path);
}

}  // namespace starling::ml
