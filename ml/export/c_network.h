/// Networks of the own engine (ml/train/native_model.h) as C99 text: all that network_shape.h knows
/// of, members and embeddings too.
///
/// The text sums floats in the engine's order, but without its fused steps: what it says differs in
/// the last places. Threads: none. Pure.
#pragma once

#include "ml/export/c_model.h"
#include "ml/train/native_model.h"

#include <cstddef>

namespace starling::ml {

/// Writes the model's function. Returns: the bytes that it takes on the stack.
/// Errors: `corrupt`: a network for other inputs or outputs, or a weight that is not finite.
Result<std::size_t> write_network(const NativeModel& network, const CModel& model, CSource& source);

}  // namespace starling::ml
