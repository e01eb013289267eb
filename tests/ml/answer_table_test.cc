// Keys that a node gives to commands whose sender gave none.
#include "ml/study/answer_table.h"

#include "ml/study/registers.h"
#include "tests/ml/study_fixture.h"

namespace starling::ml {
namespace {

std::string own_key(const Swarm& swarm, int number) {
  return internal_key({swarm.index}, std::to_string(number));
}

std::size_t count_prefix(const MapView& view, std::string_view prefix) {
  std::size_t count = 0;
  view.scan(prefix, end_of_prefix(prefix), [&count](std::string_view, std::string_view) {
    ++count;
    return true;
  });
  return count;
}

TEST(InternalKeys, ARetriedCompareAndSetIsAnsweredAsTheFirstOne) {
  Swarm swarm;
  const auto key = own_key(swarm, 1);
  const auto first = swarm.run(SetRegister{"k", "a", 0}, key);
  const auto again = swarm.run(SetRegister{"k", "a", 0}, key);
  EXPECT_FALSE(again.error);
  EXPECT_EQ(again.number, first.number);
  EXPECT_EQ(again.id, first.id);
  EXPECT_TRUE(swarm.run(SetRegister{"k", "a", 0}, own_key(swarm, 2)).error);
}

TEST(InternalKeys, ARetriedWriteDoesNotUndoTheNextOne) {
  Swarm swarm;
  const auto key = own_key(swarm, 1);
  swarm.run(SetRegister{"k", "old", {}}, key);
  swarm.run(SetRegister{"k", "new", {}}, own_key(swarm, 2));
  swarm.run(SetRegister{"k", "old", {}}, key);
  EXPECT_EQ(find_register(swarm.view, "k").value().value, "new");
}

TEST(InternalKeys, LiveTwoMinutesAndLeaveTheClientsKeysAlone) {
  Swarm swarm;
  swarm.run(SetRegister{"k", "a", {}}, "client", "hash");
  const auto key = own_key(swarm, 1);
  swarm.run(SetRegister{"k", "b", {}}, key);
  swarm.now_ms += kInternalKeyLifeMs + 1;
  swarm.run(SetRegister{"k", "c", {}}, own_key(swarm, 2));
  EXPECT_FALSE(swarm.view.get("idem/" + key));
  EXPECT_TRUE(swarm.view.get("idem/client"));
}

TEST(InternalKeys, AreTwentyThousandAtMost) {
  Swarm swarm;
  swarm.run(SetRegister{"k", "a", {}}, "client", "hash");
  for (int i = 0; i < static_cast<int>(kInternalKeysMax) + 500; ++i)
    swarm.run(SetRegister{"k", "b", {}}, own_key(swarm, i));
  EXPECT_EQ(count_prefix(swarm.view, "idemown/"), kInternalKeysMax);
  EXPECT_EQ(count_prefix(swarm.view, "idem/"), kInternalKeysMax + 1);
  EXPECT_TRUE(swarm.view.get("idem/client"));
}

TEST(InternalKeys, ACommandWhoseKeyMayBeForgottenIsNotAppliedAgain) {
  Swarm swarm;
  const auto late = own_key(swarm, 1);
  swarm.run(SetRegister{"k", "old", {}}, late);
  swarm.now_ms += kInternalKeyLifeMs + 1;
  swarm.run(SetRegister{"k", "new", {}}, own_key(swarm, 2));
  const auto again = swarm.run(SetRegister{"k", "old", {}}, late);
  ASSERT_TRUE(again.error);
  EXPECT_EQ(again.error->code, Errc::timed_out) << "whether it was done cannot be said any more";
  EXPECT_EQ(find_register(swarm.view, "k").value().value, "new");
  EXPECT_FALSE(swarm.run(SetRegister{"k", "newer", {}}, own_key(swarm, 3)).error);
}

}  // namespace
}  // namespace starling::ml
