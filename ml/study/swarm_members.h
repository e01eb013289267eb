/// Who was let into the swarm, how others may come in, and the keys that members share.
///
/// Keys: member/NODE  removed/PUBLIC KEY  invite/KEY ID  meta/{ring,memberchange}
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/command.h"
#include "ml/study/transaction.h"
#include "node/base/error.h"
#include "node/base/state_view.h"
#include "node/secure/trust.h"

#include <vector>

namespace starling::ml {

inline constexpr std::size_t kSwarmMembersMax = 20'000;
inline constexpr std::size_t kInvitesMax = 1'000;
inline constexpr std::uint64_t kInviteLifeMaxMs = 30ULL * 24 * 3600 * 1000;
inline constexpr std::uint32_t kInviteUsesMax = 10'000;
inline constexpr std::size_t kWhyMax = 512;  ///< characters of a decision's reason

/// Errors: `not_found`, with a sentence. By id, the first digits of it, or the name.
Result<SwarmMember> find_member(const StateView& view, std::string_view id_or_name);
std::optional<SwarmMember> member_of(const StateView& view, NodeId node);
bool is_draining(const StateView& view, NodeId node);
std::vector<SwarmMember> list_members(const StateView& view);  ///< by id

node::Standing standing_of(const StateView& view, const node::PublicKey& key);

/// The shared key of an invitation, used up or not, until it is swept out.
std::optional<node::SwarmKey> invite_key(const StateView& view, const node::KeyId& id);

/// Empty in a swarm whose founder has not written it yet.
node::SwarmKeyRing swarm_key_ring(const StateView& view);

/// Grows with every change of members, invitations or keys; 0 before the first.
std::uint64_t member_change(const StateView& view);

/// The outcome's id is the node's. A repeat is as good as the first time and uses no invitation.
/// A node that comes with a higher disk incarnation takes the place of the one it was.
/// Refusals: `conflict` (the key was removed, or a later disk incarnation of it is a member),
///           `unauthorized` (the invitation is used, too old or was never made), `too_large`.
Outcome run(Transaction& tx, const AddMember& command);

/// Its key is refused from then on. Refusals: `not_found`, `conflict` for the last member.
Outcome run(Transaction& tx, const RemoveMember& command);

/// Refusals: `not_found`.
Outcome run(Transaction& tx, const MarkMember& command);

/// Refusals: `invalid_argument` (life, uses), `too_large` (number of invitations).
Outcome run(Transaction& tx, const AddInvite& command);

/// The outcome's number is the key's generation. The first key of a swarm is in use at once.
/// Refusals: `conflict` while another key is not in use yet.
Outcome run(Transaction& tx, const AddSwarmKey& command);

/// The keys before it are retired. A repeat changes nothing. Refusals: `not_found`.
Outcome run(Transaction& tx, const UseSwarmKey& command);

/// Refusals: `too_large`.
Outcome run(Transaction& tx, const NoteDecision& command);

}  // namespace starling::ml
