#include "bootstrap/client/other_state.h"

#include "ml/study/adoption.h"
#include "ml/study/state_keys.h"
#include "ml/study/study_wire.h"
#include "node/base/state_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace starling::bootstrap {
namespace {

std::string pair_of(std::string_view key, std::string_view value) {
  std::string pair;
  append_pair(pair, key, value);
  return pair;
}

/// STUDY of "trial/STUDY/..." and "curve/STUDY/...".
std::string study_of(std::string_view key) {
  key.remove_prefix(key.find('/') + 1);
  return std::string{key.substr(0, key.find('/'))};
}

/// As few pieces as the limit allows.
std::vector<std::string> packed(const std::vector<std::string>& pairs) {
  std::vector<std::string> pieces;
  for (const std::string& pair : pairs) {
    const bool fits = !pieces.empty() && pieces.back().size() + pair.size() <= ml::kAdoptedBytesMax;
    if (fits)
      pieces.back() += pair;
    else
      pieces.push_back(pair);
  }
  return pieces;
}

}  // namespace

Result<OtherState> OtherState::read(const ml::BackupSource& source) {
  OtherState state;
  RowsOfStudies rows;
  const auto head = ml::read_backup(source, [&](const std::string& pairs) {
    Result<> taken;
    const bool is_whole = for_each_pair(pairs, [&](std::string_view key, std::string_view value) {
      if (taken) taken = state.take(key, value, rows);
    });
    if (taken && !is_whole) taken = Error{Errc::corrupt, "the backup has a broken pair"};
    return taken;
  });
  if (!head) return head.error();
  state.swarm_ = head->swarm;
  state.put_rows_first(rows);
  return state;
}

Result<> OtherState::take(std::string_view key, std::string_view value, RowsOfStudies& rows) {
  if (key.starts_with(ml::keys::kDatasets)) return take_dataset(key, value);
  if (key.starts_with(ml::keys::kStudies)) return take_study(key, value);
  if (key.starts_with("trial/") && ml::keys::is_fit(key)) return {};  // a bag is begun anew
  if (key.starts_with("trial/") || key.starts_with("curve/")) {
    Rows& of_study = rows[study_of(key)];
    of_study.pairs.push_back(pair_of(key, value));
    of_study.trials += key.starts_with("trial/") ? 1 : 0;
  } else if (key.starts_with(ml::keys::kRegisters)) {
    auto entry = ml::decode_register(value);
    if (!entry) return entry.error();
    entry->key = key.substr(ml::keys::kRegisters.size());
    registers_.push_back(std::move(*entry));
  }
  return {};
}

Result<> OtherState::take_dataset(std::string_view key, std::string_view value) {
  const auto dataset = ml::decode_dataset(value);
  if (!dataset) return dataset.error();
  datasets_.push_back({.id = dataset->id,
                       .name = fmt::format("dataset \"{}\"", dataset->name),
                       .pieces = {pair_of(key, value)},
                       .blobs = {dataset->blob},
                       .trials = 0,
                       .ended_ms = 0});
  return {};
}

Result<> OtherState::take_study(std::string_view key, std::string_view value) {
  const auto study = ml::decode_study(value);
  if (!study) return study.error();
  Adoptable found{.id = study->id,
                  .name = fmt::format("study {} \"{}\"", study->id, study->spec.name),
                  .pieces = {pair_of(key, value)},
                  .blobs = {},
                  .trials = 0,
                  .ended_ms = study->ended_ms};
  if (study->ended_ms == 0) found.ended_ms = std::numeric_limits<std::uint64_t>::max();
  if (study->result) found.blobs = {study->result->artifact};
  studies_.push_back(std::move(found));
  return {};
}

/// The study itself is its last piece.
void OtherState::put_rows_first(RowsOfStudies& rows) {
  for (Adoptable& study : studies_) {
    const Rows& of_study = rows[study.id];
    study.trials = of_study.trials;
    auto pieces = packed(of_study.pairs);
    pieces.push_back(std::move(study.pieces.front()));
    study.pieces = std::move(pieces);
  }
  std::ranges::stable_sort(studies_, {}, &Adoptable::ended_ms);
}

}  // namespace starling::bootstrap
