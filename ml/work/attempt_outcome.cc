#include "ml/work/attempt_outcome.h"

#include <fmt/format.h>

#include <csignal>

namespace starling::ml {
namespace {

std::string to_sentence(const ChildExited& how, bool is_oom) {
  if (is_oom)
    return fmt::format("the kernel ended the worker for lack of memory, at {} MB", how.peak_mb);
  if (how.signal == SIGKILL) return fmt::format("the worker was killed at {} MB", how.peak_mb);
  if (how.signal != 0) return fmt::format("the worker crashed with signal {}", how.signal);
  return fmt::format("the worker ended with status {} before it was done", how.status);
}

FinalResult result_of(const WorkDone& done, const Trial& best, const ContentHash& artifact) {
  FinalResult result;
  result.validation = done.metrics.empty() ? best.metrics : done.metrics;
  result.test = done.test;
  result.rows_train = done.split.train;
  result.rows_validation = done.split.validation;
  result.rows_test = done.split.test;
  result.rows_dropped = done.split.dropped;
  result.split_hash = done.split.hash;
  result.artifact = artifact;
  result.artifact_bytes = done.artifact_bytes;
  result.features_json = done.features_json;
  result.classes = done.classes;
  result.seconds = done.seconds;
  result.cost = done.cost.value_or(ModelCost{});
  result.candidate_costs = done.candidate_costs;
  return result;
}

}  // namespace

AttemptOutcome outcome_of_exit(const ChildExited& how, const ExitCause& cause) {
  const AttemptEnd end = cause.is_oom && cause.was_too_large ? AttemptEnd::out_of_memory
                         : cause.is_oom                      ? AttemptEnd::made_way
                         : how.signal == SIGKILL             ? AttemptEnd::killed
                                                             : AttemptEnd::crashed;
  return {
      .done = Error{Errc::io, to_sentence(how, cause.is_oom)}, .end = end, .peak_mb = how.peak_mb};
}

AttemptOutcome outcome_of_failure(const WorkFailed& failed, const FailurePlace& place) {
  if (failed.kind == "out_of_memory") {
    return {.done = Error{Errc::no_space,
                          fmt::format("{} (it may have {} MB)", failed.message, place.cap_mb)},
            .end = AttemptEnd::out_of_memory};
  }
  const bool is_internal = failed.kind == "internal";
  if (is_internal && place.lack_of_disk) {
    return {.done = Error{Errc::no_space, "its node has no room on its disk: " + failed.message},
            .end = *place.lack_of_disk};
  }
  return {.done = to_error(failed), .may_retry = is_internal};
}

FinishTrial finish_of_trial(const Assignment& assignment,
                            std::uint64_t token,
                            const AttemptOutcome& outcome,
                            const Result<ContentHash>& artifact) {
  const auto& done = outcome.done;
  FinishTrial finish;
  finish.study = assignment.task.study;
  finish.number = assignment.task.number;
  finish.token = token;
  if (done) {
    if (done->is_pruned) finish.state = TrialState::pruned;
    if (assignment.prunes) finish.rungs = done->rungs;
    finish.value = done->value;
    finish.metrics = done->metrics;
    finish.best_epoch = done->best_epoch;
    finish.epochs = done->epochs;
    finish.seconds = done->seconds;
    finish.peak_mb = done->peak_mb;
    finish.cost = done->cost.value_or(ModelCost{});
    if (assignment.task.kind != WorkKind::fit) return finish;
    if (artifact) {
      finish.artifact = *artifact;
      return finish;
    }
    finish.state = TrialState::failed;
    finish.may_retry = true;
    finish.error = artifact.error().detail;
  } else {
    finish.state = TrialState::failed;
    finish.may_retry = outcome.may_retry;
    finish.end = outcome.end;
    finish.peak_mb = outcome.peak_mb;
    finish.error = done.error().detail;
  }
  return finish;
}

FinishFinal finish_of_final(const Assignment& assignment,
                            std::uint64_t token,
                            const AttemptOutcome& outcome,
                            const Result<ContentHash>& artifact) {
  FinishFinal finish;
  finish.study = assignment.task.study;
  finish.token = token;
  finish.may_retry = outcome.may_retry;
  finish.end = outcome.end;
  if (!outcome.done)
    finish.error = outcome.done.error().detail;
  else if (!artifact)
    finish.error = artifact.error().detail;
  else
    finish.result = result_of(*outcome.done, *assignment.best, *artifact);
  return finish;
}

YieldTrial yield_of(const Assignment& assignment,
                    std::uint64_t token,
                    std::optional<NodeId> to,
                    const std::string& why) {
  YieldTrial yield;
  yield.study = assignment.task.study;
  yield.number = assignment.task.number;
  yield.token = token;
  yield.to = to.value_or(NodeId{});
  yield.why = why;
  return yield;
}

}  // namespace starling::ml
