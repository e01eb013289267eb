#include "ml/engine/kernels.h"

namespace starling::ml {

extern const Kernels kPortableKernels;

#if defined(__x86_64__)

extern const Kernels kAvx512Kernels;
extern const Kernels kAvx2Kernels;

const Kernels* avx512_kernels() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma") ? &kAvx512Kernels
                                                                            : nullptr;
}

const Kernels* avx2_kernels() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kAvx2Kernels : nullptr;
}

#else

const Kernels* avx512_kernels() {
  return nullptr;
}

const Kernels* avx2_kernels() {
  return nullptr;
}

#endif

const Kernels& portable_kernels() {
  return kPortableKernels;
}

const Kernels& best_kernels() {
  if (const Kernels* widest = avx512_kernels()) return *widest;
  const Kernels* wide = avx2_kernels();
  return wide != nullptr ? *wide : kPortableKernels;
}

}  // namespace starling::ml
