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

/// As if others had written meanwhile; the last ones for as long as nothing may be dropped.
void let_log_grow(Swarm& swarm, std::uint64_t entries) {
  constexpr std::uint64_t kSeen = 300;
  swarm.index += entries - kSeen;
  for (std::uint64_t i = 0; i < kSeen; ++i)
    swarm.run(SetRegister{"other", "x", {}});
}

TEST(InternalKeys, LiveForAWindowOfTheLogAndLeaveTheClientsKeysAlone) {
  Swarm swarm;
  swarm.run(SetRegister{"k", "a", {}}, "client", "hash");
  const auto key = own_key(swarm, 1);
  const auto first = swarm.run(SetRegister{"k", "b", {}}, key);
  let_log_grow(swarm, kInternalKeyWindow - 10);
  swarm.run(SetRegister{"k", "c", {}}, own_key(swarm, 2));
  EXPECT_EQ(swarm.run(SetRegister{"k", "b", {}}, key).number, first.number);
  let_log_grow(swarm, 1'000);
  swarm.run(SetRegister{"k", "d", {}}, own_key(swarm, 3));
  EXPECT_FALSE(swarm.view.get("idem/" + key));
  EXPECT_TRUE(swarm.view.get("idem/client"));
}

TEST(InternalKeys, AreAsManyAsTheWindowIsLongAndAFew) {
  constexpr std::size_t kFew = 300;
  Swarm swarm;
  swarm.run(SetRegister{"k", "a", {}}, "client", "hash");
  for (int i = 0; i < static_cast<int>(kInternalKeyWindow) + 1'000; ++i)
    swarm.run(SetRegister{"k", "b", {}}, own_key(swarm, i));
  const auto kept = count_prefix(swarm.view, "idem/") - 1;
  EXPECT_GE(kept, kInternalKeyWindow);
  EXPECT_LE(kept, kInternalKeyWindow + kFew);
  EXPECT_TRUE(swarm.view.get("idem/client"));
}

TEST(InternalKeys, ACommandWhoseKeyMayBeForgottenIsNotAppliedAgain) {
  Swarm swarm;
  const auto late = own_key(swarm, 1);
  swarm.run(SetRegister{"k", "old", {}}, late);
  let_log_grow(swarm, kInternalKeyWindow + 1'000);
  swarm.run(SetRegister{"k", "new", {}}, own_key(swarm, 2));
  const auto again = swarm.run(SetRegister{"k", "old", {}}, late);
  ASSERT_TRUE(again.error);
  EXPECT_EQ(again.error->code, Errc::timed_out) << "whether it was done cannot be said any more";
  EXPECT_EQ(find_register(swarm.view, "k").value().value, "new");
  EXPECT_FALSE(swarm.run(SetRegister{"k", "newer", {}}, own_key(swarm, 3)).error);
}

TEST(InternalKeys, OneThatNamesALaterEntryOrNoneIsRefused) {
  Swarm swarm;
  const auto early = internal_key({swarm.index + 1}, "x");
  for (const auto& key : {early, std::string{"\x01"}, std::string{"\x01zzzzzzzzzzzzzzzz-x"}}) {
    const auto outcome = swarm.run(SetRegister{"k", "a", {}}, key);
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, Errc::invalid_argument);
  }
  EXPECT_EQ(count_prefix(swarm.view, "idem/"), 0U) << "it is not kept either";
}

TEST(InternalKeys, ARefusalIsRememberedToo) {
  Swarm swarm;
  const auto key = own_key(swarm, 1);
  const auto first = swarm.run(SetRegister{"k", "a", 7}, key);
  ASSERT_TRUE(first.error);
  swarm.run(SetRegister{"k", "b", {}}, own_key(swarm, 2));
  const auto again = swarm.run(SetRegister{"k", "a", 7}, key);
  EXPECT_EQ(again.error, first.error);
}

TEST(ClientKeys, AreLookedForWhereNoneWasDropped) {
  Swarm swarm;
  for (int i = 0; i < 10; ++i)
    swarm.run(SetRegister{"k", "a", {}}, "old-" + std::to_string(i), "hash");
  swarm.now_ms += kIdempotencyKeyLifeMs + 1;
  swarm.run(SetRegister{"k", "b", {}}, "new", "hash");
  EXPECT_EQ(count_prefix(swarm.view, "idemage/"), 1U);
  EXPECT_EQ(count_prefix(swarm.view, "idem/"), 1U);
  swarm.now_ms += kIdempotencyKeyLifeMs + 1;
  swarm.run(SetRegister{"k", "c", {}}, "newer", "hash");
  EXPECT_FALSE(swarm.view.get("idem/new")) << "the next ones are found, too";
  EXPECT_TRUE(swarm.view.get("idem/newer"));
}

}  // namespace
}  // namespace starling::ml
