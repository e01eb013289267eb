#include "node/gossip/swim_wire.h"

#include "node/base/random.h"
#include "node/gossip/suspicion.h"
#include "tests/support/test_ids.h"
#include "tests/support/test_trust.h"

#include <gtest/gtest.h>

namespace starling::node {
namespace {

using tests::node_number;

using namespace std::chrono_literals;

SwimMessage full_message() {
  SwimMessage message;
  message.kind = SwimKind::ping_request;
  message.swarm.bytes[0] = 1;
  message.from = node_number(1);
  message.from_address = "127.0.0.1:7400";
  message.sequence = ~0ULL;
  message.target = node_number(2);
  message.target_address = "127.0.0.1:7401";
  for (std::uint8_t i = 3; i < 6; ++i) {
    SwimUpdate update;
    update.member = {.id = tests::keyed_node(i),
                     .key = tests::keyed_secret(i).key(),
                     .incarnation = 1ULL << 60,
                     .state = MemberState::suspect,
                     .facts = {}};
    update.member.facts.name = "node";
    update.member.facts.address = "host:1";
    update.member.facts.http = "http://host:2";
    update.member.facts.version = "1";
    update.member.facts.slots = ~0U;
    update.member.facts.trials_running = ~0U;
    update.member.facts.memory_budget_mb = ~0ULL;
    update.member.facts.memory_used_mb = ~0ULL;
    update.member.facts.disk_free_mb = ~0ULL;
    update.member.facts.sync_us = ~0ULL;
    update.member.facts.labels = {{"zone", "a"}, {"gpu", ""}};
    update.accuser = node_number(1);
    message.updates.push_back(update);
  }
  return message;
}

TEST(SwimWireTest, a_message_survives_and_fits_its_bound) {
  const SwimMessage message = full_message();
  const Bytes bytes = encode_swim_message(message);
  EXPECT_EQ(decode_swim_message(bytes).value(), message);
  EXPECT_LE(bytes.size(), encoded_size_bound(message));
}

TEST(SwimWireTest, a_state_survives) {
  SwimState state{.swarm = {},
                  .from = node_number(1),
                  .from_address = "h:1",
                  .after = node_number(2),
                  .upto = node_number(9),
                  .members = {}};
  for (const auto& update : full_message().updates)
    state.members.push_back(update.member);
  state.members.back().gone_s = 7;
  EXPECT_EQ(decode_swim_state(encode_swim_state(state)).value(), state);
}

TEST(SwimWireTest, what_breaks_a_promise_is_corrupt) {
  const auto refused = [](void (*damage)(SwimMessage&)) {
    SwimMessage message = full_message();
    damage(message);
    return !decode_swim_message(encode_swim_message(message));
  };
  EXPECT_TRUE(refused([](SwimMessage& m) { m.swarm = {}; }));
  EXPECT_TRUE(refused([](SwimMessage& m) { m.from = {}; }));
  EXPECT_TRUE(refused([](SwimMessage& m) { m.kind = static_cast<SwimKind>(6); }));
  EXPECT_TRUE(refused([](SwimMessage& m) { m.updates[0].member.id = {}; }));
  EXPECT_TRUE(refused([](SwimMessage& m) { m.updates[0].member.incarnation = 1ULL << 63; }));
  EXPECT_TRUE(refused([](SwimMessage& m) { m.updates[0].member.state = MemberState{5}; }));
  EXPECT_TRUE(refused([](SwimMessage& m) { m.updates[0].member.facts.name.assign(65, 'x'); }));
  EXPECT_TRUE(refused([](SwimMessage& m) { m.updates[0].member.facts.http.assign(600, 'x'); }));
  EXPECT_TRUE(refused([](SwimMessage& m) { m.updates[0].member.key.disk_incarnation = 1; }))
      << "an id that is not the key's";
  EXPECT_TRUE(refused([](SwimMessage& m) {
    m.updates[0].member.state = MemberState::alive;
    m.updates[0].member.key = {};
  })) << "who lives has a key";
  EXPECT_FALSE(refused([](SwimMessage& m) { m.updates[0].member.key = {}; }));
  EXPECT_FALSE(refused([](SwimMessage&) {}));
}

// Found by fuzzing: it was taken for a member that lives, and passed on as one without a key.
TEST(SwimWireTest, a_key_of_zeros_is_none) {
  SwimMessage message = full_message();
  message.updates.resize(1);
  Member& member = message.updates[0].member;
  const NodeKey zeros{.public_key = {}, .disk_incarnation = member.key.disk_incarnation};
  std::string bytes{as_text(encode_swim_message(message))};
  const auto put_zeros = [&bytes](BytesView from, BytesView to) {
    const auto at = bytes.find(as_text(from));
    ASSERT_NE(at, std::string::npos);
    bytes.replace(at, from.size(), as_text(to));
  };
  put_zeros(view_of(member.key.public_key), view_of(zeros.public_key));
  put_zeros(view_of(member.id.bytes), view_of(node_id_of(zeros).bytes));
  EXPECT_FALSE(decode_swim_message(to_bytes(bytes)));
}

TEST(SwimWireTest, noise_and_damage_never_break_the_decoder) {
  Random random{1};
  const Bytes good = encode_swim_message(full_message());
  int passed = 0;
  for (int round = 0; round < 100000; ++round) {
    Bytes bytes = good;
    if (round % 2 == 0) {
      bytes.resize(random.below(200));
      for (auto& byte : bytes)
        byte = static_cast<std::byte>(random.next());
    } else {
      for (std::uint64_t i = 1 + random.below(4); i > 0; --i)
        bytes[random.below(bytes.size())] = static_cast<std::byte>(random.next());
      if (random.chance(0.3)) bytes.resize(random.below(bytes.size()));
    }
    const auto decoded = decode_swim_message(bytes);
    decode_swim_state(bytes);
    if (!decoded) {
      EXPECT_EQ(decoded.error().code, Errc::corrupt);
      continue;
    }
    ++passed;
    EXPECT_FALSE(decoded->swarm.is_none());
    EXPECT_EQ(decode_swim_message(encode_swim_message(*decoded)).value(), *decoded);
  }
  EXPECT_GT(passed, 0);
}

TEST(SuspicionTest, each_new_accuser_shortens_it) {
  struct Case {
    std::size_t wanted;
    int confirmations;
    std::chrono::milliseconds expected;
  };

  for (const Case& c : {Case{0, 0, 1000ms},
                        Case{1, 0, 6000ms},
                        Case{1, 1, 1000ms},
                        Case{1, 5, 1000ms},
                        Case{3, 1, 3500ms},
                        Case{3, 3, 1000ms}}) {
    Suspicion suspicion{10s, 1000ms, 6000ms, c.wanted, node_number(1)};
    for (int i = 0; i < c.confirmations; ++i)
      suspicion.confirm(node_number(static_cast<std::uint8_t>(2 + i)));
    const auto after = std::chrono::round<std::chrono::milliseconds>(suspicion.deadline() - 10s);
    EXPECT_EQ(after.count(), c.expected.count()) << c.wanted << " " << c.confirmations;
  }
}

TEST(SuspicionTest, only_distinct_accusers_up_to_the_wanted_are_news) {
  Suspicion suspicion{0s, 1s, 6s, 2, node_number(1)};
  EXPECT_FALSE(suspicion.confirm(node_number(1)));
  EXPECT_TRUE(suspicion.confirm(node_number(2)));
  EXPECT_FALSE(suspicion.confirm(node_number(2)));
  EXPECT_TRUE(suspicion.confirm(node_number(3)));
  EXPECT_FALSE(suspicion.confirm(node_number(4)));
  suspicion.postpone(5s);
  EXPECT_EQ(suspicion.deadline(), MonoTime{6s});
}

}  // namespace
}  // namespace starling::node
