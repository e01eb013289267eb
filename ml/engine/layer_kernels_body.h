// The kernels of norms and of what numbers become before the first layer. For kernels_body.h only,
// and under its rules.
#pragma once

#include "ml/engine/kernels.h"

namespace starling::ml {
namespace {

void add(float* __restrict a, const float* __restrict b, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    a[i] = a[i] + b[i];
}

void scale(float* __restrict a, const float* __restrict b, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    a[i] = a[i] * b[i];
}

void scale_columns(
    const float* a, const float* scales, std::size_t rows, std::size_t columns, float* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    const float* __restrict from = a + r * columns;
    float* __restrict to = out + r * columns;
    for (std::size_t c = 0; c < columns; ++c)
      to[c] = from[c] * scales[c];
  }
}

void add_scaled_columns(
    const float* a, const float* scales, std::size_t rows, std::size_t columns, float* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    const float* __restrict from = a + r * columns;
    float* __restrict to = out + r * columns;
    for (std::size_t c = 0; c < columns; ++c)
      to[c] = to[c] + from[c] * scales[c];
  }
}

void sum_products(
    const float* a, const float* b, std::size_t rows, std::size_t columns, float* out) {
  for (std::size_t c = 0; c < columns; c += Lanes::kWidth) {
    Lanes sum = Lanes::all(0);
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t at = r * columns + c;
      sum = sum.plus_product(Lanes::load(a + at), Lanes::load(b + at));
    }
    sum.store(out + c);
  }
}

/// The sum of `term(i)` for `count` numbers in sixteen lanes, then of the lanes in order.
template <class Term>
float lane_sum(std::size_t count, const Term& term) {
  float lanes[kLanes] = {};
  const std::size_t whole = count / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] = lanes[lane] + term(i + lane);
  for (std::size_t i = whole; i < count; ++i)
    lanes[i - whole] = lanes[i - whole] + term(i);
  float sum = 0;
  for (const float lane : lanes)
    sum = sum + lane;
  return sum;
}

void normalise_rows(const RowNorm& n) {
  const std::size_t stride = padded(n.columns);
  const auto share = 1.0F / static_cast<float>(n.columns);
  for (std::size_t r = 0; r < n.rows; ++r) {
    float* __restrict row = n.values + r * stride;
    const float mean = lane_sum(n.columns, [&](std::size_t c) { return row[c]; }) * share;
    const float variance = lane_sum(n.columns,
                                    [&](std::size_t c) {
                                      const float off = row[c] - mean;
                                      return off * off;
                                    }) *
                           share;
    const float inverse = 1.0F / __builtin_sqrtf(variance + kNormEpsilon);
    if (n.inverse != nullptr) n.inverse[r] = inverse;
    for (std::size_t c = 0; c < n.columns; ++c)
      row[c] = (row[c] - mean) * inverse;
    for (std::size_t c = n.columns; c < stride; ++c)
      row[c] = 0;
    if (n.normal != nullptr) {
      for (std::size_t c = 0; c < stride; ++c)
        n.normal[r * stride + c] = row[c];
    }
    for (std::size_t c = 0; c < stride; ++c)
      row[c] = row[c] * n.gain[c] + n.shift[c];
  }
}

/// With g = delta * gain: inverse * (g - mean of g - normal * mean of g * normal).
void normalise_rows_back(const NormSlope& s) {
  const std::size_t stride = padded(s.columns);
  const auto share = 1.0F / static_cast<float>(s.columns);
  sum_products(s.delta, s.normal, s.rows, stride, s.gain_slope);
  sum_rows(s.delta, s.rows, stride, s.shift_slope);
  for (std::size_t r = 0; r < s.rows; ++r) {
    float* __restrict delta = s.delta + r * stride;
    const float* __restrict normal = s.normal + r * stride;
    for (std::size_t c = 0; c < s.columns; ++c)
      delta[c] = delta[c] * s.gain[c];
    const float mean = lane_sum(s.columns, [&](std::size_t c) { return delta[c]; }) * share;
    const float along =
        lane_sum(s.columns, [&](std::size_t c) { return delta[c] * normal[c]; }) * share;
    for (std::size_t c = 0; c < s.columns; ++c)
      delta[c] = s.inverse[r] * (delta[c] - mean - normal[c] * along);
  }
}

/// chance * (delta - sum of delta * chance)
void softmax_back(const SoftmaxSlope& s) {
  const std::size_t stride = padded(s.columns);
  for (std::size_t r = 0; r < s.rows; ++r) {
    float* __restrict delta = s.delta + r * stride;
    const float* __restrict chances = s.chances + r * stride;
    const float along = lane_sum(s.columns, [&](std::size_t c) { return delta[c] * chances[c]; });
    for (std::size_t c = 0; c < s.columns; ++c)
      delta[c] = chances[c] * (delta[c] - along);
  }
}

/// Mean and variance (over rows - 1) of each column, and the inverse root of that over rows.
void find_moments(const ColumnNorm& n) {
  const auto share = 1.0F / static_cast<float>(n.rows);
  const auto spread = n.rows > 1 ? 1.0F / static_cast<float>(n.rows - 1) : 0.0F;
  sum_rows(n.values, n.rows, n.stride, n.mean);
  for (std::size_t c = 0; c < n.stride; ++c) {
    n.mean[c] = n.mean[c] * share;
    n.variance[c] = 0;
  }
  for (std::size_t r = 0; r < n.rows; ++r) {
    const float* __restrict row = n.values + r * n.stride;
    for (std::size_t c = 0; c < n.stride; ++c) {
      const float off = row[c] - n.mean[c];
      n.variance[c] = n.variance[c] + off * off;
    }
  }
  for (std::size_t c = 0; c < n.stride; ++c) {
    n.inverse[c] = 1.0F / __builtin_sqrtf(n.variance[c] * share + kNormEpsilon);
    n.variance[c] = n.variance[c] * spread;
  }
}

void normalise_columns(const ColumnNorm& n) {
  const bool is_given = n.given_mean != nullptr;
  if (!is_given) find_moments(n);
  const float* const mean = is_given ? n.given_mean : n.mean;
  for (std::size_t c = 0; is_given && c < n.stride; ++c)
    n.inverse[c] = 1.0F / __builtin_sqrtf(n.given_variance[c] + kNormEpsilon);
  for (std::size_t r = 0; r < n.rows; ++r) {
    float* __restrict row = n.values + r * n.stride;
    for (std::size_t c = 0; c < n.stride; ++c)
      row[c] = (row[c] - mean[c]) * n.inverse[c];
    if (n.normal != nullptr) {
      for (std::size_t c = 0; c < n.stride; ++c)
        n.normal[r * n.stride + c] = row[c];
    }
    for (std::size_t c = 0; c < n.stride; ++c)
      row[c] = row[c] * n.gain[c] + n.shift[c];
  }
}

void normalise_columns_back(const NormSlope& s) {
  const std::size_t stride = padded(s.columns);
  const auto share = 1.0F / static_cast<float>(s.rows);
  sum_products(s.delta, s.normal, s.rows, stride, s.gain_slope);
  sum_rows(s.delta, s.rows, stride, s.shift_slope);
  for (std::size_t r = 0; r < s.rows; ++r) {
    float* __restrict delta = s.delta + r * stride;
    const float* __restrict normal = s.normal + r * stride;
    for (std::size_t c = 0; c < stride; ++c) {
      const float rest =
          delta[c] - s.shift_slope[c] * share - normal[c] * (s.gain_slope[c] * share);
      delta[c] = s.gain[c] * s.inverse[c] * rest;
    }
  }
}

/// sin(2 pi t) for |t| up to 1/4, within 1e-7.
inline float sine_near(float t) {
  const float x = 6.283185307F * t;
  const float s = x * x;
  float p = __builtin_fmaf(s, -2.5052108e-8F, 2.7557319e-6F);
  p = __builtin_fmaf(s, p, -1.9841270e-4F);
  p = __builtin_fmaf(s, p, 8.3333333e-3F);
  p = __builtin_fmaf(s, p, -1.6666667e-1F);
  return __builtin_fmaf(x * s, p, x);
}

/// sin(2 pi t).
inline float sine_of_turns(float t) {
  const float part = t - __builtin_floorf(t + 0.5F);  // from -1/2 to 1/2
  const float mirrored = part > 0.25F ? 0.5F - part : part < -0.25F ? -0.5F - part : part;
  return sine_near(mirrored);
}

void waves(const Waves& w) {
  const std::size_t stride = padded(w.frequencies);
  const std::size_t width = padded(2 * w.frequencies);
  for (std::size_t r = 0; r < w.rows; ++r) {
    for (std::size_t i = 0; i < w.numbers; ++i) {
      const float x = w.x[r * w.numbers + i];
      const float* __restrict c = w.c + i * stride;
      float* __restrict out = w.waves + (r * w.numbers + i) * width;
      for (std::size_t k = 0; k < w.frequencies; ++k) {
        out[k] = sine_of_turns(c[k] * x + 0.25F);
        out[w.frequencies + k] = sine_of_turns(c[k] * x);
      }
    }
  }
}

void waves_back(const Waves& w) {
  constexpr float kTurn = 6.283185307F;
  const std::size_t stride = padded(w.frequencies);
  const std::size_t width = padded(2 * w.frequencies);
  for (std::size_t r = 0; r < w.rows; ++r) {
    for (std::size_t i = 0; i < w.numbers; ++i) {
      const float x = kTurn * w.x[r * w.numbers + i];
      const std::size_t at = (r * w.numbers + i) * width;
      const float* __restrict cosine = w.waves + at;
      const float* __restrict sine = cosine + w.frequencies;
      const float* __restrict by_cosine = w.delta + at;
      const float* __restrict by_sine = by_cosine + w.frequencies;
      float* __restrict slope = w.slope + i * stride;
      for (std::size_t k = 0; k < w.frequencies; ++k)
        slope[k] = slope[k] + x * (by_sine[k] * cosine[k] - by_cosine[k] * sine[k]);
    }
  }
}

/// What is no number stays so.
void bins(const Bins& b) {
  const std::size_t stride = padded(b.bins);
  for (std::size_t r = 0; r < b.rows; ++r) {
    for (std::size_t i = 0; i < b.numbers; ++i) {
      const float x = b.x[r * b.numbers + i];
      const float* __restrict low = b.low + i * stride;
      const float* __restrict inverse = b.inverse + i * stride;
      float* __restrict out = b.shares + (r * b.numbers + i) * stride;
      for (std::size_t k = 0; k < b.bins; ++k) {
        const float share = (x - low[k]) * inverse[k];
        out[k] = share <= 0 ? 0.0F : share >= 1 ? 1.0F : share;
      }
    }
  }
}

}  // namespace
}  // namespace starling::ml
