#include "ml/train/row_order.h"

#include <algorithm>
#include <numeric>
#include <span>

namespace starling::ml {
namespace {

/// Fisher and Yates.
void shuffle(std::span<std::size_t> some, Random& random) {
  for (std::size_t i = some.size(); i > 1; --i)
    std::swap(some[i - 1], some[random.below(i)]);
}

}  // namespace

void shuffle_rows(std::vector<std::size_t>& order, std::size_t row_bytes, Random& random) {
  const std::size_t rows = order.size();
  if (rows * row_bytes <= kShuffledAsOneBytes) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    return shuffle(order, random);
  }
  const std::size_t in_block = std::max<std::size_t>(kShuffleBlockBytes / row_bytes, 1);
  std::vector<std::size_t> blocks((rows + in_block - 1) / in_block);
  std::iota(blocks.begin(), blocks.end(), std::size_t{0});
  shuffle(blocks, random);
  std::size_t at = 0;
  std::size_t window = 0;  // where the present one began
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::size_t end = std::min(rows, (blocks[i] + 1) * in_block);
    for (std::size_t row = blocks[i] * in_block; row < end; ++row)
      order[at++] = row;
    const bool is_full = (i + 1) % kShuffleWindowBlocks == 0 || i + 1 == blocks.size();
    if (!is_full) continue;
    shuffle(std::span{order}.subspan(window, at - window), random);
    window = at;
  }
}

}  // namespace starling::ml
