// With each bug planted in the placement of blobs (node/base/mutant.h) the world of nodes that die
// and lose disks must show something wrong.
#include "tests/node/blob_world.h"
#include "tests/support/planted_bug.h"

#include <gtest/gtest.h>

namespace starling::node {
namespace {

struct Planted {
  int mutant;
  const char* bug;
};

bool is_noticed() {
  for (std::uint64_t seed = 1; seed <= 60; ++seed)
    if (!BlobWorld{seed}.run(300).empty()) return true;
  return false;
}

class BlobMutants : public testing::TestWithParam<Planted> {};

TEST_P(BlobMutants, AreNoticed) {
  if (tests::kIsSanitized) GTEST_SKIP() << "with sanitizers it takes long, and finds no more";
  EXPECT_EQ(tests::falls(GetParam().mutant, is_noticed), GetParam().mutant != 0) << GetParam().bug;
}

INSTANTIATE_TEST_SUITE_P(
    Planted,
    BlobMutants,
    testing::Values(Planted{0, "none: nothing may be noticed"},
                    Planted{301, "who is gone for long keeps its place"},
                    Planted{302, "who should hold a blob is never computed again"},
                    Planted{303, "what two others can give is not fetched"},
                    Planted{304, "only those who should hold a blob are asked for it"},
                    Planted{305, "two copies are enough"}),
    [](const auto& each) { return "M" + std::to_string(each.param.mutant); });

}  // namespace
}  // namespace starling::node
