/// What members say to each other over UDP. Plain structs; `swim_wire` puts them into bytes.
#pragma once

#include "node/base/ids.h"
#include "node/gossip/member.h"
#include "node/secure/datagram_seal.h"

#include <cstdint>
#include <string>
#include <vector>

namespace starling::node {

/// Sealed it is 1400: Ethernet's 1500 less IP and UDP headers, with some room for tunnels.
inline constexpr std::size_t kSwimDatagramBytesMax = 1400 - kDatagramSealBytes;

/// Values travel on the wire: append only.
enum class SwimKind : std::uint8_t {
  ping = 1,          ///< answer me with an ack
  ping_request = 2,  ///< ping `target` for me
  ack = 3,           ///< `target` lives
  nack = 4,          ///< I live, but `target` did not answer me
  gossip = 5,        ///< only updates
};

/// A claim about one member. Suspect and dead claims carry the name and address only.
struct SwimUpdate {
  Member member;
  NodeId accuser;  ///< who suspects; none unless suspect

  friend bool operator==(const SwimUpdate&, const SwimUpdate&) = default;
};

struct SwimMessage {
  SwimKind kind = SwimKind::gossip;
  SwarmId swarm;
  NodeId from;
  std::string from_address;
  std::uint64_t sequence = 0;
  NodeId target;
  std::string target_address;  ///< of ping_request
  std::vector<SwimUpdate> updates;

  friend bool operator==(const SwimMessage&, const SwimMessage&) = default;
};

/// So many members at most are in one page of push/pull, which keeps it below 256 KiB.
inline constexpr std::size_t kPageMembersMax = 256;

/// One page of what a node knows, exchanged over TCP when joining and from time to time: of the
/// members with `after` < id <= `upto`.
struct SwimState {
  SwarmId swarm;  ///< none: the sender has not joined
  NodeId from;
  std::string from_address;
  NodeId after;  ///< none: from the first
  NodeId upto;   ///< none: to the last
  std::vector<Member> members;

  friend bool operator==(const SwimState&, const SwimState&) = default;
};

/// Never less than what `encode_swim_message` makes of it.
std::size_t encoded_size_bound(const SwimUpdate& update);
std::size_t encoded_size_bound(const SwimMessage& message);

std::string_view to_string(MemberState state);
std::string_view to_string(SwimKind kind);

/// Nothing wrong, or what is: a name, address or set of labels that is too long.
std::string fault_of(const MemberFacts& facts);

}  // namespace starling::node
