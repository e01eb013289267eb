/// What a final model shows on the test rows, found while its worker still holds them.
#pragma once

#include "ml/train/learner.h"
#include "ml/train/trial_data.h"
#include "ml/work/work_protocol.h"

#include <string>

namespace starling::ml {

/// evidence_json.h. `outcome`: the test rows with what the model says; `model`: its file, which
/// answers here as it will when it is served. Anything may be thrown.
std::string final_evidence(const WorkTask& task,
                           const TrialData& data,
                           const Judged& outcome,
                           const std::string& model,
                           Engine& engine);

}  // namespace starling::ml
