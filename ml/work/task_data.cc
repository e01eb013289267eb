#include "ml/work/task_data.h"

#include "ml/study/study_state.h"
#include "ml/table/profile_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace starling::ml {
namespace {

/// What reading its rows takes: a message holds several profiles, and levels are what is long.
Result<std::string> short_profile(const Dataset& dataset) {
  auto profile = profile_from_stored(dataset.profile);
  if (!profile) return profile.error();
  for (ColumnProfile& column : profile->columns)
    column.levels.clear();
  profile->relations.clear();
  profile->warnings.clear();
  return to_json(*profile);
}

}  // namespace

Result<std::vector<Dataset>> datasets_in(const StateView& view, const StudySpec& spec) {
  std::vector<Dataset> datasets;
  for (const std::string& id : datasets_of(spec)) {
    auto dataset = find_dataset(view, id);
    if (!dataset) return dataset.error();
    datasets.push_back(std::move(*dataset));
  }
  return datasets;
}

std::string columns_name(const StudySpec& spec) {
  return fmt::format("{}.columns", fmt::join(datasets_of(spec), "+"));
}

bool are_datasets_there(const StateView& view, std::string_view ids) {
  while (!ids.empty()) {
    const std::string_view id = ids.substr(0, ids.find('+'));
    if (!find_dataset(view, std::string{id})) return false;
    ids.remove_prefix(std::min(id.size() + 1, ids.size()));
  }
  return true;
}

Result<> put_datasets(const std::vector<Dataset>& datasets,
                      const node::BlobStore& blobs,
                      WorkTask& task) {
  auto profile = profile_text(datasets.front().profile);
  if (!profile) return profile.error();
  task.dataset_path = blobs.path(datasets.front().blob).string();
  task.profile_json = std::move(*profile);
  for (std::size_t i = 1; i < datasets.size(); ++i) {
    auto other = short_profile(datasets[i]);
    if (!other) return other.error();
    task.more_datasets.push_back({blobs.path(datasets[i].blob).string(), std::move(*other)});
  }
  return {};
}

}  // namespace starling::ml
