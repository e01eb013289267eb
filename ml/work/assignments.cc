#include "ml/work/assignments.h"

#include "ml/schedule/trial_memory.h"
#include "ml/study/fold_fits.h"
#include "ml/study/trial_rules.h"
#include "ml/work/task_data.h"

#include <algorithm>
#include <cmath>

namespace starling::ml {
namespace {

constexpr std::uint64_t kCapFactor = 2;
constexpr std::uint64_t kCapExtraMb = 256;
constexpr std::uint64_t kCapLeastExtraMb = 64;
constexpr std::uint64_t kTorchMappedMb = 128;  // LibTorch maps so much more than it touches

constexpr double kCheckpointS = 10;
constexpr double kShortestCheckpointS = 0.5;

/// Half as long with each attempt that was taken from it, so that it comes to an end among many.
double seconds_between_checkpoints(const AttemptEnds& ends) {
  const std::uint32_t taken = ends.killed + ends.node_gone + ends.made_way;
  return std::max(kShortestCheckpointS, kCheckpointS / std::exp2(taken));
}

/// What all attempts of a study share. Nothing while a data set of it is gone.
std::optional<Assignment> common_of(const StateView& view,
                                    const Study& study,
                                    const AssignmentPlaces& places) {
  auto datasets = datasets_in(view, study.spec);
  if (!datasets) return std::nullopt;
  Assignment common;
  common.datasets = std::move(*datasets);
  common.prunes = study.spec.pruner != Pruner::none;
  common.task.study = study.id;
  common.task.columns_path = (places.columns_dir / columns_name(study.spec)).string();
  common.task.split = study.spec.split;
  common.task.target = study.spec.target;
  common.task.task = study.spec.task;
  common.task.metric = study.spec.metric;
  common.task.seed = study.spec.seed;
  common.task.epochs_max = study.spec.epochs;
  common.task.patience = study.spec.patience;
  common.task.trains_rare_classes = study.spec.trains_rare_classes;
  common.task.limits = study.spec.constraints;
  common.task.disk_reserve = places.disk_reserve;
  return common;
}

Assignment trial_of(Assignment one, const Trial& trial, const AssignmentPlaces& places) {
  one.task.kind = WorkKind::trial;
  one.task.number = trial.number;
  one.task.token = trial.current.token;
  one.task.params = trial.params;
  one.task.checkpoint_path = places.checkpoints.path(trial.study, trial.number);
  one.task.checkpoint_seconds = seconds_between_checkpoints(trial.ends);
  one.need_mb = trial.predicted_peak_mb;
  one.was_run = trial.attempts > 1;
  if (!trial.past.empty()) one.last = trial.past.back().attempt.node;
  return one;
}

/// One fold of a bag: the node that makes the final model gets what it leaves behind.
Assignment fit_of(Assignment one, const Trial& fit, const AssignmentPlaces& places) {
  one.prunes = false;
  one = trial_of(std::move(one), fit, places);
  one.task.kind = WorkKind::fit;
  one.task.fold = fit.fit->fold;
  one.task.fixed_epochs = fit.best_epoch;  // of its candidate, until it has ended
  one.task.split = split_of_bag(one.task.split);
  return one;
}

Assignment final_of(Assignment one,
                    const FinalJob& job,
                    const Trial& best,
                    const AssignmentPlaces& places) {
  one.task.kind = WorkKind::final;
  one.task.number = best.number;
  one.task.token = job.current.token;
  one.task.params = best.params;
  one.task.fixed_epochs = best.best_epoch;
  one.task.checkpoint_path = places.checkpoints.path(best.study, std::nullopt);
  one.need_mb = job.need_mb > 0 ? job.need_mb : final_peak_mb(best.predicted_peak_mb);
  one.was_run = job.attempts > 1;
  one.best = best;
  return one;
}

}  // namespace

std::uint64_t Assignment::cap_mb(std::uint64_t left_mb) const {
  const std::uint64_t cap =
      std::max(std::min(need_mb * kCapFactor + kCapExtraMb, left_mb), need_mb + kCapLeastExtraMb);
  return engine() == TrainingEngine::torch ? cap + kTorchMappedMb : cap;
}

std::map<std::uint64_t, Assignment> assignments_of(const StateView& view,
                                                   NodeId self,
                                                   const AssignmentPlaces& places) {
  std::map<std::uint64_t, Assignment> given;
  for (const auto& study : list_studies(view)) {
    if (has_ended(study.status)) continue;
    const auto common = common_of(view, study, places);
    if (!common) continue;
    for (const auto& trial : open_trials(view, study)) {
      if (trial.state != TrialState::running || trial.current.node != self) continue;
      given.emplace(trial.current.token,
                    trial.fit ? fit_of(*common, trial, places) : trial_of(*common, trial, places));
    }
    const auto& job = study.final_job;
    if (job.state != FinalState::running || job.current.node != self) continue;
    const auto best = find_trial(view, study.id, study.best_number.value_or(0));
    if (!best) continue;
    Assignment last = final_of(*common, job, *best, places);
    last.task.uses_test_rows = study.spec.final_model == FinalModel::refit_all;
    last.task.knows_class_factors = feature_level(view) >= kClassWeightsLevel;
    if (study.spec.final_model == FinalModel::bag) last.fits = whole_bags(view, study);
    if (!last.fits.empty()) last.task.split = split_of_bag(last.task.split);
    given.emplace(job.current.token, std::move(last));
  }
  return given;
}

}  // namespace starling::ml
