// A data directory is one node's, for one process at a time, for all time.
#include "bootstrap/identity.h"

#include "node/base/durable_file.h"
#include "tests/support/scratch_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace starling::bootstrap {
namespace {

using testing::HasSubstr;

class IdentityTest : public testing::Test {
 protected:
  const tests::ScratchFolder scratch_;
  const std::filesystem::path folder_ = scratch_.path();
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

TEST_F(IdentityTest, WhoseStateIsGoneIsANewNodeThatDoesNotFoundAgain) {
  NodeId first;
  {
    const auto identity = Identity::open(folder_).value();
    ASSERT_TRUE(identity->found(swarm_));
    ASSERT_TRUE(identity->founded());
    first = identity->node();
  }
  const auto again = Identity::open(folder_).value();
  EXPECT_NE(again->node(), first);
  EXPECT_EQ(again->swarm(), swarm_);
  EXPECT_FALSE(again->is_founding());
  EXPECT_THAT(again->renewed_because().value_or(""), HasSubstr("its state is gone"));
}

TEST_F(IdentityTest, AfterQuarantineIsANewNodeAndKeepsTheOldStateAside) {
  NodeId first;
  {
    const auto identity = Identity::open(folder_).value();
    ASSERT_TRUE(identity->join(swarm_, 0));
    std::filesystem::create_directory(folder_ / "state");
    std::ofstream{folder_ / "state" / "log"} << "old";
    ASSERT_TRUE(identity->quarantine("entry 9 was lost"));
    first = identity->node();
  }
  NodeId second;
  {
    const auto again = Identity::open(folder_).value();
    second = again->node();
    EXPECT_NE(second, first);
    EXPECT_EQ(again->swarm(), swarm_);
    EXPECT_THAT(again->renewed_because().value_or(""), HasSubstr("entry 9 was lost"));
    EXPECT_EQ(read_file(folder_ / "state.lost-1" / "log").value(), "old");
    EXPECT_FALSE(std::filesystem::exists(folder_ / "state"));
    std::filesystem::create_directory(folder_ / "state");
  }
  const auto third = Identity::open(folder_).value();
  EXPECT_EQ(third->node(), second) << "a quarantine ends once";
  EXPECT_FALSE(third->renewed_because());
}

TEST_F(IdentityTest, ThatLeftItsSwarmIsANewNodeOfNone) {
  NodeId first;
  {
    const auto identity = Identity::open(folder_).value();
    ASSERT_TRUE(identity->found(swarm_, true));
    ASSERT_TRUE(identity->founded());
    std::filesystem::create_directory(folder_ / "state");
    first = identity->node();
  }
  {
    const auto again = Identity::open(folder_).value();
    EXPECT_TRUE(again->has_founded_by_proof());
    ASSERT_TRUE(again->leave_swarm("another was met"));
  }
  const auto fresh = Identity::open(folder_).value();
  EXPECT_NE(fresh->node(), first);
  EXPECT_FALSE(fresh->swarm());
  EXPECT_FALSE(fresh->has_founded_by_proof());
  EXPECT_THAT(fresh->renewed_because().value_or(""), HasSubstr("another was met"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "state.lost-1"));
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
