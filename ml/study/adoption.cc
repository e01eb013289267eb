#include "ml/study/adoption.h"

#include "ml/search/search_space.h"
#include "ml/study/register_model.h"
#include "ml/study/study_plan.h"
#include "ml/study/study_state.h"
#include "ml/study/trial_rules.h"
#include "node/base/state_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace starling::ml {
namespace {

constexpr std::size_t kIdMax = 64;
constexpr std::size_t kNameMax = kDatasetNameMax + kIdMax;  // of "NAME (ID)", adopted before

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdMax && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Error wrong(std::string sentence) {
  return {Errc::invalid_argument, "pairs: " + std::move(sentence)};
}

Error conflict(std::string sentence) {
  return {Errc::conflict, std::move(sentence)};
}

/// A stored value that says of itself where it belongs; its key must say the same.
template <class Value>
Result<Value> value_at(std::string_view key, Result<Value> value, const std::string& own_key) {
  if (!value) return wrong(value.error().detail);
  if (own_key != key) return wrong("a value does not lie under its own key");
  return value;
}

Result<AdoptedPiece::TrialCurve> curve_at(std::string_view key, std::string_view value) {
  auto curve = decode_curve(value);
  if (!curve) return wrong(curve.error().detail);
  const auto study = key.substr(std::string_view{"curve/"}.size());
  const auto slash = study.find('/');
  if (slash == std::string_view::npos || study.size() != slash + 9 ||
      !is_id(study.substr(0, slash)))
    return wrong("a curve belongs to a trial");
  if (curve->size() > kCurvePointsMax)
    return wrong(fmt::format("a curve has at most {} points", kCurvePointsMax));
  const auto number = from_big_endian_key(study.substr(slash + 1));
  if (number >= kTrialsMax) return wrong("a curve belongs to a trial");
  return AdoptedPiece::TrialCurve{.study = std::string{study.substr(0, slash)},
                                  .number = static_cast<std::uint32_t>(number),
                                  .curve = std::move(*curve)};
}

Result<> take_pair(AdoptedPiece& piece, std::string_view key, std::string_view value) {
  if (key.starts_with(keys::kDatasets)) {
    if (piece.dataset) return wrong("one data set at a time");
    auto dataset = decode_dataset(value);
    const std::string own = dataset && is_id(dataset->id) ? keys::dataset(dataset->id) : "";
    auto found = value_at(key, std::move(dataset), own);
    if (!found) return found.error();
    if (!is_dataset_name(found->name, kNameMax)) return wrong("the name of the data set is none");
    piece.dataset = std::move(*found);
  } else if (key.starts_with("trial/")) {
    auto trial = decode_trial(value);
    const std::string own = trial && is_id(trial->study) && trial->number < kTrialsMax
                                ? keys::trial(trial->study, trial->number)
                                : "";
    auto found = value_at(key, std::move(trial), own);
    if (!found) return found.error();
    if (found->fit || found->artifact)
      return wrong(fmt::format("trial {} is the fit of a fold", found->number));
    if (found->state == TrialState::completed && !(found->value && std::isfinite(*found->value)))
      return wrong(fmt::format("trial {} has completed without a value", found->number));
    piece.trials.push_back(std::move(*found));
  } else if (key.starts_with("curve/")) {
    auto curve = curve_at(key, value);
    if (!curve) return curve.error();
    piece.curves.push_back(std::move(*curve));
  } else if (key.starts_with(keys::kStudies)) {
    if (piece.study) return wrong("one study at a time");
    auto study = decode_study(value);
    const std::string own = study && is_id(study->id) ? keys::study(study->id) : "";
    auto found = value_at(key, std::move(study), own);
    if (!found) return found.error();
    piece.study = std::move(*found);
  } else {
    return wrong("only data sets, studies, trials and curves can be adopted");
  }
  return {};
}

// --- the rules -----------------------------------------------------------------------------------

bool is_known(const Transaction& tx, std::string_view study) {
  return tx.view().get(keys::study(study)).has_value();
}

/// How many were new: 0 or 1.
Result<std::uint64_t> adopt(Transaction& tx, Dataset dataset) {
  if (const auto there = tx.view().get(keys::dataset(dataset.id))) {
    const auto known = decode_dataset(*there);
    if (known && known->blob == dataset.blob) return std::uint64_t{0};
    return conflict(fmt::format("another data set is {} here", dataset.id));
  }
  std::set<std::string> names;
  for (Dataset& other : list_datasets(tx.view()))
    names.insert(std::move(other.name));
  while (names.contains(dataset.name))
    dataset.name += fmt::format(" ({})", dataset.id);
  tx.put(dataset);
  tx.event("dataset_added", {{"dataset", dataset.id}, {"name", dataset.name}});
  return std::uint64_t{1};
}

/// Nobody here works on it: an attempt that ran elsewhere neither counts nor goes on.
void stop_attempt(Trial& trial) {
  trial.queued_at = {};
  if (trial.state != TrialState::running) return;
  trial.state = TrialState::queued;
  trial.current = {};
  trial.attempts -= std::min(trial.attempts, 1U);
}

/// Its fits are begun anew here.
bool makes_bag(const Transaction& tx, const Study& study) {
  return study.status == StudyStatus::finishing && study.spec.final_model == FinalModel::bag &&
         feature_level(tx.view()) >= kBagsLevel;
}

void stop_attempts(Transaction& tx, Study& study) {
  study.counts.queued += study.counts.running;
  study.counts.running = 0;
  study.began_ms = has_ended(study.status) ? study.began_ms : tx.now_ms();
  study.all_final_below = 0;
  if (study.status == StudyStatus::paused) study.paused_ms = tx.now_ms();
  auto& job = study.final_job;
  if (makes_bag(tx, study) && job.state == FinalState::none)
    job.state = FinalState::queued;  // its bag is begun anew
  if (job.state != FinalState::running) return;
  job.state = FinalState::queued;
  job.current = {};
  job.attempts -= std::min(job.attempts, 1U);
}

std::uint64_t final_count(const TrialCounts& counts) {
  return std::uint64_t{counts.completed} + counts.pruned + counts.failed + counts.infeasible +
         counts.cancelled;
}

/// What each status means of the trials, so that somebody will always bring the study to its end.
/// A study that drew no more has counted as cancelled what it never drew.
bool adds_up(const Study& study, const TrialCounts& rows) {
  const auto& said = study.counts;
  const std::uint64_t wanted = study.spec.trials;
  const std::uint64_t open = std::uint64_t{rows.queued} + rows.running;
  TrialCounts same = rows;
  same.cancelled = said.cancelled;
  if (!(same == said) || said.cancelled < rows.cancelled) return false;
  const std::uint64_t ended = final_count(said);
  switch (study.status) {
    case StudyStatus::queued: return open == 0 && ended == 0;
    case StudyStatus::paused: return said.cancelled == rows.cancelled && open + ended <= wanted;
    case StudyStatus::running:
      return said.cancelled == rows.cancelled && open + ended <= wanted &&
             (open > 0 || ended < wanted);
    case StudyStatus::finishing:
    case StudyStatus::completed:
    case StudyStatus::failed:
    case StudyStatus::cancelled: return open == 0 && ended == wanted;
  }
  return false;
}

bool has_fitting_end(const Study& study) {
  const FinalState state = study.final_job.state;
  const bool is_completed = study.status == StudyStatus::completed;
  if (is_outside(study.spec)) {
    return state == FinalState::none && !study.result && study.status != StudyStatus::finishing;
  }
  if (study.result.has_value() != is_completed) return false;
  switch (study.status) {
    case StudyStatus::finishing: return state == FinalState::queued;
    case StudyStatus::completed: return state == FinalState::completed;
    case StudyStatus::failed: return state == FinalState::none || state == FinalState::failed;
    case StudyStatus::queued:
    case StudyStatus::running:
    case StudyStatus::paused:
    case StudyStatus::cancelled: return state == FinalState::none;
  }
  return false;
}

bool has_fitting_best(const Study& study, const std::vector<Trial>& trials) {
  const bool needs_one = study.result || study.status == StudyStatus::finishing;
  if (!study.best_number) return !needs_one;
  if (*study.best_number >= trials.size()) return false;
  const Trial& best = trials[*study.best_number];
  return best.state == TrialState::completed && best.value == study.best_value;
}

Result<> check_study(const Transaction& tx, const Study& study) {
  const auto trials = list_trials(tx.view(), study.id);
  TrialCounts rows;
  bool has_gap = false;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    has_gap = has_gap || trials[i].number != i;
    ++count_of(rows, trials[i].state);
  }
  if (has_gap || !adds_up(study, rows)) {
    return conflict(
        fmt::format("study {} is {}, and its trials do not add up to that ({} of {} are here)",
                    study.id,
                    to_string(study.status),
                    trials.size(),
                    study.spec.trials));
  }
  if (!has_fitting_best(study, trials))
    return conflict(fmt::format("the best trial of study {} is not here", study.id));
  if (!has_fitting_end(study))
    return conflict(fmt::format("study {} is {}, and its final fit is {}",
                                study.id,
                                to_string(study.status),
                                to_string(study.final_job.state)));
  const bool needs_table = !has_ended(study.status);
  if (!needs_table) return {};
  for (const std::string& id : datasets_of(study.spec)) {
    if (!tx.view().get(keys::dataset(id)))
      return Error{
          Errc::not_found,
          fmt::format("study {} has not ended, and its data set {} is not here", study.id, id)};
  }
  return {};
}

/// Rows that an earlier, interrupted adoption left and this one has not.
void drop_rows_from(Transaction& tx, const std::string& study, std::uint32_t count) {
  tx.erase_range(keys::trial(study, count), end_of_prefix(keys::trials(study)));
  tx.erase_range(keys::curve(study, count), end_of_prefix(keys::curves(study)));
}

/// It is here already. What ended there must have ended here in the same way.
Result<> compare(const Study& here, const Study& there) {
  if (!has_ended(there.status)) return {};
  const bool is_same = here.status == there.status && here.result == there.result;
  if (is_same) return {};
  return conflict(
      fmt::format("study {} is here already and {}, there it is {}{}: it stays as it is",
                  there.id,
                  to_string(here.status),
                  to_string(there.status),
                  here.status == there.status ? " with another result" : ""));
}

Result<> adopt(Transaction& tx, Study study, SwarmId from) {
  if (const auto here = find_study(tx.view(), study.id)) return compare(*here, study);
  stop_attempts(tx, study);
  if (auto ok = check_study(tx, study); !ok) return ok;
  tx.event("study_adopted",
           {{"study", study.id}, {"name", study.spec.name}, {"swarm", from.hex()}});
  if (study.result) register_model(tx, study);
  if (makes_bag(tx, study)) begin_finish(tx, study);
  tx.put(study);
  return {};
}

}  // namespace

Result<AdoptedPiece> parse_piece(std::string_view pairs) {
  if (pairs.size() > kAdoptedBytesMax) {
    return Error{
        Errc::too_large,
        fmt::format("a piece has {} bytes, the limit is {}", pairs.size(), kAdoptedBytesMax)};
  }
  AdoptedPiece piece;
  Result<> taken;
  const bool is_whole =
      for_each_pair(pairs, [&piece, &taken](std::string_view key, std::string_view value) {
        if (taken) taken = take_pair(piece, key, value);
      });
  if (!is_whole) return wrong("not a row of whole pairs");
  if (!taken) return taken.error();
  return piece;
}

std::vector<ContentHash> blobs_of(const AdoptedPiece& piece) {
  std::vector<ContentHash> blobs;
  if (piece.dataset) blobs.push_back(piece.dataset->blob);
  if (piece.study && piece.study->result) blobs.push_back(piece.study->result->artifact);
  return blobs;
}

Result<> check_adoptable(const StateView& view, const AdoptedPiece& piece) {
  if (!piece.study) return {};
  const Study& study = *piece.study;
  if (auto ok = check_spec(study.spec); !ok) return ok;
  if (has_ended(study.status)) return {};
  const auto space = parse_search_space(study.spec.search_space_json);
  if (!space) return space.error();
  for (const Trial& trial : list_trials(view, study.id)) {
    const auto fits = check_params(*space, trial.params);
    if (!fits) return wrong(fmt::format("trial {}: {}", trial.number, fits.error().detail));
    if (trial.best_epoch > study.spec.epochs)
      return wrong(fmt::format(
          "trial {}: its best epoch {} is after the last", trial.number, trial.best_epoch));
  }
  return {};
}

Outcome run(Transaction& tx, const Adopt& command) {
  auto piece = parse_piece(command.pairs);
  if (!piece) return refused(piece.error());
  Outcome outcome{.id = {}, .number = 0, .error = {}};
  if (feature_level(tx.view()) < kCostsLevel) {
    for (Trial& trial : piece->trials)
      trial.cost = {};
    if (piece->study) forget_costs(*piece->study);
  }
  if (piece->dataset) {
    const auto added = adopt(tx, std::move(*piece->dataset));
    if (!added) return refused(added.error());
    outcome.number += *added;
  }
  for (Trial& trial : piece->trials) {
    if (is_known(tx, trial.study)) continue;
    stop_attempt(trial);
    tx.put(trial);
    ++outcome.number;
  }
  for (const auto& [study, number, curve] : piece->curves)
    if (!is_known(tx, study)) tx.put_raw(keys::curve(study, number), encode(curve));
  if (!piece->study) return outcome;
  const std::string id = piece->study->id;
  if (!is_known(tx, id)) {
    drop_rows_from(tx, id, command.trials);
    outcome.id = id;
    ++outcome.number;
  }
  if (auto ok = adopt(tx, std::move(*piece->study), command.from); !ok) return refused(ok.error());
  return outcome;
}

}  // namespace starling::ml
