#include "ml/engine/kernels_body.h"

namespace starling::ml {

extern const Kernels kAvx512Kernels;
const Kernels kAvx512Kernels = kernels_named("avx512");

}  // namespace starling::ml
