/// The order in which an epoch goes through the rows.
///
/// Threads: none. Pure.
#pragma once

#include "node/base/random.h"

#include <cstddef>
#include <vector>

namespace starling::ml {

/// Rows up to so many bytes in all are shuffled as one.
inline constexpr std::size_t kShuffledAsOneBytes = std::size_t{256} << 20;
inline constexpr std::size_t kShuffleBlockBytes = std::size_t{4} << 20;
inline constexpr std::size_t kShuffleWindowBlocks = 8;

/// A permutation of 0 to order.size() - 1. Larger tables may not fit into memory: their blocks are
/// shuffled, and then the rows of each eight blocks that follow each other, so that an epoch reads
/// the disk in few large pieces. The order depends on chance and sizes only, not on what memory
/// there is.
void shuffle_rows(std::vector<std::size_t>& order, std::size_t row_bytes, Random& random);

}  // namespace starling::ml
