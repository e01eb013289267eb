#include "ml/engine/kernels_body.h"

namespace starling::ml {

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels = kernels_named("avx2");

}  // namespace starling::ml
