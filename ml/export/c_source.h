/// A model as one file of C99 that needs nothing but the standard library: how a row is encoded,
/// its trees and networks, and what is done to their answers.
///
/// The text says of a row what Predictor (ml/serve/predictor.h) says: with trees to the bit, with
/// networks but for the last places of floats. It has no state and allocates nothing; many threads
/// may call it at once. The same artifact gives the same bytes.
///
/// Threads: none of its own. Reads the models' files.
#pragma once

#include "ml/serve/artifact.h"
#include "node/base/error.h"

#include <cstddef>
#include <string>

namespace starling::ml {

inline constexpr std::size_t kCSourceBytesMax = 4 << 20;

/// Columns of numbers, dates and categories; trees, and networks of the own engine.
/// Errors: `unsupported` names what C cannot do, and what to do instead: a column of text, a level
///         or class that no C string holds, a network by LibTorch. `too_large` names the size and
///         the limit. `corrupt`, `io`: a model's file is damaged or cannot be read.
Result<std::string> c_source(const Artifact& artifact);

}  // namespace starling::ml
