/// Plain models behind the same faces as networks, as networks without hidden layers: whoever
/// serves or exports those does so with these.
///
/// The same rows give the same weights; there is no chance in it. One thread.
#pragma once

#include "ml/engine/kernels.h"
#include "ml/search/linear_spec.h"
#include "ml/train/learner.h"

#include <memory>

namespace starling::ml {

/// Ridge or logistic regression. Begins at what the baseline says; an epoch is a step of L-BFGS
/// over all rows. `data` must outlive it.
std::unique_ptr<Learner> make_linear_learner(const LinearSpec& spec,
                                             const TargetCoding& target,
                                             const FitData& data,
                                             const Kernels& kernels);

/// The mean of the (standardised) target, or the shares of the classes, by the rows' weights.
std::unique_ptr<Learner> make_baseline_learner(const TargetCoding& target,
                                               const FitData& data,
                                               const Kernels& kernels);

}  // namespace starling::ml
