/// A trial's training as it stands, in a file: a child that is started again goes on from there, to
/// the same bits.
///
/// A new file takes the place of the last one by its name, which is kept as PATH.before: whatever
/// happens while one is written (as PATH.TOKEN.new), there is one that is whole. The file ends with
/// its hash.
///
/// Threads: one at a time for a path.
#pragma once

#include "ml/train/learner.h"
#include "ml/work/work_protocol.h"
#include "node/base/error.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace starling::ml {

/// Larger ones are not written: such a trial begins again.
inline constexpr std::uint64_t kCheckpointBytesMax = std::uint64_t{512} << 20;

struct Checkpoint {
  std::vector<WorkProgress> progress = {};  ///< of every epoch until now
  std::uint32_t best_epoch = 0;
  double best = 0;
  double seconds = 0;  ///< that it took until now
};

using Learners = std::span<const std::unique_ptr<Learner>>;

/// Errors: `unsupported` if a learner cannot be continued, `too_large`, `io`. What was there stays.
Result<> write_checkpoint(const std::filesystem::path& path,
                          const WorkTask& task,
                          const Checkpoint& checkpoint,
                          Learners learners);

/// The newest file that is whole and of the same task: the learners, which must be new, go on from
/// it. Errors: `not_found`; `corrupt` if a learner refuses it: make new ones.
Result<Checkpoint> read_checkpoint(const std::filesystem::path& path,
                                   const WorkTask& task,
                                   Learners learners);

/// The file and the one before it.
void remove_checkpoint(const std::filesystem::path& path);

}  // namespace starling::ml
