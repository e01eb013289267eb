/// What a network computes, and the tensors that it needs for it. One list says their names, order
/// and sizes, for whoever trains, keeps, writes or predicts the memory of a network.
///
///     inputs -> [numbers and levels become embeddings] -> [a copy for each member, scaled]
///            -> hidden layers: linear, [norm], activation, dropout, [plus what it was given]
///            -> linear: outputs
///
/// Members (an ensemble in one network) share all but their scales and their last layer; what they
/// say is averaged.
///
/// Threads: none. Pure.
///
/// Source: Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep
///         Learning" (2022); Gorishniy, Kotelnikov and Babenko, "TabM" (2025), as TabM-mini.
#pragma once

#include "ml/engine/kernels.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

enum class Norm : std::uint8_t { none, layer, batch };
inline constexpr std::array<std::string_view, 3> kNormNames{"none", "layer", "batch"};

/// periodic: sines and cosines of learned frequencies; piecewise: shares of bins that are fixed
/// before training. Then a linear layer of the number's own, and ReLU.
enum class NumberEmbedding : std::uint8_t { none, periodic, piecewise };
inline constexpr std::array<std::string_view, 3> kEmbeddingNames{"none", "periodic", "piecewise"};

/// Inputs of which one is 1, or none: the levels of a category.
struct LevelBlock {
  std::size_t from = 0, count = 0;

  friend bool operator==(const LevelBlock&, const LevelBlock&) = default;
};

/// What inputs become before the first layer. Those that are in neither list stay as they are.
struct InputEmbedding {
  NumberEmbedding kind = NumberEmbedding::none;
  std::vector<std::size_t> numbers;  ///< inputs, ascending; empty if kind is none
  std::size_t width = 16;            ///< floats that a number becomes; a multiple of kLanes
  std::size_t bins = 16;             ///< of a number, or its frequencies
  double frequency_scale = 0.1;      ///< standard deviation of the frequencies at first
  std::vector<LevelBlock> levels;    ///< ascending, apart from each other and from the numbers
  std::size_t level_width = 16;      ///< floats that a level becomes; a multiple of kLanes

  bool is_empty() const { return numbers.empty() && levels.empty(); }

  /// What a number is to its own linear layer.
  std::size_t features() const { return kind == NumberEmbedding::periodic ? 2 * bins : bins; }

  friend bool operator==(const InputEmbedding&, const InputEmbedding&) = default;
};

/// Linear, norm, activation, dropout.
struct HiddenLayer {
  std::size_t width = 0;
  Activation activation = Activation::relu;
  Norm norm = Norm::none;
  double dropout = 0;  ///< the chance of each unit, in training only

  friend bool operator==(const HiddenLayer&, const HiddenLayer&) = default;
};

/// Layers that differ in their widths only.
std::vector<HiddenLayer> hidden_layers(const std::vector<std::size_t>& widths,
                                       HiddenLayer like = {});

struct NetworkShape {
  std::size_t inputs = 0;
  std::size_t outputs = 0;  ///< the number of classes, or 1
  std::vector<HiddenLayer> hidden = {};
  bool is_residual = false;  ///< a hidden layer as wide as what it is given adds that
  std::size_t members = 1;
  InputEmbedding embedding = {};
  bool scales_inputs = false;  ///< a learned factor for each float that the first layer takes

  /// Floats that the first layer takes.
  std::size_t embedded() const;

  /// Whether the first layer takes the inputs as they are.
  bool takes_inputs() const { return embedding.is_empty() && !has_scales(); }

  /// Members have theirs in any case.
  bool has_scales() const { return scales_inputs || members > 1; }

  /// What hidden layer `i`, or the last, is given.
  std::size_t width_before(std::size_t layer) const {
    return layer == 0 ? embedded() : hidden[layer - 1].width;
  }

  /// Whether hidden layer `i` adds what it was given.
  bool adds(std::size_t layer) const {
    return is_residual && width_before(layer) == hidden[layer].width && layer > 0;
  }

  /// Whether a layer looks at the other rows of its batch.
  bool has_batch_norm() const;

  /// The inputs that are not embedded, ascending.
  std::vector<std::size_t> plain_inputs() const;

  friend bool operator==(const NetworkShape&, const NetworkShape&) = default;
};

/// What a tensor holds before training. normal: within 6 deviations, by sums of uniform numbers,
/// whose bits no library decides. signs: 1 or -1.
/// weight, bias: of a layer, as `WeightInit` says.
enum class Init : std::uint8_t { zeros, ones, uniform, normal, signs, weight, bias };

/// How layers begin. inputs: uniform within 1 / sqrt(inputs), weights and biases, as
/// torch.nn.Linear does. xavier, kaiming: weights uniform within sqrt(6 / (inputs + outputs)) or
/// sqrt(6 / inputs), biases 0. Source: Glorot and Bengio (2010); He et al. (2015). tangent: weights
/// normal with deviation 1 / sqrt(inputs), biases normal, of the last layer 0; layers then learn
/// (Mlp) as if their weights were 1 / sqrt(inputs) times what is trained. Source: Jacot et al.,
/// "Neural Tangent Kernel" (2018); Holzmüller et al., "Better by Default" (2024).
enum class WeightInit : std::uint8_t { inputs, xavier, kaiming, tangent };
inline constexpr std::array<std::string_view, 4> kWeightInitNames{
    "inputs", "xavier", "kaiming", "tangent"};

/// `blocks` matrices, one after the other, their rows padded.
struct Tensor {
  std::string name;
  std::size_t blocks = 1, rows = 1, columns = 0;
  Init init = Init::zeros;
  double scale = 0;        ///< of uniform: the bound; of normal: the deviation; of bias: the inputs
  std::size_t sides = 1;   ///< 1: a row, 2: a matrix, 3: with blocks
  bool is_linear = false;  ///< [inputs][outputs] of one layer: PyTorch has it the other way round
  bool is_last = false;    ///< of the last layer
  std::size_t offset = 0;  ///< where it begins, in floats

  std::size_t stride() const { return padded(columns); }

  std::size_t values() const { return blocks * rows * columns; }

  std::size_t floats() const { return blocks * rows * stride(); }
};

/// All tensors in their order: those that are trained, those that are fixed before training, and
/// what training finds besides (the moments of batches).
///
///     frequencies [numbers][bins], number_weight [numbers][features][width],
///     number_bias [numbers][width], level_weight<j> [levels][level_width],
///     member_scale [members][embedded];
///     weight<i> [in][out], bias<i> [out], gain<i>, shift<i> [out] for each hidden layer;
///     weight<last> [members][in][outputs], bias<last> [members][outputs];
///     bin_low, bin_inverse [numbers][bins]; mean<i>, variance<i> [out]
struct TensorPlan {
  std::vector<Tensor> tensors;
  std::size_t trained = 0;  ///< floats
  std::size_t fixed = 0;    ///< floats up to the end of the fixed ones
  std::size_t total = 0;

  /// Nothing if there is none of that name.
  const Tensor* find(std::string_view name) const;

  /// Where it begins. It must be there.
  std::size_t offset(std::string_view name) const;

  /// Numbers of all, without padding.
  std::size_t values() const;
};

TensorPlan tensors_of(const NetworkShape& shape);

/// Fills tensors that lie as the plan says, padded with zeros already.
void set_first_values(const TensorPlan& plan,
                      WeightInit init,
                      std::uint64_t seed,
                      float* parameters);

/// The same, one after the other, without padding.
std::vector<float> first_values(const NetworkShape& shape,
                                std::uint64_t seed,
                                WeightInit init = WeightInit::inputs);

}  // namespace starling::ml
