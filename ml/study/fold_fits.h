/// The finish of a study whose final model is a bag: its best trials are trained again on the folds
/// of its train and validation rows, each fit a piece of work of its own (`Trial::fit`). What each
/// says of the fold it did not see weighs the candidates against each other.
///
/// Source: Caruana et al., "Ensemble Selection from Libraries of Models" (2004); bags over folds as
/// AutoGluon has them (Erickson et al., 2020, section 2.3).
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/transaction.h"
#include "node/base/state_view.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kCandidatesMax = 8;
inline constexpr std::size_t kCandidatesOfFamilyMax = 3;
inline constexpr std::uint32_t kBagFolds = 5;  ///< where the study itself has none

/// Whether its rows can be divided into folds: not where time decides, or where it is given which
/// rows validate.
bool can_be_bagged(const SplitSpec& split);

/// The same test rows; the others validate in turn.
SplitSpec split_of_bag(SplitSpec split);

/// The best completed trials, best first: at most eight, three of a family, of one engine, and the
/// baseline only where nothing else completed. None that breaks a limit, unless all do.
std::vector<Trial> candidates_of(const StateView& view, const Study& study);

/// Those whose fits of all folds keep to the study's limits together. None where those of the best
/// trial do not: it is refitted then.
std::vector<Trial> bag_candidates_of(const StateView& view, const Study& study);

/// Puts all fits in the study's queue; those of an earlier finish are gone.
void begin_fits(Transaction& tx, const Study& study);

/// The final model of a bag failed for good: the best trial is to be refitted instead, which needs
/// no fits. False if it was none.
bool gives_bag_up(Transaction& tx, Study& study);

/// The final model is made: nobody needs them any more.
void forget_fits(Transaction& tx, std::string_view study);

/// The fits of the candidates of which all completed, in the order of
/// `list_fits` (study_state.h). A candidate of which one failed is left out.
std::vector<Trial> whole_bags(const StateView& view, const Study& study);

}  // namespace starling::ml
