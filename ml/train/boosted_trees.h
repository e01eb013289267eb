/// Gradient-boosted trees by XGBoost, behind the same faces as networks. One thread.
///
/// The rows to learn from become bins of one byte (a quantile matrix) batch by batch; no copy of
/// them as floats is made. The same seed and rows give the same trees. Each epoch has a booster of
/// its own that begins at the margins of those before it: XGBoost 1.7 keeps the numbers by which it
/// chooses columns to itself, and so training can go on from any epoch to the same trees.
///
/// A model's file is XGBoost's own (JSON), which any XGBoost opens; its attribute "starling" says
/// {"format": 1, "task", "outputs", "scale", "shift", "log1p"}: a regression's output * scale +
/// shift is in the target's units, or is the logarithm of 1 + target.
///
/// Source: Chen and Guestrin, "XGBoost" (2016); the library's C interface, version 1.7.
#pragma once

#include "ml/search/xgboost_spec.h"
#include "ml/train/learner.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace starling::ml {

/// An epoch is `kRoundsPerEpoch` rounds. `data` must outlive the learner, and so must rows that it
/// predicts: their bins are kept for the next epoch.
std::unique_ptr<Learner> make_tree_learner(const XgboostSpec& spec,
                                           const TargetCoding& target,
                                           const FitData& data,
                                           std::uint64_t seed);

/// Throws if it is none that a learner here wrote.
std::unique_ptr<ServedModel> load_trees(std::string_view bytes);

}  // namespace starling::ml
