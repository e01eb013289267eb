/// What the fit of one fold leaves behind for the bag that it belongs to: an artifact of its own,
/// with what it answers (fold_answers.h).
#pragma once

#include "ml/train/learner.h"
#include "ml/train/trial_data.h"
#include "ml/work/work_protocol.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace starling::ml {

/// Answers for rows of the table, encoded a block at a time. Anything may be thrown.
std::vector<float> answers_for(ServedModel& model,
                               const Encoder& encoder,
                               const Table& table,
                               std::span<const std::uint32_t> rows);

/// `held_out`: what the model says of its fold's rows; `model`: its file. Returns the bytes of the
/// artifact. Errors: those of `write_artifact`; anything may be thrown.
Result<std::uint64_t> write_fold_fit(const WorkTask& task,
                                     const TrialData& data,
                                     std::vector<float> held_out,
                                     const std::filesystem::path& model,
                                     Engine& engine);

}  // namespace starling::ml
