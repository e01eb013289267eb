#include "node/secure/trust.h"

#include <algorithm>

namespace starling::node {
namespace {

const RingKey* key_named(const SwarmKeyRing& ring, const KeyId& id) {
  const auto found =
      std::ranges::find_if(ring, [&id](const RingKey& key) { return key_id_of(key.key) == id; });
  return found == ring.end() ? nullptr : &*found;
}

}  // namespace

Credential credential_of(const JoinToken& token) {
  return {.kind = CredentialKind::join_token,
          .key = derive_key(token.secret, "starling join token")};
}

std::vector<Credential> Trust::credentials() const {
  std::vector<Credential> all;
  const auto add = [&all](const Credential& credential) {
    if (std::ranges::find(all, credential) == all.end()) all.push_back(credential);
  };
  if (const auto used = key_in_use(ring_)) add({CredentialKind::swarm_key, used->key});
  if (const auto given = key_in_use(given_)) add({CredentialKind::swarm_key, given->key});
  if (token_) add(credential_of(*token_));
  for (const RingKey& key : ring_)  // A peer may know only the next one.
    if (key.use == KeyUse::accepted) add({CredentialKind::swarm_key, key.key});
  return all;
}

std::optional<SwarmKey> Trust::find(CredentialKind kind, const KeyId& id) const {
  if (kind == CredentialKind::join_token) return minted_ ? minted_(id) : std::nullopt;
  if (const RingKey* found = key_named(ring_, id)) return found->key;
  if (!ring_.empty()) return std::nullopt;
  const RingKey* given = key_named(given_, id);
  return given == nullptr ? std::nullopt : std::optional{given->key};
}

PeerVerdict Trust::judge(const NodeKey& key, CredentialKind kind, const KeyId& id) const {
  const Standing known = standing(key.public_key);
  if (known == Standing::removed) {
    return {PeerRights::none,
            "this node was removed from the swarm; empty its data directory to join as a new one"};
  }
  if (kind == CredentialKind::join_token) return {PeerRights::admission, {}};
  const RingKey* used = key_named(ring_, id);
  if (used == nullptr || used->use != KeyUse::retired) return {PeerRights::all, {}};
  if (known == Standing::member) return {PeerRights::admission, {}};
  return {PeerRights::none,
          "the swarm's secret was changed since; give the new one with --secret-file"};
}

}  // namespace starling::node
