#include "node/gossip/swim_message.h"

#include <fmt/format.h>

namespace starling::node {
namespace {

// A field is a tag byte, a length of at most two bytes, and its content; a number at most 11.
constexpr std::size_t kFieldBytes = 3;
constexpr std::size_t kNumberBytes = 11;
constexpr std::size_t kIdBytes = kFieldBytes + 16;
constexpr std::size_t kKeyBytes = kFieldBytes + 32 + kNumberBytes;
constexpr std::size_t kNameCharsMax = 64;
constexpr std::size_t kAddressCharsMax = 255;

std::size_t size_bound(const MemberFacts& facts) {
  std::size_t bound = 5 * kFieldBytes + 8 * kNumberBytes + facts.name.size() +
                      facts.address.size() + facts.http.size() + facts.version.size();
  for (const auto& [key, value] : facts.labels)
    bound += 3 * kFieldBytes + key.size() + value.size();
  return bound;
}

}  // namespace

std::size_t encoded_size_bound(const SwimUpdate& update) {
  return kFieldBytes + 2 * kIdBytes + kKeyBytes + 3 * kNumberBytes +
         size_bound(update.member.facts);
}

std::size_t encoded_size_bound(const SwimMessage& message) {
  std::size_t bound = 3 * kIdBytes + 2 * kNumberBytes + 2 * kFieldBytes +
                      message.from_address.size() + message.target_address.size();
  for (const auto& update : message.updates)
    bound += encoded_size_bound(update);
  return bound;
}

std::string_view to_string(MemberState state) {
  switch (state) {
    case MemberState::alive: return "alive";
    case MemberState::suspect: return "suspect";
    case MemberState::dead: return "dead";
    case MemberState::left: return "left";
  }
  return "unknown";
}

std::string_view to_string(SwimKind kind) {
  switch (kind) {
    case SwimKind::ping: return "ping";
    case SwimKind::ping_request: return "ping_request";
    case SwimKind::ack: return "ack";
    case SwimKind::nack: return "nack";
    case SwimKind::gossip: return "gossip";
  }
  return "unknown";
}

std::string fault_of(const MemberFacts& facts) {
  if (facts.name.size() > kNameCharsMax) {
    return fmt::format(
        "name of {} characters is above the limit of {}", facts.name.size(), kNameCharsMax);
  }
  if (facts.address.size() > kAddressCharsMax) {
    return fmt::format("address of {} characters is above the limit of {}",
                       facts.address.size(),
                       kAddressCharsMax);
  }
  if (size_bound(facts) > kMemberFactsBytesMax) {
    return fmt::format(
        "name, address, URL, version and labels make {} bytes, above the limit of {}: shorten the "
        "labels",
        size_bound(facts),
        kMemberFactsBytesMax);
  }
  return {};
}

}  // namespace starling::node
