#include "ml/schedule/trial_drawing.h"

#include "ml/schedule/trial_memory.h"
#include "ml/search/family_spec.h"
#include "ml/search/sampler.h"
#include "ml/search/search_space.h"
#include "ml/table/column_store.h"
#include "ml/table/encoder.h"
#include "ml/table/joined_profile.h"
#include "ml/table/profile_json.h"
#include "ml/table/task_inference.h"
#include "node/base/mutant.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace starling::ml {
namespace {

/// Committing is one round of fsyncs: drawing more at once than can start soon helps nobody.
constexpr std::size_t kDrawnAtOnceMax = 64;
constexpr std::size_t kDrawnBytesMax = 128 * 1024;  // of parameters; more would not fit an entry

/// A trial that no node could hold has broken a constraint, the more so the larger its formula says
/// it is: what was measured would differ from run to run.
Observation observation_of(const Trial& trial, const StudySpec& spec) {
  Observation seen;
  seen.number = trial.number;
  seen.params = trial.params;
  const bool was_too_large = trial.state == TrialState::infeasible;
  if (trial.state == TrialState::completed) seen.violation = rank_of(spec, trial).first;
  if (was_too_large)
    seen.violation = static_cast<double>(std::max<std::uint64_t>(trial.estimate_mb, 1));
  const bool counts = was_too_large || trial.state == TrialState::completed;
  seen.state = counts ? Observation::State::complete : Observation::State::failed;
  if (trial.state == TrialState::pruned) {
    seen.state = Observation::State::pruned;
    seen.last_step = trial.epochs;
  }
  if (trial.value) seen.value = spec.maximize ? -*trial.value : *trial.value;
  return seen;
}

std::vector<Observation> observations(std::span<const Trial> trials, const StudySpec& spec) {
  std::vector<Observation> seen;
  seen.reserve(trials.size());
  for (const Trial& trial : trials)
    seen.push_back(observation_of(trial, spec));
  return seen;
}

/// All rows of the study as one table, with what nothing is learned from set aside.
Result<TableProfile> table_of(const StateView& view, const StudySpec& spec) {
  std::vector<TableProfile> profiles;
  for (const std::string& id : datasets_of(spec)) {
    const auto dataset = find_dataset(view, id);
    if (!dataset) return dataset.error();
    auto profile = profile_from_stored(dataset->profile);
    if (!profile) return profile.error();
    profiles.push_back(std::move(*profile));
  }
  std::vector<const TableProfile*> all;
  for (const TableProfile& profile : profiles)
    all.push_back(&profile);
  TableProfile joined = joined_profile(all);
  set_key_aside(spec.split, joined);
  return joined;
}

std::size_t bytes_of(const Params& params) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : params) {
    const auto* text = std::get_if<std::string>(&value);
    bytes += name.size() + (text == nullptr ? 16 : text->size());
  }
  return bytes;
}

/// MB by formula; what an outside program needs is not the swarm's.
using PredictsPeak = std::function<std::uint64_t(const Params&)>;

Result<PredictsPeak> predictor_of(const StateView& view, const StudySpec& spec) {
  if (is_outside(spec)) return PredictsPeak{[](const Params&) { return 0; }};
  const auto profile = table_of(view, spec);
  if (!profile) return profile.error();
  return PredictsPeak{[size = trial_size(*profile, spec)](const Params& params) {
    return predicted_peak_mb(params, size);
  }};
}

}  // namespace

TrialSize trial_size(const TableProfile& profile, const StudySpec& spec) {
  const auto* target = profile.find(spec.target);
  const bool has_classes = spec.task != to_string(TaskKind::regression) && target != nullptr;
  const std::uint64_t outputs = has_classes ? std::min(target->distinct, kClassesMax) : 1;
  const auto task = task_from_name(spec.task).value_or(TaskKind::regression);
  auto features = widest_features(profile, spec.target, statistic_targets(task, outputs));
  std::uint64_t levels = 0;
  for (const ColumnProfile& column : profile.columns) {
    if (is_feature(column) && holds_levels(column.type))
      levels += std::min<std::uint64_t>(column.distinct, kStoredLevelsMax);
  }
  return {.rows = profile.rows,
          .features = std::move(features),
          .outputs = outputs,
          .levels = levels,
          .epochs = spec.epochs,
          .split = spec.split};
}

MemoryLesson::MemoryLesson(std::span<const Trial> trials) {
  for (const Trial& trial : trials)
    learn(trial);
}

void MemoryLesson::learn(const Trial& trial) {
  const bool is_known =
      trial.state == TrialState::completed && trial.estimate_mb > 0 && trial.peak_mb > 0;
  if (!is_known) return;
  ratios_[family_of(trial.params)].push_back(static_cast<double>(trial.peak_mb) /
                                             static_cast<double>(trial.estimate_mb));
}

double MemoryLesson::factor(const Params& params) const {
  const auto found = ratios_.find(family_of(params));
  if (found == ratios_.end() || found->second.size() < kLessonTrials) return 1;
  const auto& all = found->second;
  const std::size_t begin = all.size() - std::min(all.size(), kLessonWindow);
  const double most =
      *std::max_element(all.begin() + static_cast<std::ptrdiff_t>(begin), all.end());
  return std::clamp(most, kLessonLeast, kLessonMost);
}

std::uint64_t MemoryLesson::corrected(const Params& params, std::uint64_t estimate_mb) const {
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(estimate_mb) * factor(params)));
}

std::optional<CommandBody> draw_trials(const StateView& view, const Study& study) {
  if (study.status != StudyStatus::queued && study.status != StudyStatus::running)
    return std::nullopt;
  const std::size_t drawn = study.counts.drawn();
  if (drawn >= study.spec.trials) return std::nullopt;
  const auto trials = list_trials(view, study.id);
  const auto open =
      std::ranges::find_if(trials, [](const Trial& trial) { return !is_final(trial.state); });
  const auto final_prefix = static_cast<std::size_t>(open - trials.begin());
  const std::size_t until = std::min<std::size_t>(
      {study.spec.trials, final_prefix + study.spec.parallelism, trials.size() + kDrawnAtOnceMax});
  if (trials.size() >= until) return std::nullopt;

  const auto space = parse_search_space(study.spec.search_space_json);
  const auto predicts = space ? predictor_of(view, study.spec) : space.error();
  if (!predicts) return StopStudy{study.id, predicts.error().detail, true};
  const bool learns = feature_level(view) >= kQueuesLevel;
  const TpeOptions options{.moves_first_trials = feature_level(view) >= kBagsLevel};
  const auto seen = observations(std::span{trials}.first(final_prefix), study.spec);
  MemoryLesson lesson;  // from what the parameters come from, too
  std::size_t learnt = 0;
  std::size_t bytes = 0;
  QueueTrials queue{.study = study.id, .trials = {}};
  for (std::size_t k = trials.size(); k < until && bytes < kDrawnBytesMax; ++k) {
    const std::size_t behind = k >= study.spec.parallelism ? k - study.spec.parallelism + 1 : 0;
    const std::size_t known = STARLING_MUTANT(214) ? final_prefix : behind;
    const auto number = static_cast<std::uint32_t>(k);
    const auto& given = study.spec.initial;
    auto params = k < given.size() ? given[k]
                                   : draw(study.spec.seed,
                                          number,
                                          *space,
                                          std::span{seen}.first(known),
                                          options,
                                          given.size());
    bytes += bytes_of(params);
    const std::uint64_t estimate_mb = (*predicts)(params);
    for (; learns && learnt < known; ++learnt)
      lesson.learn(trials[learnt]);
    const std::uint64_t peak_mb = lesson.corrected(params, estimate_mb);
    queue.trials.push_back({number, std::move(params), peak_mb, learns ? estimate_mb : 0});
  }
  return queue;
}

}  // namespace starling::ml
