/// What learners whose model is a network of the own engine share: answers and the model's file.
///
/// Threads: one at a time.
#pragma once

#include "ml/engine/mlp.h"
#include "ml/table/encoder.h"
#include "ml/train/row_batches.h"

#include <string>
#include <vector>

namespace starling::ml {

/// `Learner::predict` by the network's averaged weights.
std::vector<float> answers_of(Mlp& network,
                              RowBatches& batches,
                              const EncodedRows& features,
                              const TargetCoding& target);

/// `Learner::script`: the averaged weights. Throws if there is no room for it.
std::string script_of(const Mlp& network, const TargetCoding& target);

}  // namespace starling::ml
