/// Networks by Starling's own kernels: no LibTorch, the same bits on every machine.
#pragma once

#include "ml/engine/kernels.h"
#include "ml/train/learner.h"

namespace starling::ml {

/// An MLP with ReLU and dropout, trained by AdamW on standardised targets (mean squared error) or
/// class scores (cross-entropy), gradients clipped to norm 1, judged by the running average of its
/// weights. One thread, whatever is asked for.
class NativeEngine : public Engine {
 public:
  explicit NativeEngine(const Kernels& kernels = best_kernels()) : kernels_(kernels) {}

  void prepare(std::uint32_t) override {}

  std::unique_ptr<Learner> make_learner(const MlpSpec& spec,
                                        const TargetCoding& target,
                                        const FitData& data,
                                        std::uint64_t seed) override;

  /// Throws if it is no file of `Learner::script`.
  std::unique_ptr<ServedModel> load(const std::string& path) override;

 private:
  const Kernels& kernels_;
};

}  // namespace starling::ml
