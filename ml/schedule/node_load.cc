#include "ml/schedule/node_load.h"

#include "ml/schedule/trial_memory.h"
#include "ml/study/trial_rules.h"
#include "node/base/mutant.h"

#include <algorithm>
#include <tuple>

namespace starling::ml {
namespace {

constexpr double kAdmitShare = 0.75;
constexpr double kRefuseShare = 0.9;

std::uint64_t share_of(std::uint64_t budget_mb, double share) {
  return static_cast<std::uint64_t>(static_cast<double>(budget_mb) * share);
}

/// A study's wanted trials and how many it has in hand.
struct Line {
  const ActiveStudy* active = nullptr;
  std::vector<const Trial*> wanted;
  std::size_t next = 0;
  std::size_t in_hand = 0;
};

Line line_of(const ActiveStudy& active, const WantedTrials& wanted) {
  Line line{.active = &active, .wanted = {}, .next = 0, .in_hand = 0};
  for (const Trial& trial : active.open) {
    const bool is_queued = trial.state == TrialState::queued;
    if (is_queued && wanted(active, trial))
      line.wanted.push_back(&trial);
    else if (!is_queued || !trial.queued_at.is_none())
      ++line.in_hand;
  }
  return line;
}

}  // namespace

std::vector<ActiveStudy> active_studies(const StateView& view) {
  std::vector<ActiveStudy> active;
  for (auto& study : list_studies(view)) {
    if (has_ended(study.status)) continue;
    auto open = open_trials(view, study);
    std::uint64_t peak = 0;
    if (study.best_number) {
      const auto best = find_trial(view, study.id, *study.best_number);
      if (best) peak = best->predicted_peak_mb;
    }
    active.push_back({std::move(study), std::move(open), peak});
  }
  std::reverse(active.begin(), active.end());
  return active;
}

/// The final of a trial with folds trains one network where the trial trained several.
std::uint64_t final_need(const ActiveStudy& active) {
  const std::uint64_t of_trial = active.trial_of_final_peak;
  const std::uint64_t formula =
      active.study.spec.split.folds > 1 ? of_trial : final_peak_mb(of_trial);
  return std::max(formula, active.study.final_job.need_mb);
}

void NodeLoad::add_running(std::uint64_t peak_mb) {
  ++running_;
  running_mb_ += peak_mb;
}

void NodeLoad::add_queued(std::uint64_t peak_mb) {
  ++queued_;
  queued_mb_ += peak_mb;
}

std::uint32_t NodeLoad::free_slots() const {
  return room_.slots - std::min(room_.slots, STARLING_MUTANT(213) ? 0 : running_);
}

std::uint64_t NodeLoad::most_mb() const {
  return share_of(room_.memory_budget_mb, kRefuseShare);
}

/// A node that runs nothing may take a trial up to the refusal limit: nobody is disturbed.
bool NodeLoad::admits(std::uint64_t taken_mb, std::uint64_t peak_mb) const {
  if (taken_mb == 0 || STARLING_MUTANT(212)) return could_hold(peak_mb);
  return taken_mb + peak_mb <= share_of(room_.memory_budget_mb, kAdmitShare);
}

bool NodeLoad::has_room_for(std::uint64_t peak_mb) const {
  return !room_.is_short && free_slots() > 0 && admits(running_mb_, peak_mb);
}

bool NodeLoad::has_room_behind_queue(std::uint64_t peak_mb) const {
  return !room_.is_short && free_slots() > queued_ && admits(running_mb_ + queued_mb_, peak_mb);
}

double NodeLoad::share() const {
  return static_cast<double>(in_hand()) / static_cast<double>(std::max(room_.slots, 1U));
}

std::uint64_t NodeLoad::free_mb() const {
  return room_.memory_budget_mb - std::min(room_.memory_budget_mb, running_mb_ + queued_mb_);
}

NodeLoads loads_of(const std::vector<NodeRoom>& rooms, const std::vector<ActiveStudy>& studies) {
  NodeLoads loads;
  for (const auto& room : rooms)
    loads.emplace(room.id, NodeLoad{room});
  for (const auto& active : studies) {
    for (const auto& trial : active.open) {
      const bool runs = trial.state == TrialState::running;
      if (!runs && !gives_out(active.study)) continue;  // it waits for a person
      const auto at = loads.find(runs ? trial.current.node : trial.queued_at);
      if (at == loads.end()) continue;
      if (runs)
        at->second.add_running(trial.predicted_peak_mb);
      else
        at->second.add_queued(trial.predicted_peak_mb);
    }
    const auto& job = active.study.final_job;
    const auto at = loads.find(job.current.node);
    if (job.state == FinalState::running && at != loads.end())
      at->second.add_running(final_need(active));
  }
  return loads;
}

bool may_run(const StudySpec& spec, const NodeRoom& room) {
  return std::ranges::all_of(spec.required_labels, [&room](const auto& required) {
    const auto found = room.labels.find(required.first);
    return found != room.labels.end() && found->second == required.second;
  });
}

bool gives_out(const Study& study) {
  return study.status == StudyStatus::running || study.status == StudyStatus::finishing;
}

std::vector<TurnOf> in_turn(const std::vector<ActiveStudy>& studies, const WantedTrials& wanted) {
  std::vector<Line> lines;
  for (const auto& active : studies) {
    if (!gives_out(active.study)) continue;
    auto line = line_of(active, wanted);
    if (!line.wanted.empty()) lines.push_back(std::move(line));
  }
  std::vector<TurnOf> turns;
  while (!lines.empty()) {
    const auto first = std::ranges::min_element(lines, {}, [](const Line& line) {
      return std::tuple{-line.active->study.spec.priority, line.in_hand};
    });
    turns.push_back({first->active, first->wanted[first->next]});
    ++first->in_hand;
    if (++first->next == first->wanted.size()) lines.erase(first);
  }
  return turns;
}

}  // namespace starling::ml
