/// How an attempt ended on the node that ran it, and what the log is told of it.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/command.h"
#include "ml/work/assignments.h"
#include "ml/work/work_protocol.h"
#include "ml/work/worker_pool.h"

#include <cstdint>
#include <optional>
#include <string>

namespace starling::ml {

struct AttemptOutcome {
  Result<WorkDone> done;  ///< what it brought, or why it brought nothing
  bool may_retry = true;
  AttemptEnd end = AttemptEnd::crashed;
  std::uint64_t peak_mb = 0;  ///< of one that was killed
};

/// Why a process that ended without a word did.
struct ExitCause {
  bool is_oom = false;         ///< the kernel ended it for lack of memory
  bool was_too_large = false;  ///< it used more than was predicted
};

AttemptOutcome outcome_of_exit(const ChildExited& how, const ExitCause& cause);

struct FailurePlace {
  std::uint64_t cap_mb = 0;                ///< that the process might have
  std::optional<AttemptEnd> lack_of_disk;  ///< what a failure counts as; none: the disk has room
};

/// The same data and parameters would fail the same way; only the unexpected is worth a retry, and
/// lack of memory with more of it.
AttemptOutcome outcome_of_failure(const WorkFailed& failed, const FailurePlace& place);

/// `artifact`: of a fit that is done; an error if it could not be kept.
FinishTrial finish_of_trial(const Assignment& assignment,
                            std::uint64_t token,
                            const AttemptOutcome& outcome,
                            const Result<ContentHash>& artifact);

/// `artifact`: of a final that is done; an error if it could not be kept.
FinishFinal finish_of_final(const Assignment& assignment,
                            std::uint64_t token,
                            const AttemptOutcome& outcome,
                            const Result<ContentHash>& artifact);

/// `to`: nobody: the leader chooses.
YieldTrial yield_of(const Assignment& assignment,
                    std::uint64_t token,
                    std::optional<NodeId> to,
                    const std::string& why);

}  // namespace starling::ml
