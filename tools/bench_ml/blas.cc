#include "tools/bench_ml/blas.h"

#include <algorithm>
#include <dlfcn.h>
#include <memory>

namespace starling::bench {
namespace {

// Of CBLAS: rows one after the other; as it is, or transposed.
constexpr int kRowMajor = 101;
constexpr int kPlain = 111, kTransposed = 112;

using Sgemm = void (*)(int order,
                       int transpose_a,
                       int transpose_b,
                       int rows,
                       int columns,
                       int depth,
                       float alpha,
                       const float* a,
                       int a_stride,
                       const float* b,
                       int b_stride,
                       float beta,
                       float* out,
                       int out_stride);

Sgemm load_sgemm() {
  void* library = ::dlopen("libopenblas.so.0", RTLD_NOW);
  if (library == nullptr) return nullptr;
  if (auto* one_thread =
          reinterpret_cast<void (*)(int)>(::dlsym(library, "openblas_set_num_threads")))
    one_thread(1);
  return reinterpret_cast<Sgemm>(::dlsym(library, "cblas_sgemm"));
}

struct Matrices {
  std::vector<float> a, b, out;
};

}  // namespace

std::function<void()> blas_step(const std::vector<std::size_t>& widths, std::size_t batch) {
  const Sgemm sgemm = load_sgemm();
  if (sgemm == nullptr) return nullptr;
  const std::size_t widest = std::max(batch, *std::ranges::max_element(widths));
  const auto room = std::make_shared<Matrices>();
  for (auto* matrix : {&room->a, &room->b, &room->out})
    matrix->assign(widest * widest, 0.5F);
  return [=] {
    const int rows = static_cast<int>(batch);
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      const int in = static_cast<int>(widths[i]), out = static_cast<int>(widths[i + 1]);
      const auto multiply = [&](int turn_a, int turn_b, int m, int n, int k) {
        const float* a = room->a.data();
        const float* b = room->b.data();
        sgemm(kRowMajor,
              turn_a,
              turn_b,
              m,
              n,
              k,
              1,
              a,
              turn_a == kPlain ? k : m,
              b,
              turn_b == kPlain ? n : k,
              0,
              room->out.data(),
              n);
      };
      multiply(kPlain, kPlain, rows, out, in);
      multiply(kTransposed, kPlain, in, out, rows);
      if (i > 0) multiply(kPlain, kTransposed, rows, in, out);
    }
  };
}

}  // namespace starling::bench
