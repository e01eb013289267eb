#include "ml/study/registers.h"

#include "tests/ml/study_fixture.h"

namespace starling::ml {
namespace {

Outcome set(Swarm& swarm,
            std::string value,
            std::optional<std::uint64_t> expected = {},
            std::string key = "k") {
  return swarm.run(SetRegister{std::move(key), std::move(value), expected});
}

TEST(Registers, AVersionIsTheIndexOfTheLastWrite) {
  Swarm swarm;
  const auto first = set(swarm, "a");
  EXPECT_EQ(first.number, swarm.index);
  EXPECT_EQ(first.id, "k");
  const auto second = set(swarm, std::string("\0\xff", 2));
  EXPECT_EQ(second.number, swarm.index);
  EXPECT_EQ(second.id, "") << "only the first write creates it";
  const auto found = find_register(swarm.view, "k").value();
  EXPECT_EQ(found, (Register{"k", second.number, std::string("\0\xff", 2)}));
  EXPECT_EQ(find_register(swarm.view, "other").error().code, Errc::not_found);
}

TEST(Registers, AConditionThatDoesNotHoldChangesNothingAndNamesTheVersionFound) {
  Swarm swarm;
  const auto absent = set(swarm, "a", 5);
  ASSERT_TRUE(absent.error);
  EXPECT_EQ(absent.error->code, Errc::conflict);
  EXPECT_NE(absent.error->detail.find("does not exist"), std::string::npos);

  const auto version = set(swarm, "a", 0).number;
  const auto taken = set(swarm, "b", 0);
  ASSERT_TRUE(taken.error);
  EXPECT_EQ(taken.error->code, Errc::conflict);
  EXPECT_EQ(taken.number, version);
  EXPECT_NE(taken.error->detail.find(fmt::format("has version {}", version)), std::string::npos);
  EXPECT_EQ(find_register(swarm.view, "k").value(), (Register{"k", version, "a"}));

  const auto next = set(swarm, "c", version);
  EXPECT_FALSE(next.error);
  EXPECT_TRUE(set(swarm, "d", version).error) << "the same version is given out once";
  EXPECT_EQ(find_register(swarm.view, "k").value(), (Register{"k", next.number, "c"}));
}

TEST(Registers, RemovalObeysTheConditionAndVersionsGrowOverIt) {
  Swarm swarm;
  EXPECT_EQ(swarm.run(RemoveRegister{"k", {}}).error->code, Errc::not_found);
  EXPECT_EQ(swarm.run(RemoveRegister{"k", 3}).error->code, Errc::conflict);
  const auto version = set(swarm, "a").number;
  EXPECT_EQ(swarm.run(RemoveRegister{"k", version + 1}).error->code, Errc::conflict);
  EXPECT_EQ(swarm.run(RemoveRegister{"k", version}).number, version);
  EXPECT_TRUE(list_registers(swarm.view).empty());
  EXPECT_GT(set(swarm, "a", 0).number, version);
}

TEST(Registers, KeysAndValuesHaveLimits) {
  Swarm swarm;
  EXPECT_FALSE(set(swarm, "", {}, "a/B.c_d-9").error);
  EXPECT_FALSE(set(swarm, std::string(kRegisterValueMax, 'x'), {}, std::string(128, 'k')).error);
  for (const std::string key : {"", "a b", "a\n", "\xc3\xa4", "a%"}) {
    EXPECT_EQ(set(swarm, "", {}, key).error->code, Errc::invalid_argument) << key;
    EXPECT_EQ(swarm.run(RemoveRegister{key, {}}).error->code, Errc::invalid_argument) << key;
  }
  EXPECT_EQ(set(swarm, "", {}, std::string(129, 'k')).error->code, Errc::invalid_argument);
  EXPECT_EQ(set(swarm, std::string(kRegisterValueMax + 1, 'x')).error->code, Errc::too_large);
  EXPECT_EQ(list_registers(swarm.view).size(), 2U);
}

TEST(Registers, TheirNumberIsBoundedAndRemovalMakesRoom) {
  Swarm swarm;
  for (std::size_t i = 0; i < kRegistersMax; ++i)
    ASSERT_FALSE(set(swarm, "", {}, fmt::format("k{}", i)).error) << i;
  EXPECT_EQ(set(swarm, "").error->code, Errc::too_large);
  EXPECT_FALSE(set(swarm, "new", {}, "k0").error) << "what exists may change";
  EXPECT_FALSE(swarm.run(RemoveRegister{"k1", {}}).error);
  EXPECT_FALSE(set(swarm, "").error);
  EXPECT_EQ(list_registers(swarm.view).size(), kRegistersMax);
}

TEST(Registers, WritingMakesNoEvent) {
  Swarm swarm;
  set(swarm, "a");
  swarm.run(RemoveRegister{"k", {}});
  EXPECT_TRUE(events_after(swarm.view, 0, 0, 10).events.empty());
}

}  // namespace
}  // namespace starling::ml
