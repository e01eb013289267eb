#include "ml/train/native_engine.h"

#include "ml/engine/mlp.h"
#include "ml/serve/artifact.h"
#include "ml/train/boosted_trees.h"
#include "ml/train/linear_model.h"
#include "ml/train/native_model.h"
#include "ml/train/network_choice.h"
#include "ml/train/network_model.h"
#include "ml/train/row_order.h"
#include "node/base/durable_file.h"
#include "node/base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <istream>
#include <ostream>
#include <stdexcept>

namespace starling::ml {
namespace {

constexpr std::size_t kServedRows = 256;  // of all members
constexpr std::size_t kServedBytesMax = std::size_t{4} << 30;

class NativeLearner : public Learner {
 public:
  NativeLearner(const MlpSpec& spec,
                const TargetCoding& target,
                const FitData& data,
                std::uint64_t seed,
                const Kernels& kernels)
      : spec_(spec),
        target_(target),
        data_(data),
        network_(shape_of(spec,
                          data.features.features(),
                          target.task == TaskKind::regression ? 1 : target.classes.size(),
                          target.task == TaskKind::regression,
                          data.features.rows()),
                 kernels,
                 seed),
        seed_(mix_seeds(seed, 1)),
        order_(data.features.rows()),
        batches_(data, network_.shape().batch) {
    if (const auto bins = bins_of(network_.shape().net.embedding, data.features))
      network_.set_bins(bins->low, bins->inverse);
    network_.adjust_outputs(data.logit_adjustment);
  }

  double train_epoch() override;
  std::vector<float> predict(const EncodedRows& features) override;

  void remember() override { network_.remember(); }

  void recall() override { network_.recall(); }

  std::uint64_t state_bytes() const override { return sizeof(Progress) + network_.state_bytes(); }

  void save(std::ostream& out) override;
  void restore(std::istream& in) override;
  std::string script() override;

 private:
  struct Progress {
    std::uint64_t epochs = 0, steps = 0;
  };

  void shuffle();
  MlpRates rates();

  MlpSpec spec_;
  TargetCoding target_;
  const FitData& data_;
  Mlp network_;
  std::uint64_t seed_;
  std::vector<std::size_t> order_;
  RowBatches batches_;
  Progress progress_;
};

MlpRates NativeLearner::rates() {
  const double steps_per_epoch = std::ceil(static_cast<double>(order_.size()) / spec_.batch_size);
  const double t =
      std::min(1.0, static_cast<double>(progress_.steps) / (steps_per_epoch * spec_.epochs));
  ++progress_.steps;
  const double reach =
      std::min(kAverageEpochs * steps_per_epoch, static_cast<double>(progress_.steps));
  return {.learning_rate = spec_.learning_rate * rate_at(spec_.schedule, t),
          .weight_decay = spec_.weight_decay,
          .gradient_norm_max = spec_.grad_clip,
          .average_rate = spec_.is_averaged ? 1 / reach : 1,
          .moment_rate = 1 / reach};
}

/// The order of an epoch depends on the seed and its number only, not on the epochs before.
void NativeLearner::shuffle() {
  Random random{mix_seeds(seed_, progress_.epochs)};
  shuffle_rows(order_, data_.features.row_bytes(), random);
}

double NativeLearner::train_epoch() {
  shuffle();
  ++progress_.epochs;
  double sum = 0;
  for (std::size_t from = 0; from < order_.size(); from += network_.shape().batch) {
    const std::size_t count = std::min(network_.shape().batch, order_.size() - from);
    if (from > 0 && !can_learn_from(network_.shape().net, count)) break;
    sum += network_.step(batches_.of(std::span{order_}.subspan(from, count)), rates());
  }
  return sum / static_cast<double>(order_.size());
}

std::vector<float> NativeLearner::predict(const EncodedRows& features) {
  return answers_of(network_, batches_, features, target_);
}

void NativeLearner::save(std::ostream& out) {
  out.write(reinterpret_cast<const char*>(&progress_), sizeof(Progress));
  network_.save(out);
}

void NativeLearner::restore(std::istream& in) {
  in.read(reinterpret_cast<char*>(&progress_), sizeof(Progress));
  if (!network_.restore(in)) throw std::runtime_error("the state of training is cut off");
}

// The network as it is judged: its average.
std::string NativeLearner::script() {
  return script_of(network_, target_);
}

class NativeServedModel : public ServedModel {
 public:
  NativeServedModel(NativeModel model, const Kernels& kernels)
      : model_(std::move(model)), network_(shape_of(model_), kernels, 0, MlpUse::predict) {
    network_.set_weights(model_.weights);
    model_.weights = {};
  }

  std::vector<float> predict(const Matrix& features, std::size_t& columns) override {
    if (features.columns != model_.net.inputs) {
      throw std::invalid_argument(fmt::format(
          "rows have {} numbers, the network takes {}", features.columns, model_.net.inputs));
    }
    columns = model_.net.outputs;
    auto out = network_.predict(features.values, features.rows);
    if (model_.is_regression) scale_outputs(out, model_.scale, model_.shift, model_.is_log);
    return out;
  }

  static MlpShape shape_of(const NativeModel& model) {
    return {.net = model.net,
            .batch = std::max<std::size_t>(1, kServedRows / model.net.members),
            .loss = model.is_regression ? MlpLoss::squared : MlpLoss::cross_entropy};
  }

 private:
  NativeModel model_;
  Mlp network_;
};

}  // namespace

std::unique_ptr<Learner> NativeEngine::make_learner(const FamilySpec& spec,
                                                    const TargetCoding& target,
                                                    const FitData& data,
                                                    std::uint64_t seed) {
  if (const auto* trees = std::get_if<XgboostSpec>(&spec))
    return make_tree_learner(*trees, target, data, seed);
  if (const auto* linear = std::get_if<LinearSpec>(&spec))
    return make_linear_learner(*linear, target, data, kernels_);
  if (std::holds_alternative<BaselineSpec>(spec))
    return make_baseline_learner(target, data, kernels_);
  MlpSpec network = std::get<MlpSpec>(spec);
  if (target.task != TaskKind::regression) network = spec_for_classes(std::move(network));
  return std::make_unique<NativeLearner>(network, target, data, seed, kernels_);
}

std::unique_ptr<ServedModel> NativeEngine::load(const std::string& path) {
  const auto bytes = read_file(path);
  if (!bytes) throw std::runtime_error(bytes.error().detail);
  if (is_tree_model(*bytes)) return load_trees(*bytes);
  auto model = read_native_model(*bytes);
  if (!model) throw std::runtime_error(fmt::format("{}: {}", path, model.error().detail));
  const std::size_t needed = Mlp::slab_bytes(NativeServedModel::shape_of(*model), MlpUse::predict);
  if (needed > kServedBytesMax) {
    throw std::runtime_error(
        fmt::format("{}: it takes {} bytes to serve; at most {}", path, needed, kServedBytesMax));
  }
  return std::make_unique<NativeServedModel>(std::move(*model), kernels_);
}

}  // namespace starling::ml
