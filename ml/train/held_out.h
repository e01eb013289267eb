/// What models of a finished trial's parameters say of the rows that judged it.
#pragma once

#include "ml/search/family_spec.h"
#include "ml/table/metrics.h"
#include "ml/train/learner.h"
#include "ml/work/work_protocol.h"
#include "node/base/error.h"

#include <functional>

namespace starling::ml {

/// Of each round of the trial's split by a model that learned from its other rows, as long as the
/// trial was best (`task.fixed_epochs`): its own answers again. `task` is that of the final model.
/// `step` is called after each epoch.
/// Errors: as `load_trial_data`; `corrupt`: an answer is no number. What an engine throws comes
/// through.
Result<Judged> held_out_answers(const WorkTask& task,
                                const FamilySpec& spec,
                                Engine& engine,
                                const std::function<void()>& step);

}  // namespace starling::ml
