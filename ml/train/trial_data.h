/// From a CSV file to the numbers of one trial: profile, split, encode.
#pragma once

#include "ml/table/metrics.h"
#include "ml/table/split.h"
#include "ml/train/learner.h"
#include "ml/work/work_protocol.h"

namespace starling::ml {

/// One network's rows to learn from and to be judged on.
struct TrialRound {
  Encoder encoder;
  FitData fit;
  EncodedRows judge_features;
};

/// A trial learns from the train rows and is judged on the validation rows, the fit of a fold is
/// one round of such a trial; the final model learns from both and is judged, once, on the test
/// rows. Everything fitted is fitted on the rows it learns from.
struct TrialData {
  TaskKind task = TaskKind::regression;
  Metric metric = Metric::rmse;
  Split split;
  std::vector<TrialRound> rounds;  ///< one, or of a trial with folds as many
  Judged truth;  ///< of the judge rows of all rounds; predictions are filled in by the trial. Where
                 ///< classes count the same and the metric judges what is said, that is still said
                 ///< which is the likeliest if they were as common
  Table table;   ///< of a fit and a final: rows are encoded later
};

/// Errors: those of the table room; `invalid_argument` also for a task or metric that does not fit,
/// and for a fold that there is not.
Result<TrialData> load_trial_data(const WorkTask& task);

/// What a bag is put together and judged by.
struct BagData {
  Metric metric = Metric::rmse;
  Split split;
  Table table;
  Encoder encoder;                  ///< fitted on all but the test rows: what the columns are
  Judged held_out, truth;           ///< of all folds, one behind the other; of the test rows
  bool knows_class_factors = true;  ///< as of the task
};

/// Errors: as above.
Result<BagData> load_bag_data(const WorkTask& task);

/// `truth` with a learner's predictions in it.
Judged judged(Judged truth, const std::vector<float>& predictions);

}  // namespace starling::ml
