// A full disk refuses what grows, long before it refuses everything.
#include "bootstrap/disk_guard.h"

#include "tests/support/scratch_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starling::bootstrap {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

class DiskGuardTest : public testing::Test {
 protected:
  bool has_ballast() const { return std::filesystem::exists(folder_ / "ballast"); }

  const tests::ScratchFolder scratch_;
  const std::filesystem::path folder_ = scratch_.path();
  std::uint64_t free_ = 1000 * kMegabyte;
};

TEST_F(DiskGuardTest, RefusesGrowthBelowTheReserveAndIsFullBelowAQuarterOfIt) {
  const DiskGuard guard{folder_, 256 * kMegabyte, [this] { return free_; }};
  EXPECT_TRUE(guard.room_to_grow());
  free_ = 255 * kMegabyte;
  const auto refused = guard.room_to_grow();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_space);
  EXPECT_THAT(refused.error().detail, testing::HasSubstr("255 MB free"));
  EXPECT_THAT(refused.error().detail, testing::HasSubstr("256 MB"));
  EXPECT_FALSE(guard.is_full());
  free_ = 63 * kMegabyte;
  EXPECT_TRUE(guard.is_full());
}

TEST_F(DiskGuardTest, KeepsBallastWhileThereIsRoomAndGivesItBackWhenThereIsNone) {
  const DiskGuard guard{folder_, 256 * kMegabyte, [this] { return free_; }};
  EXPECT_EQ(guard.trim_ballast(), "");
  EXPECT_TRUE(has_ballast());
  EXPECT_EQ(std::filesystem::file_size(folder_ / "ballast"), 16 * kMegabyte);
  free_ = 10 * kMegabyte;
  EXPECT_THAT(guard.trim_ballast(), testing::HasSubstr("gave back 16 MB"));
  EXPECT_FALSE(has_ballast());
  EXPECT_EQ(guard.trim_ballast(), "") << "there is none to give";
}

}  // namespace
}  // namespace starling::bootstrap
