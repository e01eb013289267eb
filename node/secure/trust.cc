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
  const auto used = key_in_use(ring_);
  if (used) add({CredentialKind::swarm_key, used->key});
  for (const RingKey& key : ring_)  // A peer may know only the next one.
    if (key.use == KeyUse::accepted) add({CredentialKind::swarm_key, key.key});
  // What was given by hand may be newer than all that this node knows; never what it knows as old.
  const auto given = key_in_use(given_);
  if (given && key_named(ring_, key_id_of(given->key)) == nullptr)
    add({CredentialKind::swarm_key, given->key});
  if (token_ && !used) add(credential_of(*token_));
  return all;
}

bool Trust::is_current(const Credential& credential) const {
  return std::ranges::any_of(ring_, [&credential](const RingKey& key) {
    return key.use != KeyUse::retired && credential.kind == CredentialKind::swarm_key &&
           key.key == credential.key;
  });
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
  if (ring_.empty() || known == Standing::member) return {PeerRights::all, {}};
  // A stranger who shows an old key, or the one that is being replaced, may be why it is replaced.
  const RingKey* shown = key_named(ring_, id);
  const bool is_newest = shown != nullptr && shown->generation == newest_generation(ring_);
  if (is_newest) return {PeerRights::all, {}};
  return {PeerRights::none,
          "the swarm's secret was changed since; give the new one with --secret-file"};
}

}  // namespace starling::node
