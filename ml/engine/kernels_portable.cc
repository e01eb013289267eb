#include "ml/engine/kernels_body.h"

namespace starling::ml {

extern const Kernels kPortableKernels;
const Kernels kPortableKernels = kernels_named("portable");

}  // namespace starling::ml
