/// What two nodes with known keys would say to each other: the seeds of the `secure` fuzz target,
/// and what it compares with. Records and datagrams hold random nonces, so those in the corpus were
/// made by another run; all of them hold the same content.
#pragma once

#include "node/secure/datagram_seal.h"
#include "node/secure/handshake.h"
#include "node/secure/record_stream.h"
#include "tests/support/test_ids.h"
#include "tests/support/test_trust.h"

namespace starling::fuzz {

inline constexpr std::string_view kContent = "what the record or datagram says, ";

inline node::SwarmKey talk_key() {
  return tests::ring_of(9)[0].key;
}

inline node::EphemeralSeed talk_seed(std::uint8_t byte) {
  node::EphemeralSeed seed{};
  seed.fill(byte);
  return seed;
}

inline node::HandshakeInitiator talk_initiator() {
  return {tests::keyed_secret(1),
          {node::CredentialKind::swarm_key, talk_key()},
          to_bytes("hello of the first"),
          talk_seed(1)};
}

inline node::HandshakeResponder talk_responder() {
  return {tests::keyed_secret(2), to_bytes("hello of the second"), talk_seed(2)};
}

inline std::optional<node::SwarmKey> talk_find(node::CredentialKind kind, const node::KeyId& id) {
  const bool is_known =
      kind == node::CredentialKind::swarm_key && id == node::key_id_of(talk_key());
  return is_known ? std::optional{talk_key()} : std::nullopt;
}

struct RecordedTalk {
  Bytes first;
  Bytes second;
  Bytes third;
};

inline RecordedTalk recorded_talk() {
  auto a = talk_initiator();
  auto b = talk_responder();
  RecordedTalk talk;
  talk.first = a.first();
  talk.second = b.take_first(talk.first, talk_find).value();
  talk.third = a.take_answer(talk.second).value();
  return talk;
}

inline std::array<std::uint8_t, 32> record_key() {
  return talk_seed(5);
}

inline Bytes recorded_records() {
  node::RecordSealer sealer{record_key()};
  Bytes wire;
  for (int i = 0; i < 3; ++i)
    sealer.seal(to_bytes(kContent), MonoTime{0}, wire);
  return wire;
}

inline node::DatagramSeal talk_datagrams(std::uint8_t number) {
  node::DatagramSeal seal{tests::keyed_secret(number), 100};
  seal.set_scope(tests::swarm_number(7), 1, tests::ring_of(9));
  return seal;
}

inline Bytes recorded_datagram() {
  auto seal = talk_datagrams(1);
  return *seal.seal(tests::keyed_secret(2).key(), to_bytes(kContent));
}

}  // namespace starling::fuzz
