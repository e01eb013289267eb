/// How two nodes make sure of each other before anything else is said, and get fresh keys for the
/// stream that follows. Three messages; docs/wire.md has every byte.
///
///     1  ->  ephemeral key, which shared key is meant, and the proof of knowing it
///     2  <-  ephemeral key, sealed: who I am, my hello, my signature
///     3  ->  sealed: who I am, my hello, my signature
///
/// Who does not know the shared key gets no answer to the first message. Each signature covers all
/// that was said until then, so nothing can be carried into another conversation.
///
/// Pure: the ephemeral key's randomness is an argument, which must never be used twice.
///
/// Source: Krawczyk, "SIGMA: the 'SIGn-and-MAc' Approach to Authenticated Diffie-Hellman" (2003);
///         the pre-shared key as in Perrin, "The Noise Protocol Framework" (2018), psk0.
#pragma once

#include "node/secure/node_key.h"
#include "node/secure/swarm_keys.h"

#include <functional>

namespace starling::node {

inline constexpr std::size_t kHandshakeBytesMax = 512;  ///< of one message
inline constexpr std::size_t kHelloBytesMax = 128;

/// Values travel on the wire: append only.
enum class CredentialKind : std::uint8_t { swarm_key = 1, join_token = 2 };

/// A shared key that a node can prove to know.
struct Credential {
  CredentialKind kind = CredentialKind::swarm_key;
  SwarmKey key{};

  friend bool operator==(const Credential&, const Credential&) = default;
};

/// For the two directions of the stream.
struct StreamKeys {
  std::array<std::uint8_t, 32> to_responder{};
  std::array<std::uint8_t, 32> to_initiator{};

  friend bool operator==(const StreamKeys&, const StreamKeys&) = default;
};

/// The other side, proven.
struct HandshakePeer {
  NodeKey key;
  Bytes hello;
};

using EphemeralSeed = std::array<std::uint8_t, 32>;

namespace handshake_detail {

/// What both sides have said, as one hash, and what they share.
struct Transcript {
  std::array<std::uint8_t, 32> hash{};
  SwarmKey psk{};
  SharedSecret shared{};

  void add(BytesView bytes);
  SwarmKey key_for(std::string_view purpose) const;
};

}  // namespace handshake_detail

/// Who opened the connection. Call in the order of the members.
class HandshakeInitiator {
 public:
  HandshakeInitiator(const NodeSecret& self,
                     const Credential& credential,
                     BytesView hello,
                     const EphemeralSeed& seed);

  Bytes first() const { return first_; }

  /// The last message. Errors: `unauthorized` if the other side does not know the shared key or is
  /// not who it says, `corrupt` if these are no bytes of a handshake.
  Result<Bytes> take_answer(BytesView second);

  const HandshakePeer& peer() const { return peer_; }

  const StreamKeys& keys() const { return keys_; }

 private:
  NodeSecret self_;
  Bytes hello_;
  EphemeralSeed seed_;
  handshake_detail::Transcript transcript_;
  Bytes first_;
  HandshakePeer peer_;
  StreamKeys keys_;
};

/// Who was connected to. Call in the order of the members.
class HandshakeResponder {
 public:
  /// The shared key that `kind` and `id` name; nothing if there is none (any more).
  using FindKey = std::function<std::optional<SwarmKey>(CredentialKind kind, const KeyId& id)>;

  HandshakeResponder(const NodeSecret& self, BytesView hello, const EphemeralSeed& seed);

  /// The second message. Errors: as above; then nothing must be answered.
  Result<Bytes> take_first(BytesView first, const FindKey& find_key);

  /// Errors: as above.
  Result<> take_last(BytesView third);

  const HandshakePeer& peer() const { return peer_; }

  const StreamKeys& keys() const { return keys_; }

  /// Which shared key the other side proved.
  CredentialKind kind() const { return kind_; }

  const KeyId& key_id() const { return key_id_; }

 private:
  NodeSecret self_;
  Bytes hello_;
  EphemeralSeed seed_;
  handshake_detail::Transcript transcript_;
  CredentialKind kind_ = CredentialKind::swarm_key;
  KeyId key_id_{};
  HandshakePeer peer_;
  StreamKeys keys_;
};

}  // namespace starling::node
