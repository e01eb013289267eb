/// The loops that training spends its time in, once for each instruction set, with the same bits
/// from each: every sum runs over its terms in order, one fused multiply-add after the other, and
/// what is summed across lanes is summed over sixteen of them on every machine.
///
/// Matrices lie row by row; a row is padded with zeros to a multiple of `kLanes` floats.
/// Pointers need no alignment. Threads: all functions may be called at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace starling::ml {

inline constexpr std::size_t kLanes = 16;

/// What a hidden unit makes of its sum; softmax: what a layer makes of its sums, as it would at the
/// outputs. Source: Hendrycks and Gimpel (gelu, by tanh), Klambauer et al. (selu), Misra (mish),
///         Ramachandran et al. (silu).
enum class Activation : std::uint8_t {
  relu,
  gelu,
  selu,
  mish,
  silu,
  tanh,
  sigmoid,
  identity,
  softmax
};

/// In the enum's order, for parameters and files.
inline constexpr std::array<std::string_view, 9> kActivationNames{
    "relu", "gelu", "selu", "mish", "silu", "tanh", "sigmoid", "identity", "softmax"};

constexpr std::size_t padded(std::size_t width) {
  return (width + kLanes - 1) / kLanes * kLanes;
}

/// out[r][c] = bias[c] + sum over k of a(r, k) * b[k][c], then that which is asked for of relu,
/// gate and slope: at most one.
struct Product {
  std::size_t rows = 0;
  std::size_t columns = 0;  ///< a multiple of kLanes
  std::size_t depth = 0;
  const float* a = nullptr;
  std::size_t a_row = 0;         ///< from one row of `a` to the next
  std::size_t a_depth = 0;       ///< from one term to the next
  const float* b = nullptr;      ///< [depth][columns]
  std::size_t b_row = 0;         ///< from one row of `b` to the next; 0: columns
  const float* bias = nullptr;   ///< [columns]; none: zeros
  bool relu = false;             ///< negative results become 0
  const float* gate = nullptr;   ///< [rows][columns]: where it is not above 0, the result is 0
  float gate_scale = 1;          ///< and elsewhere it is multiplied by this
  const float* slope = nullptr;  ///< [rows][columns]: the result is multiplied by this
  float* out = nullptr;          ///< [rows][columns]; not any of the others
  std::size_t out_row = 0;       ///< of `out`, gate and slope, from row to row; 0: columns
};

/// One step of AdamW over `count` parameters, which are a multiple of kLanes.
/// Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2.
struct AdamStep {
  std::size_t count = 0;
  float* weights = nullptr;
  const float* gradients = nullptr;
  float* first = nullptr;
  float* second = nullptr;
  float* average = nullptr;  ///< of the weights, exponential

  float gradient_scale = 1;  ///< clips: below 1
  float keep = 1;            ///< of each weight: 1 - learning rate * weight decay
  float decay = 0;           ///< of the weights, added to their gradient: Adam without the W
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float rate = 0;        ///< learning rate, with the correction of the first moment
  float correction = 1;  ///< of the second moment: 1 / sqrt(1 - beta2^t)
  float epsilon = 1e-8F;
  float average_rate = 1;  ///< share of the new weights in the average
};

/// Sets entries to 0 with a chance of `threshold` / 2^32 and multiplies the others by `scale`. The
/// choice depends on `key` and the place only.
struct Dropout {
  std::size_t count = 0;
  float* values = nullptr;
  std::uint32_t key = 0;
  std::uint32_t threshold = 0;
  float scale = 1;
};

/// values[i] becomes f(values[i]); its slope there is kept if it is asked for. Not softmax.
struct Activate {
  Activation kind = Activation::tanh;
  std::size_t count = 0;
  float* values = nullptr;
  float* slopes = nullptr;  ///< none: not asked for
};

/// From the gradient by what softmax gave of each row to that by what it was given, in place.
struct SoftmaxSlope {
  std::size_t rows = 0, columns = 0;  ///< rows are padded(columns) apart
  float* delta = nullptr;
  const float* chances = nullptr;  ///< what it gave
};

/// One step of gradient descent with momentum over `count` parameters, a multiple of kLanes.
struct MomentumStep {
  std::size_t count = 0;
  float* weights = nullptr;
  const float* gradients = nullptr;
  float* velocity = nullptr;
  float* average = nullptr;  ///< of the weights, exponential

  float gradient_scale = 1;
  float decay = 0;  ///< of the weights, added to their gradient
  float momentum = 0.9F;
  float rate = 0;
  float average_rate = 1;
};

inline constexpr float kNormEpsilon = 1e-5F;  ///< added to variances

/// Each row becomes (x - mean) / deviation of its own numbers, times gain plus shift. Padding
/// becomes 0. Source: Ba, Kiros and Hinton, "Layer Normalization" (2016).
struct RowNorm {
  std::size_t rows = 0, columns = 0;  ///< rows are padded(columns) apart
  float* values = nullptr;
  const float* gain = nullptr;
  const float* shift = nullptr;
  float* normal = nullptr;   ///< [rows][padded]: the rows without gain and shift; none: not kept
  float* inverse = nullptr;  ///< [rows]: 1 / deviation; none: not kept
};

/// The same with each column's mean and variance over the rows, which are found, or given.
/// Source: Ioffe and Szegedy, "Batch Normalization" (2015).
struct ColumnNorm {
  std::size_t rows = 0, stride = 0;  ///< stride: padded columns
  float* values = nullptr;
  const float* gain = nullptr;
  const float* shift = nullptr;
  const float* given_mean = nullptr;  ///< [stride]; none: they are found
  const float* given_variance = nullptr;
  float* mean = nullptr;      ///< [stride]: what was found
  float* variance = nullptr;  ///< [stride]: over rows - 1
  float* normal = nullptr;    ///< [rows][stride]; none: not kept
  float* inverse = nullptr;   ///< [stride]
};

/// From the gradient by what a norm gave to that by what it was given, in place; and to that by
/// gain and shift.
struct NormSlope {
  std::size_t rows = 0, columns = 0;  ///< rows are padded(columns) apart
  float* delta = nullptr;
  const float* normal = nullptr;
  const float* inverse = nullptr;
  const float* gain = nullptr;
  float* gain_slope = nullptr;
  float* shift_slope = nullptr;
};

/// Of numbers x[rows][numbers]: cos(2 pi c x) for each of a number's frequencies c, then the sines.
struct Waves {
  std::size_t rows = 0, numbers = 0, frequencies = 0;
  const float* x = nullptr;      ///< [rows][numbers]
  const float* c = nullptr;      ///< [numbers][padded(frequencies)]
  float* waves = nullptr;        ///< [rows][numbers][padded(2 * frequencies)]
  const float* delta = nullptr;  ///< as waves: the gradient by them; for `waves_back`
  float* slope = nullptr;        ///< as c: the gradient by the frequencies, is added to
};

/// Of numbers x[rows][numbers]: how far each is through each of its bins, from 0 to 1.
struct Bins {
  std::size_t rows = 0, numbers = 0, bins = 0;
  const float* x = nullptr;        ///< [rows][numbers]
  const float* low = nullptr;      ///< [numbers][padded(bins)]
  const float* inverse = nullptr;  ///< as low: 1 / width; 0: a bin that holds nothing
  float* shares = nullptr;         ///< [rows][numbers][padded(bins)]
};

struct Kernels {
  const char* name;
  void (*multiply)(const Product& product);

  /// to[c][r] = from[r][c] for `rows` of `columns`, `stride` apart; rows of `to` are padded with
  /// zeros to a multiple of kLanes.
  void (*transpose)(
      const float* from, std::size_t rows, std::size_t columns, std::size_t stride, float* to);

  /// out[c] = sum over r of a[r][c], in order.
  void (*sum_rows)(const float* a, std::size_t rows, std::size_t columns, float* out);

  /// Of `count` numbers, a multiple of kLanes.
  double (*sum_squares)(const float* values, std::size_t count);

  void (*adam)(const AdamStep& step);
  void (*momentum)(const MomentumStep& step);
  void (*activate)(const Activate& activate);
  void (*dropout)(const Dropout& dropout);
  void (*normalise_rows)(const RowNorm& norm);
  void (*normalise_rows_back)(const NormSlope& slope);
  void (*normalise_columns)(const ColumnNorm& norm);
  void (*normalise_columns_back)(const NormSlope& slope);
  void (*waves)(const Waves& waves);
  void (*waves_back)(const Waves& waves);
  void (*bins)(const Bins& bins);

  /// a[i] += b[i], a[i] *= b[i]
  void (*add)(float* a, const float* b, std::size_t count);
  void (*scale)(float* a, const float* b, std::size_t count);

  /// out[r][c] = a[r][c] * scales[c]; out[r][c] += that; out[c] = sum over r of a[r][c] * b[r][c].
  void (*scale_columns)(
      const float* a, const float* scales, std::size_t rows, std::size_t columns, float* out);
  void (*add_scaled_columns)(
      const float* a, const float* scales, std::size_t rows, std::size_t columns, float* out);
  void (*sum_products)(
      const float* a, const float* b, std::size_t rows, std::size_t columns, float* out);

  /// The first `classes` of each row of scores become probabilities; rows are `stride` apart.
  void (*softmax)(float* scores, std::size_t rows, std::size_t classes, std::size_t stride);
  void (*softmax_back)(const SoftmaxSlope& slope);
};

/// Nothing if this program has none for that instruction set, or this machine cannot run them.
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();

/// For every machine. Slow where the processor has no fused multiply-add.
const Kernels& portable_kernels();

/// The fastest that this machine can run.
const Kernels& best_kernels();

}  // namespace starling::ml
