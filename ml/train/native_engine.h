/// Networks by Starling's own kernels: no LibTorch, the same bits on every machine. Trees by
/// XGBoost (boosted_trees.h).
#pragma once

#include "ml/engine/kernels.h"
#include "ml/train/learner.h"

namespace starling::ml {

/// Networks learn standardised targets or classes, gradients clipped to norm 1, and are judged by
/// the running average of their weights. One thread, whatever is asked for.
class NativeEngine : public Engine {
 public:
  explicit NativeEngine(const Kernels& kernels = best_kernels()) : kernels_(kernels) {}

  void prepare(std::uint32_t) override {}

  std::unique_ptr<Learner> make_learner(const FamilySpec& spec,
                                        const TargetCoding& target,
                                        const FitData& data,
                                        std::uint64_t seed) override;

  std::unique_ptr<ServedModel> load(const std::string& path) override;

 private:
  const Kernels& kernels_;
};

}  // namespace starling::ml
