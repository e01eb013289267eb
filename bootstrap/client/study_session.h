/// The steps that `run`, `demo` and `study watch` share: data in, study started, watched, shown.
#pragma once

#include "bootstrap/client/screen.h"
#include "bootstrap/client/swarm_client.h"
#include "bootstrap/client/table_flags.h"

#include <chrono>
#include <filesystem>
#include <string>

namespace starling::bootstrap {

struct WatchPlan {
  std::chrono::milliseconds interval{200};
  std::chrono::milliseconds patience{15'000};  ///< How long no member may answer.
};

/// Shows the study's progress until it has ended. Returns: the study as it ended.
/// Errors: `timed_out` when interrupted (the study goes on) or when nobody answers any more.
Result<Json> watch_study(SwarmClient& swarm,
                         const std::string& id,
                         Screen& screen,
                         const WatchPlan& plan = {});

bool has_study_ended(const Json& study);

/// The dataset with the file's content: the one that is there, else a new one. When `name` is taken
/// by other content, the new one is called after its content too, and after what `flags` say of it.
Result<Json> upload_once(SwarmClient& swarm,
                         const std::filesystem::path& file,
                         const std::string& name,
                         const TableFlags& flags,
                         Screen& screen);

/// Leaderboard and metrics of a study that has ended.
Result<> show_outcome(SwarmClient& swarm, const Json& study, std::size_t rows, Screen& screen);

/// A study's id, from an id or a name (the newest of that name). Errors: `not_found`.
Result<std::string> find_study_id(SwarmClient& swarm, const std::string& id_or_name);

/// A dataset's id, from an id or a name. Errors: `not_found`.
Result<std::string> find_dataset_id(SwarmClient& swarm, const std::string& id_or_name);

/// "My data (1).csv" -> "My-data-1": a name that the API takes.
std::string name_of_file(const std::filesystem::path& file);

}  // namespace starling::bootstrap
