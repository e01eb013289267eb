/// Networks by LibTorch. The header is free of it: one source file pays for its includes.
#pragma once

#include "ml/train/learner.h"

namespace starling::ml {

/// The networks of the own engine, with the same first weights, trained by automatic derivatives;
/// on a GPU where LibTorch sees one; the moments of batches are averaged over about ten of them;
/// rows come in another order and dropout chooses other units. The same seed gives the same weights
/// on the same machine. Its files are those of the own engine (native_model.h).
class TorchEngine : public Engine {
 public:
  void prepare(std::uint32_t threads) override;

  std::unique_ptr<Learner> make_learner(const FamilySpec& spec,
                                        const TargetCoding& target,
                                        const FitData& data,
                                        std::uint64_t seed) override;

  std::unique_ptr<ServedModel> load(const std::string& path) override;
};

}  // namespace starling::ml
