// A member whose state is not the others' is found, through the log.
#include "consensus/group/state_chain.h"

#include <gtest/gtest.h>

namespace starling::consensus {
namespace {

Changes put(const std::string& key, const std::string& value) {
  Changes changes;
  changes.put(key, value);
  return changes;
}

/// Entries 1 to `last`, each setting "k" to its number; entry `odd` decides otherwise.
std::optional<StateCheck> fill(StateChain& chain, std::uint64_t last, std::uint64_t odd = 0) {
  std::optional<StateCheck> check;
  for (std::uint64_t i = 1; i <= last; ++i) {
    const auto link = chain.add({i}, put("k", i == odd ? "odd" : std::to_string(i)));
    if (link) check = link;
  }
  return check;
}

TEST(StateChain, IsEqualForEqualDecisionsAndStaysDifferentAfterOneThatIsNot) {
  const MapView empty;
  StateChain one{empty};
  StateChain other{empty};
  StateChain odd{empty};
  const auto most = fill(one, kCheckEvery);
  ASSERT_TRUE(most);
  EXPECT_EQ(most->index.value, kCheckEvery);
  EXPECT_EQ(fill(other, kCheckEvery), most);
  EXPECT_NE(fill(odd, kCheckEvery, 7), most);
  EXPECT_FALSE(other.compare(*most));
  EXPECT_TRUE(odd.compare(*most));
}

TEST(StateChain, GoesOnFromTheStateThatCarriesIt) {
  MapView state;
  StateChain whole{state};
  fill(whole, 700);
  Changes changes;
  whole.put_into(changes);
  state.commit(changes);
  StateChain again{state};
  std::optional<StateCheck> a;
  std::optional<StateCheck> b;
  for (std::uint64_t i = 701; i <= kCheckEvery; ++i) {
    a = whole.add({i}, put("k", "v"));
    b = again.add({i}, put("k", "v"));
  }
  ASSERT_TRUE(a);
  EXPECT_EQ(a, b);
}

TEST(StateChain, ADeletionIsNotAnEmptyValue) {
  const MapView empty;
  StateChain one{empty};
  StateChain other{empty};
  Changes erased;
  erased.erase("k");
  for (std::uint64_t i = 1; i < kCheckEvery; ++i) {
    one.add({i}, i == 5 ? erased : Changes{});
    other.add({i}, i == 5 ? put("k", "") : Changes{});
  }
  EXPECT_NE(one.add({kCheckEvery}, {}), other.add({kCheckEvery}, {}));
}

TEST(StateCheck, SurvivesItsBytes) {
  const StateCheck check{{77}, {1, 2, 3}};
  EXPECT_EQ(decode_state_check(encode_state_check(check)), check);
  EXPECT_FALSE(decode_state_check("short"));
}

}  // namespace
}  // namespace starling::consensus
