// The rules by which the replicated truth changes. Each command has one function; each either
// returns what it created or the reason why it is refused.
#include "ml/study/adoption.h"
#include "ml/study/answer_table.h"
#include "ml/study/register_model.h"
#include "ml/study/registers.h"
#include "ml/study/state_keys.h"
#include "ml/study/study_state.h"
#include "ml/study/swarm_members.h"
#include "ml/study/transaction.h"
#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::json;

Json to_json(const Params& params) {
  Json json = Json::object();
  for (const auto& [name, value] : params)
    std::visit([&json, &key = name](const auto& plain) { json[key] = plain; }, value);
  return json;
}

Outcome refused(Error error) {
  return {.id = {}, .number = 0, .error = std::move(error)};
}

Outcome refused(Errc code, std::string sentence) {
  return refused(Error{code, std::move(sentence)});
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

void move_trial(Study& study, Trial& trial, TrialState to, std::uint64_t wall_ms) {
  STARLING_ASSERT(!is_final(trial.state), "a finished trial never changes its state");
  --count_of(study.counts, trial.state);
  ++count_of(study.counts, to);
  trial.state = to;
  if (is_final(to)) trial.ended_ms = wall_ms;
}

void set_status(Transaction& tx, Study& study, StudyStatus status, std::string_view reason) {
  study.status = status;
  if (!reason.empty()) study.stop_reason = reason;
  if (has_ended(status)) study.ended_ms = tx.wall_ms();
  tx.event("study_status",
           {{"study", study.id}, {"status", to_string(status)}, {"reason", study.stop_reason}});
}

void event_finished(Transaction& tx, const Trial& trial) {
  Json data{{"study", trial.study},
            {"number", trial.number},
            {"state", to_string(trial.state)},
            {"value", nullptr},
            {"error", trial.error}};
  if (trial.value) data["value"] = *trial.value;
  tx.event("trial_finished", data);
}

/// All trials are final: refit the best one, or end as failed if there is none.
void finish_search(Transaction& tx, Study& study, std::string_view reason) {
  if (study.best_number) {
    study.final_job.state = FinalState::queued;
    set_status(tx, study, StudyStatus::finishing, reason);
    return;
  }
  set_status(tx, study, StudyStatus::failed, reason.empty() ? "no trial completed" : reason);
}

void after_trial_ended(Transaction& tx, Study& study) {
  const bool all_final = study.counts.final_count() == study.spec.trials;
  if (all_final && study.status == StudyStatus::running) finish_search(tx, study, "");
}

void note_best(Transaction& tx, Study& study, const Trial& trial) {
  const double value = *trial.value;
  const bool better = !study.best_number ||
                      (study.spec.maximize ? value > study.best_value : value < study.best_value);
  if (!better) return;
  study.best_number = trial.number;
  study.best_value = value;
  tx.event("best_changed", {{"study", study.id}, {"number", trial.number}, {"value", value}});
}

void cancel_open_trials(Transaction& tx, Study& study) {
  for (auto& trial : list_trials(tx.view(), study.id)) {
    if (is_final(trial.state)) continue;
    move_trial(study, trial, TrialState::cancelled, tx.wall_ms());
    tx.put(trial);
    event_finished(tx, trial);
  }
  // Trials that were asked for but never drawn are cancelled too, so that all sum to `requested`.
  study.counts.cancelled += study.spec.trials - study.counts.drawn();
}

/// The attempt is over and its work is not: again, or no more.
void retry_or_fail(Transaction& tx, Study& study, Trial& trial, const std::string& reason) {
  if (trial.attempts < kAttemptsMax) {
    move_trial(study, trial, TrialState::queued, tx.wall_ms());
    tx.event("trial_requeued", {{"study", study.id}, {"number", trial.number}, {"reason", reason}});
    return;
  }
  trial.error = fmt::format("{} attempts failed; the last one: {}", kAttemptsMax, reason);
  move_trial(study, trial, TrialState::failed, tx.wall_ms());
  event_finished(tx, trial);
  after_trial_ended(tx, study);
}

void retry_or_fail_final(Transaction& tx, Study& study, const std::string& reason) {
  auto& job = study.final_job;
  job.error = reason;
  if (job.attempts < kAttemptsMax) {
    job.state = FinalState::queued;
    return;
  }
  job.state = FinalState::failed;
  set_status(tx, study, StudyStatus::failed, fmt::format("the final fit failed: {}", reason));
}

// --- one function per command --------------------------------------------------------------------

Outcome run(Transaction& tx, const AddToken& command) {
  tx.put_raw(keys::token(command.token_hash), big_endian_key(tx.wall_ms()));
  return {};
}

Outcome run(Transaction& tx, const AddDataset& command) {
  Dataset dataset = command.dataset;
  if (tx.view().get(keys::dataset(dataset.id)))
    return refused(Errc::conflict, fmt::format("dataset {} exists already", dataset.id));
  for (const auto& other : list_datasets(tx.view())) {
    if (other.name != dataset.name) continue;
    if (other.blob == dataset.blob) return {.id = other.id, .number = 0, .error = {}};
    return refused(Errc::conflict,
                   fmt::format("name: a dataset \"{}\" with other content exists already; choose "
                               "another name or remove it",
                               dataset.name));
  }
  dataset.created_ms = tx.wall_ms();
  tx.put(dataset);
  tx.event("dataset_added", {{"dataset", dataset.id}, {"name", dataset.name}});
  return {.id = dataset.id, .number = 0, .error = {}};
}

Outcome run(Transaction& tx, const RemoveDataset& command) {
  const auto dataset = find_dataset(tx.view(), command.id);
  if (!dataset) return refused(dataset.error());
  for (const auto& study : list_studies(tx.view())) {
    if (has_ended(study.status)) continue;
    const auto used = datasets_of(study.spec);
    if (std::ranges::find(used, dataset->id) != used.end()) {
      return refused(Errc::conflict,
                     fmt::format("study {} still uses dataset \"{}\"; wait or cancel it first",
                                 study.id,
                                 dataset->name));
    }
  }
  tx.erase(keys::dataset(dataset->id));
  tx.event("dataset_removed", {{"dataset", dataset->id}});
  return {.id = dataset->id, .number = 0, .error = {}};
}

Outcome run(Transaction& tx, const CreateStudy& command) {
  if (tx.view().get(keys::study(command.id)))
    return refused(Errc::conflict, fmt::format("study {} exists already", command.id));
  const auto dataset = find_dataset(tx.view(), command.spec.dataset);
  if (!dataset) return refused(dataset.error());
  Study study;
  study.id = command.id;
  study.spec = command.spec;
  study.spec.dataset = dataset->id;
  for (const std::string& id : datasets_of(study.spec)) {
    if (!tx.view().get(keys::dataset(id)))
      return refused(Errc::not_found, fmt::format("split: there is no data set {}", id));
  }
  study.created_ms = tx.wall_ms();
  tx.put(study);
  tx.event("study_created", {{"study", study.id}, {"name", study.spec.name}});
  return {.id = study.id, .number = 0, .error = {}};
}

Outcome run(Transaction& tx, const StopStudy& command) {
  auto study = find_study(tx.view(), command.id);
  if (!study) return refused(study.error());
  if (has_ended(study->status)) {
    return refused(
        Errc::conflict,
        fmt::format("study {} has already ended: {}", command.id, to_string(study->status)));
  }
  if (study->status != StudyStatus::finishing) cancel_open_trials(tx, *study);
  if (command.then_finish) {
    if (study->status != StudyStatus::finishing) finish_search(tx, *study, command.reason);
  } else {
    study->final_job.state = FinalState::none;
    set_status(tx, *study, StudyStatus::cancelled, command.reason);
  }
  tx.put(*study);
  return {.id = study->id, .number = 0, .error = {}};
}

Outcome run(Transaction& tx, const QueueTrials& command) {
  auto study = find_study(tx.view(), command.study);
  if (!study) return refused(study.error());
  if (study->status != StudyStatus::queued && study->status != StudyStatus::running)
    return refused(Errc::conflict, fmt::format("study {} draws no more trials", command.study));
  for (const auto& queued : command.trials) {
    if (queued.number != study->counts.drawn() || queued.number >= study->spec.trials) {
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

Outcome run(Transaction& tx, const StartTrial& command) {
  auto found = find_trial_of(tx.view(), command.study, command.number);
  if (!found) return refused(found.error());
  auto& [study, trial] = *found;
  if (trial.state != TrialState::queued) {
    return refused(Errc::conflict,
                   fmt::format("trial {} is {}", command.number, to_string(trial.state)));
  }
  move_trial(study, trial, TrialState::running, tx.wall_ms());
  trial.current = {.token = tx.token(), .node = command.node};
  ++trial.attempts;
  trial.started_ms = tx.wall_ms();
  tx.erase(keys::curve(command.study, command.number));
  tx.put(trial);
  tx.put(study);
  tx.event("trial_started",
           {{"study", study.id},
            {"number", trial.number},
            {"node", command.node.hex()},
            {"attempt", trial.attempts}});
  return {.id = {}, .number = tx.token(), .error = {}};
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

Outcome run(Transaction& tx, const ReportProgress& command) {
  std::map<std::pair<std::string, std::uint32_t>, Curve> curves;
  std::map<std::pair<std::string, std::uint32_t>, CurvePoint> last;
  for (const auto& item : command.points) {
    const auto trial = find_trial(tx.view(), item.study, item.number);
    if (!trial || trial->state != TrialState::running || trial->current.token != item.token)
      continue;  // A late word of an attempt that is over.
    const auto key = std::pair{item.study, item.number};
    auto [at, is_new] = curves.try_emplace(key);
    if (is_new) at->second = find_curve(tx.view(), item.study, item.number);
    add_point(at->second, item.point);
    last[key] = item.point;
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

/// Design section 5: the current attempt's word counts, and the last attempt's while none is newer.
bool may_finish(const Trial& trial, std::uint64_t token) {
  return !is_final(trial.state) && trial.current.token == token && token != 0;
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
  const bool completed = command.state == TrialState::completed && std::isfinite(command.value);
  trial.seconds = command.seconds;
  trial.epochs = command.epochs;
  trial.peak_mb = command.peak_mb;
  study.trial_seconds += command.seconds;
  if (!completed && command.may_retry) {
    if (trial.state == TrialState::running) retry_or_fail(tx, study, trial, command.error);
  } else {
    trial.error = command.error;
    if (completed) {
      trial.value = command.value;
      trial.metrics = command.metrics;
      trial.best_epoch = command.best_epoch;
    }
    const bool says_completed = command.state == TrialState::completed;
    const auto state = completed                 ? TrialState::completed
                       : says_completed          ? TrialState::failed
                       : is_final(command.state) ? command.state
                                                 : TrialState::failed;
    if (says_completed && !completed) trial.error = "the value is not a finite number";
    move_trial(study, trial, state, tx.wall_ms());
    event_finished(tx, trial);
    if (completed) note_best(tx, study, trial);
    after_trial_ended(tx, study);
  }
  tx.put(trial);
  tx.put(study);
  return {};
}

Outcome run(Transaction& tx, const RefuseTrial& command) {
  auto found = find_trial_of(tx.view(), command.study, command.number);
  if (!found) return refused(found.error());
  auto& [study, trial] = *found;
  if (trial.state != TrialState::queued) {
    return refused(Errc::conflict,
                   fmt::format("trial {} is {}", command.number, to_string(trial.state)));
  }
  trial.error = command.reason;
  move_trial(study, trial, TrialState::infeasible, tx.wall_ms());
  event_finished(tx, trial);
  after_trial_ended(tx, study);
  tx.put(trial);
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
    register_model(tx, *study);
    set_status(tx, *study, StudyStatus::completed, "");
  } else if (job.state == FinalState::running) {
    if (!command.may_retry) job.attempts = kAttemptsMax;
    retry_or_fail_final(tx, *study, command.error);
  }
  tx.put(*study);
  return {};
}

void expire(Transaction& tx, const ExpireAttempts::Item& item, const std::string& reason) {
  auto study = find_study(tx.view(), item.study);
  if (!study) return;
  if (!item.number) {
    const auto& job = study->final_job;
    if (job.state != FinalState::running || job.current.token != item.token) return;
    retry_or_fail_final(tx, *study, reason);
    tx.put(*study);
    return;
  }
  auto trial = find_trial(tx.view(), item.study, *item.number);
  if (!trial || trial->state != TrialState::running || trial->current.token != item.token) return;
  retry_or_fail(tx, *study, *trial, reason);
  tx.put(*trial);
  tx.put(*study);
}

Outcome run(Transaction& tx, const ExpireAttempts& command) {
  for (const auto& item : command.items)
    expire(tx, item, command.reason);
  return {};
}

Outcome run(Transaction& tx, const RaiseFeatureLevel& command) {
  const std::uint32_t level = feature_level(tx.view());
  if (command.level > level) {
    tx.put_raw(std::string{keys::kFeatures}, big_endian_key(command.level));
    tx.event("feature_level_raised", {{"level", command.level}});
  }
  return {.id = {}, .number = std::max(level, command.level), .error = {}};
}

// --- what surrounds every command ----------------------------------------------------------------

/// Keeps the newest events only.
void trim_events(Transaction& tx) {
  if (tx.event_count() == 0) return;
  auto count = tx.number(keys::kEventCount) + tx.event_count();
  std::vector<std::string> dropped;
  if (count > kEventsKept) {
    tx.view().scan(events_begin(tx.view()),
                   end_of_prefix(keys::kEvents),
                   [&](std::string_view key, std::string_view) {
                     dropped.emplace_back(key);
                     return count - dropped.size() > kEventsKept;
                   });
    tx.put_raw(std::string{keys::kLastDroppedEvent}, dropped.back());
  }
  count -= dropped.size();
  for (auto& key : dropped)
    tx.erase(std::move(key));
  tx.put_raw(std::string{keys::kEventCount}, big_endian_key(count));
}

}  // namespace

Applied apply(const StateView& view, LogIndex index, const Command& command) {
  const std::uint64_t now_ms = std::max(command.time_ms, cluster_time_ms(view));
  Transaction tx{view, index, now_ms, command.wall_ms};
  if (!command.key.empty()) {
    if (auto error = key_error(command.key, index)) return {Changes{}, refused(std::move(*error))};
    if (auto answer = recorded_answer(view, command)) return {Changes{}, std::move(*answer)};
  }
  auto outcome = std::visit([&tx](const auto& body) { return run(tx, body); }, command.body);
  if (outcome.error) {
    // Refused: whatever a command had begun to write is dropped.
    Transaction record{view, index, now_ms, command.wall_ms};
    if (!command.key.empty()) record_answer(record, command, outcome);
    forget_internal_keys(record);
    return {record.take(), std::move(outcome)};
  }
  if (!command.key.empty()) record_answer(tx, command, outcome);
  forget_internal_keys(tx);
  trim_events(tx);
  tx.put_raw(std::string{keys::kTime}, big_endian_key(now_ms));
  return {tx.take(), std::move(outcome)};
}

}  // namespace starling::ml
