/// CRC-32C (Castagnoli), eight bytes a step from tables: the same speed on every CPU.
///
/// Source: Kounavis and Berry, "A systematic approach to building high performance software-based
///         CRC generators" (slicing-by-8).
#pragma once

#include "node/base/bytes.h"

#include <cstdint>

namespace starling {

/// Continues `crc`, which is 0 for a fresh start, over `bytes`.
std::uint32_t crc32c(std::uint32_t crc, BytesView bytes);

}  // namespace starling
