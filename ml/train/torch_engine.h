/// Networks by LibTorch. The header is free of it: one source file pays for its includes.
#pragma once

#include "ml/train/learner.h"

namespace starling::ml {

/// An MLP with ReLU and dropout, trained by AdamW on standardised targets (mean squared error) or
/// class scores (cross-entropy), gradients clipped to norm 1. The same seed gives the same weights
/// on the same machine.
///
/// Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019).
class TorchEngine : public Engine {
 public:
  void prepare(std::uint32_t threads) override;

  std::unique_ptr<Learner> make_learner(const MlpSpec& spec,
                                        const TargetCoding& target,
                                        const FitData& data,
                                        std::uint64_t seed) override;

  std::unique_ptr<ServedModel> load(const std::string& path) override;
};

}  // namespace starling::ml
