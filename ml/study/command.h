/// What may be asked of the replicated truth. Each is one entry of the log.
#pragma once

#include "ml/study/study.h"
#include "node/base/error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace starling::ml {

/// Makes a token valid. Only its hash is stored.
struct AddToken {
  ContentHash token_hash;
};

struct AddDataset {
  Dataset dataset;  ///< `id` drawn by the proposer; `created_ms` is set by apply
};

struct RemoveDataset {
  std::string id;
};

struct CreateStudy {
  std::string id;  ///< drawn by the proposer
  StudySpec spec;
};

/// Ends the drawing of trials: what runs or waits is cancelled. With `then_finish` the best final
/// trial is still refitted (time limit); without it the study ends as cancelled.
struct StopStudy {
  std::string id;
  std::string reason;
  bool then_finish = false;
};

/// Draws and starts no more until it is resumed; what runs goes on.
struct PauseStudy {
  std::string id;
  bool paused = true;  ///< false: resume
};

/// Asks for more trials, also of a study that has ended.
struct ExtendStudy {
  std::string id;
  std::uint32_t trials = 0;  ///< how many more
};

struct QueuedTrial {
  std::uint32_t number = 0;
  Params params;
  std::uint64_t predicted_peak_mb = 0;
  std::uint64_t estimate_mb = 0;  ///< since level 7
};

/// The leader drew these. Numbers must follow the last one without a gap; a repeat is refused.
struct QueueTrials {
  std::string study;
  std::vector<QueuedTrial> trials;
};

/// Queued trials change the queue in which they wait: the leader gives them to a node or takes them
/// from one that cannot have them, an idle node steals them from a loaded one. What is no longer
/// queued `from` there is left as it is, so of two who want the same trial the log decides.
struct MoveTrials {
  struct Item {
    std::string study;
    std::uint32_t number = 0;
    NodeId from;  ///< none: no node's queue
    NodeId to;    ///< none: no node's queue
  };

  std::vector<Item> items;
  std::string why;
};

/// A queued trial starts on a node, which must be the one in whose queue it waits, if it waits in
/// one. Its token is the index of this entry.
struct StartTrial {
  std::string study;
  std::uint32_t number = 0;
  NodeId node;
};

/// An outside program asks for the next trial that waits in a study whose objective it is. It has
/// to be heard of within the lease, again and again, or the trial is given out anew. The outcome's
/// id is the trial's number, its number the token.
struct AskTrial {
  std::string study;
  std::uint64_t lease_ms = 0;
};

/// A running attempt has stopped at a checkpoint, to go on elsewhere: its trial waits again, in the
/// queue of `to`, or in none. Costs no attempt.
struct YieldTrial {
  std::string study;
  std::uint32_t number = 0;
  std::uint64_t token = 0;
  NodeId to;  ///< none: the leader chooses
  std::string why;
};

struct ProgressPoint {
  std::string study;
  std::uint32_t number = 0;
  std::uint64_t token = 0;
  CurvePoint point;
};

struct ReportProgress {
  std::vector<ProgressPoint> points;
};

/// How an attempt ended.
struct FinishTrial {
  std::string study;
  std::uint32_t number = 0;
  std::uint64_t token = 0;
  TrialState state = TrialState::completed;
  bool may_retry = false;  ///< The attempt, not the trial, failed: a crash, a killed process.
  double value = 0;        ///< of the study's metric, when completed
  Metrics metrics;
  std::uint32_t best_epoch = 0;
  std::uint32_t epochs = 0;
  double seconds = 0;
  std::uint64_t peak_mb = 0;
  std::string error;
  std::vector<double> rungs;                 ///< as the trial's
  AttemptEnd end = AttemptEnd::crashed;      ///< with `may_retry`: why; heeded since level 7
  std::optional<ContentHash> artifact = {};  ///< of a fit (`Trial::fit`), when completed
  ModelCost cost = {};                       ///< as the trial's; heeded since level 12
};

/// A queued trial that no node can ever hold ends as infeasible, with the numbers.
struct RefuseTrial {
  std::string study;
  std::uint32_t number = 0;
  std::string reason;
};

struct StartFinal {
  std::string study;
  NodeId node;
  std::uint64_t need_mb = 0;  ///< reserved for it; heeded since level 7
};

struct FinishFinal {
  std::string study;
  std::uint64_t token = 0;
  std::optional<FinalResult> result;  ///< none: failed
  bool may_retry = false;
  std::string error;
  AttemptEnd end = AttemptEnd::crashed;  ///< as of a trial
};

/// Takes running attempts back from a node that is gone. Those whose token has passed are ignored.
struct ExpireAttempts {
  struct Item {
    std::string study;
    std::optional<std::uint32_t> number;  ///< none: the final job
    std::uint64_t token = 0;
  };

  std::vector<Item> items;
  std::string reason;
};

/// Writes a register (ml/study/registers.h). Its new version is the index of this entry.
struct SetRegister {
  std::string key;
  std::string value;
  std::optional<std::uint64_t> expected;  ///< the version it must have; 0: it must not exist
};

struct RemoveRegister {
  std::string key;
  std::optional<std::uint64_t> expected;  ///< the version it must have
};

/// Every voter understands commands up to `level` from here on. Never lowered.
struct RaiseFeatureLevel {
  std::uint32_t level = 1;

  friend bool operator==(const RaiseFeatureLevel&, const RaiseFeatureLevel&) = default;
};

/// Lets a node in: from here on its key is a member's. `invite`: by that invitation, which is used.
struct AddMember {
  node::NodeKey key;
  std::string name;
  std::optional<node::KeyId> invite;
};

/// The node's key is refused from here on.
struct RemoveMember {
  NodeId node;
};

/// What people want of a member; what is not given stays.
struct MarkMember {
  NodeId node;
  std::optional<bool> draining;    ///< gives up its roles and takes no work
  std::optional<bool> wants_vote;  ///< is preferred where voters are chosen
};

/// A join token was minted; `key` is what both sides of its handshake prove.
struct AddInvite {
  node::SwarmKey key{};
  std::uint64_t life_ms = 0;
  std::uint32_t uses = 1;
};

/// Gives a new key to all members, who accept it from here on.
struct AddSwarmKey {
  node::SwarmKey key{};
};

/// Members speak by that key from here on.
struct UseSwarmKey {
  std::uint64_t generation = 0;
};

/// The leader decided about members or roles; for people only.
struct NoteDecision {
  std::string what;
  std::string why;
};

/// Takes over a piece of what another swarm holds (ml/study/adoption.h).
struct Adopt {
  SwarmId from;
  std::string pairs;
  std::uint32_t trials = 0;  ///< of the study in `pairs`: how many are there
};

using CommandBody = std::variant<AddToken,
                                 AddDataset,
                                 RemoveDataset,
                                 CreateStudy,
                                 StopStudy,
                                 QueueTrials,
                                 StartTrial,
                                 ReportProgress,
                                 FinishTrial,
                                 RefuseTrial,
                                 StartFinal,
                                 FinishFinal,
                                 ExpireAttempts,
                                 SetRegister,
                                 RemoveRegister,
                                 RaiseFeatureLevel,
                                 AddMember,
                                 RemoveMember,
                                 MarkMember,
                                 AddInvite,
                                 AddSwarmKey,
                                 UseSwarmKey,
                                 NoteDecision,
                                 Adopt,
                                 MoveTrials,
                                 PauseStudy,
                                 ExtendStudy,
                                 YieldTrial,
                                 AskTrial>;

/// The newest level of commands that this program understands. A command that is added later gets
/// the next level: an older node that had to apply it would have to stop.
inline constexpr std::uint32_t kFeatureLevel = 13;

/// The level that a swarm must have reached before `body` may be proposed.
std::uint32_t feature_level_of(const CommandBody& body);

struct Command {
  /// Idempotency key: the client's, or one of the node's own (answer_table.h). Empty for commands
  /// that are idempotent by what they say (tokens, numbers).
  std::string key;
  std::string request_hash;   ///< of route and body: another request under the same key is refused
  std::uint64_t time_ms = 0;  ///< cluster time (cluster_clock.h), set by the leader who proposes
  std::uint64_t wall_ms = 0;  ///< the leader's wall clock, for people only
  CommandBody body;
};

/// What apply decided. Same on every node.
struct Outcome {
  std::string id;              ///< of what was created
  std::uint64_t number = 0;    ///< token of a started attempt, version of a register
  std::optional<Error> error;  ///< why it was refused
};

inline Outcome refused(Error error, std::uint64_t number = 0) {
  return {.id = {}, .number = number, .error = std::move(error)};
}

inline Outcome refused(Errc code, std::string sentence) {
  return refused(Error{code, std::move(sentence)});
}

inline constexpr std::uint32_t kQueuesLevel = 7;  ///< nodes have queues, ends of attempts causes

inline constexpr std::uint32_t kMovesLevel = 8;  ///< running trials move

inline constexpr std::uint32_t kOutsideLevel = 9;  ///< outside programs ask for trials

inline constexpr std::uint32_t kFamiliesLevel = 10;  ///< linear models and the baseline

inline constexpr std::uint32_t kBagsLevel = 11;  ///< bags, more families and metrics, decisions

inline constexpr std::uint32_t kCostsLevel = 12;  ///< what models cost decides which are best

inline constexpr std::uint32_t kClassWeightsLevel = 13;  ///< honest ones; a row or two may train

inline constexpr std::uint32_t kAttemptsMax = 3;      ///< that crashed; below level 7 of any kind
inline constexpr std::uint32_t kLossesMax = 10;       ///< nodes, or processes that were killed
inline constexpr std::uint32_t kNotToldMax = 10;      ///< that an outside program left untold
inline constexpr std::uint32_t kMemoryKillsMax = 12;  ///< each asks for half as much again
inline constexpr std::size_t kIdempotencyKeysMax = 100'000;
inline constexpr std::uint64_t kIdempotencyKeyLifeMs = 3'600'000;
inline constexpr std::uint64_t kInternalKeyWindow = 100'000;  ///< log entries
inline constexpr std::size_t kEventsKept = 100'000;

}  // namespace starling::ml
