/// What a final model shows on rows that it did not learn from, found while its worker still holds
/// them.
#pragma once

#include "ml/ensemble/finish.h"
#include "ml/report/importance.h"
#include "ml/train/learner.h"
#include "ml/train/trial_data.h"
#include "ml/work/work_protocol.h"

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace starling::ml {

inline constexpr std::uint64_t kSeedOfEvidence = 3;

/// Where each column is in a row that `encoder` encodes and that begins at `offset`.
std::vector<ColumnPlace> places_of(const Encoder& encoder, std::size_t offset = 0);

/// Adds the truth of one row to `truth`, which is of the same task.
void add_truth_of(const Judged& from, std::size_t row, Judged& truth);

/// Whether the rows that test lean on each other: then nothing is said of chance.
bool has_independent_rows(const SplitSpec& split);

/// Adds "coverage" where numbers have intervals: how many of the test rows' hold the truth, and how
/// wide they are. `test`: these rows as the model answers them.
void add_coverage(const Finish& finish, const Judged& test, nlohmann::ordered_json& evidence);

/// evidence_json.h. `outcome`: the test rows with what the model says; `model`: its file,
/// which answers here as it will when it is served. Anything may be thrown.
std::string final_evidence(const WorkTask& task,
                           const TrialData& data,
                           const Judged& outcome,
                           const Finish& finish,
                           const std::filesystem::path& model,
                           Engine& engine);

}  // namespace starling::ml
