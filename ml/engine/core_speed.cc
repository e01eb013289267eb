#include "ml/engine/core_speed.h"

#include "ml/engine/kernels.h"

#include <algorithm>
#include <chrono>
#include <vector>

namespace starling::ml {

double core_mflops() {
  constexpr std::size_t kRows = 128;
  constexpr std::size_t kWidth = 64;
  constexpr int kWindows = 20;
  constexpr int kProducts = 16;  // to a window
  using Clock = std::chrono::steady_clock;
  const std::vector<float> in(kRows * kWidth, 0.5F);
  const std::vector<float> weights(kWidth * kWidth, 0.25F);
  std::vector<float> out(kRows * kWidth);
  const Product product{.rows = kRows,
                        .columns = kWidth,
                        .depth = kWidth,
                        .a = in.data(),
                        .a_row = kWidth,
                        .a_depth = 1,
                        .b = weights.data(),
                        .out = out.data()};
  const Kernels& kernels = best_kernels();
  double best = 0;
  for (int window = 0; window < kWindows; ++window) {
    const auto begin = Clock::now();
    for (int i = 0; i < kProducts; ++i)
      kernels.multiply(product);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    best =
        std::max(best, 2.0 * kProducts * kRows * kWidth * kWidth / std::max(seconds, 1e-9) / 1e6);
  }
  return best;
}

}  // namespace starling::ml
