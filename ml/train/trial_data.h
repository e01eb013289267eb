/// From a CSV file to the numbers of one trial: profile, split, encode.
#pragma once

#include "ml/table/metrics.h"
#include "ml/table/split.h"
#include "ml/train/learner.h"
#include "ml/work/work_protocol.h"

namespace starling::ml {

/// A trial learns from the train rows and is judged on the validation rows; the final model learns
/// from both and is judged, once, on the test rows. Everything fitted is fitted on the rows it
/// learns from.
struct TrialData {
  TaskKind task = TaskKind::regression;
  Metric metric = Metric::rmse;
  Encoder encoder;
  Split split;
  FitData fit;
  EncodedRows judge_features;
  Judged truth;  ///< of the judge rows; predictions are filled in by the trial
};

/// Errors: those of the table room; `invalid_argument` also for a task or metric that does not fit.
Result<TrialData> load_trial_data(const WorkTask& task);

/// `truth` with a learner's predictions in it.
Judged judged(Judged truth, const std::vector<float>& predictions);

}  // namespace starling::ml
