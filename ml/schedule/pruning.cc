#include "ml/schedule/pruning.h"

#include "ml/search/family_spec.h"
#include "ml/search/pruner.h"
#include "node/base/mutant.h"

#include <algorithm>

namespace starling::ml {

std::vector<std::optional<double>> rung_cutoffs(const StateView& view,
                                                const Study& study,
                                                std::uint32_t number) {
  std::vector<std::optional<double>> cutoffs;
  const std::uint32_t behind = study.spec.parallelism;
  if (study.spec.pruner == Pruner::none || number < behind) return cutoffs;
  const auto self = find_trial(view, study.id, number);
  if (!self) return cutoffs;
  const std::string family = family_of(self->params);
  std::uint32_t completed = 0;
  RungTable rungs;
  for (const Trial& trial : list_trials(view, study.id)) {
    if (trial.number > number - behind && !STARLING_MUTANT(215)) break;
    if (family_of(trial.params) != family) continue;
    if (violation_of(study.spec.constraints, trial.cost) > 0) continue;
    completed += trial.state == TrialState::completed ? 1 : 0;
    if (rungs.size() < trial.rungs.size()) rungs.resize(trial.rungs.size());
    for (std::size_t rung = 0; rung < trial.rungs.size(); ++rung)
      rungs[rung].push_back(trial.rungs[rung]);
  }
  if (completed < kNeverPruned) return cutoffs;
  const AshaOptions options{.reduction_factor = kRungFactor};
  for (auto& others : rungs)
    cutoffs.emplace_back(rung_cutoff(std::move(others), options));
  return cutoffs;
}

bool is_to_be_pruned(const StateView& view, const Study& study, const Trial& trial) {
  if (trial.rungs.empty()) return false;
  const auto cutoffs = rung_cutoffs(view, study, trial.number);
  const std::size_t reached = std::min(cutoffs.size(), trial.rungs.size());
  for (std::size_t rung = 0; rung < reached; ++rung)
    if (cutoffs[rung] && trial.rungs[rung] > *cutoffs[rung]) return true;
  return false;
}

}  // namespace starling::ml
