// Each set of kernels that this machine can run gives the bits that the portable one gives.
#include "ml/engine/kernels.h"
#include "node/base/random.h"
#include "tests/ml/activation_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace starling::ml {

void PrintTo(const Kernels* kernels, std::ostream* out) {
  *out << kernels->name;
}

namespace {

std::vector<const Kernels*> fast_kernels() {
  std::vector<const Kernels*> all;
  for (const Kernels* kernels : {avx512_kernels(), avx2_kernels()})
    if (kernels != nullptr) all.push_back(kernels);
  return all;
}

std::vector<float> plain_numbers(Random& random, std::size_t count) {
  std::vector<float> all(count);
  for (float& number : all)
    number = static_cast<float>(random.normal());
  return all;
}

/// Some of them zeros of both signs, tiny, huge or infinite.
std::vector<float> numbers(Random& random, std::size_t count) {
  constexpr float kOdd[] = {0.0F, -0.0F, 1e-42F, -1e-42F, 1e30F, -1e30F, INFINITY, -INFINITY};
  auto all = plain_numbers(random, count);
  if (!random.chance(0.2)) return all;
  for (float& number : all)
    if (random.chance(0.01)) number = kOdd[random.below(std::size(kOdd))];
  return all;
}

/// Of what is no number only that it is none: its sign is the processor's.
bool same_bits(std::vector<float> a, std::vector<float> b) {
  for (auto* all : {&a, &b})
    for (float& number : *all)
      if (std::isnan(number)) number = NAN;
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

class EachKernels : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& fast_ = *GetParam();
  const Kernels& plain_ = portable_kernels();
  Random random_{7};
};

TEST_P(EachKernels, Multiplies) {
  for (int round = 0; round < 200; ++round) {
    const std::size_t rows = 1 + random_.below(40);
    const std::size_t columns = kLanes * (1 + random_.below(9));
    const std::size_t depth = random_.below(70);
    const auto a = numbers(random_, rows * depth);
    const auto b = numbers(random_, depth * columns);
    const auto bias = numbers(random_, columns);
    const auto gate = numbers(random_, rows * columns);
    const auto slope = numbers(random_, rows * columns);
    std::vector<float> plain(rows * columns, NAN);
    std::vector<float> fast(rows * columns, NAN);
    Product product;
    product.rows = rows;
    product.columns = columns;
    product.depth = depth;
    product.a = a.data();
    const bool is_transposed = random_.chance(0.5);
    product.a_row = is_transposed ? 1 : depth;
    product.a_depth = is_transposed ? rows : 1;
    product.b = b.data();
    if (random_.chance(0.5)) product.bias = bias.data();
    const auto after = random_.below(4);
    product.relu = after == 1;
    if (after == 2) product.gate = gate.data();
    product.gate_scale = 1.25F;
    if (after == 3) product.slope = slope.data();
    product.out = plain.data();
    plain_.multiply(product);
    product.out = fast.data();
    fast_.multiply(product);
    ASSERT_TRUE(same_bits(plain, fast)) << rows << " x " << columns << " x " << depth;
  }
}

TEST_P(EachKernels, Transposes) {
  for (int round = 0; round < 100; ++round) {
    const std::size_t rows = 1 + random_.below(40), columns = 1 + random_.below(40);
    const std::size_t stride = columns + random_.below(20);
    const std::size_t to_stride = (rows + kLanes - 1) / kLanes * kLanes;
    const auto from = numbers(random_, rows * stride);
    std::vector<float> right(columns * to_stride, 0.0F), said(columns * to_stride, NAN);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c)
        right[c * to_stride + r] = from[r * stride + c];
    fast_.transpose(from.data(), rows, columns, stride, said.data());
    ASSERT_TRUE(same_bits(right, said)) << rows << " x " << columns;
    std::ranges::fill(said, NAN);
    plain_.transpose(from.data(), rows, columns, stride, said.data());
    ASSERT_TRUE(same_bits(right, said)) << rows << " x " << columns;
  }
}

TEST_P(EachKernels, SumsRowsAndSquares) {
  for (int round = 0; round < 50; ++round) {
    const std::size_t rows = 1 + random_.below(300);
    const std::size_t columns = kLanes * (1 + random_.below(5));
    const auto a = numbers(random_, rows * columns);
    std::vector<float> plain(columns);
    std::vector<float> fast(columns);
    plain_.sum_rows(a.data(), rows, columns, plain.data());
    fast_.sum_rows(a.data(), rows, columns, fast.data());
    EXPECT_TRUE(same_bits(plain, fast));
    const double squares = plain_.sum_squares(a.data(), a.size());
    const double fast_squares = fast_.sum_squares(a.data(), a.size());
    EXPECT_TRUE(squares == fast_squares || (std::isnan(squares) && std::isnan(fast_squares)));
  }
}

TEST_P(EachKernels, StepsDropsAndTurnsScoresIntoChances) {
  constexpr std::size_t kCount = 160;
  const auto gradients = numbers(random_, kCount);
  auto once = [&](const Kernels& kernels, float decay) {
    Random random{3};
    auto weights = numbers(random, kCount);
    std::vector<float> first(kCount), second(kCount), average = weights;
    for (int step = 1; step < 9; ++step)
      kernels.adam({.count = kCount,
                    .weights = weights.data(),
                    .gradients = gradients.data(),
                    .first = first.data(),
                    .second = second.data(),
                    .average = average.data(),
                    .gradient_scale = 0.37F,
                    .keep = 0.9999F,
                    .decay = decay,
                    .rate = 0.01F / static_cast<float>(step),
                    .correction = 1.7F,
                    .average_rate = 0.3F});
    std::vector<float> velocity(kCount);
    for (int step = 0; step < 3; ++step)
      kernels.momentum({.count = kCount,
                        .weights = weights.data(),
                        .gradients = gradients.data(),
                        .velocity = velocity.data(),
                        .average = average.data(),
                        .gradient_scale = 0.37F,
                        .decay = decay,
                        .rate = 0.1F,
                        .average_rate = 0.3F});
    kernels.dropout(
        {.count = kCount, .values = first.data(), .key = 77, .threshold = 1U << 31, .scale = 2});
    kernels.softmax(second.data(), 10, 13, 16);
    for (const auto* more : {&first, &second, &average})
      weights.insert(weights.end(), more->begin(), more->end());
    return weights;
  };
  for (const float decay : {0.0F, 0.03F})
    EXPECT_TRUE(same_bits(once(plain_, decay), once(fast_, decay)));
}

TEST_P(EachKernels, TurnsSoftmaxBack) {
  constexpr std::size_t kRows = 20, kColumns = 29;
  auto chances = plain_numbers(random_, kRows * padded(kColumns));
  plain_.softmax(chances.data(), kRows, kColumns, padded(kColumns));
  const auto delta = plain_numbers(random_, kRows * padded(kColumns));
  const auto back = [&](const Kernels& kernels) {
    auto out = delta;
    kernels.softmax_back(
        {.rows = kRows, .columns = kColumns, .delta = out.data(), .chances = chances.data()});
    return out;
  };
  const auto said = back(plain_);
  EXPECT_TRUE(same_bits(said, back(fast_)));
  for (std::size_t row = 0; row < kRows; ++row) {
    double sum = 0;  // what all chances together change is nothing
    for (std::size_t c = 0; c < kColumns; ++c)
      sum += static_cast<double>(said[row * padded(kColumns) + c]);
    EXPECT_NEAR(sum, 0, 1e-6);
  }
}

constexpr Activation kActivations[] = {Activation::gelu,
                                       Activation::selu,
                                       Activation::mish,
                                       Activation::silu,
                                       Activation::tanh,
                                       Activation::sigmoid};

TEST_P(EachKernels, Activates) {
  for (const Activation kind : kActivations) {
    auto plain = numbers(random_, 1600);
    for (float& number : plain)
      if (random_.chance(0.3)) number *= 40;
    plain[7] = NAN;
    auto fast = plain;
    std::vector<float> plain_slopes(plain.size()), fast_slopes(plain.size());
    plain_.activate(
        {.kind = kind, .count = 1600, .values = plain.data(), .slopes = plain_slopes.data()});
    fast_.activate(
        {.kind = kind, .count = 1600, .values = fast.data(), .slopes = fast_slopes.data()});
    EXPECT_TRUE(same_bits(plain, fast)) << static_cast<int>(kind);
    EXPECT_TRUE(same_bits(plain_slopes, fast_slopes)) << static_cast<int>(kind);
    EXPECT_TRUE(std::isnan(fast[7]) && std::isnan(fast_slopes[7])) << static_cast<int>(kind);
  }
}

INSTANTIATE_TEST_SUITE_P(Fast,
                         EachKernels,
                         testing::ValuesIn(fast_kernels()),
                         [](const auto& tested) { return std::string{tested.param->name}; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EachKernels);

TEST(PortableKernels, ActivationsAndTheirSlopesAreThoseOfThePapers) {
  for (const Activation kind : kActivations) {
    for (double x = -30; x <= 30; x += 0.0173) {
      const auto given = static_cast<double>(static_cast<float>(x));
      float value = static_cast<float>(x);
      float slope = 0;
      portable_kernels().activate({.kind = kind, .count = 1, .values = &value, .slopes = &slope});
      const double exact = defined_activation(kind, given);
      EXPECT_NEAR(value, exact, 1e-6 * (1 + std::abs(exact))) << static_cast<int>(kind) << " " << x;
      const double exact_slope =
          (defined_activation(kind, given + 1e-6) - defined_activation(kind, given - 1e-6)) / 2e-6;
      if (std::abs(given) < 1e-5) continue;
      EXPECT_NEAR(slope, exact_slope, 3e-6 * (1 + std::abs(exact_slope)))
          << static_cast<int>(kind) << " " << x;
    }
  }
}

TEST(PortableKernels, TanhLosesNothingNearZero) {
  for (double x = 1e-8; x < 1; x *= 1.07) {
    float value = static_cast<float>(x);
    const double exact = std::tanh(static_cast<double>(value));
    portable_kernels().activate({.kind = Activation::tanh, .count = 1, .values = &value});
    EXPECT_NEAR(value, exact, 1e-6 * exact) << x;
  }
}

TEST(PortableKernels, SoftmaxIsWithinAFewUnitsOfTheLastPlace) {
  Random random{5};
  for (int round = 0; round < 2000; ++round) {
    auto scores = plain_numbers(random, 16);
    for (float& score : scores)
      score *= 20;
    const auto given = scores;
    portable_kernels().softmax(scores.data(), 1, 5, 16);
    const float most = *std::max_element(given.begin(), given.begin() + 5);
    double sum = 0;
    for (int c = 0; c < 5; ++c)
      sum += std::exp(static_cast<double>(given[c] - most));
    for (int c = 0; c < 5; ++c) {
      const double exact = std::exp(static_cast<double>(given[c] - most)) / sum;
      EXPECT_NEAR(scores[c], exact, 4e-7 * exact + 1e-37);
    }
    EXPECT_EQ(scores[5], given[5]) << "what is no class stays";
  }
}

TEST(PortableKernels, DropoutDropsItsShareAndChoosesByKeyAndPlace) {
  constexpr std::size_t kCount = 100'000;
  const auto kept_by = [](std::uint32_t key) {
    std::vector<float> values(kCount, 1);
    portable_kernels().dropout({.count = kCount,
                                .values = values.data(),
                                .key = key,
                                .threshold = 858'993'459,  // a fifth
                                .scale = 1.25F});
    return values;
  };
  const auto values = kept_by(1);
  double sum = 0;
  for (const float value : values) {
    EXPECT_TRUE(value == 0 || value == 1.25F);
    sum += value;
  }
  EXPECT_NEAR(sum / kCount, 1, 0.01);
  EXPECT_EQ(kept_by(1), values);
  EXPECT_NE(kept_by(2), values);
}

}  // namespace
}  // namespace starling::ml
