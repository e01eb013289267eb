/// What node and worker say to each other: JSON, in frames (node/net/frame.h) between node and
/// child, in single packets between node and worker program.
///
/// A worker program gets `SpawnChild` (with the child's channel attached), answers `ChildSpawned`
/// and, once it has reaped the child, `ChildExited`. On its own channel a child first gets one
/// `WorkTask`. A trial or final answers `WorkProgress` per epoch, `WorkCheckpoint` per checkpoint
/// and at last `WorkDone` or `WorkFailed`; a trial that is told `WorkYield` meanwhile ends after
/// its epoch with `WorkYielded`, unless it cannot be kept. A server answers `ServeReady` and then
/// each `PredictRequest`.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/constraints.h"
#include "ml/search/param_value.h"
#include "ml/table/split_spec.h"
#include "node/base/bytes.h"
#include "node/base/error.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace starling::ml {

enum class WorkKind : std::uint8_t {
  trial,
  final,
  serve,
  fit,  ///< one fold of a bag: its model, and what that answers, are kept
};

/// What a fit left behind (ml/train/fold_answers.h), for the final model.
struct WorkFit {
  std::string path;
  std::uint32_t candidate = 0;
  std::uint32_t fold = 0;

  friend bool operator==(const WorkFit&, const WorkFit&) = default;
};

/// A data set besides the study's own, whose rows validate or test.
struct WorkDataset {
  std::string path;
  std::string profile_json;  ///< empty: the worker profiles the file itself; may lack levels

  friend bool operator==(const WorkDataset&, const WorkDataset&) = default;
};

struct WorkTask {
  WorkKind kind = WorkKind::trial;
  std::string study;
  std::uint32_t number = 0;  ///< of the trial
  std::uint64_t token = 0;
  std::string dataset_path;
  std::string columns_path;  ///< where its columns are or are to be written; empty: nowhere
  std::string profile_json;  ///< empty: the worker profiles the file itself
  std::vector<WorkDataset> more_datasets;  ///< in the order of `datasets_of` (ml/study/study.h)
  SplitSpec split;
  std::string target;
  std::string task;    ///< regression, binary, multiclass; empty: inferred
  std::string metric;  ///< empty: the task's default
  std::uint64_t seed = 42;
  Params params;
  std::uint32_t epochs_max = 100;
  std::uint32_t patience = 16;
  /// Trial: at each rung (ml/search/pruner.h) the worst value, turned so that lower is better, with
  /// which it goes on; none: with any.
  std::vector<std::optional<double>> rung_cutoffs;
  std::uint32_t fixed_epochs = 0;    ///< final, fit: how many epochs, its trial's best epoch
  std::uint32_t fold = 0;            ///< fit: which of the rounds of its split
  std::vector<WorkFit> fits;         ///< final: of its bag, by candidate, best first, then by fold
  Constraints limits;                ///< of the finished model: what it costs is measured then
  bool trains_rare_classes = false;  ///< task_inference.h
  bool knows_class_factors = true;   ///< final: all who serve it do (finish_json.h)
  bool uses_test_rows = false;       ///< final: learns from them too, and is not tested
  std::uint64_t memory_cap_mb = 0;   ///< of private memory (RLIMIT_DATA); 0: none
  std::uint32_t threads = 1;
  std::string work_dir;            ///< scratch of this attempt
  std::string artifact_path;       ///< final, fit: the zip to write
  std::string model_path;          ///< serve: the model.pt to load
  std::string checkpoint_path;     ///< where training is kept and goes on from; empty: nowhere
  std::uint64_t disk_reserve = 0;  ///< bytes that a checkpoint leaves free
  double checkpoint_seconds = 10;  ///< at least so long, and an epoch, between two

  friend bool operator==(const WorkTask&, const WorkTask&) = default;
};

struct WorkProgress {
  std::uint32_t epoch = 0;  ///< from 1
  double value = 0;         ///< of the study's metric on the validation rows
  double train_loss = 0;

  friend bool operator==(const WorkProgress&, const WorkProgress&) = default;
};

/// What it had reached is in `WorkTask::checkpoint_path`.
struct WorkCheckpoint {
  std::uint32_t epoch = 0;

  friend bool operator==(const WorkCheckpoint&, const WorkCheckpoint&) = default;
};

/// It is to go on elsewhere.
struct WorkYield {
  friend bool operator==(const WorkYield&, const WorkYield&) = default;
};

/// The last word of a trial that was told to: its checkpoint is of this epoch.
struct WorkYielded {
  std::uint32_t epoch = 0;

  friend bool operator==(const WorkYielded&, const WorkYielded&) = default;
};

struct WorkSplit {
  std::uint64_t train = 0;
  std::uint64_t validation = 0;
  std::uint64_t test = 0;
  std::uint64_t dropped = 0;  ///< rows without a usable target
  std::string hash;

  friend bool operator==(const WorkSplit&, const WorkSplit&) = default;
};

struct WorkDone {
  double value = 0;                       ///< of the study's metric, at the best epoch
  std::map<std::string, double> metrics;  ///< validation rows; of a final without a bag: empty
  std::map<std::string, double> test;     ///< final: test rows, looked at once
  std::uint32_t best_epoch = 0;
  std::uint32_t epochs = 0;
  double seconds = 0;
  std::uint64_t peak_mb = 0;  ///< of private memory, as seen per epoch
  WorkSplit split;
  bool is_pruned = false;     ///< trial: ended at a rung
  std::vector<double> rungs;  ///< trial: the best so far at each, turned so that lower is better
  std::optional<ModelCost> cost;  ///< of a final's model; of a trial's where there are limits
  std::vector<CandidateCost> candidate_costs;  ///< final of a bag
  std::uint64_t artifact_bytes = 0;            ///< final
  std::string features_json;                   ///< final: [{"name","type","levels"?}]
  std::vector<std::string> classes;

  friend bool operator==(const WorkDone&, const WorkDone&) = default;
};

struct WorkFailed {
  std::string kind;  ///< invalid, out_of_memory, diverged or internal
  std::string message;

  friend bool operator==(const WorkFailed&, const WorkFailed&) = default;
};

/// The server has loaded its model.
struct ServeReady {
  std::uint64_t seconds_us = 0;

  friend bool operator==(const ServeReady&, const ServeReady&) = default;
};

struct PredictRequest {
  std::uint64_t id = 0;
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::vector<float> values;  ///< encoded features, row by row

  friend bool operator==(const PredictRequest&, const PredictRequest&) = default;
};

struct PredictAnswer {
  std::uint64_t id = 0;
  std::uint64_t columns = 1;  ///< 1: regression, original units; else the number of classes
  std::vector<float> values;  ///< row by row
  std::string error;          ///< not empty: there are no values

  friend bool operator==(const PredictAnswer&, const PredictAnswer&) = default;
};

struct SpawnChild {
  std::uint64_t id = 0;

  friend bool operator==(const SpawnChild&, const SpawnChild&) = default;
};

struct KillChild {
  std::uint64_t id = 0;

  friend bool operator==(const KillChild&, const KillChild&) = default;
};

struct ChildSpawned {
  std::uint64_t id = 0;
  std::int64_t pid = 0;  ///< 0: the fork failed

  friend bool operator==(const ChildSpawned&, const ChildSpawned&) = default;
};

struct ChildExited {
  std::uint64_t id = 0;
  std::int64_t pid = 0;
  int status = 0;  ///< exit status, if `signal` is 0
  int signal = 0;  ///< that ended it; SIGKILL is what the kernel sends when memory is out
  std::uint64_t peak_mb = 0;

  friend bool operator==(const ChildExited&, const ChildExited&) = default;
};

using WorkMessage = std::variant<WorkTask,
                                 WorkProgress,
                                 WorkDone,
                                 WorkFailed,
                                 ServeReady,
                                 PredictRequest,
                                 PredictAnswer,
                                 SpawnChild,
                                 KillChild,
                                 ChildSpawned,
                                 ChildExited,
                                 WorkCheckpoint,
                                 WorkYield,
                                 WorkYielded>;

Bytes encode_work_message(const WorkMessage& message);

/// Errors: `corrupt` names what is wrong: no such type, a field missing or out of its range.
Result<WorkMessage> decode_work_message(BytesView bytes);

/// `invalid_argument`, `too_large` (out of memory), `conflict` (diverged) or `io`; the same words.
Error to_error(const WorkFailed& failed);

}  // namespace starling::ml
