/// Whom this node believes, and what it can prove: its own key, the swarm's keys, the tokens that
/// were minted, who is a member and who was removed. One for all of a node's sockets.
///
/// Threads: one.
#pragma once

#include "node/secure/handshake.h"
#include "node/secure/join_token.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace starling::node {

/// What the replicated state says of a public key.
enum class Standing : std::uint8_t { unknown, member, removed };

/// What a proven peer may do here.
enum class PeerRights : std::uint8_t {
  none,       ///< nothing; `PeerVerdict::why` is the sentence it is refused with
  admission,  ///< ask to be let in, nothing else (by a token)
  all,
};

struct PeerVerdict {
  PeerRights rights = PeerRights::none;
  std::string why;
};

class Trust {
 public:
  explicit Trust(const NodeSecret& self) : self_(self) {}

  const NodeSecret& self() const { return self_; }

  const SwarmKeyRing& ring() const { return ring_; }

  void set_ring(SwarmKeyRing ring) { ring_ = std::move(ring); }

  /// Keys that were given by hand: tried when the ring's is refused, or there is none.
  void set_given(SwarmKeyRing given) { given_ = std::move(given); }

  void set_join_token(std::optional<JoinToken> token) { token_ = std::move(token); }

  /// How the replicated state, once there is one, is asked.
  void set_standing(std::function<Standing(const PublicKey&)> standing) {
    standing_ = std::move(standing);
  }

  /// The shared key of the minted token that `id` names, if it is valid still.
  void set_minted(std::function<std::optional<SwarmKey>(const KeyId& id)> minted) {
    minted_ = std::move(minted);
  }

  /// What this node can show when it connects, best first. Empty: nobody lets it in.
  std::vector<Credential> credentials() const;

  /// Whether members speak by that key now: who knows only another is not to be told anything.
  bool is_current(const Credential& credential) const;

  /// For `HandshakeResponder`.
  std::optional<SwarmKey> find(CredentialKind kind, const KeyId& id) const;

  /// Of a peer that proved `key` and the shared key `id`.
  PeerVerdict judge(const NodeKey& key, CredentialKind kind, const KeyId& id) const;

  Standing standing(const PublicKey& key) const {
    return standing_ ? standing_(key) : Standing::unknown;
  }

 private:
  NodeSecret self_;
  SwarmKeyRing ring_;
  SwarmKeyRing given_;
  std::optional<JoinToken> token_;
  std::function<Standing(const PublicKey&)> standing_;
  std::function<std::optional<SwarmKey>(const KeyId&)> minted_;
};

/// The key that both sides of a token's handshake prove.
Credential credential_of(const JoinToken& token);

}  // namespace starling::node
