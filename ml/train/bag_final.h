/// The final model of a study with a bag: what the fits of its folds left behind, weighed,
/// calibrated, judged once on the test rows and put into one artifact.
///
/// Weights, temperature, threshold and intervals come from what each model says of the fold that it
/// did not learn from (ml/ensemble). Nothing is trained here.
#pragma once

#include "ml/train/learner.h"
#include "ml/work/work_protocol.h"

#include <functional>

namespace starling::ml {

/// `task.fits` are there. What it took, in time and memory, is left to the caller.
/// `step`: called between its steps, so that somebody can see that it goes on. `seconds_now` never
/// goes back. Candidates that would make the bag break `task.limits` are left out.
/// Errors: those of `load_bag_data` and of artifacts; `corrupt`: the fits do not make bags of all
///         folds; `too_large`: a bag of one candidate breaks a limit. Anything may be thrown.
Result<WorkDone> make_bag(const WorkTask& task,
                          Engine& engine,
                          const std::function<void()>& step,
                          const std::function<double()>& seconds_now);

}  // namespace starling::ml
