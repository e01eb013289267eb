#include "ml/study/swarm_members.h"

#include "ml/study/study_state.h"
#include "tests/ml/study_fixture.h"
#include "tests/support/test_trust.h"

namespace starling::ml {
namespace {

using node::KeyUse;
using node::Standing;
using tests::keyed_node;
using tests::keyed_secret;
using tests::ring_of;

node::NodeKey key_of(std::uint8_t number, std::uint64_t disk_incarnation = 0) {
  return {keyed_secret(number).key().public_key, disk_incarnation};
}

Outcome add(Swarm& swarm, std::uint8_t number, std::optional<node::KeyId> invite = {}) {
  return swarm.run(AddMember{key_of(number), "node-" + std::to_string(number), invite});
}

node::SwarmKey invite_secret(std::uint8_t byte) {
  return ring_of(byte)[0].key;
}

TEST(SwarmMembers, WhoWasLetInIsAMemberAndARepeatChangesNothing) {
  Swarm swarm;
  EXPECT_EQ(standing_of(swarm.view, key_of(1).public_key), Standing::unknown);
  EXPECT_EQ(add(swarm, 1).id, keyed_node(1).hex());
  EXPECT_EQ(standing_of(swarm.view, key_of(1).public_key), Standing::member);
  const auto change = member_change(swarm.view);
  EXPECT_EQ(change, swarm.index);
  EXPECT_FALSE(add(swarm, 1).error);
  EXPECT_EQ(member_change(swarm.view), change);
  ASSERT_EQ(list_members(swarm.view).size(), 1U);
  EXPECT_EQ(member_of(swarm.view, keyed_node(1))->name, "node-1");
  EXPECT_EQ(find_member(swarm.view, "node-1").value().node, keyed_node(1));
  EXPECT_EQ(find_member(swarm.view, keyed_node(1).hex().substr(0, 6)).value().name, "node-1");
  EXPECT_EQ(find_member(swarm.view, "node-2").error().code, Errc::not_found);
}

TEST(SwarmMembers, ANewDiskIncarnationTakesThePlaceOfTheOldAndAnOldCopyIsRefused) {
  Swarm swarm;
  add(swarm, 1);
  ASSERT_FALSE(swarm.run(AddMember{key_of(1, 1), "node-1", {}}).error);
  ASSERT_EQ(list_members(swarm.view).size(), 1U);
  EXPECT_EQ(list_members(swarm.view)[0].key, key_of(1, 1));
  const auto old = add(swarm, 1);
  ASSERT_TRUE(old.error);
  EXPECT_EQ(old.error->code, Errc::conflict);
  EXPECT_NE(old.error->detail.find("old copy"), std::string::npos);
}

TEST(SwarmMembers, WhoWasRemovedStaysOutAndTheLastOneStaysIn) {
  Swarm swarm;
  add(swarm, 1);
  EXPECT_EQ(swarm.run(RemoveMember{keyed_node(1)}).error->code, Errc::conflict);
  add(swarm, 2);
  ASSERT_FALSE(swarm.run(RemoveMember{keyed_node(2)}).error);
  EXPECT_EQ(standing_of(swarm.view, key_of(2).public_key), Standing::removed);
  EXPECT_EQ(add(swarm, 2).error->code, Errc::conflict);
  EXPECT_EQ(swarm.run(AddMember{key_of(2, 7), "again", {}}).error->code, Errc::conflict)
      << "another disk does not wash a key clean";
  EXPECT_EQ(swarm.run(RemoveMember{keyed_node(2)}).error->code, Errc::not_found);
  EXPECT_EQ(swarm.run(RemoveMember{keyed_node(1)}).error->code, Errc::conflict);
}

TEST(SwarmMembers, AnInvitationIsUsedAsOftenAsItSaysAndByEachOnce) {
  Swarm swarm;
  const auto id = node::key_id_of(invite_secret(5));
  ASSERT_FALSE(swarm.run(AddInvite{invite_secret(5), 60'000, 2}).error);
  EXPECT_EQ(invite_key(swarm.view, id), invite_secret(5));
  EXPECT_FALSE(add(swarm, 1, id).error);
  EXPECT_FALSE(add(swarm, 1, id).error) << "a repeat uses nothing";
  EXPECT_FALSE(add(swarm, 2, id).error);
  EXPECT_TRUE(invite_key(swarm.view, id)) << "who missed the answer may ask again";
  const auto third = add(swarm, 3, id);
  ASSERT_TRUE(third.error);
  EXPECT_EQ(third.error->code, Errc::unauthorized);
  EXPECT_EQ(standing_of(swarm.view, key_of(3).public_key), Standing::unknown);
  EXPECT_FALSE(add(swarm, 2, id).error) << "who is in stays in";
}

TEST(SwarmMembers, AnInvitationEndsByClusterTime) {
  Swarm swarm;
  const auto id = node::key_id_of(invite_secret(5));
  ASSERT_FALSE(swarm.run(AddInvite{invite_secret(5), 1000, 1}).error);
  swarm.now_ms += 1000;
  EXPECT_EQ(add(swarm, 1, id).error->code, Errc::unauthorized);
  ASSERT_FALSE(swarm.run(AddInvite{invite_secret(6), 1000, 1}).error);
  EXPECT_FALSE(invite_key(swarm.view, id)) << "the next one sweeps out what is over";
}

TEST(SwarmMembers, InvitationsHaveLimits) {
  Swarm swarm;
  for (const auto& [life, uses] : {std::pair{0ULL, 1U},
                                   {kInviteLifeMaxMs + 1, 1U},
                                   {1000ULL, 0U},
                                   {1000ULL, kInviteUsesMax + 1}}) {
    const auto outcome = swarm.run(AddInvite{invite_secret(5), life, uses});
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, Errc::invalid_argument);
  }
  EXPECT_EQ(member_change(swarm.view), 0U);
}

TEST(SwarmMembers, TheFirstKeyIsInUseAndTheNextOnlyWhenAllKnowIt) {
  Swarm swarm;
  EXPECT_EQ(swarm.run(AddSwarmKey{ring_of(1)[0].key}).number, 1U);
  EXPECT_EQ(swarm_key_ring(swarm.view), ring_of(1));
  EXPECT_EQ(swarm.run(AddSwarmKey{ring_of(1)[0].key}).number, 1U) << "a repeat";
  EXPECT_EQ(swarm.run(AddSwarmKey{ring_of(2)[0].key}).number, 2U);
  EXPECT_EQ(key_in_use(swarm_key_ring(swarm.view))->generation, 1U);
  EXPECT_EQ(swarm.run(AddSwarmKey{ring_of(3)[0].key}).error->code, Errc::conflict);
  ASSERT_FALSE(swarm.run(UseSwarmKey{2}).error);
  ASSERT_FALSE(swarm.run(UseSwarmKey{2}).error);
  const auto ring = swarm_key_ring(swarm.view);
  ASSERT_EQ(ring.size(), 2U);
  EXPECT_EQ(ring[0].use, KeyUse::in_use);
  EXPECT_EQ(ring[0].key, ring_of(2)[0].key);
  EXPECT_EQ(ring[1].use, KeyUse::retired);
  EXPECT_EQ(swarm.run(UseSwarmKey{9}).error->code, Errc::not_found);
}

TEST(SwarmMembers, OldKeysAreForgottenInTheEnd) {
  Swarm swarm;
  for (std::uint8_t i = 1; i < 30; ++i) {
    const auto generation = swarm.run(AddSwarmKey{ring_of(i)[0].key}).number;
    ASSERT_EQ(generation, i);
    ASSERT_FALSE(swarm.run(UseSwarmKey{generation}).error);
    EXPECT_EQ(key_in_use(swarm_key_ring(swarm.view))->generation, i);
  }
  EXPECT_EQ(swarm_key_ring(swarm.view).size(), node::kRingKeysMax);
}

TEST(SwarmMembers, MarksStayUntilTheyAreTakenBack) {
  Swarm swarm;
  add(swarm, 1);
  ASSERT_FALSE(swarm.run(MarkMember{keyed_node(1), true, {}}).error);
  ASSERT_FALSE(swarm.run(MarkMember{keyed_node(1), {}, true}).error);
  EXPECT_TRUE(member_of(swarm.view, keyed_node(1))->is_draining);
  EXPECT_TRUE(member_of(swarm.view, keyed_node(1))->wants_vote);
  ASSERT_FALSE(swarm.run(MarkMember{keyed_node(1), false, {}}).error);
  EXPECT_FALSE(member_of(swarm.view, keyed_node(1))->is_draining);
  EXPECT_EQ(swarm.run(MarkMember{keyed_node(2), true, {}}).error->code, Errc::not_found);
}

TEST(SwarmMembers, DecisionsAreEvents) {
  Swarm swarm;
  ASSERT_FALSE(swarm.run(NoteDecision{"voters", "node-2 is dead"}).error);
  EXPECT_EQ(swarm.run(NoteDecision{"voters", std::string(kWhyMax + 1, 'x')}).error->code,
            Errc::too_large);
  const auto page = events_after(swarm.view, 0, 0, 10);
  ASSERT_EQ(page.events.size(), 1U);
  EXPECT_EQ(page.events[0].kind, "swarm_decision");
}

}  // namespace
}  // namespace starling::ml
