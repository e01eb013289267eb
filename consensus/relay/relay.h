/// The committed log for those to whom no leader sends it.
///
/// Only voters and standbys are sent the log by the leader. Every other node (a leaf) asks one
/// other node, its upstream, for what is committed after its own last committed entry, again and
/// again; so the swarm is a tree, and the leader's work does not grow with it. The upstream answers
/// in the leader's name, with the AppendRequest that the leader itself could have sent: committed
/// entries only, and as news, so nobody acknowledges anything and nothing counts. What a leaf holds
/// is a member's log, which is why it can become a standby at any time.
///
/// Safe because: an entry that is committed anywhere is in the log of every leader of that term and
/// all later ones (Raft, leader completeness), so a follower of that leader may hold it.
///
/// Pure: what to say and what it looks like. Asking and answering: consensus/group/log_relay.h.
#pragma once

#include "consensus/raft/raft_core.h"

#include <optional>
#include <vector>

namespace starling::consensus {

inline constexpr std::size_t kRelayDepthMax = 16;  ///< hops between a leaf and a member

/// Where the answer to "what is after `after`" comes from.
enum class RelaySource { nothing_new, memory, disk, snapshot };

RelaySource relay_source(const RaftCore& core, LogIndex after);

/// Committed entries after `after` that are in memory; what `relay_source` calls memory.
std::vector<EntryRef> relayed_entries(const RaftCore& core, LogIndex after, std::size_t bytes_max);

/// How far the disk may be read for what `relay_source` calls disk: what is committed and not about
/// to be replaced there.
LogIndex relay_disk_end(const RaftCore& core);

/// What `core` says to `to` in its leader's name: who leads, and `entries`, which are committed and
/// follow `after`.
/// Returns: nothing if it knows no leader, or none but `to`.
std::optional<Message> relay_message(
    const RaftCore& core, SwarmId swarm, NodeId to, LogIndex after, std::vector<EntryRef> entries);

/// Whether `message` is one that `relay_message` makes, for `core`. One of an earlier term brings
/// nothing, but makes `core` tell the leader of the later one: no leader could reach it otherwise.
bool may_take_relayed(const RaftCore& core, const Message& message);

struct RelayRequest {
  LogIndex after;
  std::uint16_t hold_ms = 0;  ///< how long the answer may wait for something new

  friend bool operator==(const RelayRequest&, const RelayRequest&) = default;
};

struct RelayAnswer {
  std::vector<NodeId> path;  ///< the upstream, its upstream and so on, up to a voter or standby
  LogIndex commit;           ///< of the upstream
  bool snapshot_comes = false;
  std::optional<Message> message;
};

Bytes encode_relay_request(const RelayRequest& request);
Bytes encode_relay_answer(const RelayAnswer& answer);

/// Errors: `corrupt`.
Result<RelayRequest> decode_relay_request(BytesView bytes);
Result<RelayAnswer> decode_relay_answer(BytesView bytes);

}  // namespace starling::consensus
