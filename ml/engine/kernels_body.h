// The kernels, for whichever instruction set the including file is compiled. For kernels_*.cc only.
//
// Nothing but builtins and intrinsics here: a function of the standard library that is compiled for
// a newer processor could be chosen by the linker for the whole program.
#include "ml/engine/kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace starling::ml {
namespace {

#if defined(__AVX512F__)

struct Lanes {
  static constexpr std::size_t kWidth = 16;
  __m512 v;

  static Lanes load(const float* from) { return {_mm512_loadu_ps(from)}; }

  static Lanes all(float x) { return {_mm512_set1_ps(x)}; }

  void store(float* to) const { _mm512_storeu_ps(to, v); }

  /// this + a * b
  Lanes plus_product(Lanes a, Lanes b) const { return {_mm512_fmadd_ps(a.v, b.v, v)}; }

  Lanes plus(Lanes b) const { return {_mm512_add_ps(v, b.v)}; }

  Lanes times(Lanes b) const { return {_mm512_mul_ps(v, b.v)}; }

  /// 0 where `gate` is at most 0, else this: also where it is no number, which must not vanish.
  Lanes where_positive(Lanes gate) const {
    return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(gate.v, _mm512_setzero_ps(), _CMP_NLE_UQ), v)};
  }
};

constexpr std::size_t kTileVectors = 4;

#elif defined(__AVX2__)

struct Lanes {
  static constexpr std::size_t kWidth = 8;
  __m256 v;

  static Lanes load(const float* from) { return {_mm256_loadu_ps(from)}; }

  static Lanes all(float x) { return {_mm256_set1_ps(x)}; }

  void store(float* to) const { _mm256_storeu_ps(to, v); }

  Lanes plus_product(Lanes a, Lanes b) const { return {_mm256_fmadd_ps(a.v, b.v, v)}; }

  Lanes plus(Lanes b) const { return {_mm256_add_ps(v, b.v)}; }

  Lanes times(Lanes b) const { return {_mm256_mul_ps(v, b.v)}; }

  Lanes where_positive(Lanes gate) const {
    return {_mm256_and_ps(_mm256_cmp_ps(gate.v, _mm256_setzero_ps(), _CMP_NLE_UQ), v)};
  }
};

constexpr std::size_t kTileVectors = 2;

#else

struct Lanes {
  static constexpr std::size_t kWidth = 4;
  float v[kWidth];

  static Lanes load(const float* from) { return {{from[0], from[1], from[2], from[3]}}; }

  static Lanes all(float x) { return {{x, x, x, x}}; }

  void store(float* to) const {
    for (std::size_t i = 0; i < kWidth; ++i)
      to[i] = v[i];
  }

  Lanes plus_product(Lanes a, Lanes b) const {
    Lanes sum{};
    for (std::size_t i = 0; i < kWidth; ++i)
      sum.v[i] = __builtin_fmaf(a.v[i], b.v[i], v[i]);
    return sum;
  }

  Lanes plus(Lanes b) const {
    Lanes sum{};
    for (std::size_t i = 0; i < kWidth; ++i)
      sum.v[i] = v[i] + b.v[i];
    return sum;
  }

  Lanes times(Lanes b) const {
    Lanes product{};
    for (std::size_t i = 0; i < kWidth; ++i)
      product.v[i] = v[i] * b.v[i];
    return product;
  }

  Lanes where_positive(Lanes gate) const {
    Lanes chosen{};
    for (std::size_t i = 0; i < kWidth; ++i)
      chosen.v[i] = gate.v[i] <= 0 ? 0.0F : v[i];
    return chosen;
  }
};

constexpr std::size_t kTileVectors = 2;

#endif

constexpr std::size_t kTileRows = 6;

/// Each of the sums, changed by its place among the results, is written there.
template <std::size_t Rows, std::size_t Vectors, class Change>
inline void write(const Lanes (&sums)[Rows][Vectors],
                  float* out,
                  std::size_t out_row,
                  const Change& change) {
#pragma GCC unroll 8
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (std::size_t c = 0; c < Vectors; ++c) {
      const std::size_t at = r * out_row + c * Lanes::kWidth;
      change(sums[r][c], at).store(out + at);
    }
  }
}

template <std::size_t Rows, std::size_t Vectors>
inline void finish(const Product& p,
                   const Lanes (&sums)[Rows][Vectors],
                   std::size_t from,
                   std::size_t out_row) {
  float* const out = p.out + from;
  if (p.relu) {
    write(sums, out, out_row, [](Lanes sum, std::size_t) { return sum.where_positive(sum); });
  } else if (p.gate) {
    const Lanes scale = Lanes::all(p.gate_scale);
    const float* const gate = p.gate + from;
    write(sums, out, out_row, [scale, gate](Lanes sum, std::size_t at) {
      return sum.times(scale).where_positive(Lanes::load(gate + at));
    });
  } else if (p.slope) {
    const float* const slope = p.slope + from;
    write(sums, out, out_row, [slope](Lanes sum, std::size_t at) {
      return sum.times(Lanes::load(slope + at));
    });
  } else {
    write(sums, out, out_row, [](Lanes sum, std::size_t) { return sum; });
  }
}

/// Rows [row, row + Rows) and Vectors * kWidth columns from `column`, held in registers throughout.
template <std::size_t Rows, std::size_t Vectors>
void tile(const Product& p, std::size_t row, std::size_t column) {
  Lanes sums[Rows][Vectors];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (std::size_t c = 0; c < Vectors; ++c)
      sums[r][c] = p.bias ? Lanes::load(p.bias + column + c * Lanes::kWidth) : Lanes::all(0);
  }
  const float* a = p.a + row * p.a_row;
  const float* b = p.b + column;
  const std::size_t b_row = p.b_row == 0 ? p.columns : p.b_row;
  const std::size_t out_row = p.out_row == 0 ? p.columns : p.out_row;
  for (std::size_t k = 0; k < p.depth; ++k, a += p.a_depth, b += b_row) {
    Lanes right[Vectors];
#pragma GCC unroll 8
    for (std::size_t c = 0; c < Vectors; ++c)
      right[c] = Lanes::load(b + c * Lanes::kWidth);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r) {
      const Lanes left = Lanes::all(a[r * p.a_row]);
#pragma GCC unroll 8
      for (std::size_t c = 0; c < Vectors; ++c)
        sums[r][c] = sums[r][c].plus_product(left, right[c]);
    }
  }
  finish<Rows, Vectors>(p, sums, row * out_row + column, out_row);
}

template <std::size_t Vectors>
void strip(const Product& p, std::size_t column) {
  std::size_t row = 0;
  for (; row + kTileRows <= p.rows; row += kTileRows)
    tile<kTileRows, Vectors>(p, row, column);
  for (; row + 2 <= p.rows; row += 2)
    tile<2, Vectors>(p, row, column);
  for (; row < p.rows; ++row)
    tile<1, Vectors>(p, row, column);
}

void multiply(const Product& p) {
  constexpr std::size_t kWide = kTileVectors * Lanes::kWidth;
  std::size_t column = 0;
  for (; column + kWide <= p.columns; column += kWide)
    strip<kTileVectors>(p, column);
  for (; column < p.columns; column += Lanes::kWidth)
    strip<1>(p, column);
}

/// Four floats side by side, on every machine.
using Four [[gnu::vector_size(16), gnu::aligned(4), gnu::may_alias]] = float;

/// Rows [r, r + 4) and columns [c, c + 4).
inline void transpose_four(const float* from,
                           std::size_t stride,
                           float* to,
                           std::size_t to_stride) {
  const auto row = [&](std::size_t r) { return *reinterpret_cast<const Four*>(from + r * stride); };
  const auto low = [](Four a, Four b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); };
  const auto high = [](Four a, Four b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); };
  const Four a = row(0), b = row(1), c = row(2), d = row(3);
  const Four ac = low(a, c), bd = low(b, d), ac_high = high(a, c), bd_high = high(b, d);
  const Four columns[] = {low(ac, bd), high(ac, bd), low(ac_high, bd_high), high(ac_high, bd_high)};
  for (std::size_t i = 0; i < 4; ++i)
    *reinterpret_cast<Four*>(to + i * to_stride) = columns[i];
}

void transpose(
    const float* from, std::size_t rows, std::size_t columns, std::size_t stride, float* to) {
  const std::size_t to_stride = (rows + kLanes - 1) / kLanes * kLanes;
  const std::size_t by_four = rows / 4 * 4;
  for (std::size_t c = 0; c < columns; c += 4) {
    const std::size_t count = columns - c < 4 ? columns - c : 4;
    std::size_t r = 0;
    if (count == 4)
      for (; r < by_four; r += 4)
        transpose_four(from + r * stride + c, stride, to + c * to_stride + r, to_stride);
    for (std::size_t i = c; i < c + count; ++i) {
      for (std::size_t rest = r; rest < to_stride; ++rest)
        to[i * to_stride + rest] = rest < rows ? from[rest * stride + i] : 0.0F;
    }
  }
}

void sum_rows(const float* a, std::size_t rows, std::size_t columns, float* out) {
  for (std::size_t c = 0; c < columns; c += Lanes::kWidth) {
    Lanes sum = Lanes::all(0);
    for (std::size_t r = 0; r < rows; ++r)
      sum = sum.plus(Lanes::load(a + r * columns + c));
    sum.store(out + c);
  }
}

double sum_squares(const float* values, std::size_t count) {
  constexpr std::size_t kParts = kLanes / Lanes::kWidth;
  Lanes sums[kParts];
  for (std::size_t part = 0; part < kParts; ++part)
    sums[part] = Lanes::all(0);
  for (std::size_t i = 0; i < count; i += kLanes) {
    for (std::size_t part = 0; part < kParts; ++part) {
      const Lanes x = Lanes::load(values + i + part * Lanes::kWidth);
      sums[part] = sums[part].plus_product(x, x);
    }
  }
  float lanes[kLanes];
  for (std::size_t part = 0; part < kParts; ++part)
    sums[part].store(lanes + part * Lanes::kWidth);
  double sum = 0;
  for (const float lane : lanes)
    sum += static_cast<double>(lane);
  return sum;
}

/// Division and square root are rounded exactly everywhere; nothing here is fused. The step is a
/// copy: what the loop writes could be a part of the caller's, and it could not work in lanes.
template <bool HasDecay>
void adam_with(const AdamStep s) {
  const float rest1 = 1 - s.beta1;
  const float rest2 = 1 - s.beta2;
  float* __restrict weights = s.weights;
  const float* __restrict gradients = s.gradients;
  float* __restrict first = s.first;
  float* __restrict second = s.second;
  float* __restrict average = s.average;
  for (std::size_t i = 0; i < s.count; ++i) {
    float gradient = gradients[i] * s.gradient_scale;
    if (HasDecay) gradient = gradient + s.decay * weights[i];
    const float m = s.beta1 * first[i] + rest1 * gradient;
    const float v = s.beta2 * second[i] + rest2 * (gradient * gradient);
    first[i] = m;
    second[i] = v;
    const float scale = __builtin_sqrtf(v) * s.correction + s.epsilon;
    const float weight = weights[i] * s.keep - s.rate * m / scale;
    weights[i] = weight;
    average[i] = average[i] + s.average_rate * (weight - average[i]);
  }
}

void adam(const AdamStep& s) {
  if (s.decay == 0)
    adam_with<false>(s);
  else
    adam_with<true>(s);
}

void momentum(const MomentumStep& step) {
  const MomentumStep s = step;
  float* __restrict weights = s.weights;
  const float* __restrict gradients = s.gradients;
  float* __restrict velocity = s.velocity;
  float* __restrict average = s.average;
  for (std::size_t i = 0; i < s.count; ++i) {
    const float gradient = gradients[i] * s.gradient_scale + s.decay * weights[i];
    const float moved = s.momentum * velocity[i] + gradient;
    velocity[i] = moved;
    const float weight = weights[i] - s.rate * moved;
    weights[i] = weight;
    average[i] = average[i] + s.average_rate * (weight - average[i]);
  }
}

/// A hash of 32 bits in which each bit of the input moves half of those of the output.
/// Source: Wellons, "Prospecting for Hash Functions" (2018), lowbias32.
inline std::uint32_t mixed(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352dU;
  x ^= x >> 15;
  x *= 0x846ca68bU;
  x ^= x >> 16;
  return x;
}

void dropout(const Dropout& given) {
  const Dropout d = given;
  float* __restrict values = d.values;
  for (std::size_t i = 0; i < d.count; ++i) {
    const std::uint32_t draw = mixed(static_cast<std::uint32_t>(i) * 0x9e3779b9U + d.key);
    values[i] = draw < d.threshold ? 0.0F : values[i] * d.scale;
  }
}

/// e^x for x from -87 to 88, within 1 unit in the last place of 2.
/// Source: Cephes, expf (Moshier), with fused steps.
inline float exp_within(float x) {
  const float n = __builtin_floorf(__builtin_fmaf(x, 1.44269504F, 0.5F));
  float r = __builtin_fmaf(n, -0.693359375F, x);
  r = __builtin_fmaf(n, 2.12194440e-4F, r);
  float p = 1.9875691500e-4F;
  p = __builtin_fmaf(p, r, 1.3981999507e-3F);
  p = __builtin_fmaf(p, r, 8.3334519073e-3F);
  p = __builtin_fmaf(p, r, 4.1665795894e-2F);
  p = __builtin_fmaf(p, r, 1.6666665459e-1F);
  p = __builtin_fmaf(p, r, 5.0000001201e-1F);
  p = __builtin_fmaf(p, r * r, r) + 1;
  const auto bits = static_cast<std::uint32_t>(static_cast<int>(n) + 127) << 23;
  return p * __builtin_bit_cast(float, bits);
}

/// For x up to 0; below -87 it is 0. What is no number stays so.
inline float exp_of_negative(float x) {
  if (x != x) return x;
  if (x <= -87.0F) return 0;
  return exp_within(x);
}

/// For any x; beyond -87 and 88 it is that of these. What is no number stays so.
inline float exp_of(float x) {
  const float bounded = x < -87.0F ? -87.0F : x > 88.0F ? 88.0F : x;
  const float e = exp_within(bounded == bounded ? bounded : 0.0F);
  return x == x ? e : x;
}

/// Within 4e-7: by its series near 0, where the other way would lose what is small.
inline float tanh_of(float x) {
  const float s = x * x;
  float p = __builtin_fmaf(s, 0.021869488F, -0.053968254F);
  p = __builtin_fmaf(s, p, 0.13333334F);
  p = __builtin_fmaf(s, p, -0.33333334F);
  const float near = __builtin_fmaf(x * s, p, x);
  const float far = 1 - 2 / (exp_of(2 * x) + 1);
  return s < 0.0625F ? near : far;
}

inline float sigmoid_of(float x) {
  return 1 / (1 + exp_of(-x));
}

struct Identity {
  static float at(float x, float& slope) {
    slope = 1;
    return x;
  }
};

struct Relu {
  static float at(float x, float& slope) {
    slope = x > 0 ? 1.0F : 0.0F;
    return x <= 0 ? 0.0F : x;
  }
};

struct Tanh {
  static float at(float x, float& slope) {
    const float y = tanh_of(x);
    slope = 1 - y * y;
    return y;
  }
};

struct Sigmoid {
  static float at(float x, float& slope) {
    const float y = sigmoid_of(x);
    slope = y * (1 - y);
    return y;
  }
};

struct Silu {
  static float at(float x, float& slope) {
    const float s = sigmoid_of(x);
    slope = s * (1 + x * (1 - s));
    return x * s;
  }
};

struct Gelu {
  static float at(float x, float& slope) {
    constexpr float kRoot = 0.7978845608F;  // of 2 / pi
    constexpr float kCube = 0.044715F;
    const float t = tanh_of(kRoot * (x + kCube * (x * x * x)));
    const float inner = kRoot * (1 + 3 * kCube * (x * x));
    slope = 0.5F * (1 + t) + 0.5F * x * (1 - t * t) * inner;
    return 0.5F * x * (1 + t);
  }
};

struct Selu {
  static float at(float x, float& slope) {
    constexpr float kScale = 1.0507009873554805F;
    constexpr float kAlpha = 1.6732632423543772F;
    const float e = kScale * kAlpha * exp_of(x < 0 ? x : 0.0F * x);
    slope = x > 0 ? kScale : e;
    return x > 0 ? kScale * x : e - kScale * kAlpha;
  }
};

/// tanh(log(1 + e^x)) is (n / (n + 2)) with n = e^x (e^x + 2); from 20 on it is 1.
struct Mish {
  static float at(float x, float& slope) {
    const float e = exp_of(x > 20.0F ? 20.0F : x);
    const float n = e * (e + 2);
    const float t = n / (n + 2);
    slope = t + x * (1 - t * t) * sigmoid_of(x);
    return x * t;
  }
};

template <class Function>
void activate_with(const Activate& a) {
  float* __restrict values = a.values;
  float* __restrict slopes = a.slopes;
  float slope = 0;
  if (slopes == nullptr) {
    for (std::size_t i = 0; i < a.count; ++i)
      values[i] = Function::at(values[i], slope);
    return;
  }
  for (std::size_t i = 0; i < a.count; ++i) {
    float here = 0;
    values[i] = Function::at(values[i], here);
    slopes[i] = here;
  }
}

void activate(const Activate& a) {
  switch (a.kind) {
    case Activation::relu: return activate_with<Relu>(a);
    case Activation::gelu: return activate_with<Gelu>(a);
    case Activation::selu: return activate_with<Selu>(a);
    case Activation::mish: return activate_with<Mish>(a);
    case Activation::silu: return activate_with<Silu>(a);
    case Activation::tanh: return activate_with<Tanh>(a);
    case Activation::sigmoid: return activate_with<Sigmoid>(a);
    case Activation::identity: return activate_with<Identity>(a);
    case Activation::softmax: return;  // is no function of one number
  }
}

void softmax(float* scores, std::size_t rows, std::size_t classes, std::size_t stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    float* row = scores + r * stride;
    float most = row[0];
    for (std::size_t c = 1; c < classes; ++c)
      most = row[c] > most ? row[c] : most;
    float sum = 0;
    for (std::size_t c = 0; c < classes; ++c)
      row[c] = exp_of_negative(row[c] - most);
    for (std::size_t c = 0; c < classes; ++c)
      sum += row[c];
    for (std::size_t c = 0; c < classes; ++c)
      row[c] = row[c] / sum;
  }
}

}  // namespace
}  // namespace starling::ml

#include "ml/engine/layer_kernels_body.h"

namespace starling::ml {
namespace {

constexpr Kernels kernels_named(const char* name) {
  return {.name = name,
          .multiply = &multiply,
          .transpose = &transpose,
          .sum_rows = &sum_rows,
          .sum_squares = &sum_squares,
          .adam = &adam,
          .momentum = &momentum,
          .activate = &activate,
          .dropout = &dropout,
          .normalise_rows = &normalise_rows,
          .normalise_rows_back = &normalise_rows_back,
          .normalise_columns = &normalise_columns,
          .normalise_columns_back = &normalise_columns_back,
          .waves = &waves,
          .waves_back = &waves_back,
          .bins = &bins,
          .add = &add,
          .scale = &scale,
          .scale_columns = &scale_columns,
          .add_scaled_columns = &add_scaled_columns,
          .sum_products = &sum_products,
          .softmax = &softmax,
          .softmax_back = &softmax_back};
}

}  // namespace
}  // namespace starling::ml
