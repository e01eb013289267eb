#include "ml/work/checkpoint_files.h"

#include "ml/study/study_state.h"
#include "ml/study/trial_rules.h"

#include <fmt/format.h>

#include <charconv>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace starling::ml {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnfinished = ".new";
constexpr std::string_view kPulled = ".pulled";

/// Without a dot: what follows one tells files of one apart.
std::string name_of(std::string_view study, std::optional<std::uint32_t> trial) {
  return trial ? fmt::format("{}_{}", study, *trial) : fmt::format("{}_final", study);
}

/// Of all that has not ended.
std::set<std::string, std::less<>> needed_names(const StateView& view) {
  std::set<std::string, std::less<>> names;
  for (const auto& study : list_studies(view)) {
    if (has_ended(study.status)) continue;
    names.insert(name_of(study.id, std::nullopt));
    for (const auto& trial : open_trials(view, study))
      names.insert(name_of(study.id, trial.number));
  }
  return names;
}

/// NAME.TOKEN.new
std::optional<std::uint64_t> token_of_unfinished(std::string_view file) {
  if (!file.ends_with(kUnfinished)) return std::nullopt;
  file.remove_suffix(kUnfinished.size());
  file.remove_prefix(file.rfind('.') + 1);
  std::uint64_t token = 0;
  std::from_chars(file.data(), file.data() + file.size(), token);
  return token;
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::directory_iterator entry{folder, error};
  for (; !error && entry != fs::directory_iterator{}; entry.increment(error))
    files.push_back(entry->path());
  return files;
}

void remove_file(const fs::path& file) {
  std::error_code gone;
  fs::remove(file, gone);
}

}  // namespace

CheckpointFiles::CheckpointFiles(fs::path folder) : folder_(std::move(folder)) {
  std::error_code ignored;  // a child says it when it cannot write
  fs::create_directories(folder_, ignored);
  for (const fs::path& file : files_in(folder_))
    if (file.extension() == kPulled || token_of_unfinished(file.filename().string()))
      remove_file(file);
}

fs::path CheckpointFiles::path(std::string_view study, std::optional<std::uint32_t> trial) const {
  return folder_ / name_of(study, trial);
}

fs::path CheckpointFiles::pulled_path(std::string_view study,
                                      std::optional<std::uint32_t> trial) const {
  return path(study, trial).string() + std::string{kPulled};
}

void CheckpointFiles::forget(const StateView& view,
                             const std::function<bool(std::uint64_t token)>& runs) const {
  const auto files = files_in(folder_);
  if (files.empty()) return;
  const auto needed = needed_names(view);
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    const auto token = token_of_unfinished(name);
    const bool is_abandoned = token && !runs(*token);
    if (is_abandoned || !needed.contains(name.substr(0, name.find('.')))) remove_file(file);
  }
}

}  // namespace starling::ml
