// A data directory is one node's, for one process at a time, for all time.
#include "bootstrap/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace starling::bootstrap {
namespace {

using testing::HasSubstr;

class IdentityTest : public testing::Test {
 protected:
  IdentityTest() {
    std::string pattern = testing::TempDir() + "identity-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }

  ~IdentityTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  SwarmId swarm_{.bytes = {1, 2, 3}};
};

TEST_F(IdentityTest, IsMadeOnceAndReadAgain) {
  const NodeId first = Identity::open(folder_).value()->node();
  const NodeId second = Identity::open(folder_).value()->node();
  EXPECT_EQ(first, second);
  EXPECT_FALSE(first.is_none());
  const auto mode = std::filesystem::status(folder_ / "identity").permissions();
  EXPECT_EQ(mode & std::filesystem::perms::group_all, std::filesystem::perms::none);
}

TEST_F(IdentityTest, BelongsToOneProcessAtATime) {
  const auto holder = Identity::open(folder_).value();
  const auto second = Identity::open(folder_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::conflict);
  EXPECT_THAT(second.error().detail, HasSubstr("another starling process"));
}

TEST_F(IdentityTest, RemembersItsSwarmAndAnInterruptedFounding) {
  ASSERT_TRUE(Identity::open(folder_).value()->found(swarm_));
  const auto again = Identity::open(folder_).value();
  EXPECT_EQ(again->swarm(), swarm_);
  EXPECT_TRUE(again->is_founding());
}

TEST_F(IdentityTest, WhoseStateIsGoneDoesNotFoundAgain) {
  {
    const auto identity = Identity::open(folder_).value();
    ASSERT_TRUE(identity->found(swarm_));
    ASSERT_TRUE(identity->founded());
  }
  const auto opened = Identity::open(folder_);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("its state is gone"));
}

TEST_F(IdentityTest, ThatIsDamagedOrMissingBesideAStateIsRefused) {
  std::filesystem::create_directories(folder_ / "state");
  EXPECT_EQ(Identity::open(folder_).error().code, Errc::corrupt);
  std::ofstream{folder_ / "identity"} << "{";
  EXPECT_EQ(Identity::open(folder_).error().code, Errc::corrupt);
}

TEST_F(IdentityTest, IncarnationsOnlyRise) {
  const auto identity = Identity::open(folder_).value();
  std::uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const auto next = identity->next_incarnation().value();
    EXPECT_GT(next, last);
    last = next;
  }
}

}  // namespace
}  // namespace starling::bootstrap
