#include "ml/ensemble/finish.h"

#include "ml/ensemble/calibration.h"

namespace starling::ml {

Finish fit_finish(const Judged& held_out, Metric metric) {
  Finish finish;
  if (held_out.task == TaskKind::regression) {
    if (held_out.rows() >= kConformalRowsMin)
      finish.conformal = fit_conformal(held_out.values, held_out.truth_values);
    return finish;
  }
  finish.temperature = fit_temperature(held_out);
  Judged calibrated = held_out;
  apply_finish(finish, calibrated);
  finish.rule = best_rule(metric, calibrated);
  return finish;
}

void apply_finish(const Finish& finish, Judged& judged) {
  if (judged.task == TaskKind::regression) return;
  apply_temperature(finish.temperature, judged.class_count, judged.probabilities);
  judged.rule = finish.rule;
}

}  // namespace starling::ml
