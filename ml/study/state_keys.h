/// Where each value of the replicated state lies.
#pragma once

#include "ml/study/study.h"
#include "node/base/bytes.h"
#include "node/base/hash.h"
#include "node/base/ids.h"
#include "node/secure/node_key.h"
#include "node/secure/swarm_keys.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace starling::ml::keys {

inline constexpr std::string_view kDatasets = "dataset/";
inline constexpr std::string_view kStudies = "study/";
inline constexpr std::string_view kVersions = "version/";
inline constexpr std::string_view kTokens = "token/";
inline constexpr std::string_view kEvents = "event/";
inline constexpr std::string_view kIdempotency = "idem/";
inline constexpr std::string_view kIdempotencyAges = "idemage/";
inline constexpr std::string_view kRegisters = "register/";
inline constexpr std::string_view kMembers = "member/";
inline constexpr std::string_view kMemberKeys = "memberkey/";
inline constexpr std::string_view kRemoved = "removed/";
inline constexpr std::string_view kInvites = "invite/";
inline constexpr std::string_view kMeta = "meta/";
inline constexpr std::string_view kTime = "meta/time";
inline constexpr std::string_view kFeatures = "meta/features";
inline constexpr std::string_view kEventCount = "meta/events";
inline constexpr std::string_view kLastDroppedEvent = "meta/droppedevent";
inline constexpr std::string_view kKeyCount = "meta/keys";
inline constexpr std::string_view kLastDroppedAge = "meta/droppedkey";
inline constexpr std::string_view kInternalKeyFloor = "meta/ownfloor";
inline constexpr std::string_view kRegisterCount = "meta/registers";
inline constexpr std::string_view kRing = "meta/ring";
inline constexpr std::string_view kMemberChange = "meta/memberchange";
inline constexpr std::string_view kMemberCount = "meta/members";

inline std::string dataset(std::string_view id) {
  return std::string{kDatasets}.append(id);
}

inline std::string study(std::string_view id) {
  return std::string{kStudies}.append(id);
}

inline std::string trials(std::string_view study) {
  return std::string{"trial/"}.append(study).append("/");
}

inline std::string trial(std::string_view study, std::uint64_t number) {
  return trials(study) + big_endian_key(number);
}

/// Whether what lies under the key of a trial is a fit of a fold (`Trial::fit`).
inline bool is_fit(std::string_view trial_key) {
  return trial_key.size() >= 8 &&
         from_big_endian_key(trial_key.substr(trial_key.size() - 8)) >= kFitsFrom;
}

inline std::string curves(std::string_view study) {
  return std::string{"curve/"}.append(study).append("/");
}

inline std::string curve(std::string_view study, std::uint64_t number) {
  return curves(study) + big_endian_key(number);
}

inline std::string versions(std::string_view model) {
  return std::string{kVersions}.append(model).append("/");
}

inline std::string version(std::string_view model, std::uint64_t number) {
  return versions(model) + big_endian_key(number);
}

inline std::string token(const ContentHash& hash) {
  return std::string{kTokens} + hash.hex();
}

inline std::string event(std::uint64_t index, std::uint64_t sequence) {
  return std::string{kEvents} + big_endian_key(index) + big_endian_key(sequence);
}

inline std::string idempotency(std::string_view key) {
  return std::string{kIdempotency}.append(key);
}

inline std::string idempotency_age(std::uint64_t time_ms, std::string_view key) {
  return (std::string{kIdempotencyAges} + big_endian_key(time_ms)).append(key);
}

inline std::string register_of(std::string_view key) {
  return std::string{kRegisters}.append(key);
}

inline std::string member(NodeId node) {
  return std::string{kMembers} + node.hex();
}

/// The newest disk incarnation of a member's key.
inline std::string member_key(const node::PublicKey& key) {
  return std::string{kMemberKeys} + to_hex(view_of(key));
}

inline std::string removed(const node::PublicKey& key) {
  return std::string{kRemoved} + to_hex(view_of(key));
}

inline std::string invite(const node::KeyId& id) {
  return std::string{kInvites} + to_hex(view_of(id));
}

}  // namespace starling::ml::keys
