#include "ml/train/linear_model.h"

#include "ml/train/lbfgs.h"
#include "ml/train/network_choice.h"
#include "ml/train/network_model.h"
#include "ml/train/row_batches.h"

#include <algorithm>
#include <cmath>
#include <istream>
#include <numeric>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <utility>

namespace starling::ml {
namespace {

constexpr double kRareClass = 1e-6;  // a class that no row has still gets this share

std::size_t outputs_of(const TargetCoding& target) {
  return target.task == TaskKind::regression ? 1 : target.classes.size();
}

double weight_of(const FitData& data, std::size_t row) {
  return data.weights.empty() ? 1 : static_cast<double>(data.weights[row]);
}

/// What each output says of rows that nothing is known of: the mean, or logarithms of shares.
std::vector<double> means_of(const TargetCoding& target, const FitData& data) {
  std::vector<double> sums(outputs_of(target));
  double all = 0;
  for (std::size_t row = 0; row < data.features.rows(); ++row) {
    const double weight = weight_of(data, row);
    all += weight;
    if (data.classes.empty())
      sums[0] += weight * static_cast<double>(data.numbers[row]);
    else
      sums[static_cast<std::size_t>(data.classes[row])] += weight;
  }
  for (double& sum : sums) {
    sum = all > 0 ? sum / all : 0;
    if (!data.classes.empty()) sum = std::log(std::max(sum, kRareClass));
  }
  return sums;
}

/// A sum of the columns by weights, each output with a bias: a network without hidden layers.
class LinearLearner : public Learner {
 public:
  /// Without a spec it stays the baseline.
  LinearLearner(const std::optional<LinearSpec>& spec,
                const TargetCoding& target,
                const FitData& data,
                const Kernels& kernels)
      : spec_(spec),
        target_(target),
        data_(data),
        network_(plain_shape(data.features.features(),
                             outputs_of(target),
                             target.task == TaskKind::regression,
                             data.features.rows()),
                 kernels,
                 0),
        batches_(data, network_.shape().batch),
        order_(data.features.rows()),
        minimum_(first_weights()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    network_.adjust_outputs(data.logit_adjustment);
    set_weights(minimum_.x());
    remember();
  }

  double train_epoch() override;

  bool has_converged() const override { return !spec_ || minimum_.has_converged(); }

  std::vector<float> predict(const EncodedRows& features) override {
    return answers_of(network_, batches_, features, target_);
  }

  void remember() override { best_ = minimum_.x(); }

  void recall() override { set_weights(best_); }

  std::uint64_t state_bytes() const override {
    return minimum_.state_bytes() + best_.size() * sizeof(double);
  }

  void save(std::ostream& out) override;
  void restore(std::istream& in) override;

  std::string script() override { return script_of(network_, target_); }

 private:
  std::vector<double> first_weights() const;
  void set_weights(const std::vector<double>& weights);
  double objective(const std::vector<double>& weights, std::vector<double>& slope);

  /// `visit(place)` for each weight that is no bias.
  template <class Visit>
  void each_shrunk(const Visit& visit) const {
    std::size_t at = 0;
    for (const Tensor& tensor : network_.tensors().tensors) {
      const bool is_bias = tensor.name.starts_with("bias");
      for (std::size_t end = at + tensor.values(); at < end; ++at)
        if (!is_bias) visit(at);
    }
  }

  std::optional<LinearSpec> spec_;
  TargetCoding target_;
  const FitData& data_;
  Mlp network_;
  RowBatches batches_;
  std::vector<std::size_t> order_;
  Lbfgs minimum_;
  std::vector<double> best_;
};

/// Biases as the baseline has them, all else nothing.
std::vector<double> LinearLearner::first_weights() const {
  const auto means = means_of(target_, data_);
  std::vector<double> weights;
  for (const Tensor& tensor : network_.tensors().tensors) {
    if (tensor.name.starts_with("bias"))
      weights.insert(weights.end(), means.begin(), means.end());
    else
      weights.resize(weights.size() + tensor.values());
  }
  return weights;
}

void LinearLearner::set_weights(const std::vector<double>& weights) {
  const std::vector<float> floats(weights.begin(), weights.end());
  network_.set_weights(floats);
}

double LinearLearner::objective(const std::vector<double>& weights, std::vector<double>& slope) {
  set_weights(weights);
  std::ranges::fill(slope, 0);
  const auto rows = static_cast<double>(order_.size());
  double sum = 0;
  for (std::size_t from = 0; from < order_.size(); from += network_.shape().batch) {
    const std::size_t count = std::min(network_.shape().batch, order_.size() - from);
    sum += network_.find_gradient(batches_.of(std::span{order_}.subspan(from, count)));
    const auto found = network_.gradient();
    for (std::size_t i = 0; i < slope.size(); ++i)
      slope[i] += static_cast<double>(found[i]) * static_cast<double>(count) / rows;
  }
  double cost = 0;
  each_shrunk([&](std::size_t i) {
    cost += spec_->l2 * weights[i] * weights[i];
    slope[i] += 2 * spec_->l2 * weights[i];
  });
  return sum / rows + cost;
}

/// With what the weights cost.
double LinearLearner::train_epoch() {
  if (spec_) {
    minimum_.step([this](const auto& weights, auto& slope) { return objective(weights, slope); });
    set_weights(minimum_.x());  // the last that was tried may be another
    return minimum_.value();
  }
  double sum = 0;
  for (std::size_t from = 0; from < order_.size(); from += network_.shape().batch) {
    const std::size_t count = std::min(network_.shape().batch, order_.size() - from);
    sum += network_.find_gradient(batches_.of(std::span{order_}.subspan(from, count)));
  }
  return sum / static_cast<double>(order_.size());
}

void LinearLearner::save(std::ostream& out) {
  minimum_.save(out);
  out.write(reinterpret_cast<const char*>(best_.data()),
            static_cast<std::streamsize>(best_.size() * sizeof(double)));
}

void LinearLearner::restore(std::istream& in) {
  minimum_.restore(in);
  in.read(reinterpret_cast<char*>(best_.data()),
          static_cast<std::streamsize>(best_.size() * sizeof(double)));
  if (!in) throw std::runtime_error("the state of training is cut off");
  set_weights(minimum_.x());
}

}  // namespace

std::unique_ptr<Learner> make_linear_learner(const LinearSpec& spec,
                                             const TargetCoding& target,
                                             const FitData& data,
                                             const Kernels& kernels) {
  return std::make_unique<LinearLearner>(spec, target, data, kernels);
}

std::unique_ptr<Learner> make_baseline_learner(const TargetCoding& target,
                                               const FitData& data,
                                               const Kernels& kernels) {
  return std::make_unique<LinearLearner>(std::nullopt, target, data, kernels);
}

}  // namespace starling::ml
