#include "ml/study/study_state.h"

#include "ml/study/state_keys.h"
#include "ml/study/study_wire.h"
#include "ml/table/metrics.h"
#include "ml/table/profile_json.h"
#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace starling::ml {
namespace {

/// State that does not parse was not written by this code: going on would spread the damage.
template <class T>
T trusted(Result<T> decoded) {
  STARLING_ASSERT(decoded.has_value(), "stored values parse");
  return std::move(*decoded);
}

template <class Decode>
auto list_range(const StateView& view,
                const std::string& from,
                const std::string& until,
                Decode decode) {
  std::vector<decltype(trusted(decode(std::string_view{})))> all;
  view.scan(from, until, [&](std::string_view, std::string_view value) {
    all.push_back(trusted(decode(value)));
    return true;
  });
  return all;
}

template <class Decode>
auto list_prefix(const StateView& view, const std::string& prefix, Decode decode) {
  return list_range(view, prefix, end_of_prefix(prefix), decode);
}

std::uint64_t number_at(const StateView& view, std::string_view key) {
  const auto value = view.get(key);
  return value ? from_big_endian_key(*value) : 0;
}

}  // namespace

Result<Dataset> find_dataset(const StateView& view, std::string_view id_or_name) {
  if (const auto found = view.get(keys::dataset(id_or_name))) return decode_dataset(*found);
  for (auto& dataset : list_datasets(view)) {
    if (dataset.name == id_or_name) return std::move(dataset);
  }
  return Error{Errc::not_found,
               fmt::format("no dataset \"{}\"; `starling dataset list` shows them", id_or_name)};
}

std::vector<Dataset> list_datasets(const StateView& view) {
  return list_prefix(view, std::string{keys::kDatasets}, decode_dataset);
}

Result<Study> find_study(const StateView& view, std::string_view id) {
  if (const auto found = view.get(keys::study(id))) return decode_study(*found);
  return Error{Errc::not_found,
               fmt::format("no study \"{}\"; `starling study list` shows them", id)};
}

std::vector<Study> list_studies(const StateView& view) {
  auto studies = list_prefix(view, std::string{keys::kStudies}, decode_study);
  std::stable_sort(studies.begin(), studies.end(), [](const Study& a, const Study& b) {
    return a.created_ms > b.created_ms;
  });
  return studies;
}

Result<Trial> find_trial(const StateView& view, std::string_view study, std::uint32_t number) {
  if (const auto found = view.get(keys::trial(study, number))) return decode_trial(*found);
  return Error{Errc::not_found, fmt::format("study {} has no trial {}", study, number)};
}

std::vector<Trial> list_trials(const StateView& view, std::string_view study, std::uint32_t from) {
  return list_range(view, keys::trial(study, from), keys::trial(study, kFitsFrom), decode_trial);
}

std::vector<Trial> list_fits(const StateView& view, std::string_view study) {
  return list_range(
      view, keys::trial(study, kFitsFrom), end_of_prefix(keys::trials(study)), decode_trial);
}

Curve find_curve(const StateView& view, std::string_view study, std::uint32_t number) {
  const auto found = view.get(keys::curve(study, number));
  return found ? trusted(decode_curve(*found)) : Curve{};
}

std::vector<std::string> list_models(const StateView& view) {
  std::set<std::string> names;
  view.scan(
      keys::kVersions, end_of_prefix(keys::kVersions), [&](std::string_view key, std::string_view) {
        key.remove_prefix(keys::kVersions.size());
        names.emplace(key.substr(0, key.find('/')));
        return true;
      });
  return {names.begin(), names.end()};
}

std::vector<ModelVersion> list_versions(const StateView& view, std::string_view model) {
  return list_prefix(view, keys::versions(model), decode_version);
}

Result<ModelVersion> find_version(const StateView& view,
                                  std::string_view model,
                                  std::optional<std::uint64_t> version) {
  if (version) {
    if (const auto found = view.get(keys::version(model, *version))) return decode_version(*found);
    return Error{Errc::not_found, fmt::format("model \"{}\" has no version {}", model, *version)};
  }
  auto versions = list_versions(view, model);
  if (!versions.empty()) return std::move(versions.back());
  return Error{Errc::not_found,
               fmt::format("no model \"{}\"; `starling model list` shows them", model)};
}

bool has_token(const StateView& view, const ContentHash& token_hash) {
  return view.get(keys::token(token_hash)).has_value();
}

namespace {

std::size_t count_up_to(const StateView& view, std::string_view prefix, std::size_t most) {
  std::size_t count = 0;
  view.scan(prefix, end_of_prefix(prefix), [&](std::string_view, std::string_view) {
    return ++count < most;
  });
  return count;
}

}  // namespace

bool is_untouched(const StateView& view) {
  for (const auto prefix :
       {keys::kDatasets, keys::kStudies, keys::kVersions, keys::kRegisters, keys::kInvites})
    if (count_up_to(view, prefix, 1) > 0) return false;
  return count_up_to(view, keys::kMembers, 2) < 2;
}

bool has_any_token(const StateView& view) {
  bool any = false;
  view.scan(keys::kTokens, end_of_prefix(keys::kTokens), [&](std::string_view, std::string_view) {
    any = true;
    return false;
  });
  return any;
}

bool is_quiet_key(std::string_view key) {
  constexpr std::array kQuiet{
      keys::kRegisters, keys::kIdempotency, keys::kIdempotencyAges, keys::kMeta};
  return std::ranges::any_of(kQuiet,
                             [key](std::string_view start) { return key.starts_with(start); });
}

std::uint64_t cluster_time_ms(const StateView& view) {
  return number_at(view, keys::kTime);
}

namespace {

bool names_any(const StudySpec& spec, std::span<const char* const> starts) {
  return std::ranges::any_of(starts, [&spec](const char* start) {
    return spec.search_space_json.find(start) != std::string::npos;
  });
}

/// What schedulers of a lower feature level do not heed.
bool is_of_level_7(const StudySpec& spec) {
  return spec.pruner != Pruner::none || spec.priority != 0 || !spec.required_labels.empty();
}

/// Parameters and choices that workers of a lower feature level do not know.
bool is_of_families_level(const StudySpec& spec) {
  constexpr std::array kValues{"\"linear", "\"baseline\""};
  return names_any(spec, kValues);
}

/// The same, of the next level; and what its state machine does not know.
bool is_of_bags_level(const StudySpec& spec) {
  constexpr std::array kValues{"\"realmlp",
                               "\"resnet",
                               "\"tabm",
                               "\"mlp.beta2",
                               "\"mlp.bias_rate",
                               "\"mlp.scale_rate",
                               "\"mlp.average",
                               "\"tangent\""};
  return spec.final_model != FinalModel::refit || spec.constraints != Constraints{} ||
         !spec.decisions.empty() || names_any(spec, kValues);
}

/// Below it rows of rare classes are left out, and weights change the chances that are said.
bool is_of_class_weights_level(const StudySpec& spec) {
  constexpr std::array kParams{"\"encode.class_weights"};
  return spec.trains_rare_classes || names_any(spec, kParams);
}

bool is_of_level_6(const StudySpec& spec) {
  constexpr std::array kParams{"\"mlp.width_",
                               "\"mlp.activation_",
                               "\"mlp.norm_",
                               "\"mlp.dropout_",
                               "\"mlp.beta1",
                               "\"mlp.momentum",
                               "\"mlp.grad_clip",
                               "\"mlp.init",
                               "\"mlp.epochs",
                               "\"mlp.patience",
                               "\"identity\"",
                               "\"softmax\""};
  return names_any(spec, kParams);
}

bool is_of_level_5(const StudySpec& spec) {
  constexpr std::array kParams{"\"mlp.norm",
                               "\"mlp.residual",
                               "\"mlp.members",
                               "\"mlp.embedding",
                               "\"mlp.level_width",
                               "\"mlp.engine",
                               "\"family",
                               "\"xgb."};
  return names_any(spec, kParams);
}

/// Whether workers of a lower feature level would divide, encode or train otherwise, or not at all.
bool is_of_level_4(const StudySpec& spec) {
  constexpr std::array kParams{"\"encode.",
                               "\"mlp.activation",
                               "\"mlp.schedule",
                               "\"mlp.optimizer",
                               "\"mlp.loss",
                               "\"mlp.label_smoothing"};
  return spec.split != SplitSpec{} || names_any(spec, kParams);
}

/// A metric that workers of a lower feature level do not know.
bool is_of_metrics_level(const StudySpec& spec) {
  const auto metric = metric_from_name(spec.metric);
  return metric && *metric >= Metric::rmsle;
}

/// The level of nodes that can read it, by the roles in its profile and whether it is packed.
std::uint32_t level_of_table(const Dataset& dataset) {
  const auto profile = profile_from_stored(dataset.profile);
  std::uint32_t level = profile && profile->is_packed ? 5 : 1;
  for (std::size_t i = 0; profile && i < profile->columns.size(); ++i) {
    const ColumnRole role = profile->columns[i].role;
    if (role == ColumnRole::weight) level = 5;
    if (role == ColumnRole::group || role == ColumnRole::time) level = std::max(level, 4U);
  }
  return level;
}

}  // namespace

std::uint32_t feature_level_of(const CommandBody& body) {
  const auto* dataset = std::get_if<AddDataset>(&body);
  if (dataset != nullptr) {
    const std::uint32_t packed = is_packed_profile(dataset->dataset.profile) ? 3 : 1;
    return std::max(level_of_table(dataset->dataset), packed);
  }
  const auto* study = std::get_if<CreateStudy>(&body);
  if (study != nullptr && is_outside(study->spec)) return kOutsideLevel;
  if (study != nullptr && is_of_class_weights_level(study->spec)) return kClassWeightsLevel;
  if (study != nullptr && is_of_bags_level(study->spec)) return kBagsLevel;
  if (study != nullptr && is_of_metrics_level(study->spec)) return kBagsLevel;
  if (study != nullptr && is_of_families_level(study->spec)) return kFamiliesLevel;
  if (study != nullptr && is_of_level_7(study->spec)) return kQueuesLevel;
  if (study != nullptr && is_of_level_6(study->spec)) return 6;
  if (study != nullptr && is_of_level_5(study->spec)) return 5;
  if (study != nullptr && is_of_level_4(study->spec)) return 4;
  const bool is_of_queues = std::holds_alternative<MoveTrials>(body) ||
                            std::holds_alternative<PauseStudy>(body) ||
                            std::holds_alternative<ExtendStudy>(body);
  if (is_of_queues) return kQueuesLevel;
  if (std::holds_alternative<YieldTrial>(body)) return kMovesLevel;
  if (std::holds_alternative<AskTrial>(body)) return kOutsideLevel;
  // What is adopted may hold such a dataset or study.
  return std::holds_alternative<Adopt>(body) ? kFeatureLevel : 1;
}

std::uint32_t feature_level(const StateView& view) {
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(number_at(view, keys::kFeatures), 1));
}

std::string events_begin(const StateView& view) {
  return view.get(keys::kLastDroppedEvent).value_or(std::string{keys::kEvents});
}

EventPage events_after(const StateView& view,
                       std::uint64_t index,
                       std::uint64_t sequence,
                       std::size_t max) {
  EventPage page;
  const bool from_the_start = index == 0 && sequence == 0;
  // The cursor's own event must still be there, or events after it may be gone as well; a cursor
  // that names no event (N.0 where nothing happened) is as good if something older is kept.
  std::optional<std::string> oldest;
  view.scan(events_begin(view),
            end_of_prefix(keys::kEvents),
            [&](std::string_view key, std::string_view) {
              oldest = std::string{key};
              return false;
            });
  const bool is_full = number_at(view, keys::kEventCount) >= kEventsKept;
  if (!from_the_start && is_full && oldest && keys::event(index, sequence) < *oldest) {
    page.too_old = true;
    return page;
  }
  // The keys are 16 bytes each: the cursor's own key with a zero after it is the next one's bound.
  view.scan(from_the_start ? keys::event(0, 0) : keys::event(index, sequence) + '\0',
            end_of_prefix(keys::kEvents),
            [&](std::string_view key, std::string_view value) {
              key.remove_prefix(keys::kEvents.size());
              const auto split = value.find('\n');
              page.events.push_back({.index = from_big_endian_key(key.substr(0, 8)),
                                     .sequence = from_big_endian_key(key.substr(8, 8)),
                                     .kind = std::string{value.substr(0, split)},
                                     .data_json = std::string{value.substr(split + 1)}});
              return page.events.size() < max;
            });
  return page;
}

std::map<ContentHash, BlobUse> referenced_blobs(const StateView& view) {
  std::map<ContentHash, BlobUse> blobs;
  for (const auto& dataset : list_datasets(view))
    blobs.emplace(dataset.blob, BlobUse::dataset);
  for (const auto& version : list_prefix(view, std::string{keys::kVersions}, decode_version))
    blobs.insert_or_assign(version.artifact, BlobUse::model);
  for (const auto& study : list_studies(view)) {
    if (study.status != StudyStatus::finishing) continue;
    for (const Trial& fit : list_fits(view, study.id))
      if (fit.artifact) blobs.emplace(*fit.artifact, BlobUse::dataset);
  }
  return blobs;
}

}  // namespace starling::ml
