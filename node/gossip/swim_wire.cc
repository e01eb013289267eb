#include "node/gossip/swim_wire.h"

#include "node/gossip/gossip.pb.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::node {
namespace {

constexpr std::uint64_t kIncarnationMax = std::uint64_t{1} << 63;  // room to refute above it
constexpr int kUpdatesMax = 255;
constexpr std::size_t kAddressCharsMax = 255;
constexpr std::size_t kDatagramBytesMax = 64 << 10;
constexpr std::size_t kPageBytesMax = 256 << 10;

Error corrupt(std::string_view what) {
  return {Errc::corrupt, fmt::format("gossip: {}", what)};
}

template <class Id>
std::string pack(const Id& id) {
  return {id.bytes.begin(), id.bytes.end()};
}

// An absent id is "none"; any other length than 16 is a fault.
template <class Id>
bool unpack(const std::string& bytes, Id& id) {
  if (bytes.empty()) return true;
  if (bytes.size() != id.bytes.size()) return false;
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return true;
}

void pack(const MemberFacts& facts, wire::Facts& out) {
  out.set_name(facts.name);
  out.set_address(facts.address);
  out.set_http(facts.http);
  out.set_version(facts.version);
  out.set_feature_level(facts.feature_level);
  out.set_key_generation(facts.key_generation);
  out.set_slots(facts.slots);
  out.set_trials_running(facts.trials_running);
  out.set_memory_budget_mb(facts.memory_budget_mb);
  out.set_memory_used_mb(facts.memory_used_mb);
  out.set_disk_free_mb(facts.disk_free_mb);
  out.set_sync_us(facts.sync_us);
  out.set_memory_is_short(facts.memory_is_short);
  out.set_speed_mflops(facts.speed_mflops);
  out.set_disk_is_short(facts.disk_is_short);
  for (const auto& [key, value] : facts.labels)
    (*out.mutable_labels())[key] = value;
}

MemberFacts unpack(const wire::Facts& in) {
  MemberFacts facts;
  facts.name = in.name();
  facts.address = in.address();
  facts.http = in.http();
  facts.version = in.version();
  facts.feature_level = in.feature_level();
  facts.key_generation = in.key_generation();
  facts.slots = in.slots();
  facts.trials_running = in.trials_running();
  facts.memory_budget_mb = in.memory_budget_mb();
  facts.memory_used_mb = in.memory_used_mb();
  facts.disk_free_mb = in.disk_free_mb();
  facts.sync_us = in.sync_us();
  facts.memory_is_short = in.memory_is_short();
  facts.speed_mflops = in.speed_mflops();
  facts.disk_is_short = in.disk_is_short();
  for (const auto& [key, value] : in.labels())
    facts.labels[key] = value;
  return facts;
}

void pack(const Member& member, wire::MemberClaim& out) {
  out.set_id(pack(member.id));
  if (!member.key.is_none()) {
    out.set_public_key({member.key.public_key.begin(), member.key.public_key.end()});
    out.set_disk_incarnation(member.key.disk_incarnation);
  }
  out.set_incarnation(member.incarnation);
  out.set_state(static_cast<std::uint32_t>(member.state));
  pack(member.facts, *out.mutable_facts());
  out.set_gone_s(member.gone_s);
}

// Nobody can be said to live whose id is not the hash of the key: it could not be spoken to safely.
std::string unpack_key(const wire::MemberClaim& in, Member& member) {
  const std::string& bytes = in.public_key();
  if (bytes.empty())
    return member.state == MemberState::alive ? "a member that is alive, without a key" : "";
  if (bytes.size() != member.key.public_key.size()) return "a key of a wrong length";
  std::copy(bytes.begin(), bytes.end(), member.key.public_key.begin());
  member.key.disk_incarnation = in.disk_incarnation();
  if (member.key.is_none()) return "a key of zeros, which is none";
  return node_id_of(member.key) == member.id ? "" : "a key that is not the member's";
}

Result<SwimUpdate> unpack(const wire::MemberClaim& in) {
  SwimUpdate update;
  if (!unpack(in.id(), update.member.id) || update.member.id.is_none())
    return corrupt("a member without an id");
  if (!unpack(in.accuser(), update.accuser)) return corrupt("an accuser's id of a wrong length");
  if (in.incarnation() >= kIncarnationMax) return corrupt("an incarnation above 2^63");
  if (in.state() < 1 || in.state() > static_cast<std::uint32_t>(MemberState::left))
    return corrupt(fmt::format("unknown state {}", in.state()));
  update.member.incarnation = in.incarnation();
  update.member.state = static_cast<MemberState>(in.state());
  update.member.facts = unpack(in.facts());
  update.member.gone_s = in.gone_s();
  const std::string key_fault = unpack_key(in, update.member);
  if (!key_fault.empty()) return corrupt(key_fault);
  const std::string fault = fault_of(update.member.facts);
  if (!fault.empty()) return corrupt(fault);
  return update;
}

bool parse(BytesView bytes, std::size_t bytes_max, google::protobuf::MessageLite& out) {
  return bytes.size() <= bytes_max &&
         out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

Bytes serialize(const google::protobuf::MessageLite& message) {
  Bytes bytes(message.ByteSizeLong());
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace

Bytes encode_swim_message(const SwimMessage& message) {
  wire::Datagram out;
  out.set_kind(static_cast<std::uint32_t>(message.kind));
  out.set_swarm(pack(message.swarm));
  out.set_from(pack(message.from));
  out.set_from_address(message.from_address);
  out.set_sequence(message.sequence);
  if (!message.target.is_none()) out.set_target(pack(message.target));
  out.set_target_address(message.target_address);
  for (const auto& update : message.updates) {
    auto& claim = *out.add_updates();
    pack(update.member, claim);
    if (!update.accuser.is_none()) claim.set_accuser(pack(update.accuser));
  }
  return serialize(out);
}

Result<SwimMessage> decode_swim_message(BytesView bytes) {
  wire::Datagram in;
  if (!parse(bytes, kDatagramBytesMax, in)) return corrupt("not a datagram");
  if (in.kind() < 1 || in.kind() > static_cast<std::uint32_t>(SwimKind::gossip))
    return corrupt(fmt::format("unknown kind {}", in.kind()));
  if (in.from_address().size() > kAddressCharsMax || in.target_address().size() > kAddressCharsMax)
    return corrupt("an address above 255 characters");
  if (in.updates_size() > kUpdatesMax) return corrupt("more than 255 updates");

  SwimMessage message;
  message.kind = static_cast<SwimKind>(in.kind());
  message.from_address = in.from_address();
  message.sequence = in.sequence();
  message.target_address = in.target_address();
  if (!unpack(in.swarm(), message.swarm) || message.swarm.is_none()) return corrupt("no swarm id");
  if (!unpack(in.from(), message.from) || message.from.is_none()) return corrupt("no sender id");
  if (!unpack(in.target(), message.target)) return corrupt("a target id of a wrong length");
  for (const auto& claim : in.updates()) {
    auto update = unpack(claim);
    if (!update) return update.error();
    message.updates.push_back(std::move(*update));
  }
  return message;
}

Bytes encode_swim_state(const SwimState& state) {
  wire::SwarmState out;
  if (!state.swarm.is_none()) out.set_swarm(pack(state.swarm));
  out.set_from(pack(state.from));
  out.set_from_address(state.from_address);
  if (!state.after.is_none()) out.set_after(pack(state.after));
  if (!state.upto.is_none()) out.set_upto(pack(state.upto));
  for (const auto& member : state.members)
    pack(member, *out.add_members());
  return serialize(out);
}

Result<SwimState> decode_swim_state(BytesView bytes) {
  wire::SwarmState in;
  if (!parse(bytes, kPageBytesMax, in)) return corrupt("not a page of a swarm's state");
  if (static_cast<std::size_t>(in.members_size()) > kPageMembersMax)
    return corrupt(fmt::format("more than {} members in a page", kPageMembersMax));
  if (in.from_address().size() > kAddressCharsMax)
    return corrupt("an address above 255 characters");
  SwimState state;
  state.from_address = in.from_address();
  if (!unpack(in.swarm(), state.swarm)) return corrupt("a swarm id of a wrong length");
  if (!unpack(in.from(), state.from) || state.from.is_none()) return corrupt("no sender id");
  if (!unpack(in.after(), state.after) || !unpack(in.upto(), state.upto))
    return corrupt("a page's end of a wrong length");
  for (const auto& claim : in.members()) {
    auto update = unpack(claim);
    if (!update) return update.error();
    state.members.push_back(std::move(update->member));
  }
  return state;
}

}  // namespace starling::node
