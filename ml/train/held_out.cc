#include "ml/train/held_out.h"

#include "ml/train/trial_data.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

namespace starling::ml {

Result<Judged> held_out_answers(const WorkTask& task,
                                const FamilySpec& spec,
                                Engine& engine,
                                const std::function<void()>& step) {
  WorkTask trial = task;
  trial.kind = WorkKind::trial;
  auto data = load_trial_data(trial);
  if (!data) return data.error();
  std::vector<float> said;
  for (const TrialRound& round : data->rounds) {
    const auto learner = engine.make_learner(spec, round.encoder.target(), round.fit, task.seed);
    for (std::uint32_t epoch = 0; epoch < task.fixed_epochs; ++epoch) {
      learner->train_epoch();
      step();
    }
    const auto some = learner->predict(round.judge_features);
    said.insert(said.end(), some.begin(), some.end());
  }
  const auto is_number = [](float one) { return std::isfinite(one); };
  if (!std::ranges::all_of(said, is_number))
    return Error{Errc::corrupt, "an answer to a row that was held out is no number"};
  return judged(std::move(data->truth), said);
}

}  // namespace starling::ml
