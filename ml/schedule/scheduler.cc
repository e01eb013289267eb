#include "ml/schedule/scheduler.h"

#include "ml/schedule/trial_drawing.h"
#include "ml/study/fold_fits.h"
#include "node/base/mutant.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

namespace starling::ml {
namespace {

constexpr std::uint32_t kQueuedPerSlot = 1;  // so that a slot never waits for the leader's word

void take_back(const std::vector<ActiveStudy>& studies,
               const std::vector<NodeId>& gone,
               std::vector<CommandBody>& commands) {
  const std::set<NodeId> dead{gone.begin(), gone.end()};
  ExpireAttempts expire{.items = {}, .reason = "its node is gone"};
  for (const auto& active : studies) {
    const auto& study = active.study;
    for (const auto& trial : active.open) {
      const bool is_lost = dead.contains(trial.current.node) && !STARLING_MUTANT(216);
      if (trial.state == TrialState::running && is_lost)
        expire.items.push_back({study.id, trial.number, trial.current.token});
    }
    const auto& job = study.final_job;
    if (job.state == FinalState::running && dead.contains(job.current.node))
      expire.items.push_back({study.id, std::nullopt, job.current.token});
  }
  if (!expire.items.empty()) commands.emplace_back(std::move(expire));
}

void end_leases(const std::vector<ActiveStudy>& studies,
                std::uint64_t now_ms,
                std::vector<CommandBody>& commands) {
  ExpireAttempts expire{.items = {}, .reason = "its program was not heard of within its lease"};
  for (const auto& active : studies) {
    for (const auto& trial : active.open) {
      const bool is_over =
          trial.state == TrialState::running && trial.lease_ms > 0 && now_ms >= trial.due_ms;
      if (is_over) expire.items.push_back({active.study.id, trial.number, trial.current.token});
    }
  }
  if (!expire.items.empty()) commands.emplace_back(std::move(expire));
}

// --- who gets a trial ----------------------------------------------------------------------------

AttemptEnd last_end(const Trial& trial) {
  return trial.past.empty() ? AttemptEnd::out_of_memory : trial.past.back().end;
}

/// Where training may go on from a checkpoint: the node that had it last.
bool may_have_checkpoint(const NodeLoad& load, const Trial& trial) {
  const AttemptEnd end = last_end(trial);
  const bool was_taken = end == AttemptEnd::node_gone || end == AttemptEnd::killed;
  return was_taken && trial.past.back().attempt.node == load.room().id;
}

/// It may be the node's fault.
bool has_failed_there(const NodeLoad& load, const Trial& trial) {
  if (trial.past.empty() || trial.past.back().attempt.node != load.room().id) return false;
  const AttemptEnd end = last_end(trial);
  return end == AttemptEnd::crashed || end == AttemptEnd::out_of_memory ||
         end == AttemptEnd::made_way || end == AttemptEnd::moved || end == AttemptEnd::out_of_disk;
}

/// The greatest is the best.
auto merit(const NodeLoad& load, const Trial& trial) {
  const bool starts_now = load.has_room_behind_queue(trial.predicted_peak_mb);
  return std::tuple{!has_failed_there(load, trial),
                    starts_now,
                    starts_now && may_have_checkpoint(load, trial),
                    -load.share(),
                    load.free_mb()};
}

bool may_queue(const NodeLoad& load, const ActiveStudy& active, const Trial& trial) {
  return load.in_hand() < (1 + kQueuedPerSlot) * load.room().slots && !load.room().is_short &&
         load.could_hold(trial.predicted_peak_mb) && may_run(active.study.spec, load.room());
}

NodeLoad* choose_queue(NodeLoads& loads, const ActiveStudy& active, const Trial& trial) {
  NodeLoad* best = nullptr;
  for (auto& [id, load] : loads) {
    if (!may_queue(load, active, trial)) continue;
    if (best == nullptr || merit(load, trial) > merit(*best, trial)) best = &load;
  }
  return best;
}

/// It waits at no node, or at one that cannot have it any more; not for an outside program.
bool needs_queue(const NodeLoads& loads, const ActiveStudy& active, const Trial& trial) {
  if (is_outside(active.study.spec)) return false;
  const auto at = loads.find(trial.queued_at);
  return at == loads.end() || !at->second.could_hold(trial.predicted_peak_mb) ||
         !may_run(active.study.spec, at->second.room());
}

void fill_queues(const std::vector<ActiveStudy>& studies,
                 NodeLoads& loads,
                 std::vector<CommandBody>& commands) {
  MoveTrials move{.items = {}, .why = "given by the leader"};
  const auto homeless = [&loads](const ActiveStudy& active, const Trial& trial) {
    return needs_queue(loads, active, trial);
  };
  for (const TurnOf& turn : in_turn(studies, homeless)) {
    const Trial& trial = *turn.trial;
    NodeLoad* load = choose_queue(loads, *turn.active, trial);
    if (load == nullptr && trial.queued_at.is_none()) continue;
    const NodeId to = load == nullptr ? NodeId{} : load->room().id;
    if (load != nullptr) load->add_queued(trial.predicted_peak_mb);
    move.items.push_back({turn.active->study.id, trial.number, trial.queued_at, to});
  }
  if (!move.items.empty()) commands.emplace_back(std::move(move));
}

// --- before all nodes have queues ----------------------------------------------------------------

void start_from_here(const std::vector<ActiveStudy>& studies,
                     NodeLoads& loads,
                     std::vector<CommandBody>& commands) {
  for (const TurnOf& turn :
       in_turn(studies, [](const ActiveStudy&, const Trial&) { return true; })) {
    NodeLoad* best = nullptr;
    for (auto& [id, load] : loads) {
      if (!load.has_room_for(turn.trial->predicted_peak_mb)) continue;
      if (best == nullptr || merit(load, *turn.trial) > merit(*best, *turn.trial)) best = &load;
    }
    if (best == nullptr) continue;
    best->add_running(turn.trial->predicted_peak_mb);
    commands.emplace_back(StartTrial{turn.active->study.id, turn.trial->number, best->room().id});
  }
}

// --- what nobody can hold ------------------------------------------------------------------------

/// Of the nodes that may run the study; nothing if there is none.
std::optional<std::uint64_t> most_of_any(const StudySpec& spec, const NodeLoads& known) {
  std::optional<std::uint64_t> most;
  for (const auto& [id, load] : known)
    if (may_run(spec, load.room())) most = std::max(most.value_or(0), load.most_mb());
  return most;
}

void refuse_too_large(const ActiveStudy& active,
                      const NodeLoads& known,
                      std::vector<CommandBody>& commands) {
  const auto most = most_of_any(active.study.spec, known);
  if (!most || !gives_out(active.study)) return;
  for (const auto& trial : active.open) {
    if (trial.state != TrialState::queued || trial.predicted_peak_mb <= *most) continue;
    const std::string learned =
        trial.ends.out_of_memory == 0
            ? ""
            : fmt::format(" (it ran out of memory {} times)", trial.ends.out_of_memory);
    commands.emplace_back(RefuseTrial{
        active.study.id,
        trial.number,
        fmt::format("needs about {} MB{}, and the largest node may give a trial {} MB; start a "
                    "node with more memory or narrow the search space",
                    trial.predicted_peak_mb,
                    learned,
                    *most)});
  }
}

void start_final(const ActiveStudy& active, NodeLoads& loads, std::vector<CommandBody>& commands) {
  if (active.study.final_job.state != FinalState::queued) return;
  // Where the trial just fitted, its final has to do with the most that a node may give.
  const std::uint64_t most = most_of_any(active.study.spec, loads).value_or(0);
  const std::uint64_t wanted = final_need(active);
  const std::uint64_t need = active.trial_of_final_peak <= most ? std::min(wanted, most) : wanted;
  const auto& job = active.study.final_job;
  const auto rank = [need, &job](const NodeLoad& load) {
    const bool has_failed_there = job.attempts > 0 && job.current.node == load.room().id;
    return std::tuple{
        !has_failed_there, load.has_room_behind_queue(need), -load.share(), load.free_mb()};
  };
  NodeLoad* best = nullptr;
  for (auto& [id, load] : loads) {
    if (!load.has_room_for(need) || !may_run(active.study.spec, load.room())) continue;
    if (best == nullptr || rank(load) > rank(*best)) best = &load;
  }
  if (best == nullptr) return;
  best->add_running(need);
  commands.emplace_back(StartFinal{active.study.id, best->room().id, need});
}

/// What the fits of its bag may take, as its trials did: at most half of its time.
std::uint64_t kept_for_bag_ms(const StateView& view, const Study& study, std::uint32_t slots) {
  if (study.spec.final_model != FinalModel::bag || study.counts.completed == 0) return 0;
  const double mean_ms = 1000 * study.trial_seconds / study.counts.completed;
  const auto candidates = has_limits(study.spec.constraints)
                              ? bag_candidates_of(view, study).size()
                              : std::min<std::size_t>(kCandidatesMax, study.counts.completed);
  // A trial with folds has trained them all.
  const std::uint32_t folds = study.spec.split.folds > 1 ? 1 : split_of_bag(study.spec.split).folds;
  const auto fits = static_cast<double>(candidates) * folds / std::max(slots, 1U);
  return std::min(static_cast<std::uint64_t>(mean_ms * fits), study.spec.time_limit_s * 500);
}

/// For its trials, so that its bag is done in time; then for its bag.
bool is_out_of_time(const StateView& view,
                    const ActiveStudy& active,
                    std::uint32_t slots,
                    std::uint64_t now_ms) {
  const Study& study = active.study;
  if (study.spec.time_limit_s == 0) return false;
  const std::uint64_t end_ms = study.began_ms + study.spec.time_limit_s * 1000;
  if (study.status == StudyStatus::finishing) return now_ms >= end_ms && !active.open.empty();
  return study.status == StudyStatus::running &&
         now_ms + kept_for_bag_ms(view, study, slots) >= end_ms;
}

std::uint32_t slots_of(const std::vector<NodeRoom>& rooms) {
  std::uint32_t slots = 0;
  for (const NodeRoom& room : rooms)
    slots += room.slots;
  return slots;
}

}  // namespace

std::vector<CommandBody> plan(const SchedulerInput& input) {
  std::vector<CommandBody> commands;
  auto studies = active_studies(input.view);
  auto loads = loads_of(input.alive, studies);
  auto known = loads_of(input.away, {});
  known.insert(loads.begin(), loads.end());
  take_back(studies, input.gone, commands);
  end_leases(studies, input.now_ms, commands);
  std::erase_if(studies, [&](const ActiveStudy& active) {
    if (!is_out_of_time(input.view, active, slots_of(input.alive), input.now_ms)) return false;
    commands.emplace_back(StopStudy{active.study.id, "time limit reached", true});
    return true;
  });
  for (const auto& active : studies) {
    start_final(active, loads, commands);
    if (input.knows_all) refuse_too_large(active, known, commands);
  }
  const bool has_queues = feature_level(input.view) >= kQueuesLevel;
  if (has_queues)
    fill_queues(studies, loads, commands);
  else
    start_from_here(studies, loads, commands);
  for (const auto& active : studies)
    if (auto drawn = draw_trials(input.view, active.study)) commands.push_back(std::move(*drawn));
  return commands;
}

}  // namespace starling::ml
