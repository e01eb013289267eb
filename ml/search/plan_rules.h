/// What a study searches and makes of it where nobody says: validation, families, ranges, final
/// model. Rules on what the table is, what the swarm can hold and what the model is for; each that
/// changes something gives its reason.
///
/// Source: the constraint engine of NexusOps, whose bounds for small and unbalanced tables these
///         are, carried over to families; Grinsztajn et al. (2022) for trees on small tables.
/// Threads: none. Pure.
#pragma once

#include "ml/search/constraints.h"
#include "ml/search/search_space.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace starling::ml {

struct PlanFacts {
  std::uint64_t rows = 0;                           ///< with a target, of classes that are kept
  std::optional<double> least_class = {};           ///< share of the rarest one; none: regression
  std::optional<std::uint64_t> largest_class = {};  ///< its rows
  std::uint64_t largest_node_mb = 0;  ///< a trial may have so much at most; 0: not known
  /// What a trial is predicted to need, in MB.
  std::function<std::uint64_t(const Params&)> peak_mb = {};
};

inline constexpr std::uint32_t kSmallTableFolds = 5;
inline constexpr std::uint64_t kFoldedRowsMin = 100;  ///< of fewer a fold could stay empty
inline constexpr std::uint64_t kFoldedClassMin = 10;  ///< rows of the largest class, likewise
inline constexpr std::uint64_t kLargeTableRows = 100'000;
inline constexpr double kRareClass = 0.1;
inline constexpr double kBagPredictMs = 5;  ///< below that, one model answers
inline constexpr double kBagModelMb = 10;   ///< below that, one model is packed
inline constexpr double kNarrowPredictMs = 0.5;
inline constexpr double kNarrowModelMb = 2;
inline constexpr double kNoTreesModelMb = 0.1;

/// Of how many folds the validation is: `kSmallTableFolds` for small tables that can fill them,
/// else 1 (hold-out).
std::uint32_t folds_for(const PlanFacts& facts, std::vector<Decision>& decisions);

/// Whether a bag of up to forty models would be too slow, too large or too hard to read.
bool needs_one_model(const Constraints& constraints, std::vector<Decision>& decisions);

/// The usual ones, less those that cannot be read or are too large. At least one is left.
std::vector<std::string> families_for(const Constraints& constraints,
                                      std::vector<Decision>& decisions);

/// Leaves out families whose good first trial in `space` is more than the largest node may give to
/// one, but for the last. Returns: whether it left out any.
bool leave_out_too_large(const PlanFacts& facts,
                         const SearchSpace& space,
                         std::vector<std::string>& families,
                         std::vector<Decision>& decisions);

/// Ranges of the families' own spaces, made narrower; parameters that the space does not have are
/// left aside.
void narrow(const PlanFacts& facts,
            const Constraints& constraints,
            SearchSpace& space,
            std::vector<Decision>& decisions);

}  // namespace starling::ml
