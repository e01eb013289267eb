/// What Raft members say to each other and what they keep, as plain values.
///
/// The bytes are the business of raft_wire. Entries are shared and never change: the log, the disk
/// batch and every outgoing message point at the same one.
#pragma once

#include "consensus/raft/config.h"
#include "consensus/raft/state_check.h"
#include "node/base/ids.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace starling::consensus {

/// Values are stored and travel: append only.
enum class EntryKind : std::uint8_t {
  noop = 1,     ///< the first entry of each leader
  command = 2,  ///< opaque bytes for the state machine
  config = 3,   ///< who votes from here on
  check = 4,    ///< what most voters' state is; `command` is a StateCheck
};

struct Entry {
  Term term;
  LogIndex index;
  EntryKind kind = EntryKind::noop;
  std::string command;  ///< kinds `command` and `check`
  Config config;        ///< kind `config` only

  friend bool operator==(const Entry&, const Entry&) = default;
};

using EntryRef = std::shared_ptr<const Entry>;

/// What an entry weighs in windows and limits: its bytes and a flat charge for its frame.
std::size_t size_of(const Entry& entry);

/// Must be durable before anything that follows from it is said.
struct HardState {
  Term term;
  NodeId vote;                       ///< none: not voted in `term`
  LogIndex commit;                   ///< a hint: what was known to be committed when it was written
  std::uint32_t recovery_epoch = 0;  ///< raised when a swarm is recovered by force

  friend bool operator==(const HardState&, const HardState&) = default;
};

/// A point of the log that is fully covered by applied state.
struct SnapshotMeta {
  LogIndex index;
  Term term;
  Config config;  ///< the last one at or before `index`
  LogIndex config_index;

  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

struct VoteRequest {
  bool pre = false;       ///< only asking: nothing changes by answering
  bool transfer = false;  ///< the leader itself asked for this election
  LogIndex last_index;
  Term last_term;

  friend bool operator==(const VoteRequest&, const VoteRequest&) = default;
};

struct VoteResponse {
  bool pre = false;
  bool granted = false;

  friend bool operator==(const VoteResponse&, const VoteResponse&) = default;
};

struct AppendRequest {
  LogIndex prev_index;
  Term prev_term;
  LogIndex commit;
  std::vector<EntryRef> entries;
  std::uint64_t sent_at = 0;  ///< the leader's clock, only ever compared with itself
  bool is_news = false;       ///< tells of `commit` only, or is relayed: answered only if refused
};

struct AppendResponse {
  bool rejected = false;
  LogIndex index;       ///< accepted: the log agrees up to here; rejected: the `prev_index` refused
  LogIndex hint_index;  ///< rejected: the log may agree at or before here
  Term hint_term;
  std::uint64_t sent_at = 0;  ///< of the request

  friend bool operator==(const AppendResponse&, const AppendResponse&) = default;
};

struct HeartbeatRequest {
  LogIndex commit;             ///< never above `held`
  LogIndex held;               ///< what the receiver has acknowledged to this leader
  std::uint64_t read_seq = 0;  ///< newest read round
  std::uint64_t sent_at = 0;   ///< the leader's clock, only ever compared with itself

  friend bool operator==(const HeartbeatRequest&, const HeartbeatRequest&) = default;
};

struct HeartbeatResponse {
  std::uint64_t read_seq = 0;
  std::uint64_t sent_at = 0;
  StateCheck check;  ///< the newest one of the sender

  friend bool operator==(const HeartbeatResponse&, const HeartbeatResponse&) = default;
};

/// Campaign at once: the leader hands over.
struct TimeoutNow {
  friend bool operator==(const TimeoutNow&, const TimeoutNow&) = default;
};

using MessageBody = std::variant<VoteRequest,
                                 VoteResponse,
                                 AppendRequest,
                                 AppendResponse,
                                 HeartbeatRequest,
                                 HeartbeatResponse,
                                 TimeoutNow>;

struct Message {
  SwarmId swarm;
  std::uint32_t recovery_epoch = 0;
  NodeId from;
  NodeId to;
  Term term;
  std::uint64_t session =
      0;  ///< the leader's record of `to`; echoed, so that old answers are known
  MessageBody body;
};

/// An append that a follower passes on in its leader's name: committed entries, as news, of no
/// session (consensus/relay/relay.h).
bool is_relayed(const Message& message);

}  // namespace starling::consensus
