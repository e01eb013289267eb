// The rules by which the replicated truth changes. Each command has one function; each either
// returns what it created or the reason why it is refused.
#include "ml/study/adoption.h"
#include "ml/study/answer_table.h"
#include "ml/study/fold_fits.h"
#include "ml/study/registers.h"
#include "ml/study/state_keys.h"
#include "ml/study/study_state.h"
#include "ml/study/swarm_members.h"
#include "ml/study/transaction.h"
#include "ml/study/trial_rules.h"
#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::ml {
namespace {

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

Result<> check_datasets(const StateView& view, const StudySpec& spec) {
  for (const std::string& id : datasets_of(spec)) {
    if (view.get(keys::dataset(id))) continue;
    const char* field = id == spec.dataset ? "dataset" : "split";
    return Error{Errc::not_found, fmt::format("{}: there is no data set {}", field, id)};
  }
  return {};
}

Outcome run(Transaction& tx, const CreateStudy& command) {
  if (tx.view().get(keys::study(command.id)))
    return refused(Errc::conflict, fmt::format("study {} exists already", command.id));
  Study study;
  study.id = command.id;
  study.spec = command.spec;
  // An older node looks for the data set of whatever study it is given.
  if (!is_outside(command.spec) || feature_level(tx.view()) < kOutsideLevel) {
    const auto dataset = find_dataset(tx.view(), command.spec.dataset);
    if (!dataset) return refused(dataset.error());
    study.spec.dataset = dataset->id;
  }
  if (auto there = check_datasets(tx.view(), study.spec); !there) return refused(there.error());
  study.created_ms = tx.wall_ms();
  tx.put(study);
  tx.event("study_created", {{"study", study.id}, {"name", study.spec.name}});
  return {.id = study.id, .number = 0, .error = {}};
}

bool is_out_of_time(const Study& study, std::uint64_t now_ms) {
  return study.spec.time_limit_s > 0 && now_ms >= study.began_ms + study.spec.time_limit_s * 1000;
}

Outcome run(Transaction& tx, const StopStudy& command) {
  auto study = find_study(tx.view(), command.id);
  if (!study) return refused(study.error());
  if (has_ended(study->status)) {
    return refused(
        Errc::conflict,
        fmt::format("study {} has already ended: {}", command.id, to_string(study->status)));
  }
  const bool finishes = study->status == StudyStatus::finishing;
  // A word that is late or said twice must not end the fits that it made begin.
  if (command.then_finish && finishes && !is_out_of_time(*study, tx.now_ms()))
    return {.id = study->id, .number = 0, .error = {}};
  cancel_open_trials(tx, *study);
  if (command.then_finish && finishes) {
    end_if_fits_final(tx, *study);
  } else if (command.then_finish) {
    finish_search(tx, *study, command.reason);
  } else {
    study->final_job.state = FinalState::none;
    if (study->spec.final_model == FinalModel::bag) forget_fits(tx, study->id);
    set_status(tx, *study, StudyStatus::cancelled, command.reason);
  }
  tx.put(*study);
  return {.id = study->id, .number = 0, .error = {}};
}

Outcome pause(Transaction& tx, Study& study) {
  const bool may = study.status == StudyStatus::queued || study.status == StudyStatus::running;
  if (!may) {
    return refused(Errc::conflict,
                   fmt::format("study {} is {}: only one that is queued or running can be paused",
                               study.id,
                               to_string(study.status)));
  }
  study.paused_ms = tx.now_ms();
  set_status(tx, study, StudyStatus::paused, "");
  return {.id = study.id, .number = 0, .error = {}};
}

/// The time limit does not count while it was paused.
Outcome resume(Transaction& tx, Study& study) {
  if (study.status != StudyStatus::paused) {
    return refused(Errc::conflict,
                   fmt::format("study {} is {}: only one that is paused can be resumed",
                               study.id,
                               to_string(study.status)));
  }
  const bool has_begun = study.counts.drawn() > 0;
  if (has_begun) study.began_ms += tx.now_ms() - study.paused_ms;
  study.paused_ms = 0;
  set_status(tx, study, has_begun ? StudyStatus::running : StudyStatus::queued, "");
  end_if_all_final(tx, study);
  return {.id = study.id, .number = 0, .error = {}};
}

Outcome run(Transaction& tx, const PauseStudy& command) {
  auto study = find_study(tx.view(), command.id);
  if (!study) return refused(study.error());
  const bool goes_on =
      study->status == StudyStatus::running || study->status == StudyStatus::queued;
  if (command.paused ? study->status == StudyStatus::paused : goes_on)
    return {.id = study->id, .number = 0, .error = {}};
  auto outcome = command.paused ? pause(tx, *study) : resume(tx, *study);
  if (!outcome.error) tx.put(*study);
  return outcome;
}

/// Trials that were never drawn count as cancelled where a study was stopped: they were asked for
/// then, and are not now.
void forget_undrawn(const StateView& view, Study& study) {
  const auto drawn =
      study.all_final_below +
      static_cast<std::uint32_t>(list_trials(view, study.id, study.all_final_below).size());
  study.counts.cancelled -= study.counts.drawn() - drawn;
  if (has_ended(study.status) || study.status == StudyStatus::finishing) study.spec.trials = drawn;
}

Outcome run(Transaction& tx, const ExtendStudy& command) {
  auto study = find_study(tx.view(), command.id);
  if (!study) return refused(study.error());
  if (auto there = check_datasets(tx.view(), study->spec); !there) return refused(there.error());
  forget_undrawn(tx.view(), *study);
  if (command.trials == 0 || std::uint64_t{study->spec.trials} + command.trials > kTrialsMax) {
    return refused(Errc::invalid_argument,
                   fmt::format("trials: study {} has {}, and {} are the most that a study may have",
                               command.id,
                               study->spec.trials,
                               kTrialsMax));
  }
  study->spec.trials += command.trials;
  const bool had_ended = has_ended(study->status) || study->status == StudyStatus::finishing;
  if (had_ended && study->spec.final_model == FinalModel::bag) forget_fits(tx, study->id);
  if (had_ended) {
    study->final_job = {};
    study->result.reset();
    study->ended_ms = 0;
    study->stop_reason.clear();
    study->began_ms = tx.now_ms();
    set_status(tx, *study, StudyStatus::running, "");
  }
  tx.put(*study);
  tx.event("study_extended", {{"study", study->id}, {"trials", study->spec.trials}});
  return {.id = study->id, .number = study->spec.trials, .error = {}};
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
    // Who found no trial may ask again.
    const bool is_ask = std::holds_alternative<AskTrial>(command.body);
    if (!command.key.empty() && !is_ask) record_answer(record, command, outcome);
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
