/// What the replicated state gives to a node to run.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/family_spec.h"
#include "ml/study/study_state.h"
#include "ml/work/checkpoint_files.h"
#include "ml/work/checkpoint_packets.h"
#include "ml/work/work_protocol.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

namespace starling::ml {

/// One attempt.
struct Assignment {
  std::vector<Dataset> datasets;  ///< their profiles are unpacked when the work begins
  WorkTask task;
  std::optional<Trial> best;   ///< final job: the best trial
  std::vector<Trial> fits;     ///< final job: of its bag
  std::uint64_t need_mb = 0;   ///< predicted
  bool prunes = false;         ///< the study has a pruner
  bool was_run = false;        ///< this is not the first attempt
  std::optional<NodeId> last;  ///< who made the one before, if that is known

  TrainingEngine engine() const {
    return engine_of(fits.empty() ? task.params : fits.front().params);
  }

  /// What its process may have: as much more than predicted as `left_mb` has to spare, up to twice
  /// as much and 256 MB; at least 64 MB more.
  std::uint64_t cap_mb(std::uint64_t left_mb) const;

  WorkName name() const { return {task.study, best ? std::nullopt : std::optional{task.number}}; }
};

struct AssignmentPlaces {
  std::filesystem::path columns_dir;
  const CheckpointFiles& checkpoints;
  std::uint64_t disk_reserve = 0;  ///< bytes that checkpoints leave free
};

/// By token.
std::map<std::uint64_t, Assignment> assignments_of(const StateView& view,
                                                   NodeId self,
                                                   const AssignmentPlaces& places);

}  // namespace starling::ml
