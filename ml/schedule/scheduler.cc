#include "ml/schedule/scheduler.h"

#include "ml/schedule/trial_memory.h"
#include "ml/search/sampler.h"
#include "ml/search/search_space.h"
#include "ml/table/column_store.h"
#include "ml/table/encoder.h"
#include "ml/table/joined_profile.h"
#include "ml/table/profile_json.h"
#include "ml/table/task_inference.h"
#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace starling::ml {
namespace {

/// Committing is one round of fsyncs: drawing more at once than can start soon helps nobody.
constexpr std::size_t kDrawnAtOnceMax = 64;
constexpr double kAdmitShare = 0.75;
constexpr double kRefuseShare = 0.9;

struct Load {
  NodeRoom room;
  std::uint32_t busy = 0;
  std::uint64_t memory_mb = 0;

  bool fits(std::uint64_t peak_mb) const {
    const auto limit =
        static_cast<std::uint64_t>(static_cast<double>(room.memory_budget_mb) * kAdmitShare);
    // A node that runs nothing may take a trial up to the refusal limit: nobody is disturbed.
    if (memory_mb == 0) return can_ever_fit(peak_mb);
    return memory_mb + peak_mb <= limit;
  }

  std::uint64_t most_mb() const {
    return static_cast<std::uint64_t>(static_cast<double>(room.memory_budget_mb) * kRefuseShare);
  }

  bool can_ever_fit(std::uint64_t peak_mb) const { return peak_mb <= most_mb(); }

  double free_share() const {
    if (busy >= room.slots) return 0;
    return 1.0 - static_cast<double>(busy) / static_cast<double>(room.slots);
  }
};

using Loads = std::map<NodeId, Load>;

struct ActiveStudy {
  Study study;
  std::vector<Trial> trials;
};

std::vector<ActiveStudy> active_studies(const StateView& view) {
  std::vector<ActiveStudy> active;
  for (auto& study : list_studies(view)) {
    if (has_ended(study.status)) continue;
    auto trials = list_trials(view, study.id);
    active.push_back({std::move(study), std::move(trials)});
  }
  std::reverse(active.begin(), active.end());  // oldest first
  return active;
}

/// Of the trial that the final refits; 0 if there is none.
std::uint64_t peak_of_best(const ActiveStudy& active) {
  const std::size_t best = active.study.best_number.value_or(0);
  return best < active.trials.size() ? active.trials[best].predicted_peak_mb : 0;
}

/// The final of a trial with folds trains one network where the trial trained several.
std::uint64_t peak_of_final(const ActiveStudy& active) {
  const std::uint64_t of_trial = peak_of_best(active);
  return active.study.spec.split.folds > 1 ? of_trial : final_peak_mb(of_trial);
}

Loads loads_of(const std::vector<NodeRoom>& alive, const std::vector<ActiveStudy>& studies) {
  Loads loads;
  for (const auto& room : alive)
    loads[room.id].room = room;
  const auto add = [&loads](NodeId node, std::uint64_t peak_mb) {
    const auto found = loads.find(node);
    if (found == loads.end()) return;
    ++found->second.busy;
    found->second.memory_mb += peak_mb;
  };
  for (const auto& active : studies) {
    for (const auto& trial : active.trials) {
      if (trial.state == TrialState::running) add(trial.current.node, trial.predicted_peak_mb);
    }
    const auto& job = active.study.final_job;
    if (job.state == FinalState::running) add(job.current.node, peak_of_final(active));
  }
  return loads;
}

/// The least busy node that has a free slot and room; nothing if none has.
Load* choose(Loads& loads, std::uint64_t peak_mb) {
  Load* best = nullptr;
  for (auto& [id, load] : loads) {
    if (load.free_share() <= 0 || !load.fits(peak_mb)) continue;
    const auto better = [&load, &best] {
      if (load.free_share() != best->free_share()) return load.free_share() > best->free_share();
      return load.room.memory_budget_mb - std::min(load.memory_mb, load.room.memory_budget_mb) >
             best->room.memory_budget_mb - std::min(best->memory_mb, best->room.memory_budget_mb);
    };
    if (best == nullptr || better()) best = &load;
  }
  return best;
}

void take_back(const std::vector<ActiveStudy>& studies,
               const std::vector<NodeId>& gone,
               std::vector<CommandBody>& commands) {
  const std::set<NodeId> dead{gone.begin(), gone.end()};
  ExpireAttempts expire{.items = {}, .reason = "its node is gone"};
  for (const auto& [study, trials] : studies) {
    for (const auto& trial : trials) {
      if (trial.state == TrialState::running && dead.contains(trial.current.node))
        expire.items.push_back({study.id, trial.number, trial.current.token});
    }
    const auto& job = study.final_job;
    if (job.state == FinalState::running && dead.contains(job.current.node))
      expire.items.push_back({study.id, std::nullopt, job.current.token});
  }
  if (!expire.items.empty()) commands.emplace_back(std::move(expire));
}

std::vector<Observation> observations(const std::vector<Trial>& trials,
                                      std::size_t count,
                                      bool maximize) {
  std::vector<Observation> seen;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& trial = trials[i];
    Observation observation;
    observation.number = trial.number;
    observation.params = trial.params;
    observation.state = trial.state == TrialState::completed ? Observation::State::complete
                                                             : Observation::State::failed;
    if (trial.value) observation.value = maximize ? -*trial.value : *trial.value;
    seen.push_back(std::move(observation));
  }
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

TrialSize size_of(const TableProfile& profile, const StudySpec& spec) {
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

void draw_trials(const StateView& view,
                 const ActiveStudy& active,
                 std::vector<CommandBody>& commands) {
  const auto& [study, trials] = active;
  if (study.status != StudyStatus::queued && study.status != StudyStatus::running) return;
  const auto open = std::find_if(
      trials.begin(), trials.end(), [](const Trial& trial) { return !is_final(trial.state); });
  const auto final_prefix = static_cast<std::size_t>(open - trials.begin());
  const std::size_t until = std::min<std::size_t>(
      {study.spec.trials, final_prefix + study.spec.parallelism, trials.size() + kDrawnAtOnceMax});
  if (trials.size() >= until) return;

  const auto space = parse_search_space(study.spec.search_space_json);
  const auto profile = table_of(view, study.spec);
  if (!space || !profile) {
    const auto& error = !space ? space.error() : profile.error();
    commands.emplace_back(StopStudy{study.id, error.detail, true});
    return;
  }
  const TrialSize size = size_of(*profile, study.spec);
  QueueTrials queue{.study = study.id, .trials = {}};
  for (std::size_t k = trials.size(); k < until; ++k) {
    const std::size_t known = k >= study.spec.parallelism ? k - study.spec.parallelism + 1 : 0;
    const auto number = static_cast<std::uint32_t>(k);
    auto params = k < study.spec.initial.size()
                      ? study.spec.initial[k]
                      : draw(study.spec.seed,
                             number,
                             *space,
                             observations(trials, known, study.spec.maximize));
    const auto peak_mb = predicted_peak_mb(params, size);
    queue.trials.push_back({number, std::move(params), peak_mb});
  }
  commands.emplace_back(std::move(queue));
}

bool none_can_ever_hold(const Loads& loads, std::uint64_t peak_mb) {
  return !loads.empty() && std::none_of(loads.begin(), loads.end(), [peak_mb](const auto& entry) {
    return entry.second.can_ever_fit(peak_mb);
  });
}

void start_trials(const ActiveStudy& active, Loads& loads, std::vector<CommandBody>& commands) {
  if (active.study.status != StudyStatus::running) return;
  for (const auto& trial : active.trials) {
    if (trial.state != TrialState::queued) continue;
    if (none_can_ever_hold(loads, trial.predicted_peak_mb)) {
      commands.emplace_back(RefuseTrial{
          active.study.id,
          trial.number,
          fmt::format("needs about {} MB and no node of the swarm has that much; start a node with "
                      "more memory or narrow the search space",
                      trial.predicted_peak_mb)});
      continue;
    }
    Load* load = choose(loads, trial.predicted_peak_mb);
    if (load == nullptr) continue;
    ++load->busy;
    load->memory_mb += trial.predicted_peak_mb;
    commands.emplace_back(StartTrial{active.study.id, trial.number, load->room.id});
  }
}

void start_final(const ActiveStudy& active, Loads& loads, std::vector<CommandBody>& commands) {
  if (active.study.final_job.state != FinalState::queued) return;
  // Where the trial just fitted, its final has to do with the most that a node may give.
  std::uint64_t most = 0;
  for (const auto& [id, each] : loads)
    most = std::max(most, each.most_mb());
  const std::uint64_t wanted = peak_of_final(active);
  const std::uint64_t peak_mb = peak_of_best(active) <= most ? std::min(wanted, most) : wanted;
  Load* load = choose(loads, peak_mb);
  if (load == nullptr) return;
  ++load->busy;
  load->memory_mb += peak_mb;
  commands.emplace_back(StartFinal{active.study.id, load->room.id});
}

bool is_out_of_time(const Study& study, std::uint64_t now_ms) {
  return study.status == StudyStatus::running && study.spec.time_limit_s > 0 &&
         now_ms >= study.began_ms + study.spec.time_limit_s * 1000;
}

}  // namespace

std::vector<CommandBody> plan(const SchedulerInput& input) {
  std::vector<CommandBody> commands;
  const auto studies = active_studies(input.view);
  auto loads = loads_of(input.alive, studies);
  take_back(studies, input.gone, commands);
  for (const auto& active : studies) {
    if (is_out_of_time(active.study, input.now_ms)) {
      commands.emplace_back(StopStudy{active.study.id, "time limit reached", true});
      continue;
    }
    start_final(active, loads, commands);
    start_trials(active, loads, commands);
    draw_trials(input.view, active, commands);
  }
  return commands;
}

}  // namespace starling::ml
