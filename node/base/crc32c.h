/// CRC-32C (Castagnoli): by the CPU's own instruction (SSE 4.2), else eight bytes a step from
/// tables. Both give the same.
///
/// Source: Kounavis and Berry, "A systematic approach to building high performance software-based
///         CRC generators" (slicing-by-8).
#pragma once

#include "node/base/bytes.h"

#include <cstdint>

namespace starling {

/// Continues `crc`, which is 0 for a fresh start, over `bytes`.
std::uint32_t crc32c(std::uint32_t crc, BytesView bytes);

/// The same, where there is no instruction for it.
std::uint32_t crc32c_by_tables(std::uint32_t crc, BytesView bytes);

}  // namespace starling
