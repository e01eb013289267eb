// Nothing gets in that was not sealed by whom it says, for whom it came to, once, in this swarm.
#include "node/base/random.h"
#include "node/secure/datagram_seal.h"
#include "node/secure/handshake.h"
#include "node/secure/join_token.h"
#include "node/secure/record_stream.h"
#include "node/secure/trust.h"
#include "tests/support/test_ids.h"
#include "tests/support/test_trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace starling::node {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using tests::keyed_secret;
using tests::ring_of;
using tests::swarm_number;

EphemeralSeed seed_of(std::uint8_t byte) {
  EphemeralSeed seed{};
  seed.fill(byte);
  return seed;
}

Credential credential_of_ring(std::uint8_t key) {
  return {CredentialKind::swarm_key, ring_of(key)[0].key};
}

HandshakeResponder::FindKey knows(std::uint8_t key) {
  return [key](CredentialKind kind, const KeyId& id) -> std::optional<SwarmKey> {
    const SwarmKey own = ring_of(key)[0].key;
    if (kind == CredentialKind::swarm_key && key_id_of(own) == id) return own;
    return std::nullopt;
  };
}

/// A whole handshake; its messages may be changed on the way.
struct Talk {
  HandshakeInitiator a{keyed_secret(1), credential_of_ring(9), to_bytes("hello of a"), seed_of(1)};
  HandshakeResponder b{keyed_secret(2), to_bytes("hello of b"), seed_of(2)};

  Bytes second() { return b.take_first(a.first(), knows(9)).value(); }

  Bytes third() { return a.take_answer(second()).value(); }
};

TEST(HandshakeTest, both_sides_know_each_other_and_have_the_same_fresh_keys) {
  Talk talk;
  ASSERT_TRUE(talk.b.take_last(talk.third()));
  EXPECT_EQ(talk.a.peer().key, keyed_secret(2).key());
  EXPECT_EQ(talk.b.peer().key, keyed_secret(1).key());
  EXPECT_EQ(as_text(talk.a.peer().hello), "hello of b");
  EXPECT_EQ(as_text(talk.b.peer().hello), "hello of a");
  EXPECT_EQ(talk.a.keys(), talk.b.keys());
  EXPECT_NE(talk.a.keys().to_initiator, talk.a.keys().to_responder);
  EXPECT_EQ(talk.b.key_id(), key_id_of(ring_of(9)[0].key));
}

TEST(HandshakeTest, who_does_not_know_the_key_gets_no_answer) {
  Talk talk;
  EXPECT_EQ(talk.b.take_first(talk.a.first(), knows(8)).error().code, Errc::unauthorized);

  // Knowing the key's name, which travels in the clear, is not knowing the key.
  const HandshakeInitiator liar{
      keyed_secret(1), credential_of_ring(8), to_bytes("hello"), seed_of(1)};
  const auto confused = [](CredentialKind, const KeyId&) {
    return std::optional{ring_of(9)[0].key};
  };
  EXPECT_EQ(talk.b.take_first(liar.first(), confused).error().code, Errc::unauthorized);
}

TEST(HandshakeTest, an_answer_by_who_does_not_know_the_key_is_refused) {
  Talk talk;
  HandshakeResponder liar{keyed_secret(3), to_bytes("hello"), seed_of(3)};
  const HandshakeInitiator other{
      keyed_secret(1), credential_of_ring(8), to_bytes("hello"), seed_of(1)};
  const Bytes second = liar.take_first(other.first(), knows(8)).value();
  EXPECT_EQ(talk.a.take_answer(second).error().code, Errc::unauthorized);
}

TEST(HandshakeTest, every_flipped_bit_of_every_message_ends_it) {
  const auto flipped = [](Bytes bytes, std::size_t bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    return bytes;
  };
  const std::size_t first_bits = Talk{}.a.first().size() * 8;
  for (std::size_t bit = 0; bit < first_bits; ++bit) {
    Talk talk;
    EXPECT_FALSE(talk.b.take_first(flipped(talk.a.first(), bit), knows(9))) << bit;
  }
  const std::size_t second_bits = Talk{}.second().size() * 8;
  for (std::size_t bit = 0; bit < second_bits; ++bit) {
    // X25519 ignores the highest bit of a key; the transcript does not.
    Talk talk;
    EXPECT_FALSE(talk.a.take_answer(flipped(talk.second(), bit))) << bit;
  }
  const std::size_t third_bits = Talk{}.third().size() * 8;
  for (std::size_t bit = 0; bit < third_bits; ++bit) {
    Talk talk;
    EXPECT_FALSE(talk.b.take_last(flipped(talk.third(), bit))) << bit;
  }
}

TEST(HandshakeTest, recorded_messages_are_of_no_use_in_another_conversation) {
  Talk recorded;
  const Bytes second = recorded.second();
  const Bytes third = recorded.a.take_answer(second).value();

  HandshakeResponder again{keyed_secret(2), to_bytes("hello of b"), seed_of(4)};
  ASSERT_TRUE(again.take_first(recorded.a.first(), knows(9))) << "a replay looks like a start";
  EXPECT_EQ(again.take_last(third).error().code, Errc::unauthorized);

  HandshakeInitiator other{
      keyed_secret(1), credential_of_ring(9), to_bytes("hello of a"), seed_of(5)};
  EXPECT_FALSE(other.take_answer(second));
}

/// Who knows the swarm's key and is no member 1 cannot speak as member 1.
TEST(HandshakeTest, nobody_speaks_with_anothers_key) {
  const NodeSecret own = keyed_secret(3);
  auto forged_public = keyed_secret(1).key().public_key;
  Bytes mixed(own.secret_key().begin(), own.secret_key().end());
  EXPECT_EQ(NodeSecret::from_bytes(view_of(forged_public), mixed, 0).error().code, Errc::corrupt);
  std::copy_n(view_of(forged_public).begin(), 32, mixed.begin() + 32);
  const auto forger = NodeSecret::from_bytes(view_of(forged_public), mixed, 0);
  ASSERT_TRUE(forger);
  HandshakeInitiator a{*forger, credential_of_ring(9), to_bytes("hello"), seed_of(1)};
  HandshakeResponder b{keyed_secret(2), to_bytes("hello"), seed_of(2)};
  const Bytes third = a.take_answer(b.take_first(a.first(), knows(9)).value()).value();
  EXPECT_EQ(b.take_last(third).error().detail, "the other side is not the node that it says it is");
}

TEST(RecordStreamTest, bytes_come_out_as_they_went_in_however_they_are_split) {
  const std::array<std::uint8_t, 32> key{7};
  RecordSealer sealer{key};
  RecordOpener opener{key};
  Random random{1};
  Bytes in;
  Bytes wire;
  for (const std::size_t size : {1UL, 0UL, 70UL, kRecordPlainMax, 3UL}) {
    Bytes plain(size);
    for (auto& byte : plain)
      byte = static_cast<std::byte>(random.next());
    append(in, plain);
    sealer.seal(plain, 0s, wire);
  }
  Bytes out;
  for (std::size_t at = 0; at < wire.size();) {
    const std::size_t piece = std::min<std::size_t>(1 + random.below(9000), wire.size() - at);
    ASSERT_TRUE(opener.feed(BytesView{wire}.subspan(at, piece), out));
    at += piece;
  }
  EXPECT_EQ(out, in);
}

TEST(RecordStreamTest, the_key_moves_on_with_time_and_the_reader_follows) {
  const std::array<std::uint8_t, 32> key{7};
  RecordSealer sealer{key};
  RecordOpener opener{key};
  Bytes out;
  for (int hour = 0; hour < 5; ++hour) {
    Bytes wire;
    sealer.seal(to_bytes("x"), std::chrono::hours{hour}, wire);
    ASSERT_TRUE(opener.feed(wire, out));
  }
  EXPECT_EQ(as_text(out), "xxxxx");
}

TEST(RecordStreamTest, what_was_changed_left_out_repeated_or_swapped_is_refused) {
  const std::array<std::uint8_t, 32> key{7};
  RecordSealer sealer{key};
  std::vector<Bytes> records(4);
  for (auto& record : records)
    sealer.seal(to_bytes("a record"), 0s, record);
  const auto passes = [&](std::vector<Bytes> order) {
    RecordOpener opener{key};
    Bytes out;
    return std::ranges::all_of(
        order, [&](const Bytes& record) { return opener.feed(record, out).has_value(); });
  };
  EXPECT_TRUE(passes(records));
  EXPECT_FALSE(passes({records[0], records[2], records[3]})) << "left out";
  EXPECT_FALSE(passes({records[0], records[1], records[1]})) << "repeated";
  EXPECT_FALSE(passes({records[0], records[2], records[1]})) << "swapped";
  for (std::size_t bit = 0; bit < records[1].size() * 8; ++bit) {
    Bytes changed = records[1];
    changed[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    RecordOpener opener{key};
    Bytes out;
    ASSERT_TRUE(opener.feed(records[0], out));
    const auto opened = opener.feed(changed, out);
    // A length that grew waits for more bytes, and then fails.
    EXPECT_EQ(as_text(out), "a record") << bit;
    if (opened) {
      EXPECT_FALSE(opener.feed(Bytes(kRecordPlainMax + 64), out)) << bit;
    }
  }
}

TEST(ReplayWindowTest, each_number_passes_once_and_late_ones_within_the_window) {
  ReplayWindow window;
  EXPECT_TRUE(window.take(1000));
  EXPECT_FALSE(window.take(1000));
  EXPECT_TRUE(window.take(1002));
  EXPECT_TRUE(window.take(1001));
  EXPECT_FALSE(window.take(1001));
  EXPECT_TRUE(window.take(1063));
  EXPECT_FALSE(window.take(1000));
  EXPECT_FALSE(window.take(999)) << "too old to tell";
  EXPECT_TRUE(window.take(5000));
  EXPECT_FALSE(window.take(1064));
  EXPECT_TRUE(window.take(~std::uint64_t{0}));
}

class DatagramSealTest : public testing::Test {
 protected:
  DatagramSealTest() {
    for (DatagramSeal* one : {&a_, &b_, &c_})
      one->set_scope(swarm_number(7), 0, ring_of(9));
  }

  Bytes from_a_to_b(std::string_view text = "ping") {
    return a_.seal(keyed_secret(2).key(), to_bytes(text)).value();
  }

  DatagramSeal a_{keyed_secret(1), 100};
  DatagramSeal b_{keyed_secret(2), 100};
  DatagramSeal c_{keyed_secret(3), 100};
};

TEST_F(DatagramSealTest, the_addressee_reads_it_and_knows_the_sender) {
  const auto opened = b_.open(from_a_to_b());
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_EQ(opened->from, keyed_secret(1).key());
  EXPECT_EQ(as_text(opened->content), "ping");
  EXPECT_EQ(from_a_to_b().size(), kDatagramSealBytes + 4);
}

TEST_F(DatagramSealTest, it_is_nothing_twice_to_others_and_to_its_sender) {
  const Bytes datagram = from_a_to_b();
  EXPECT_TRUE(b_.open(datagram));
  EXPECT_EQ(b_.open(datagram).error().code, Errc::conflict);
  EXPECT_EQ(c_.open(datagram).error().code, Errc::unauthorized);
  EXPECT_EQ(a_.open(datagram).error().code, Errc::unauthorized);
}

TEST_F(DatagramSealTest, another_swarm_or_recovery_epoch_is_refused) {
  const Bytes datagram = from_a_to_b();
  b_.set_scope(swarm_number(8), 0, ring_of(9));
  EXPECT_EQ(b_.open(datagram).error().code, Errc::unauthorized);
  b_.set_scope(swarm_number(7), 1, ring_of(9));
  EXPECT_EQ(b_.open(datagram).error().code, Errc::unauthorized);
  b_.set_scope(swarm_number(7), 0, ring_of(8));
  EXPECT_EQ(b_.open(datagram).error().code, Errc::unauthorized);
  b_.set_scope(swarm_number(7), 0, ring_of(9));
  EXPECT_TRUE(b_.open(datagram));
}

TEST_F(DatagramSealTest, every_flipped_bit_and_every_cut_is_refused) {
  const Bytes datagram = from_a_to_b();
  for (std::size_t bit = 0; bit < datagram.size() * 8; ++bit) {
    Bytes changed = datagram;
    changed[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_FALSE(b_.open(changed)) << bit;
  }
  for (std::size_t size = 0; size < datagram.size(); ++size)
    EXPECT_FALSE(b_.open(BytesView{datagram}.first(size))) << size;
  EXPECT_TRUE(b_.open(datagram));
}

/// c knows the swarm's key, and still cannot speak to b as a.
TEST_F(DatagramSealTest, a_member_cannot_speak_in_anothers_name) {
  Bytes forged = c_.seal(keyed_secret(2).key(), to_bytes("ping")).value();
  const auto name = encode_node_key(keyed_secret(1).key());
  std::ranges::copy(name, forged.begin() + 5);
  EXPECT_EQ(b_.open(forged).error().code, Errc::unauthorized);
}

TEST_F(DatagramSealTest, keys_change_without_a_gap) {
  RingKey next = ring_of(10, 2)[0];
  next.use = KeyUse::accepted;
  const SwarmKeyRing both{next, ring_of(9)[0]};
  b_.set_scope(swarm_number(7), 0, both);
  EXPECT_TRUE(b_.open(from_a_to_b())) << "b accepts both, a speaks by the old";
  a_.set_scope(swarm_number(7), 0, both);
  EXPECT_TRUE(b_.open(from_a_to_b()));
  SwarmKeyRing moved = both;
  moved[0].use = KeyUse::in_use;
  moved[1].use = KeyUse::retired;
  a_.set_scope(swarm_number(7), 0, moved);
  EXPECT_TRUE(b_.open(from_a_to_b())) << "a speaks by the new, b accepts both";
  const Bytes old = c_.seal(keyed_secret(2).key(), to_bytes("old")).value();
  b_.set_scope(swarm_number(7), 0, moved);
  EXPECT_TRUE(b_.open(from_a_to_b()));
  EXPECT_FALSE(b_.open(old)) << "a retired key opens no datagram";
}

TEST_F(DatagramSealTest, without_a_key_in_use_or_a_real_addressee_nothing_is_said) {
  EXPECT_FALSE(a_.seal(NodeKey{}, to_bytes("x")));
  a_.set_scope(swarm_number(7), 0, {});
  EXPECT_FALSE(a_.seal(keyed_secret(2).key(), to_bytes("x")));
}

TEST(KeyRingTest, a_file_of_openssl_is_a_ring_and_a_ring_survives_its_text) {
  const auto plain = parse_key_ring(std::string(64, 'A') + "\n");
  ASSERT_TRUE(plain);
  EXPECT_EQ((*plain)[0].generation, 1U);
  EXPECT_EQ((*plain)[0].key[0], 0xaa);
  SwarmKeyRing ring = ring_of(3, 12);
  ring.push_back(ring_of(2, 11)[0]);
  ring[1].use = KeyUse::retired;
  EXPECT_EQ(parse_key_ring(to_text(ring)).value(), ring);
}

TEST(KeyRingTest, what_is_no_ring_is_refused_and_never_repeated) {
  const std::string digits(64, 'b');
  for (const std::string& text : {std::string{},
                                  std::string{"secretword"},
                                  digits.substr(1),
                                  digits + "b",
                                  digits + " in-use",
                                  digits + " often 1",
                                  digits + " in-use 1 more",
                                  digits + " retired 1"}) {
    const auto ring = parse_key_ring(text);
    ASSERT_FALSE(ring) << text;
    EXPECT_THAT(ring.error().detail, Not(HasSubstr("secretword")));
    EXPECT_THAT(ring.error().detail, HasSubstr("64 hex digits"));
  }
}

TEST(JoinTokenTest, survives_its_text_and_nothing_else_is_one) {
  JoinToken token{.swarm = swarm_number(7), .secret = {}};
  token.secret.fill(5);
  const std::string text = to_text(token);
  EXPECT_EQ(parse_join_token(text).value(), token);
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(parse_join_token(text.substr(0, size)));
  EXPECT_FALSE(parse_join_token(text + "0"));
}

class TrustTest : public testing::Test {
 protected:
  PeerVerdict judge(std::uint8_t node, std::uint8_t key) {
    return trust_.judge(
        keyed_secret(node).key(), CredentialKind::swarm_key, key_id_of(ring_of(key)[0].key));
  }

  Trust trust_{keyed_secret(1)};
};

TEST_F(TrustTest, an_old_key_is_good_for_members_only) {
  SwarmKeyRing ring{ring_of(10, 2)[0], ring_of(9)[0]};
  ring[0].use = KeyUse::accepted;
  trust_.set_ring(ring);
  trust_.set_standing([](const PublicKey& key) {
    return key == keyed_secret(2).key().public_key   ? Standing::member
           : key == keyed_secret(3).key().public_key ? Standing::removed
                                                     : Standing::unknown;
  });
  for (const bool is_retired : {false, true}) {
    if (is_retired) {
      ring[0].use = KeyUse::in_use;
      ring[1].use = KeyUse::retired;
      trust_.set_ring(ring);
    }
    EXPECT_EQ(judge(2, 10).rights, PeerRights::all);
    EXPECT_EQ(judge(2, 9).rights, PeerRights::all) << "it may have missed the change";
    EXPECT_EQ(judge(4, 10).rights, PeerRights::all);
    EXPECT_EQ(judge(4, 9).rights, PeerRights::none) << "it may be why the key changes";
    EXPECT_THAT(judge(4, 9).why, HasSubstr("--secret-file"));
    EXPECT_EQ(judge(4, 7).rights, PeerRights::none) << "a key that is not the swarm's";
    EXPECT_EQ(judge(3, 10).rights, PeerRights::none);
    EXPECT_THAT(judge(3, 10).why, HasSubstr("removed"));
  }
}

TEST_F(TrustTest, what_is_known_as_old_is_never_shown_and_no_token_beside_a_key) {
  SwarmKeyRing ring{ring_of(10, 2)[0], ring_of(9)[0]};
  ring[1].use = KeyUse::retired;
  trust_.set_ring(ring);
  trust_.set_given(ring_of(9));
  trust_.set_join_token(JoinToken{.swarm = swarm_number(7), .secret = {}});
  ASSERT_EQ(trust_.credentials().size(), 1U);
  EXPECT_EQ(trust_.credentials()[0], credential_of_ring(10));
  EXPECT_TRUE(trust_.is_current(credential_of_ring(10)));
  EXPECT_FALSE(trust_.is_current(credential_of_ring(9)));
}

TEST(KeyRingTest, a_ring_is_further_by_a_newer_key_or_by_using_it) {
  const SwarmKeyRing old = ring_of(9);
  SwarmKeyRing both{ring_of(10, 2)[0], old[0]};
  both[0].use = KeyUse::accepted;
  SwarmKeyRing moved = both;
  moved[0].use = KeyUse::in_use;
  moved[1].use = KeyUse::retired;
  EXPECT_TRUE(is_further(both, old));
  EXPECT_TRUE(is_further(moved, both)) << "the same keys, and the change was missed";
  EXPECT_FALSE(is_further(both, moved));
  EXPECT_FALSE(is_further(moved, moved));
  EXPECT_TRUE(is_further(old, {}));
}

TEST_F(TrustTest, shows_its_best_key_first_and_finds_no_key_by_hand_once_it_has_a_ring) {
  JoinToken token{.swarm = swarm_number(7), .secret = {}};
  trust_.set_join_token(token);
  trust_.set_given(ring_of(8));
  ASSERT_EQ(trust_.credentials().size(), 2U);
  EXPECT_EQ(trust_.credentials()[0], credential_of_ring(8));
  const KeyId given = key_id_of(ring_of(8)[0].key);
  EXPECT_TRUE(trust_.find(CredentialKind::swarm_key, given));
  trust_.set_ring(ring_of(9));
  EXPECT_EQ(trust_.credentials()[0], credential_of_ring(9));
  EXPECT_EQ(trust_.credentials()[1], credential_of_ring(8));
  EXPECT_FALSE(trust_.find(CredentialKind::swarm_key, given));
  EXPECT_FALSE(trust_.find(CredentialKind::join_token, given));
}

}  // namespace
}  // namespace starling::node
