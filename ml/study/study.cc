#include "ml/study/study.h"

#include "node/base/assert.h"

namespace starling::ml {

std::string_view to_string(TrialState state) {
  switch (state) {
    case TrialState::queued: return "queued";
    case TrialState::running: return "running";
    case TrialState::completed: return "completed";
    case TrialState::pruned: return "pruned";
    case TrialState::failed: return "failed";
    case TrialState::infeasible: return "infeasible";
    case TrialState::cancelled: return "cancelled";
  }
  return "unknown";
}

std::string_view to_string(StudyStatus status) {
  switch (status) {
    case StudyStatus::queued: return "queued";
    case StudyStatus::running: return "running";
    case StudyStatus::finishing: return "finishing";
    case StudyStatus::completed: return "completed";
    case StudyStatus::failed: return "failed";
    case StudyStatus::cancelled: return "cancelled";
    case StudyStatus::paused: return "paused";
  }
  return "unknown";
}

std::string_view to_string(FinalState state) {
  switch (state) {
    case FinalState::none: return "none";
    case FinalState::queued: return "queued";
    case FinalState::running: return "running";
    case FinalState::completed: return "completed";
    case FinalState::failed: return "failed";
  }
  return "unknown";
}

std::string_view to_string(FinalModel model) {
  switch (model) {
    case FinalModel::refit: return "refit";
    case FinalModel::bag: return "bag";
    case FinalModel::refit_all: return "refit_all";
  }
  return "unknown";
}

std::string_view to_string(Pruner pruner) {
  switch (pruner) {
    case Pruner::none: return "none";
    case Pruner::asha: return "asha";
  }
  return "unknown";
}

std::string_view to_string(AttemptEnd end) {
  switch (end) {
    case AttemptEnd::crashed: return "crashed";
    case AttemptEnd::node_gone: return "node_gone";
    case AttemptEnd::out_of_memory: return "out_of_memory";
    case AttemptEnd::made_way: return "made_way";
    case AttemptEnd::killed: return "killed";
    case AttemptEnd::moved: return "moved";
    case AttemptEnd::not_told: return "not_told";
    case AttemptEnd::out_of_disk: return "out_of_disk";
  }
  return "unknown";
}

std::uint32_t& count_of(AttemptEnds& ends, AttemptEnd end) {
  switch (end) {
    case AttemptEnd::crashed: return ends.crashed;
    case AttemptEnd::node_gone: return ends.node_gone;
    case AttemptEnd::out_of_memory: return ends.out_of_memory;
    case AttemptEnd::made_way: return ends.made_way;
    case AttemptEnd::killed: return ends.killed;
    case AttemptEnd::moved: return ends.moved;
    case AttemptEnd::not_told: return ends.not_told;
    case AttemptEnd::out_of_disk: return ends.out_of_disk;
  }
  STARLING_ASSERT(false, "an attempt ends in one of the named ways");
  return ends.crashed;
}

std::vector<std::string> datasets_of(const StudySpec& spec) {
  if (is_outside(spec)) return {};
  std::vector<std::string> ids{spec.dataset};
  if (spec.split.method != SplitMethod::datasets) return ids;
  ids.insert(ids.end(), spec.split.validation.begin(), spec.split.validation.end());
  ids.insert(ids.end(), spec.split.test.begin(), spec.split.test.end());
  return ids;
}

std::uint32_t& count_of(TrialCounts& counts, TrialState state) {
  switch (state) {
    case TrialState::queued: return counts.queued;
    case TrialState::running: return counts.running;
    case TrialState::completed: return counts.completed;
    case TrialState::pruned: return counts.pruned;
    case TrialState::failed: return counts.failed;
    case TrialState::infeasible: return counts.infeasible;
    case TrialState::cancelled: return counts.cancelled;
  }
  STARLING_ASSERT(false, "a trial has one of the named states");
  return counts.failed;
}

void forget_costs(Study& study) {
  if (!study.result) return;
  study.result->cost = {};
  study.result->candidate_costs.clear();
}

std::pair<double, double> rank_of(const StudySpec& spec, const Trial& trial) {
  constexpr double kUnmeasured = 1e-9;  // behind what keeps to all limits, before what breaks one
  const double value = trial.value.value_or(0);
  const bool is_unmeasured = has_limits(spec.constraints) && trial.cost.bytes == 0;
  return {is_unmeasured ? kUnmeasured : violation_of(spec.constraints, trial.cost),
          spec.maximize ? -value : value};
}

}  // namespace starling::ml
