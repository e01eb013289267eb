#include "ml/study/swarm_members.h"

#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::ml {
namespace {

SwarmMember stored(std::string_view bytes) {
  auto member = decode_swarm_member(bytes);
  STARLING_ASSERT(member.has_value(), "a stored member parses");
  return std::move(*member);
}

void mark_change(Transaction& tx) {
  tx.put_raw(std::string{keys::kMemberChange}, big_endian_key(tx.token()));
}

void put(Transaction& tx, const SwarmMember& member) {
  tx.put_raw(keys::member(member.node), encode(member));
  mark_change(tx);
}

void put(Transaction& tx, const node::SwarmKeyRing& ring) {
  tx.put_raw(std::string{keys::kRing}, node::to_text(ring));
  mark_change(tx);
}

std::optional<Invite> find_invite(const StateView& view, const node::KeyId& id) {
  const auto bytes = view.get(keys::invite(id));
  if (!bytes) return std::nullopt;
  auto invite = decode_invite(*bytes);
  STARLING_ASSERT(invite.has_value(), "a stored invitation parses");
  return *invite;
}

bool is_open(const Invite& invite, std::uint64_t now_ms) {
  return invite.uses_left > 0 && now_ms < invite.expires_ms;
}

/// Nothing if the invitation let it in.
std::optional<Error> use_invite(Transaction& tx, const node::KeyId& id) {
  auto invite = find_invite(tx.view(), id);
  if (!invite || !is_open(*invite, tx.now_ms())) {
    return Error{Errc::unauthorized,
                 "the join token was used, is too old or was never made; ask an admin for another "
                 "(starling member invite)"};
  }
  // A used one stays until it expires: who was let in by it and did not hear so asks again.
  --invite->uses_left;
  tx.put_raw(keys::invite(id), encode(*invite));
  return std::nullopt;
}

std::vector<std::pair<std::string, Invite>> list_invites(const StateView& view) {
  std::vector<std::pair<std::string, Invite>> all;
  view.scan(keys::kInvites,
            end_of_prefix(keys::kInvites),
            [&](std::string_view key, std::string_view bytes) {
              auto invite = decode_invite(bytes);
              STARLING_ASSERT(invite.has_value(), "a stored invitation parses");
              all.emplace_back(key, *invite);
              return true;
            });
  return all;
}

}  // namespace

bool is_draining(const StateView& view, NodeId node) {
  const auto listed = member_of(view, node);
  return listed && listed->is_draining;
}

std::vector<SwarmMember> list_members(const StateView& view) {
  std::vector<SwarmMember> all;
  view.scan(
      keys::kMembers, end_of_prefix(keys::kMembers), [&](std::string_view, std::string_view bytes) {
        all.push_back(stored(bytes));
        return true;
      });
  return all;
}

std::optional<SwarmMember> member_of(const StateView& view, NodeId node) {
  const auto bytes = view.get(keys::member(node));
  if (!bytes) return std::nullopt;
  return stored(*bytes);
}

Result<SwarmMember> find_member(const StateView& view, std::string_view id_or_name) {
  std::vector<SwarmMember> found;
  for (auto& member : list_members(view)) {
    const bool is_meant = member.name == id_or_name ||
                          (id_or_name.size() >= 4 && member.node.hex().starts_with(id_or_name));
    if (is_meant) found.push_back(std::move(member));
  }
  if (found.size() == 1) return std::move(found.front());
  return Error{Errc::not_found,
               found.empty()
                   ? fmt::format("no member \"{}\"; `starling member list` shows them", id_or_name)
                   : fmt::format("\"{}\" is the name of {} members: give the id, or at least its "
                                 "first 4 digits",
                                 id_or_name,
                                 found.size())};
}

node::Standing standing_of(const StateView& view, const node::PublicKey& key) {
  if (view.get(keys::removed(key))) return node::Standing::removed;
  return view.get(keys::member_key(key)) ? node::Standing::member : node::Standing::unknown;
}

std::optional<node::SwarmKey> invite_key(const StateView& view, const node::KeyId& id) {
  const auto invite = find_invite(view, id);
  if (!invite) return std::nullopt;
  return invite->key;
}

node::SwarmKeyRing swarm_key_ring(const StateView& view) {
  const auto text = view.get(keys::kRing);
  if (!text) return {};
  auto ring = node::parse_key_ring(*text);
  STARLING_ASSERT(ring.has_value(), "a stored ring of keys parses");
  return std::move(*ring);
}

std::uint64_t member_change(const StateView& view) {
  const auto bytes = view.get(keys::kMemberChange);
  return bytes ? from_big_endian_key(*bytes) : 0;
}

Outcome run(Transaction& tx, const AddMember& command) {
  const NodeId node = node::node_id_of(command.key);
  if (tx.view().get(keys::removed(command.key.public_key))) {
    return refused(Errc::conflict,
                   "this node was removed from the swarm; empty its data directory to join as a "
                   "new one");
  }
  const auto before = tx.view().get(keys::member_key(command.key.public_key));
  const std::uint64_t last = before ? from_big_endian_key(*before) : 0;
  if (before && last > command.key.disk_incarnation) {
    return refused(Errc::conflict,
                   "a later incarnation of this node is a member: is this an old copy of its data "
                   "directory?");
  }
  auto known = member_of(tx.view(), node);
  if (known) {
    if (known->name != command.name) {
      known->name = command.name;
      put(tx, *known);
    }
    return {.id = node.hex(), .number = 0, .error = {}};
  }
  // Whoever held this key was let in before.
  if (!before && command.invite) {
    if (auto error = use_invite(tx, *command.invite))
      return refused(error->code, std::move(error->detail));
  }
  const auto members = tx.number(keys::kMemberCount);
  if (!before && members >= kSwarmMembersMax) {
    return refused(Errc::too_large,
                   fmt::format("the swarm has {} members, which is the limit", members));
  }
  if (before)
    tx.erase(keys::member(node::node_id_of({command.key.public_key, last})));
  else
    tx.put_raw(std::string{keys::kMemberCount}, big_endian_key(members + 1));
  tx.put_raw(keys::member_key(command.key.public_key),
             big_endian_key(command.key.disk_incarnation));
  put(tx,
      SwarmMember{.node = node,
                  .key = command.key,
                  .name = command.name,
                  .admitted_ms = tx.wall_ms(),
                  .is_draining = false,
                  .wants_vote = false});
  tx.event("member_added", {{"node", node.hex()}, {"name", command.name}});
  return {.id = node.hex(), .number = 0, .error = {}};
}

Outcome run(Transaction& tx, const RemoveMember& command) {
  const auto member = member_of(tx.view(), command.node);
  if (!member) return refused(Errc::not_found, fmt::format("no member {}", command.node.hex()));
  const auto members = tx.number(keys::kMemberCount);
  if (members <= 1)
    return refused(Errc::conflict, "it is the last member; without it there is no swarm");
  tx.put_raw(std::string{keys::kMemberCount}, big_endian_key(members - 1));
  tx.erase(keys::member(member->node));
  tx.erase(keys::member_key(member->key.public_key));
  tx.put_raw(keys::removed(member->key.public_key), big_endian_key(tx.wall_ms()));
  mark_change(tx);
  tx.event("member_removed", {{"node", member->node.hex()}, {"name", member->name}});
  return {.id = member->node.hex(), .number = 0, .error = {}};
}

Outcome run(Transaction& tx, const MarkMember& command) {
  auto member = member_of(tx.view(), command.node);
  if (!member) return refused(Errc::not_found, fmt::format("no member {}", command.node.hex()));
  if (command.draining) member->is_draining = *command.draining;
  if (command.wants_vote) member->wants_vote = *command.wants_vote;
  put(tx, *member);
  tx.event("member_marked",
           {{"node", member->node.hex()},
            {"name", member->name},
            {"draining", member->is_draining},
            {"wants_vote", member->wants_vote}});
  return {.id = member->node.hex(), .number = 0, .error = {}};
}

Outcome run(Transaction& tx, const AddInvite& command) {
  if (command.life_ms == 0 || command.life_ms > kInviteLifeMaxMs) {
    return refused(
        Errc::invalid_argument,
        fmt::format(
            "expires_s: {} is outside 1 to {}", command.life_ms / 1000, kInviteLifeMaxMs / 1000));
  }
  if (command.uses == 0 || command.uses > kInviteUsesMax) {
    return refused(Errc::invalid_argument,
                   fmt::format("uses: {} is outside 1 to {}", command.uses, kInviteUsesMax));
  }
  auto invites = list_invites(tx.view());
  const auto is_over = [&tx](const auto& known) { return known.second.expires_ms <= tx.now_ms(); };
  for (const auto& known : invites)
    if (is_over(known)) tx.erase(known.first);
  std::erase_if(invites, is_over);
  if (invites.size() >= kInvitesMax) {
    return refused(Errc::too_large,
                   fmt::format("{} invitations are open, which is the limit", invites.size()));
  }
  const node::KeyId id = node::key_id_of(command.key);
  tx.put_raw(keys::invite(id),
             encode(Invite{.key = command.key,
                           .expires_ms = tx.now_ms() + command.life_ms,
                           .uses_left = command.uses}));
  mark_change(tx);
  tx.event("member_invited", {{"uses", command.uses}, {"expires_s", command.life_ms / 1000}});
  return {};
}

Outcome run(Transaction& tx, const AddSwarmKey& command) {
  auto ring = swarm_key_ring(tx.view());
  std::uint64_t newest = 0;
  for (const auto& key : ring) {
    if (key.key == command.key) return {.id = {}, .number = key.generation, .error = {}};
    if (key.use == node::KeyUse::accepted) {
      return refused(Errc::conflict,
                     fmt::format("key {} is on its way to all members; wait until it is in use",
                                 key.generation));
    }
    newest = std::max(newest, key.generation);
  }
  const auto use = ring.empty() ? node::KeyUse::in_use : node::KeyUse::accepted;
  ring.insert(ring.begin(),
              node::RingKey{.generation = newest + 1, .use = use, .key = command.key});
  if (ring.size() > node::kRingKeysMax) ring.pop_back();
  put(tx, ring);
  tx.event("swarm_key_added", {{"generation", newest + 1}});
  return {.id = {}, .number = newest + 1, .error = {}};
}

Outcome run(Transaction& tx, const UseSwarmKey& command) {
  auto ring = swarm_key_ring(tx.view());
  const auto found = std::ranges::find_if(
      ring, [&](const auto& key) { return key.generation == command.generation; });
  if (found == ring.end())
    return refused(Errc::not_found, fmt::format("no swarm key {}", command.generation));
  if (found->use != node::KeyUse::accepted)
    return {.id = {}, .number = command.generation, .error = {}};
  for (auto& key : ring)
    key.use = key.generation == command.generation ? node::KeyUse::in_use : node::KeyUse::retired;
  put(tx, ring);
  tx.event("swarm_key_used", {{"generation", command.generation}});
  return {.id = {}, .number = command.generation, .error = {}};
}

Outcome run(Transaction& tx, const NoteDecision& command) {
  if (command.why.size() > kWhyMax)
    return refused(Errc::too_large, fmt::format("why: more than {} characters", kWhyMax));
  tx.event("swarm_decision", {{"what", command.what}, {"why", command.why}});
  return {};
}

}  // namespace starling::ml
