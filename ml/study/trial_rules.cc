// Each rule either says what it made or why the command is refused.
#include "ml/study/trial_rules.h"

#include "ml/search/pruner.h"
#include "ml/study/fold_fits.h"
#include "ml/study/register_model.h"
#include "ml/study/study_state.h"
#include "node/base/assert.h"
#include "node/base/mutant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kMadeWayOften = 4;

Json to_json(const Params& params) {
  Json json = Json::object();
  for (const auto& [name, value] : params)
    std::visit([&json, &key = name](const auto& plain) { json[key] = plain; }, value);
  return json;
}

struct TrialOfStudy {
  Study study;
  Trial trial;
};

Result<TrialOfStudy> find_trial_of(const StateView& view,
                                   std::string_view id,
                                   std::uint32_t number) {
  auto study = find_study(view, id);
  if (!study) return study.error();
  auto trial = find_trial(view, id, number);
  if (!trial) return trial.error();
  return TrialOfStudy{std::move(*study), std::move(*trial)};
}

/// Since a level that all nodes share: an older one would not apply it the same way.
bool knows_queues(const Transaction& tx) {
  return feature_level(tx.view()) >= kQueuesLevel;
}

void move_trial(Study& study, Trial& trial, TrialState to) {
  STARLING_ASSERT(!is_final(trial.state), "a finished trial never changes its state");
  if (trial.fit) {
    trial.state = to;
    return;
  }
  --count_of(study.counts, trial.state);
  ++count_of(study.counts, to);
  trial.state = to;
}

void pass_final_trials(Transaction& tx, Study& study) {
  if (!knows_queues(tx)) return;
  for (;; ++study.all_final_below) {
    const auto next = find_trial(tx.view(), study.id, study.all_final_below);
    if (!next || (!is_final(next->state) && !STARLING_MUTANT(209))) return;
  }
}

/// Of a trial, or of a fit by its candidate's number and its fold.
void event_of(Transaction& tx, const Trial& trial, std::string_view what, Json data) {
  data["study"] = trial.study;
  data["number"] = trial.fit ? trial.fit->candidate : trial.number;
  if (trial.fit) data["fold"] = trial.fit->fold;
  tx.event(fmt::format("{}_{}", trial.fit ? "fit" : "trial", what), data);
}

void event_finished(Transaction& tx, const Trial& trial) {
  Json data{{"state", to_string(trial.state)}, {"value", nullptr}, {"error", trial.error}};
  if (trial.value) data["value"] = *trial.value;
  event_of(tx, trial, "finished", data);
}

/// It is final and stored; its study is not stored yet.
void end_trial(Transaction& tx, Study& study, Trial& trial, TrialState state) {
  move_trial(study, trial, state);
  trial.queued_at = {};
  trial.ended_ms = tx.wall_ms();
  tx.put(trial);
  event_finished(tx, trial);
  pass_final_trials(tx, study);
}

void note_best(Transaction& tx, Study& study, const Trial& trial) {
  const auto best = find_trial(tx.view(), study.id, study.best_number.value_or(trial.number));
  const bool is_first = !study.best_number || !best || STARLING_MUTANT(208);
  if (!is_first && rank_of(study.spec, trial) >= rank_of(study.spec, *best)) return;
  const double value = *trial.value;
  study.best_number = trial.number;
  study.best_value = value;
  tx.event("best_changed", {{"study", study.id}, {"number", trial.number}, {"value", value}});
}

Outcome refused_if_not_queued(const Trial& trial) {
  if (trial.state == TrialState::queued || STARLING_MUTANT(204)) return {};
  return refused(Errc::conflict,
                 fmt::format("trial {} is {}", trial.number, to_string(trial.state)));
}

/// Why there will be no other attempt; empty if there will be.
std::string last_straw(const AttemptEnds& ends, std::uint64_t need_mb, const std::string& reason) {
  if (ends.crashed >= kAttemptsMax)
    return fmt::format("{} attempts failed; the last one: {}", kAttemptsMax, reason);
  if (ends.node_gone >= kLossesMax)
    return fmt::format("{} nodes were lost while they ran it", kLossesMax);
  if (ends.killed >= kLossesMax)
    return fmt::format("was killed {} times; the last time: {}", kLossesMax, reason);
  if (ends.not_told >= kNotToldMax)
    return fmt::format("was asked for {} times and its value never told", kNotToldMax);
  if (ends.out_of_memory >= kMemoryKillsMax)
    return fmt::format(
        "ran out of memory {} times, the last time with {} MB reserved", kMemoryKillsMax, need_mb);
  return "";
}

std::string last_straw_before_queues(std::uint32_t attempts, const std::string& reason) {
  if (attempts < kAttemptsMax) return "";
  return fmt::format("{} attempts failed; the last one: {}", kAttemptsMax, reason);
}

/// Half as much again. One that has to make way again and again is no guest for so small a node.
bool needs_more(const AttemptEnds& ends, AttemptEnd end) {
  if (STARLING_MUTANT(217)) return false;
  const bool made_way_often = end == AttemptEnd::made_way && ends.made_way % kMadeWayOften == 0;
  return end == AttemptEnd::out_of_memory || made_way_often;
}

std::uint64_t half_more(std::uint64_t need_mb) {
  return need_mb + (need_mb + 1) / 2;
}

void note_end(Trial& trial, AttemptEnd end, std::uint64_t peak_mb, const std::string& why) {
  ++count_of(trial.ends, STARLING_MUTANT(210) ? AttemptEnd::crashed : end);
  trial.past.push_back({trial.current, end, peak_mb, why});
  if (trial.past.size() > kPastAttemptsKept) trial.past.erase(trial.past.begin());
  if (needs_more(trial.ends, end)) trial.predicted_peak_mb = half_more(trial.predicted_peak_mb);
}

/// The attempt is over and its work is not: again, or no more. Stores the trial.
void retry_or_fail(
    Transaction& tx, Study& study, Trial& trial, AttemptEnd end, const std::string& why) {
  const bool has_causes = knows_queues(tx);
  if (has_causes) note_end(trial, end, trial.peak_mb, why);
  const std::string straw = has_causes ? last_straw(trial.ends, trial.predicted_peak_mb, why)
                                       : last_straw_before_queues(trial.attempts, why);
  if (straw.empty()) {
    move_trial(study, trial, TrialState::queued);
    tx.put(trial);
    Json data{{"reason", why}};
    if (has_causes) data["cause"] = to_string(end);
    event_of(tx, trial, "requeued", data);
    return;
  }
  trial.error = straw;
  const bool lacked_memory = has_causes && end == AttemptEnd::out_of_memory;
  end_trial(tx, study, trial, lacked_memory ? TrialState::infeasible : TrialState::failed);
  end_if_all_final(tx, study);
}

void fail_final(Transaction& tx, Study& study, const std::string& reason) {
  study.final_job.error = reason;
  if (gives_bag_up(tx, study)) return;
  study.final_job.state = FinalState::failed;
  set_status(tx, study, StudyStatus::failed, fmt::format("the final fit failed: {}", reason));
}

void retry_or_fail_final(Transaction& tx, Study& study, AttemptEnd end, const std::string& reason) {
  auto& job = study.final_job;
  job.error = reason;
  const bool has_causes = knows_queues(tx);
  if (has_causes) {
    ++count_of(job.ends, end);
    if (needs_more(job.ends, end)) job.need_mb = half_more(job.need_mb);
  }
  const std::string straw = has_causes ? last_straw(job.ends, job.need_mb, reason)
                                       : last_straw_before_queues(job.attempts, reason);
  if (straw.empty()) {
    job.state = FinalState::queued;
    return;
  }
  fail_final(tx, study, has_causes ? straw : reason);
}

/// Halves a curve's resolution once it is full: early epochs stay recognisable, size stays bounded.
void add_point(Curve& curve, CurvePoint point) {
  if (!curve.empty() && curve.back().epoch >= point.epoch) return;
  curve.push_back(point);
  if (curve.size() <= kCurvePointsMax) return;
  Curve thinned;
  for (std::size_t i = 0; i < curve.size(); i += 2)
    thinned.push_back(curve[i]);
  if (thinned.back().epoch != point.epoch) thinned.push_back(point);
  curve = std::move(thinned);
}

/// Design section 5: the current attempt's word counts, and the last attempt's while none is newer.
bool may_finish(const Trial& trial, std::uint64_t token) {
  if (is_final(trial.state) && !STARLING_MUTANT(202)) return false;
  return token != 0 && (trial.current.token == token || STARLING_MUTANT(201));
}

/// What its word says it is, unless the value is none.
TrialState said_state(const FinishTrial& command) {
  if (command.state == TrialState::completed && !std::isfinite(command.value))
    return TrialState::failed;
  return is_final(command.state) ? command.state : TrialState::failed;
}

void end_as_said(Transaction& tx, Study& study, Trial& trial, const FinishTrial& command) {
  const TrialState state = said_state(command);
  trial.error = command.error;
  if (command.state == TrialState::completed && state == TrialState::failed)
    trial.error = "the value is not a finite number";
  if (trial.lease_ms == 0) trial.rungs = command.rungs;
  const bool has_value = state == TrialState::completed ||
                         (state == TrialState::pruned && std::isfinite(command.value));
  if (has_value) {
    trial.value = command.value;
    trial.metrics = command.metrics;
    trial.best_epoch = command.best_epoch;
  }
  if (trial.fit) trial.artifact = command.artifact;
  end_trial(tx, study, trial, state);
  if (state == TrialState::completed && !trial.fit) note_best(tx, study, trial);
  end_if_all_final(tx, study);
}

void expire(Transaction& tx, const ExpireAttempts::Item& item, const std::string& reason) {
  auto study = find_study(tx.view(), item.study);
  if (!study) return;
  if (!item.number) {
    const auto& job = study->final_job;
    if (job.state != FinalState::running || job.current.token != item.token) return;
    retry_or_fail_final(tx, *study, AttemptEnd::node_gone, reason);
    tx.put(*study);
    return;
  }
  auto trial = find_trial(tx.view(), item.study, *item.number);
  if (!trial || trial->state != TrialState::running) return;
  if (trial->current.token != item.token && !STARLING_MUTANT(205)) return;
  if (trial->lease_ms > 0 && tx.now_ms() < trial->due_ms) return;  // it was heard of meanwhile
  const AttemptEnd end = trial->lease_ms > 0 ? AttemptEnd::not_told : AttemptEnd::node_gone;
  retry_or_fail(tx, *study, *trial, end, reason);
  tx.put(*study);
}

/// A queued trial becomes a running one. Stores both.
Outcome start(Transaction& tx, Study& study, Trial& trial, NodeId node, std::uint64_t lease_ms) {
  move_trial(study, trial, TrialState::running);
  trial.queued_at = {};
  trial.current = {.token = tx.token(), .node = node};
  trial.lease_ms = lease_ms;
  trial.due_ms = lease_ms == 0 ? 0 : tx.now_ms() + lease_ms;
  ++trial.attempts;
  trial.started_ms = tx.wall_ms();
  tx.erase(keys::curve(study.id, trial.number));
  tx.put(trial);
  tx.put(study);
  event_of(tx,
           trial,
           "started",
           {{"node", node.is_none() ? "" : node.hex()}, {"attempt", trial.attempts}});
  return {.id = {}, .number = tx.token(), .error = {}};
}

/// Its program lives. What it reports first at or after a rung counts there.
void hear_of(Transaction& tx, Trial& trial, CurvePoint point) {
  const auto study = find_study(tx.view(), trial.study);
  if (!study) return;
  trial.due_ms = tx.now_ms() + trial.lease_ms;
  trial.epochs = std::max(trial.epochs, point.epoch);
  const auto rungs = rung_epochs(study->spec.epochs);
  const double value = study->spec.maximize ? -point.value : point.value;
  while (trial.rungs.size() < rungs.size() && rungs[trial.rungs.size()] <= point.epoch)
    trial.rungs.push_back(value);
  tx.put(trial);
}

/// What its process measured; of an outside program's, how long it was away.
void take_measures(Transaction& tx, Trial& trial, const FinishTrial& command) {
  if (trial.lease_ms > 0) {
    trial.seconds =
        static_cast<double>(tx.wall_ms() - std::min(trial.started_ms, tx.wall_ms())) / 1000;
    return;
  }
  trial.seconds = command.seconds;
  trial.epochs = command.epochs;
  trial.peak_mb = command.peak_mb;
  if (feature_level(tx.view()) >= kCostsLevel) trial.cost = command.cost;
}

/// False if it no longer waits there.
bool move(Transaction& tx, const MoveTrials::Item& item, const std::string& why) {
  auto found = find_trial_of(tx.view(), item.study, item.number);
  if (!found) return false;
  auto& trial = found->trial;
  if (trial.state != TrialState::queued || item.from == item.to) return false;
  if (trial.queued_at != item.from && !STARLING_MUTANT(207)) return false;
  trial.queued_at = item.to;
  tx.put(trial);
  event_of(tx,
           trial,
           "moved",
           {{"from", item.from.is_none() ? "" : item.from.hex()},
            {"to", item.to.is_none() ? "" : item.to.hex()},
            {"reason", why}});
  return true;
}

}  // namespace

void set_status(Transaction& tx, Study& study, StudyStatus status, std::string_view reason) {
  study.status = status;
  if (!reason.empty()) study.stop_reason = reason;
  if (has_ended(status)) study.ended_ms = tx.wall_ms();
  tx.event("study_status",
           {{"study", study.id}, {"status", to_string(status)}, {"reason", study.stop_reason}});
}

/// All trials are final: make a model of the best, or end as failed if there is none.
void finish_search(Transaction& tx, Study& study, std::string_view reason) {
  if (study.best_number && is_outside(study.spec)) {
    set_status(tx, study, StudyStatus::completed, reason);
    return;
  }
  if (study.best_number) {
    set_status(tx, study, StudyStatus::finishing, reason);
    begin_finish(tx, study);
    return;
  }
  set_status(tx, study, StudyStatus::failed, reason.empty() ? "no trial completed" : reason);
}

void begin_finish(Transaction& tx, Study& study) {
  study.final_job = {};
  if (study.spec.final_model == FinalModel::bag) begin_fits(tx, study);
  end_if_fits_final(tx, study);
}

void end_if_fits_final(Transaction& tx, Study& study) {
  const bool waits = study.final_job.state == FinalState::none;
  if (waits && open_trials(tx.view(), study).empty()) study.final_job.state = FinalState::queued;
}

void end_if_all_final(Transaction& tx, Study& study) {
  if (study.status == StudyStatus::finishing) end_if_fits_final(tx, study);
  const bool all_final = study.counts.final_count() == study.spec.trials;
  if (all_final && study.status == StudyStatus::running) finish_search(tx, study, "");
}

void cancel_open_trials(Transaction& tx, Study& study) {
  for (auto& trial : open_trials(tx.view(), study))
    end_trial(tx, study, trial, TrialState::cancelled);
  if (study.status != StudyStatus::finishing)
    study.counts.cancelled += study.spec.trials - study.counts.drawn();
}

std::vector<Trial> open_trials(const StateView& view, const Study& study) {
  auto trials = list_trials(view, study.id, study.all_final_below);
  if (study.status == StudyStatus::finishing) {
    auto fits = list_fits(view, study.id);
    std::ranges::move(fits, std::back_inserter(trials));
  }
  std::erase_if(trials, [](const Trial& trial) { return is_final(trial.state); });
  return trials;
}

Outcome run(Transaction& tx, const QueueTrials& command) {
  auto study = find_study(tx.view(), command.study);
  if (!study) return refused(study.error());
  if (study->status != StudyStatus::queued && study->status != StudyStatus::running)
    return refused(Errc::conflict, fmt::format("study {} draws no more trials", command.study));
  for (const auto& queued : command.trials) {
    const bool is_next = queued.number == study->counts.drawn() || STARLING_MUTANT(206);
    if (!is_next || queued.number >= study->spec.trials) {
      return refused(Errc::conflict,
                     fmt::format("trial {} is not the next of study {} (drawn {}, requested {})",
                                 queued.number,
                                 command.study,
                                 study->counts.drawn(),
                                 study->spec.trials));
    }
    Trial trial;
    trial.study = study->id;
    trial.number = queued.number;
    trial.params = queued.params;
    trial.predicted_peak_mb = queued.predicted_peak_mb;
    trial.estimate_mb = queued.estimate_mb;
    trial.created_ms = tx.wall_ms();
    ++study->counts.queued;
    tx.put(trial);
    tx.event("trial_queued",
             {{"study", study->id}, {"number", trial.number}, {"params", to_json(trial.params)}});
  }
  if (study->status == StudyStatus::queued) {
    study->started_ms = tx.wall_ms();
    study->began_ms = tx.now_ms();
    set_status(tx, *study, StudyStatus::running, "");
  }
  tx.put(*study);
  return {};
}

Outcome run(Transaction& tx, const MoveTrials& command) {
  std::uint64_t moved = 0;
  for (const auto& item : command.items)
    moved += move(tx, item, command.why) ? 1 : 0;
  if (moved == 0) return refused(Errc::conflict, "none of these trials waits there any more");
  return {.id = {}, .number = moved, .error = {}};
}

Outcome run(Transaction& tx, const StartTrial& command) {
  auto found = find_trial_of(tx.view(), command.study, command.number);
  if (!found) return refused(found.error());
  auto& [study, trial] = *found;
  if (auto not_queued = refused_if_not_queued(trial); not_queued.error) return not_queued;
  const bool waits_here = trial.queued_at.is_none() || trial.queued_at == command.node;
  if (!waits_here && !STARLING_MUTANT(203)) {
    return refused(Errc::conflict,
                   fmt::format("trial {} waits in the queue of another node", command.number));
  }
  if (study.status == StudyStatus::paused)
    return refused(Errc::conflict, fmt::format("study {} is paused", study.id));
  if (is_outside(study.spec))
    return refused(Errc::conflict, fmt::format("an outside program runs study {}", study.id));
  return start(tx, study, trial, command.node, 0);
}

Outcome run(Transaction& tx, const AskTrial& command) {
  auto study = find_study(tx.view(), command.study);
  if (!study) return refused(study.error());
  if (command.lease_ms == 0) return refused(Errc::invalid_argument, "lease_s: is 0");
  if (!is_outside(study->spec))
    return refused(Errc::conflict,
                   fmt::format("study {} is trained by the swarm's nodes", study->id));
  if (study->status != StudyStatus::running)
    return refused(Errc::conflict,
                   fmt::format("study {} is {}", study->id, to_string(study->status)));
  auto open = open_trials(tx.view(), *study);
  const auto next = std::ranges::find(open, TrialState::queued, &Trial::state);
  if (next == open.end())
    return refused(Errc::conflict, fmt::format("no trial of study {} waits", study->id));
  next->rungs.clear();
  next->epochs = 0;
  auto started = start(tx, *study, *next, {}, command.lease_ms);
  started.id = std::to_string(next->number);
  return started;
}

/// A late word counts for nothing, but a short trial's curve often comes behind its result.
bool belongs_to_curve(const Transaction& tx, const Trial& trial, std::uint64_t token) {
  if (trial.fit || trial.current.token != token) return false;
  const bool has_result = trial.value && trial.lease_ms == 0;
  return trial.state == TrialState::running ||
         (has_result && feature_level(tx.view()) >= kCostsLevel);
}

Outcome run(Transaction& tx, const ReportProgress& command) {
  std::map<std::pair<std::string, std::uint32_t>, Curve> curves;
  std::map<std::pair<std::string, std::uint32_t>, CurvePoint> last;
  for (const auto& item : command.points) {
    auto trial = find_trial(tx.view(), item.study, item.number);
    if (!trial || !belongs_to_curve(tx, *trial, item.token)) continue;
    const auto key = std::pair{item.study, item.number};
    auto [at, is_new] = curves.try_emplace(key);
    if (is_new) at->second = find_curve(tx.view(), item.study, item.number);
    add_point(at->second, item.point);
    if (trial->lease_ms > 0) hear_of(tx, *trial, item.point);
    if (trial->state == TrialState::running) last[key] = item.point;
  }
  for (const auto& [key, curve] : curves)
    tx.put_raw(keys::curve(key.first, key.second), encode(curve));
  for (const auto& [key, point] : last) {
    tx.event("trial_progress",
             {{"study", key.first},
              {"number", key.second},
              {"epoch", point.epoch},
              {"value", point.value}});
  }
  return {};
}

Outcome run(Transaction& tx, const YieldTrial& command) {
  auto found = find_trial_of(tx.view(), command.study, command.number);
  if (!found) return refused(found.error());
  auto& [study, trial] = *found;
  const bool is_current = trial.current.token == command.token || STARLING_MUTANT(211);
  if (trial.state != TrialState::running || !is_current) {
    const bool was_said = !trial.past.empty() && trial.past.back().end == AttemptEnd::moved &&
                          trial.past.back().attempt.token == command.token;
    if (was_said) return {};
    return refused(
        Errc::conflict,
        fmt::format("attempt {} of trial {} does not run", command.token, command.number));
  }
  trial.queued_at = command.to;
  retry_or_fail(tx, study, trial, AttemptEnd::moved, command.why);
  tx.put(study);
  return {};
}

Outcome run(Transaction& tx, const FinishTrial& command) {
  auto found = find_trial_of(tx.view(), command.study, command.number);
  if (!found) return refused(found.error());
  auto& [study, trial] = *found;
  if (!may_finish(trial, command.token)) {
    if (is_final(trial.state) && trial.current.token == command.token) return {};  // said again
    return refused(Errc::conflict,
                   fmt::format("attempt {} of trial {} is not the current one ({})",
                               command.token,
                               command.number,
                               trial.current.token));
  }
  take_measures(tx, trial, command);
  if (!trial.fit) study.trial_seconds += trial.seconds;
  const bool brings_nothing = said_state(command) != TrialState::completed && command.may_retry;
  if (!brings_nothing)
    end_as_said(tx, study, trial, command);
  else if (trial.state == TrialState::running)
    retry_or_fail(tx, study, trial, command.end, command.error);
  else
    tx.put(trial);
  tx.put(study);
  return {};
}

Outcome run(Transaction& tx, const RefuseTrial& command) {
  auto found = find_trial_of(tx.view(), command.study, command.number);
  if (!found) return refused(found.error());
  auto& [study, trial] = *found;
  if (auto not_queued = refused_if_not_queued(trial); not_queued.error) return not_queued;
  trial.error = command.reason;
  end_trial(tx, study, trial, TrialState::infeasible);
  end_if_all_final(tx, study);
  tx.put(study);
  return {};
}

Outcome run(Transaction& tx, const StartFinal& command) {
  auto study = find_study(tx.view(), command.study);
  if (!study) return refused(study.error());
  if (study->status != StudyStatus::finishing || study->final_job.state != FinalState::queued)
    return refused(Errc::conflict, fmt::format("study {} waits for no final fit", command.study));
  auto& job = study->final_job;
  job.state = FinalState::running;
  job.current = {.token = tx.token(), .node = command.node};
  ++job.attempts;
  if (knows_queues(tx)) job.need_mb = command.need_mb;
  tx.put(*study);
  tx.event("final_started", {{"study", study->id}, {"node", command.node.hex()}});
  return {.id = {}, .number = tx.token(), .error = {}};
}

Outcome run(Transaction& tx, const FinishFinal& command) {
  auto study = find_study(tx.view(), command.study);
  if (!study) return refused(study.error());
  auto& job = study->final_job;
  const bool is_over = job.state == FinalState::completed || job.state == FinalState::failed;
  if (is_over && job.current.token == command.token) return {};  // said again
  if (study->status != StudyStatus::finishing || job.current.token != command.token)
    return refused(Errc::conflict, fmt::format("final attempt {} is not current", command.token));
  if (command.result) {
    job.state = FinalState::completed;
    job.error.clear();
    study->result = command.result;
    if (feature_level(tx.view()) < kCostsLevel) forget_costs(*study);
    register_model(tx, *study);
    forget_fits(tx, study->id);
    set_status(tx, *study, StudyStatus::completed, "");
  } else if (job.state == FinalState::running) {
    if (command.may_retry) {
      retry_or_fail_final(tx, *study, command.end, command.error);
    } else {
      job.attempts = kAttemptsMax;
      fail_final(tx, *study, command.error);
    }
  }
  tx.put(*study);
  return {};
}

Outcome run(Transaction& tx, const ExpireAttempts& command) {
  for (const auto& item : command.items)
    expire(tx, item, command.reason);
  return {};
}

}  // namespace starling::ml
