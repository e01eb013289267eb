/// A multilayer perceptron: an activation, dropout, an optimizer, gradients clipped by their norm,
/// and a running average of the weights. All that it needs lies in one slab whose size is known
/// before the run.
///
/// The same seed and data give the same bits on every machine and with every set of kernels.
///
/// Rows come and go as floats, one row after the other. Threads: one at a time.
#pragma once

#include "ml/engine/kernels.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace starling::ml {

/// Of an error e = said - true. huber: e^2 / 2 within 1, beyond |e| - 1/2. pinball: (1 - q) e above
/// 0 and -q e below, whose least is the quantile q.
/// Source: Huber (1964); Koenker and Bassett (1978).
enum class MlpLoss { squared, huber, pinball, cross_entropy };

enum class MlpOptimizer { adamw, adam, momentum };

struct MlpShape {
  std::size_t inputs = 0;
  std::size_t outputs = 0;  ///< the number of classes, or 1
  std::vector<std::size_t> hidden;
  std::size_t batch = 0;  ///< rows of the largest step
  MlpLoss loss = MlpLoss::squared;
  double dropout = 0;  ///< chance, of each hidden unit
  Activation activation = Activation::relu;
  double quantile = 0.5;       ///< of pinball
  double label_smoothing = 0;  ///< of cross_entropy: so much of each label is shared by all classes
  MlpOptimizer optimizer = MlpOptimizer::adamw;
};

struct MlpRates {
  double learning_rate = 1e-3;
  double weight_decay = 1e-4;
  double gradient_norm_max = 1;
  double average_rate = 1;  ///< share of the new weights in their average
};

/// Rows of one step. One of `numbers` and `classes` is filled.
struct MlpBatch {
  std::span<const float> features;  ///< [rows][inputs]
  std::span<const float> numbers;
  std::span<const std::int64_t> classes;
  std::size_t rows = 0;
};

class Mlp {
 public:
  /// Weights begin uniform within 1 / sqrt(inputs of the layer), as torch.nn.Linear's do.
  Mlp(MlpShape shape, const Kernels& kernels, std::uint64_t seed);

  /// What the slab of such a network takes.
  static std::size_t slab_bytes(const MlpShape& shape);

  /// One step of the optimizer on the mean loss of `batch`. Returns: the sum of its losses; no
  /// number, and no step, if the gradient is not finite.
  double step(const MlpBatch& batch, const MlpRates& rates);

  /// Loss and gradient alone; the weights stay. Returns: the sum of the losses.
  double find_gradient(const MlpBatch& batch);

  /// Outputs of the averaged weights, row by row: numbers, or probabilities of the classes.
  std::vector<float> predict(std::span<const float> features, std::size_t rows);

  /// The same, added to `out`.
  void predict(std::span<const float> features, std::size_t rows, std::vector<float>& out);

  /// The averaged weights as they are now; `recall` makes them the weights and the average.
  void remember();
  void recall();

  /// Layer by layer: weights [inputs][outputs], then biases [outputs], without padding.
  std::vector<float> weights() const;
  std::vector<float> averaged_weights() const;
  std::vector<float> gradient() const;
  void set_weights(std::span<const float> weights);  ///< and their average

  const MlpShape& shape() const { return shape_; }

 private:
  struct Layer {
    std::size_t inputs, outputs, stride;  ///< stride: padded outputs
    std::size_t weight, bias;             ///< where they are among the parameters
    float* activation;                    ///< [batch][stride]
    float* slope;  ///< [batch][stride], with the dropout in it; of hidden layers without ReLU
  };

  struct Plan {
    std::vector<Layer> layers;
    std::size_t parameters = 0;   ///< padded
    std::size_t activations = 0;  ///< and slopes
    std::size_t widest = 0;       ///< padded
    std::size_t transposed = 0;   ///< floats of the largest transposed weights
  };

  static Plan plan_of(const MlpShape& shape);
  static std::size_t floats_of(const Plan& plan, std::size_t batch);
  void forward(std::span<const float> features,
               std::size_t rows,
               const float* parameters,
               bool is_training);
  void drop(float* values, std::size_t count, std::size_t layer);
  double loss(const MlpBatch& batch);
  double number_loss(float error, float& slope) const;
  double class_loss(const float* chances, std::size_t truth, float* slopes) const;
  void move(double norm, const MlpRates& rates);
  void backward(const MlpBatch& batch);
  void propagate(std::size_t layer, std::size_t rows);
  std::vector<float> compact(const float* parameters) const;

  MlpShape shape_;
  const Kernels& kernels_;
  std::uint64_t seed_;
  Plan plan_;
  std::vector<float> slab_;
  float *weights_, *gradients_, *first_, *second_, *average_, *best_;
  float *delta_, *next_delta_, *transposed_;
  std::uint64_t steps_ = 0;
  double beta1_power_ = 1;
  double beta2_power_ = 1;
};

}  // namespace starling::ml
