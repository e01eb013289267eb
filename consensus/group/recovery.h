/// What to do when most voters are lost for good: one member that is left becomes the only voter.
///
/// It is a person's decision. Nobody can tell a lost majority from one that is out of reach, and
/// what the lost voters acknowledged and the survivor does not hold is gone. What can be done is to
/// look first (`may_recover`), to take the member that holds most, and to make sure that nothing of
/// before can be mistaken for something of after: the term rises by 1,000, the recovery epoch
/// too, and log indexes, which are what fencing tokens are made of, by 2^20.
///
/// Source: core rules GR-2 to GR-4.
#pragma once

#include "consensus/group/state_machine.h"
#include "consensus/raft/raft_core.h"
#include "consensus/storage/log_store.h"

#include <string>
#include <vector>

namespace starling::consensus {

inline constexpr std::uint64_t kRecoveryTerms = 1000;
inline constexpr std::uint64_t kRecoveryIndexes = 1 << 20;

/// How much of the log a member holds.
struct LogPosition {
  NodeId node;
  std::uint32_t recovery_epoch = 0;
  Term term;
  Term last_term;
  LogIndex last;
  LogIndex commit;
  bool hears_leader = false;

  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

LogPosition position_of(const RaftCore& core);
LogPosition position_of(NodeId node, const RestoredState& restored);

Bytes encode_log_position(const LogPosition& position);

/// Errors: `corrupt`.
Result<LogPosition> decode_log_position(BytesView bytes);

/// Whether the member at `own`, whose newest configuration is `config`, may be made the only voter,
/// given what all others said that could be asked.
/// Errors: `conflict`: a majority is there, somebody hears a leader, another holds more, or the
///         swarm is recovered already; the sentence says which, and what to do.
Result<> may_recover(const LogPosition& own,
                     const Config& config,
                     const std::vector<LogPosition>& others);

struct Recovered {
  LogIndex last;       ///< the last entry of the survivor; all up to it count as committed now
  LogIndex committed;  ///< what was known to be committed before
  LogIndex base;       ///< where the log goes on
  Term term;
  std::uint32_t recovery_epoch = 0;
};

/// Applies all of the log and makes `self` the only voter. `note` is the first command after it,
/// for the event log; the node that starts next commits it. Interrupted, nothing has changed.
/// `epochs`, at least 1, is how far the recovery epoch rises: drawn by chance, so that two members
/// that are recovered by mistake do not take each other for one swarm.
/// Errors: `io`, `corrupt`, `conflict` as `apply_entries`.
Result<Recovered> recover_alone(
    LogStore& store, NodeId self, StateMachine& machine, std::uint32_t epochs, std::string note);

/// Makes the staged pairs the state of a store whose only voter is `self`, at `base` and in `hard`,
/// followed by `note` if it is not empty.
Result<> install_staged(
    LogStore& store, NodeId self, const HardState& hard, LogIndex base, std::string note);

}  // namespace starling::consensus
