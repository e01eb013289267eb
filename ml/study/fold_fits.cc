#include "ml/study/fold_fits.h"

#include "ml/search/family_spec.h"
#include "ml/study/state_keys.h"
#include "ml/study/study_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace starling::ml {
namespace {

constexpr std::uint64_t kLeastMb = 16;
constexpr std::uint32_t kFitsOfCandidate = 100;  // numbers kept for each: more than kFoldsMax

bool is_baseline(const Trial& trial) {
  return family_of(trial.params) == "baseline";
}

/// Best first, those that break a limit behind all others; of equal ones the earlier.
std::vector<Trial> ranked(const StateView& view, const Study& study) {
  auto trials = list_trials(view, study.id);
  std::erase_if(trials, [](const Trial& trial) {
    return trial.state != TrialState::completed || !trial.value;
  });
  std::ranges::stable_sort(
      trials, {}, [&study](const Trial& trial) { return rank_of(study.spec, trial); });
  return trials;
}

Trial fit_of(const Study& study, const Trial& candidate, std::uint32_t rank, std::uint32_t fold) {
  Trial fit;
  fit.study = study.id;
  fit.number = kFitsFrom + rank * kFitsOfCandidate + fold;
  fit.fit = FoldFit{.candidate = candidate.number, .fold = fold};
  fit.params = candidate.params;
  fit.best_epoch = candidate.best_epoch;
  // A trial with folds trains them all side by side, a fit one.
  const std::uint32_t folds = std::max(study.spec.split.folds, 1U);
  const auto of_one = [folds](std::uint64_t mb) {
    return folds == 1 ? mb : 2 * mb / folds + kLeastMb;
  };
  fit.estimate_mb = std::min(candidate.estimate_mb, of_one(candidate.estimate_mb));
  fit.predicted_peak_mb =
      std::min(candidate.predicted_peak_mb, of_one(candidate.predicted_peak_mb));
  return fit;
}

/// A bag holds and asks it once for each fold.
bool fits_in_bag(const Study& study, const Trial& candidate) {
  const std::uint32_t folds = split_of_bag(study.spec.split).folds;
  const ModelCost of_all{candidate.cost.bytes * folds, candidate.cost.predict_ms * folds};
  return violation_of(study.spec.constraints, of_all) == 0;
}

/// Of `trials`, best first: eight, three of a family, of one engine.
std::vector<Trial> best_of_families(std::vector<Trial> trials) {
  std::vector<Trial> candidates;
  std::map<std::string, std::size_t> of_family;
  if (!std::ranges::all_of(trials, is_baseline)) std::erase_if(trials, is_baseline);
  for (Trial& trial : trials) {
    if (candidates.size() == kCandidatesMax) break;
    const bool same_engine =
        candidates.empty() || engine_of(candidates.front().params) == engine_of(trial.params);
    if (!same_engine || of_family[family_of(trial.params)] == kCandidatesOfFamilyMax) continue;
    ++of_family[family_of(trial.params)];
    candidates.push_back(std::move(trial));
  }
  return candidates;
}

}  // namespace

bool can_be_bagged(const SplitSpec& split) {
  return split.method != SplitMethod::time && split.validation.empty();
}

SplitSpec split_of_bag(SplitSpec split) {
  if (split.method == SplitMethod::holdout) split.method = SplitMethod::kfold;
  if (split.folds < 2) split.folds = kBagFolds;
  return split;
}

std::vector<Trial> candidates_of(const StateView& view, const Study& study) {
  auto trials = ranked(view, study);
  const auto breaks_limit = [&study](const Trial& trial) {
    return violation_of(study.spec.constraints, trial.cost) > 0;
  };
  if (!std::ranges::all_of(trials, breaks_limit)) std::erase_if(trials, breaks_limit);
  return best_of_families(std::move(trials));
}

std::vector<Trial> bag_candidates_of(const StateView& view, const Study& study) {
  auto trials = ranked(view, study);
  const auto is_too_much = [&study](const Trial& trial) { return !fits_in_bag(study, trial); };
  if (trials.empty() || is_too_much(trials.front())) return {};
  std::erase_if(trials, is_too_much);
  return best_of_families(std::move(trials));
}

void forget_fits(Transaction& tx, std::string_view study) {
  tx.erase_range(keys::trial(study, kFitsFrom), end_of_prefix(keys::trials(study)));
}

bool gives_bag_up(Transaction& tx, Study& study) {
  const bool has_bag =
      study.spec.final_model == FinalModel::bag && !list_fits(tx.view(), study.id).empty();
  if (!has_bag) return false;
  forget_fits(tx, study.id);
  tx.event("bag_given_up", {{"study", study.id}, {"reason", study.final_job.error}});
  study.final_job = {};
  study.final_job.state = FinalState::queued;
  return true;
}

void begin_fits(Transaction& tx, const Study& study) {
  forget_fits(tx, study.id);
  const std::uint32_t folds = split_of_bag(study.spec.split).folds;
  const auto candidates = bag_candidates_of(tx.view(), study);
  for (std::uint32_t rank = 0; rank < candidates.size(); ++rank) {
    for (std::uint32_t fold = 0; fold < folds; ++fold) {
      Trial fit = fit_of(study, candidates[rank], rank, fold);
      fit.created_ms = tx.wall_ms();
      tx.put(fit);
    }
  }
  if (!candidates.empty()) return;
  tx.event("bag_given_up",
           {{"study", study.id},
            {"reason", fmt::format("the best model, {} times over, would break a limit", folds)}});
}

std::vector<Trial> whole_bags(const StateView& view, const Study& study) {
  auto fits = list_fits(view, study.id);
  std::map<std::uint32_t, bool> is_whole;
  for (const Trial& fit : fits) {
    const bool is_there = fit.state == TrialState::completed && fit.artifact;
    const auto [at, is_new] = is_whole.try_emplace(fit.fit->candidate, is_there);
    at->second = at->second && is_there;
  }
  std::erase_if(fits, [&is_whole](const Trial& fit) { return !is_whole[fit.fit->candidate]; });
  return fits;
}

}  // namespace starling::ml
