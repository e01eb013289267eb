// Tables that are larger than memory: rows in a file, and the order in which an epoch reads them.
#include "ml/table/encoded_rows.h"
#include "ml/train/row_order.h"
#include "tests/support/scratch_folder.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>

namespace starling::ml {
namespace {

using tests::ScratchFolder;

/// Two numbers and a category of three levels.
std::vector<EncodedRows::Feature> features() {
  return {{0, 2, false, 2}, {2, 3, true, 0}};
}

void fill(EncodedRows& rows) {
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    rows.numbers(row, 0)[0] = static_cast<float>(row);
    rows.numbers(row, 0)[1] = static_cast<float>(row % 7);
    if (row % 4 != 0) rows.set_place(row, 1, static_cast<std::uint16_t>(row % 3));
  }
}

TEST(LargeRows, InAFileAreTheSameAsInMemory) {
  const ScratchFolder folder;
  const std::size_t count = EncodedRows::kInMemoryMax / EncodedRows::row_bytes(features()) + 1;
  EncodedRows mapped{count, features(), {.folder = folder.path(), .reserve = 0}};
  EncodedRows kept{count, features()};
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "the file has no name any more";
  fill(mapped);
  fill(kept);
  for (const std::size_t first : {std::size_t{0}, count / 2, count - 100})
    EXPECT_EQ(mapped.dense(first, 100).values, kept.dense(first, 100).values);
  const EncodedRows moved = std::move(mapped);
  EXPECT_EQ(moved.dense(count - 1, 1).values, kept.dense(count - 1, 1).values);
}

TEST(LargeRows, LeaveTheDiskWhatIsReserved) {
  const ScratchFolder folder;
  const std::size_t count = EncodedRows::kInMemoryMax / EncodedRows::row_bytes(features()) + 1;
  const ScratchSpace no_room{.folder = folder.path(), .reserve = std::uint64_t{1} << 60};
  EXPECT_THROW((EncodedRows{count, features(), no_room}), std::runtime_error);
  EXPECT_NO_THROW((EncodedRows{100, features(), no_room})) << "few rows need no file";
}

std::vector<std::size_t> order_of(std::size_t rows, std::size_t row_bytes, std::uint64_t seed) {
  std::vector<std::size_t> order(rows);
  Random random{seed};
  shuffle_rows(order, row_bytes, random);
  return order;
}

TEST(RowOrder, IsAPermutationOfAllRowsByTheSeed) {
  for (const std::size_t row_bytes : {std::size_t{8}, std::size_t{100'000}}) {
    auto order = order_of(5000, row_bytes, 3);
    EXPECT_EQ(order, order_of(5000, row_bytes, 3));
    EXPECT_NE(order, order_of(5000, row_bytes, 4));
    std::ranges::sort(order);
    std::vector<std::size_t> all(5000);
    std::iota(all.begin(), all.end(), std::size_t{0});
    EXPECT_EQ(order, all);
  }
}

TEST(RowOrder, OfALargeTableReadsFewBlocksAtATime) {
  constexpr std::size_t kRowBytes = 100'000;
  constexpr std::size_t kInBlock = kShuffleBlockBytes / kRowBytes;
  constexpr std::size_t kInWindow = kInBlock * kShuffleWindowBlocks;
  const auto order = order_of(10 * kInWindow, kRowBytes, 1);
  std::set<std::size_t> first_blocks;
  std::size_t in_sequence = 0;
  for (std::size_t window = 0; window < 10; ++window) {
    std::set<std::size_t> blocks;
    for (std::size_t i = window * kInWindow; i < (window + 1) * kInWindow; ++i) {
      blocks.insert(order[i] / kInBlock);
      if (i > 0 && order[i] == order[i - 1] + 1) ++in_sequence;
    }
    EXPECT_EQ(blocks.size(), kShuffleWindowBlocks);
    first_blocks.insert(*blocks.begin());
  }
  EXPECT_EQ(first_blocks.size(), 10U);
  EXPECT_LT(in_sequence, order.size() / 20) << "rows of a window are mixed";
}

}  // namespace
}  // namespace starling::ml
