/// Seals single datagrams from one member to one other: XChaCha20-Poly1305 by a key that only those
/// two can compute, and only while they know the swarm's key. So the sender is who it says, and a
/// datagram to one member is nothing to another.
///
/// Wire: version u8 | swarm key id 4 | sender's node key 40 | nonce 24 | mark 8 | sealed: sequence
/// u64 little endian, content. The mark, a SipHash by the swarm's key, lets a receiver drop what
/// comes from outside before it computes anything; swarm id, recovery epoch and all that stands in
/// the clear are authenticated.
///
/// Threads: one. Not pure: nonces are random.
#pragma once

#include "node/secure/node_key.h"
#include "node/secure/swarm_keys.h"

#include <map>
#include <optional>

namespace starling::node {

inline constexpr std::size_t kDatagramSealBytes = 1 + 4 + kNodeKeyBytes + 24 + 8 + 8 + 16;

/// Which sequence numbers of a sender were seen: each passes once, and none that is 64 or more
/// behind the highest.
class ReplayWindow {
 public:
  /// False: seen, or too old to tell.
  bool take(std::uint64_t sequence);

 private:
  std::uint64_t highest_ = 0;
  std::uint64_t seen_ = 0;  ///< bit i: `highest_ - i`
};

class DatagramSeal {
 public:
  /// `first_sequence`: above every one that this node key used before.
  DatagramSeal(const NodeSecret& self, std::uint64_t first_sequence);

  /// The swarm and recovery epoch that every datagram belongs to, and its keys.
  void set_scope(SwarmId swarm, std::uint64_t recovery_epoch, SwarmKeyRing ring);

  /// What is sealed from now on has higher sequences than `sequence`: another process that had this
  /// node's key used them up to there.
  void begin_above(std::uint64_t sequence);

  /// Nothing if there is no key to speak by or `to` is no valid key.
  std::optional<Bytes> seal(const NodeKey& to, BytesView content);

  struct Opened {
    NodeKey from;
    Bytes content;
  };

  /// Errors: `corrupt` if it has no form, `unauthorized` if it is not from a member to this node in
  ///         this swarm and epoch, `conflict` if it was here before, `unavailable` if more than
  ///         `kSendersMax` speak. Nothing is to be answered.
  Result<Opened> open(BytesView datagram);

  static constexpr std::size_t kSendersMax = 32768;

 private:
  struct Pair {
    SharedSecret shared{};
    std::map<std::uint64_t, std::pair<SwarmKey, SwarmKey>> keys;  ///< generation: to them, to us
    ReplayWindow window;
  };

  struct MarkedKey {
    RingKey key;
    std::array<std::uint8_t, 4> id{};
    std::array<std::uint8_t, 16> mark{};
  };

  Pair* pair_with(const NodeKey& other);
  const std::pair<SwarmKey, SwarmKey>& keys_of(Pair& pair,
                                               const NodeKey& other,
                                               const RingKey& by) const;
  Bytes scope_and(BytesView clear) const;

  NodeSecret self_;
  std::uint64_t next_sequence_;
  SwarmId swarm_;
  std::uint64_t recovery_epoch_ = 0;
  std::vector<MarkedKey> ring_;  ///< without the retired ones
  std::map<NodeKey, Pair> pairs_;
};

}  // namespace starling::node
