/// The loops that training spends its time in, once for each instruction set, with the same bits
/// from each: every sum runs over its terms in order, one fused multiply-add after the other, and
/// what is summed across lanes is summed over sixteen of them on every machine.
///
/// Matrices lie row by row; a row is padded with zeros to a multiple of `kLanes` floats.
/// Pointers need no alignment. Threads: all functions may be called at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace starling::ml {

inline constexpr std::size_t kLanes = 16;

/// What a hidden unit makes of its sum.
/// Source: Hendrycks and Gimpel (gelu, by tanh), Klambauer et al. (selu), Misra (mish),
///         Ramachandran et al. (silu).
enum class Activation : std::uint8_t { relu, gelu, selu, mish, silu, tanh, sigmoid };

constexpr std::size_t padded(std::size_t width) {
  return (width + kLanes - 1) / kLanes * kLanes;
}

/// out[r][c] = bias[c] + sum over k of a(r, k) * b[k][c], then what is asked for of relu, gate and
/// slope.
struct Product {
  std::size_t rows = 0;
  std::size_t columns = 0;  ///< a multiple of kLanes
  std::size_t depth = 0;
  const float* a = nullptr;
  std::size_t a_row = 0;         ///< from one row of `a` to the next
  std::size_t a_depth = 0;       ///< from one term to the next
  const float* b = nullptr;      ///< [depth][columns]
  const float* bias = nullptr;   ///< [columns]; none: zeros
  bool relu = false;             ///< negative results become 0
  const float* gate = nullptr;   ///< [rows][columns]: where it is not above 0, the result is 0
  float gate_scale = 1;          ///< and elsewhere it is multiplied by this
  const float* slope = nullptr;  ///< [rows][columns]: the result is multiplied by this
  float* out = nullptr;          ///< [rows][columns]; not any of the others
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

/// values[i] becomes f(values[i]); its slope there is kept if it is asked for. Not for relu.
struct Activate {
  Activation kind = Activation::tanh;
  std::size_t count = 0;
  float* values = nullptr;
  float* slopes = nullptr;  ///< none: not asked for
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

struct Kernels {
  const char* name;
  void (*multiply)(const Product& product);

  /// out[c] = sum over r of a[r][c], in order.
  void (*sum_rows)(const float* a, std::size_t rows, std::size_t columns, float* out);

  /// Of `count` numbers, a multiple of kLanes.
  double (*sum_squares)(const float* values, std::size_t count);

  void (*adam)(const AdamStep& step);
  void (*momentum)(const MomentumStep& step);
  void (*activate)(const Activate& activate);
  void (*dropout)(const Dropout& dropout);

  /// The first `classes` of each row of scores become probabilities; rows are `stride` apart.
  void (*softmax)(float* scores, std::size_t rows, std::size_t classes, std::size_t stride);
};

/// Nothing if this program has none for that instruction set, or this machine cannot run them.
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();

/// For every machine. Slow where the processor has no fused multiply-add.
const Kernels& portable_kernels();

/// The fastest that this machine can run.
const Kernels& best_kernels();

}  // namespace starling::ml
