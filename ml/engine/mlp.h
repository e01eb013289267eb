/// A multilayer perceptron (network_shape.h): dropout, losses, optimizers, gradients clipped by
/// their norm, and a running average of the weights. All that it needs lies in one slab whose size
/// is known before the run.
///
/// The same seed and data give the same bits on every machine and with every set of kernels.
///
/// Rows come and go as floats, one row after the other. Threads: one at a time.
#pragma once

#include "ml/engine/input_stage.h"
#include "ml/engine/network_shape.h"
#include "node/base/error.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <vector>

namespace starling::ml {

/// Of an error e = said - true. huber: e^2 / 2 within 1, beyond |e| - 1/2. pinball: (1 - q) e above
/// 0 and -q e below, whose least is the quantile q.
/// Source: Huber (1964); Koenker and Bassett (1978).
enum class MlpLoss { squared, huber, pinball, cross_entropy };

enum class MlpOptimizer { adamw, adam, momentum };

struct MlpShape {
  NetworkShape net;
  std::size_t batch = 0;  ///< rows of the largest step
  MlpLoss loss = MlpLoss::squared;
  double quantile = 0.5;       ///< of pinball
  double label_smoothing = 0;  ///< of cross_entropy: so much of each label is shared by all classes
  MlpOptimizer optimizer = MlpOptimizer::adamw;
  double beta1 = 0.9;  ///< what is kept of the first moment in a step; of momentum, too
  WeightInit init = WeightInit::inputs;
  double beta2 = 0.999;   ///< what is kept of the second moment
  double bias_rate = 1;   ///< so many times the learning rate for biases
  double scale_rate = 1;  ///< and for the factors of inputs
};

/// predict: no room for gradients, and none but `predict` and `set_weights` may be called.
enum class MlpUse : std::uint8_t { train, predict };

struct MlpRates {
  double learning_rate = 1e-3;
  double weight_decay = 1e-4;
  double gradient_norm_max = 1;
  double average_rate = 1;  ///< share of the new weights in their average
  double moment_rate = 1;   ///< share of a batch's moments in theirs
};

/// Rows of one step. One of `numbers` and `classes` is filled.
struct MlpBatch {
  std::span<const float> features;  ///< [rows][inputs]
  std::span<const float> numbers;
  std::span<const std::int64_t> classes;
  std::span<const float> weights = {};  ///< what the loss of each row counts; empty: 1
  std::size_t rows = 0;
};

class Mlp {
 public:
  Mlp(MlpShape shape, const Kernels& kernels, std::uint64_t seed, MlpUse use = MlpUse::train);

  Mlp(const Mlp&) = delete;
  Mlp& operator=(const Mlp&) = delete;

  /// What the slab of such a network takes.
  static std::size_t slab_bytes(const MlpShape& shape, MlpUse use = MlpUse::train);

  /// One step of the optimizer on the mean loss of `batch`, which with members is the mean of
  /// theirs. Returns: the sum of its losses; no number, and no step, if the gradient is not finite.
  double step(const MlpBatch& batch, const MlpRates& rates);

  /// Loss and gradient alone; the weights stay. Returns: the sum of the losses.
  double find_gradient(const MlpBatch& batch);

  /// What is added to the outputs of the averaged weights, before softmax; nothing of it is trained
  /// or saved. One number for each output, or none.
  void adjust_outputs(std::span<const double> by);

  /// Adjusted outputs of the averaged weights, row by row: numbers, or probabilities of classes.
  std::vector<float> predict(std::span<const float> features, std::size_t rows);

  /// The same, added to `out`.
  void predict(std::span<const float> features, std::size_t rows, std::vector<float>& out);

  /// The averaged weights as they are now; `recall` makes them the weights and the average.
  void remember();
  void recall();

  /// Tensor after tensor, as `tensors()` lists them, without padding. Of what is not trained the
  /// gradient means nothing.
  std::vector<float> weights() const;
  std::vector<float> averaged_weights() const;  ///< adjusted: in the last biases
  std::vector<float> gradient() const;
  void set_weights(std::span<const float> weights);  ///< and their average

  /// Bins of the numbers that are embedded piecewise: [numbers][bins] where each begins, and 1 /
  /// its width, or 0 for one that holds nothing.
  void set_bins(std::span<const float> low, std::span<const float> inverse);

  /// Writes all that decides how training goes on: weights, moments, average, best and the steps
  /// made. Little endian, without padding. `restore` takes it in a network of the same shape and
  /// seed: what follows then is the same to the bit as if there had been no pause.
  void save(std::ostream& out) const;
  std::size_t state_bytes() const;

  /// False if the input is cut off; the network is good for nothing then.
  bool restore(std::istream& in);

  const MlpShape& shape() const { return shape_; }

  const TensorPlan& tensors() const { return plan_.tensors; }

 private:
  /// Places in the slab, in floats; 0: it has none.
  struct Layer {
    std::size_t inputs, outputs, stride;  ///< stride: padded outputs
    std::size_t blocks;                   ///< of rows, each with weights of its own
    std::size_t weight, bias, gain, shift, mean, variance;  ///< among the parameters
    bool is_hidden, adds;                                   ///< adds: what it was given
    HiddenLayer says;                                       ///< of a hidden one
    std::size_t activation;                                 ///< [rows][stride]
    std::size_t slope;            ///< [rows][stride], with the dropout in it; without: it is ReLU
    std::size_t normal, inverse;  ///< of its norm
    std::size_t chances;          ///< [rows][stride]: of softmax, without dropout
  };

  struct Plan {
    TensorPlan tensors;
    std::vector<Layer> layers;
    std::size_t gradients = 0, first = 0, second = 0, average = 0, best = 0;
    std::size_t delta = 0, next_delta = 0, skipped = 0, transposed = 0, stage = 0;
    std::size_t floats = 0;  ///< of the whole slab
  };

  /// Neighbouring parameters that learn at the same rate. `rate`: times the learning rate; of it
  /// `decay` lets weights decay: how layers are laid out does not change that.
  struct Run {
    std::size_t from = 0, count = 0;
    double rate = 1, decay = 1;
  };

  static Plan plan_of(const MlpShape& shape, MlpUse use);
  static std::vector<Run> runs_of(const MlpShape& shape, const TensorPlan& tensors);
  static Layer layer_of(const MlpShape& shape, const TensorPlan& tensors, std::size_t index);

  float* at(std::size_t place) { return slab_.data() + place; }

  const float* forward(std::span<const float> features,
                       std::size_t rows,
                       const float* parameters,
                       bool is_training);
  void linear(const Layer& layer,
              const float* in,
              std::size_t in_stride,
              std::size_t rows,
              const float* parameters);
  void normalise(const Layer& layer, std::size_t rows, const float* parameters, bool is_training);
  void activate(std::size_t index, std::size_t rows, bool is_training);
  void apply_softmax(const Layer& layer, std::size_t rows, bool is_training);
  void drop(float* values, std::size_t count, std::size_t layer);
  double loss(const MlpBatch& batch);
  double number_loss(float error, float& slope) const;
  double class_loss(const float* chances, std::size_t truth, float* slopes) const;
  void move(double norm, const MlpRates& rates);
  void move(const Run& run, float scale, const MlpRates& rates);
  void average_moments(std::size_t rows, double average_rate);
  void backward(const MlpBatch& batch);
  void softmax_back(const Layer& layer, std::size_t rows);
  void normalise_back(const Layer& layer, std::size_t rows);
  void weights_back(const Layer& layer, const float* in, std::size_t stride, std::size_t rows);
  void propagate(std::size_t layer, std::size_t rows);
  void add_adjustment(float* said, std::size_t rows) const;
  void average_members(float* said, std::size_t rows);

  /// Whether ReLU follows the sums at once and its slope is told by what it says.
  bool has_plain_relu(const Layer& layer) const {
    return layer.is_hidden && layer.says.activation == Activation::relu &&
           layer.says.norm == Norm::none && !shape_.net.is_residual;
  }

  std::vector<float> compact(const float* parameters) const;
  void spread(std::span<const float> values, float* parameters) const;

  /// The copies of the parameters that outlive a step; the first are the weights.
  std::array<std::size_t, 5> kept_copies() const {
    return {0, plan_.first, plan_.second, plan_.average, plan_.best};
  }

  MlpShape shape_;
  const Kernels& kernels_;
  std::uint64_t seed_;
  Plan plan_;
  std::vector<Run> runs_;
  InputStage stage_;
  std::vector<float> slab_;
  float *weights_, *average_, *delta_, *next_delta_;
  std::vector<float> adjustment_;
  const float* given_ = nullptr;  ///< to the first layer, in the last `forward`

  struct Progress {
    std::uint64_t steps = 0;
    double beta1_power = 1, beta2_power = 1;
  };

  Progress progress_;
};

}  // namespace starling::ml
