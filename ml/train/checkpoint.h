/// A trial's training as it stands, in a file: a child that is started again goes on from there, to
/// the same bits.
///
/// A new file takes the place of the last one by its name, which is kept as PATH.before: whenever
/// the process ends while one is written (as PATH.TOKEN.new), there is one that is whole. The file
/// ends with its hash; nothing waits for the disk, so after a loss of power there may be none.
///
/// Threads: one at a time for a path.
#pragma once

#include "ml/train/learner.h"
#include "ml/work/checkpoint_file.h"
#include "ml/work/work_protocol.h"
#include "node/base/error.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace starling::ml {

struct Checkpoint {
  std::vector<WorkProgress> progress = {};  ///< of every epoch until now
  std::uint32_t best_epoch = 0;
  double best = 0;
  double seconds = 0;  ///< that it took until now
};

using Learners = std::span<const std::unique_ptr<Learner>>;

/// What must be the same for a state to mean the same, on whatever node: all of the task that
/// decides how it trains, and the build of the program.
std::string checkpoint_identity(const WorkTask& task, const std::filesystem::path& program);

/// At `task.checkpoint_path`. Errors: `unsupported` if a learner cannot be continued, `too_large`,
/// `io`, also where it would leave less than `task.disk_reserve` free. What was there stays.
Result<> write_checkpoint(const WorkTask& task,
                          const std::string& identity,
                          const Checkpoint& checkpoint,
                          Learners learners);

/// The newest file at `path` that is whole and of that identity: the learners, which must be new,
/// go on from it. Errors: `not_found`; `corrupt` if a learner refuses it: make new ones.
Result<Checkpoint> read_checkpoint(const std::filesystem::path& path,
                                   const std::string& identity,
                                   Learners learners);

/// The file and the one before it.
void remove_checkpoint(const std::filesystem::path& path);

}  // namespace starling::ml
