#include "ml/study/adoption.h"

#include "ml/search/search_space.h"
#include "ml/study/register_model.h"
#include "ml/study/study_plan.h"
#include "ml/study/study_state.h"
#include "node/base/state_pairs.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::ml {
namespace {

constexpr std::size_t kIdMax = 64;

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdMax && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Error wrong(std::string sentence) {
  return {Errc::invalid_argument, "pairs: " + std::move(sentence)};
}

Outcome refused(Error error) {
  return {.id = {}, .number = 0, .error = std::move(error)};
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
  return AdoptedPiece::TrialCurve{.study = std::string{study.substr(0, slash)},
                                  .number = static_cast<std::uint32_t>(number),
                                  .curve = std::move(*curve)};
}

Result<> take_pair(AdoptedPiece& piece, std::string_view key, std::string_view value) {
  if (key.starts_with(keys::kDatasets)) {
    auto dataset = decode_dataset(value);
    const std::string own = dataset && is_id(dataset->id) ? keys::dataset(dataset->id) : "";
    auto found = value_at(key, std::move(dataset), own);
    if (!found) return found.error();
    piece.datasets.push_back(std::move(*found));
  } else if (key.starts_with("trial/")) {
    auto trial = decode_trial(value);
    const std::string own =
        trial && is_id(trial->study) ? keys::trial(trial->study, trial->number) : "";
    auto found = value_at(key, std::move(trial), own);
    if (!found) return found.error();
    if (found->state == TrialState::completed && !found->value)
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
  const auto all = list_datasets(tx.view());
  const bool is_taken = std::ranges::any_of(
      all, [&dataset](const Dataset& other) { return other.name == dataset.name; });
  if (is_taken) dataset.name += fmt::format(" ({})", dataset.id);
  tx.put(dataset);
  tx.event("dataset_added", {{"dataset", dataset.id}, {"name", dataset.name}});
  return std::uint64_t{1};
}

/// Nobody here works on it: an attempt that ran elsewhere neither counts nor goes on.
void stop_attempt(Trial& trial) {
  if (trial.state != TrialState::running) return;
  trial.state = TrialState::queued;
  trial.current = {};
  trial.attempts -= std::min(trial.attempts, 1U);
}

void stop_attempts(Transaction& tx, Study& study) {
  study.counts.queued += study.counts.running;
  study.counts.running = 0;
  study.began_ms = has_ended(study.status) ? study.began_ms : tx.now_ms();
  auto& job = study.final_job;
  if (job.state != FinalState::running) return;
  job.state = FinalState::queued;
  job.current = {};
  job.attempts -= std::min(job.attempts, 1U);
}

/// Whether `trials` are what `study` says of them: without a gap, and as many of each state. Those
/// that a cancelled study never drew are counted, but there are none.
bool adds_up(const Study& study, const std::vector<Trial>& trials) {
  TrialCounts found;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (trials[i].number != i) return false;
    ++count_of(found, trials[i].state);
  }
  const auto& said = study.counts;
  if (found.cancelled > said.cancelled || said.drawn() > study.spec.trials) return false;
  found.cancelled = said.cancelled;
  return found == said;
}

/// What an unended study still needs: its table, and trials that its space could have drawn.
Result<> check_unended(const Transaction& tx,
                       const Study& study,
                       const std::vector<Trial>& trials) {
  const auto dataset = find_dataset(tx.view(), study.spec.dataset);
  if (!dataset) return dataset.error();
  const auto space = parse_search_space(study.spec.search_space_json);
  if (!space) return space.error();
  for (const Trial& trial : trials)
    if (auto ok = check_params(*space, trial.params); !ok)
      return conflict(
          fmt::format("trial {} of study {}: {}", trial.number, study.id, ok.error().detail));
  return {};
}

Result<> check_study(const Transaction& tx, const Study& study) {
  if (auto ok = check_spec(study.spec); !ok) return ok;
  const auto trials = list_trials(tx.view(), study.id);
  if (!adds_up(study, trials))
    return conflict(
        fmt::format("the trials of study {} are not all here ({})", study.id, trials.size()));
  const bool has_best =
      study.best_number && *study.best_number < trials.size() && trials[*study.best_number].value;
  const bool needs_best = study.result || study.status == StudyStatus::finishing;
  if ((study.best_number || needs_best) && !has_best)
    return conflict(fmt::format("the best trial of study {} is not here", study.id));
  if (study.result.has_value() != (study.status == StudyStatus::completed))
    return conflict(fmt::format("study {} is {} and {} a result",
                                study.id,
                                to_string(study.status),
                                study.result ? "has" : "lacks"));
  return has_ended(study.status) ? Result<>{} : check_unended(tx, study, trials);
}

Result<> adopt(Transaction& tx, Study study, SwarmId from) {
  stop_attempts(tx, study);
  if (auto ok = check_study(tx, study); !ok) return ok;
  tx.event("study_adopted",
           {{"study", study.id}, {"name", study.spec.name}, {"swarm", from.hex()}});
  if (study.result) register_model(tx, study);
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
  for (const Dataset& dataset : piece.datasets)
    blobs.push_back(dataset.blob);
  if (piece.study && piece.study->result) blobs.push_back(piece.study->result->artifact);
  return blobs;
}

Outcome run(Transaction& tx, const Adopt& command) {
  auto piece = parse_piece(command.pairs);
  if (!piece) return refused(piece.error());
  Outcome outcome{.id = {}, .number = 0, .error = {}};
  for (Dataset& dataset : piece->datasets) {
    const auto added = adopt(tx, std::move(dataset));
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
  if (!piece->study || is_known(tx, piece->study->id)) return outcome;
  outcome.id = piece->study->id;
  ++outcome.number;
  if (auto ok = adopt(tx, std::move(*piece->study), command.from); !ok) return refused(ok.error());
  return outcome;
}

}  // namespace starling::ml
