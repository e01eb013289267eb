/// The nouns of the replicated truth: datasets, studies, trials, models.
///
/// Plain values; `study_wire.h` turns them into bytes, `study_state.h` changes them.
#pragma once

#include "ml/search/constraints.h"
#include "ml/search/param_value.h"
#include "ml/table/split_spec.h"
#include "node/base/hash.h"
#include "node/base/ids.h"
#include "node/secure/node_key.h"
#include "node/secure/swarm_keys.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace starling::ml {

using Metrics = std::map<std::string, double>;  ///< name -> value in its natural sign

struct Dataset {
  std::string id;  ///< "d-" and 8 hex digits
  std::string name;
  ContentHash blob;
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;
  std::string profile;  ///< as `stored_profile` makes it (ml/table/profile_json.h)
  std::uint64_t created_ms = 0;

  friend bool operator==(const Dataset&, const Dataset&) = default;
};

/// Finished is final: a trial never leaves completed, pruned, failed, infeasible or cancelled.
/// Values are stored: append only.
enum class TrialState : std::uint8_t {
  queued = 1,
  running = 2,
  completed = 3,
  pruned = 4,
  failed = 5,
  infeasible = 6,
  cancelled = 7,
};

enum class StudyStatus : std::uint8_t {
  queued = 1,     ///< accepted, nothing runs yet
  running = 2,    ///< trials run
  finishing = 3,  ///< all trials are final; the best configuration is refitted and tested
  completed = 4,
  failed = 5,
  cancelled = 6,
  paused = 7,  ///< nothing is drawn or started; what runs goes on to its end
};

/// Why an attempt brought no result. Values are stored: append only.
enum class AttemptEnd : std::uint8_t {
  crashed = 1,        ///< its process died, or failed where another attempt may not
  node_gone = 2,      ///< the node that ran it is dead
  out_of_memory = 3,  ///< it needed more than it was given, or the kernel took it
  made_way = 4,       ///< its node ran short of memory and ended it
  killed = 5,         ///< somebody killed its process, or the worker program died with it
  moved = 6,          ///< it goes on elsewhere, from where it was
  not_told = 7,       ///< an outside program asked for it and said nothing in time
  out_of_disk = 8,    ///< its node had no room on its disk; since level 9
};

enum class FinalState : std::uint8_t {
  none = 1,
  queued = 2,
  running = 3,
  completed = 4,
  failed = 5
};

constexpr bool is_final(TrialState state) {
  return state != TrialState::queued && state != TrialState::running;
}

constexpr bool has_ended(StudyStatus status) {
  return status == StudyStatus::completed || status == StudyStatus::failed ||
         status == StudyStatus::cancelled;
}

std::string_view to_string(TrialState state);
std::string_view to_string(StudyStatus status);
std::string_view to_string(FinalState state);
std::string_view to_string(AttemptEnd end);

/// How trials that go badly are ended early. Values are stored: append only.
enum class Pruner : std::uint8_t {
  none = 0,
  asha = 1,  ///< successive halving at the rungs of ml/search/pruner.h
};

std::string_view to_string(Pruner pruner);

/// What a study makes of its best trials. Values are stored: append only.
enum class FinalModel : std::uint8_t {
  refit = 0,      ///< the best one's parameters, trained on the train and validation rows
  bag = 1,        ///< the best ones, each trained on several folds, blended
  refit_all = 2,  ///< as `refit`, on the test rows too: there is no test score then
};

std::string_view to_string(FinalModel model);

/// The task of a study whose objective is an outside program: it asks for trials and tells their
/// values. No data set, target, split or final fit belongs to it, its metric is any name, and
/// `epochs` is the last step that the program reports.
inline constexpr std::string_view kOutsideTask = "outside";

/// Everything a study's result depends on. Complete: nothing in it is left to be inferred.
struct StudySpec {
  std::string name;
  std::string dataset;  ///< id
  std::string target;
  std::string task;  ///< regression, binary, multiclass or outside
  std::string metric;
  bool maximize = false;
  std::uint32_t trials = 20;
  std::uint32_t parallelism = 4;
  std::uint64_t time_limit_s = 0;  ///< 0: none
  std::uint64_t seed = 42;
  std::string search_space_json;
  std::vector<Params> initial;
  std::uint32_t epochs = 100;
  std::uint32_t patience = 16;
  std::string use_case;
  std::vector<std::string> tags;
  SplitSpec split;
  Pruner pruner = Pruner::none;
  std::int32_t priority = 0;  ///< a greater one is served first; -kPriorityMax to kPriorityMax
  std::map<std::string, std::string> required_labels;  ///< of the nodes that may run it
  FinalModel final_model = FinalModel::refit;
  Constraints constraints;
  std::vector<Decision> decisions;   ///< at most kDecisionsMax; for people
  bool trains_rare_classes = false;  ///< classes of one or two rows are kept, to learn from only

  friend bool operator==(const StudySpec&, const StudySpec&) = default;
};

inline constexpr std::int32_t kPriorityMax = 10;
inline constexpr std::size_t kDecisionsMax = 32;
inline constexpr std::size_t kDecisionBytesMax = 1000;  ///< of one, in all

inline bool is_outside(const StudySpec& spec) {
  return spec.task == kOutsideTask;
}

/// The ids of all data sets whose rows it uses: its own, then those that validate and test. None of
/// a study whose objective is outside.
std::vector<std::string> datasets_of(const StudySpec& spec);

/// Who may finish a piece of work. The token is the log index of the entry that started it, so a
/// later attempt's is always greater.
struct Attempt {
  std::uint64_t token = 0;
  NodeId node;

  friend bool operator==(const Attempt&, const Attempt&) = default;
};

/// An attempt that brought no result, for people.
struct PastAttempt {
  Attempt attempt;
  AttemptEnd end = AttemptEnd::crashed;
  std::uint64_t peak_mb = 0;  ///< 0: not known
  std::string why;

  friend bool operator==(const PastAttempt&, const PastAttempt&) = default;
};

inline constexpr std::size_t kPastAttemptsKept = 8;

/// How often attempts of a trial ended without a result, by cause.
struct AttemptEnds {
  std::uint32_t crashed = 0;
  std::uint32_t node_gone = 0;
  std::uint32_t out_of_memory = 0;
  std::uint32_t made_way = 0;
  std::uint32_t killed = 0;
  std::uint32_t moved = 0;
  std::uint32_t not_told = 0;
  std::uint32_t out_of_disk = 0;

  friend bool operator==(const AttemptEnds&, const AttemptEnds&) = default;
};

std::uint32_t& count_of(AttemptEnds& ends, AttemptEnd end);

inline constexpr std::uint32_t kTrialsMax = 10'000;  ///< of one study

struct TrialCounts {
  std::uint32_t queued = 0;
  std::uint32_t running = 0;
  std::uint32_t completed = 0;
  std::uint32_t pruned = 0;
  std::uint32_t failed = 0;
  std::uint32_t infeasible = 0;
  std::uint32_t cancelled = 0;

  std::uint32_t final_count() const { return completed + pruned + failed + infeasible + cancelled; }

  std::uint32_t drawn() const { return queued + running + final_count(); }

  friend bool operator==(const TrialCounts&, const TrialCounts&) = default;
};

/// How many of `counts` are in that state.
std::uint32_t& count_of(TrialCounts& counts, TrialState state);

/// What the refit of the best configuration measured.
struct FinalResult {
  Metrics validation;
  Metrics test;
  std::uint64_t rows_train = 0;
  std::uint64_t rows_validation = 0;
  std::uint64_t rows_test = 0;
  std::uint64_t rows_dropped = 0;  ///< rows without a target
  std::string split_hash;
  ContentHash artifact;
  std::uint64_t artifact_bytes = 0;
  std::string features_json;  ///< [{"name","type","levels"?}]
  std::vector<std::string> classes;
  double seconds = 0;
  ModelCost cost;                              ///< since level 12
  std::vector<CandidateCost> candidate_costs;  ///< of a bag, also of those without weight; likewise

  friend bool operator==(const FinalResult&, const FinalResult&) = default;
};

struct FinalJob {
  FinalState state = FinalState::none;
  Attempt current;  ///< of the running attempt, or of the last one
  std::uint32_t attempts = 0;
  AttemptEnds ends;
  std::uint64_t need_mb = 0;  ///< reserved for it; 0: not known
  std::string error;

  friend bool operator==(const FinalJob&, const FinalJob&) = default;
};

struct Study {
  std::string id;  ///< "s-" and 8 hex digits
  StudySpec spec;
  StudyStatus status = StudyStatus::queued;
  std::string stop_reason;
  std::uint64_t created_ms = 0;  ///< wall clock, for people, as the next two
  std::uint64_t started_ms = 0;
  std::uint64_t ended_ms = 0;
  std::uint64_t began_ms =
      0;  ///< as `started_ms`, in cluster time, pauses left out: the time limit counts from it
  std::uint64_t paused_ms = 0;  ///< cluster time, while it is paused
  TrialCounts counts;
  std::uint32_t all_final_below = 0;  ///< trials of lesser numbers are final; maybe more are
  double trial_seconds = 0;
  std::optional<std::uint32_t> best_number;
  double best_value = 0;
  FinalJob final_job;
  std::optional<FinalResult> result;
  std::string model;  ///< name, once registered
  std::uint64_t model_version = 0;

  friend bool operator==(const Study&, const Study&) = default;
};

/// What a swarm below level 12 does not keep.
void forget_costs(Study& study);

/// One of the networks or forests of a bag: a trial's parameters, learned from all folds but one.
struct FoldFit {
  std::uint32_t candidate = 0;  ///< number of the trial whose parameters it has
  std::uint32_t fold = 0;

  friend bool operator==(const FoldFit&, const FoldFit&) = default;
};

/// Fits of folds are kept as trials with numbers from here on: they are given out, stolen, moved
/// and taken back as trials are, but count as none of the study's.
inline constexpr std::uint32_t kFitsFrom = 1'000'000;

struct Trial {
  std::string study;
  std::uint32_t number = 0;
  std::optional<FoldFit> fit;  ///< none: it is a trial of the search
  TrialState state = TrialState::queued;
  Params params;
  Attempt current;  ///< of the running attempt, or of the last one
  std::uint32_t attempts = 0;
  NodeId queued_at;  ///< queued: the node in whose own queue it waits; none: it has none yet
  std::uint64_t lease_ms = 0;  ///< within which an outside program is to be heard of; 0: a node's
  std::uint64_t due_ms = 0;    ///< cluster time at which the lease is over
  AttemptEnds ends;
  std::vector<PastAttempt> past;  ///< the newest, in their order
  std::optional<double> value;
  Metrics metrics;
  std::uint32_t best_epoch = 0;
  std::uint32_t epochs = 0;
  std::vector<double> rungs;  ///< the best so far at each, turned so that lower is better
  double seconds = 0;
  std::uint64_t estimate_mb = 0;        ///< by formula; 0: not known
  std::uint64_t predicted_peak_mb = 0;  ///< as the study's trials so far correct it: is reserved
  std::uint64_t peak_mb = 0;
  std::optional<ContentHash>
      artifact;    ///< of a fit that is completed: its model and what it answers
  ModelCost cost;  ///< where the study has limits for it; since level 12
  std::string error;
  std::uint64_t created_ms = 0;
  std::uint64_t started_ms = 0;
  std::uint64_t ended_ms = 0;

  friend bool operator==(const Trial&, const Trial&) = default;
};

/// What makes a completed trial a better one than another: the lesser rank. All that keep to the
/// study's limits are before those that were not measured, these before all that break one
/// (`violation_of`); then the value decides.
std::pair<double, double> rank_of(const StudySpec& spec, const Trial& trial);

struct CurvePoint {
  std::uint32_t epoch = 0;
  double value = 0;

  friend bool operator==(const CurvePoint&, const CurvePoint&) = default;
};

using Curve = std::vector<CurvePoint>;
inline constexpr std::size_t kCurvePointsMax = 256;

struct ModelVersion {
  std::string model;
  std::uint64_t version = 0;
  std::string study;
  ContentHash artifact;
  std::uint64_t bytes = 0;
  std::uint64_t created_ms = 0;
  std::string task;
  std::string target;
  std::string metric;
  Metrics test;
  Metrics validation;
  Params params;
  std::string features_json;
  std::vector<std::string> classes;

  friend bool operator==(const ModelVersion&, const ModelVersion&) = default;
};

/// A node that was let in.
struct SwarmMember {
  NodeId node;
  node::NodeKey key;
  std::string name;
  std::uint64_t admitted_ms = 0;  ///< wall clock, for people
  bool is_draining = false;
  bool wants_vote = false;

  friend bool operator==(const SwarmMember&, const SwarmMember&) = default;
};

/// A minted join token, as far as the swarm needs to know it.
struct Invite {
  node::SwarmKey key{};
  std::uint64_t expires_ms = 0;  ///< cluster time
  std::uint32_t uses_left = 0;

  friend bool operator==(const Invite&, const Invite&) = default;
};

/// A small value that programs around the swarm share (ml/study/registers.h).
struct Register {
  std::string key;
  std::uint64_t version = 0;  ///< log index of its last write
  std::string value;

  friend bool operator==(const Register&, const Register&) = default;
};

/// Something that happened, with its place in the one order that every node sees.
struct Event {
  std::uint64_t index = 0;  ///< log index of the command that caused it
  std::uint64_t sequence = 0;
  std::string kind;
  std::string data_json;

  std::string cursor() const { return std::to_string(index) + "." + std::to_string(sequence); }
};

}  // namespace starling::ml
