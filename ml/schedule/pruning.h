/// When a trial is to end early: from the trials before it alone, so that it does not matter which
/// nodes ran them, nor when.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/study_state.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace starling::ml {

inline constexpr std::uint32_t kNeverPruned = 5;  ///< completed trials, before which nothing is

/// For each rung (ml/search/pruner.h) the worst value, turned so that lower is better, with which
/// trial `number` goes on; none where all do. They come from the same trials as its parameters
/// (those up to number - parallelism, all final), of its family.
std::vector<std::optional<double>> rung_cutoffs(const StateView& view,
                                                const Study& study,
                                                std::uint32_t number);

/// Whether what a trial of an outside program has reached at one of its rungs is too bad to go on.
bool is_to_be_pruned(const StateView& view, const Study& study, const Trial& trial);

}  // namespace starling::ml
