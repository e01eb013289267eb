// Trials, fits and final models through the real worker program, for the tests that look at what
// comes of them.
#pragma once

#include "ml/study/fold_fits.h"
#include "tests/ml/train_pool_support.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace starling::ml {

inline Params linear() {
  return {{"family", std::string{"linear"}}};
}

inline Params trees() {
  return {{"family", std::string{"xgboost"}}};
}

inline Params network() {
  return {{"mlp.width", std::int64_t{32}}, {"mlp.learning_rate", 3e-3}};
}

class WorkerTest : public testing::Test {
 protected:
  Story run(const WorkTask& task) {
    auto story = finish(io_, tell(pools_.native(), task));
    EXPECT_TRUE(story.done) << (story.failed ? story.failed->message : "");
    return story;
  }

  /// Of each candidate one for each fold, one after the other, each in its own file; `name` begins
  /// their names.
  std::vector<WorkFit> fits_of(const std::vector<Params>& candidates,
                               WorkTask task,
                               const std::string& name) {
    std::vector<WorkFit> fits;
    task.kind = WorkKind::fit;
    task.fixed_epochs = 30;
    for (std::uint32_t k = 0; k < candidates.size(); ++k) {
      task.params = candidates[k];
      for (task.fold = 0; task.fold < kBagFolds; ++task.fold) {
        task.number = kFitsFrom + 100 * k + task.fold;
        task.artifact_path = folder_ / fmt::format("{}-{}.zip", name, task.number);
        run(task);
        fits.push_back({task.artifact_path, k, task.fold});
      }
    }
    return fits;
  }

  /// Fits of all folds, then the final model that blends them, at `path`.
  Story bag_of(const std::vector<Params>& candidates, WorkTask task, const std::string& path) {
    task.fits = fits_of(candidates, task, "fit");
    task.kind = WorkKind::final;
    task.params = candidates.front();
    task.artifact_path = path;
    return run(task);
  }

  const std::string insurance_ = std::string(STARLING_SOURCE_DIR) + "/data/insurance.csv";
  ScratchFolder folder_;
  asio::io_context io_;
  WorkerPools pools_{io_.get_executor(), STARLING_WORKER, "/nowhere"};
};

}  // namespace starling::ml
