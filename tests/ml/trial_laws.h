/// What commands may do to trials, written from the specification alone (design section 5,
/// docs/trials.md), so that it shares no mistake with the rules.
#pragma once

#include "ml/study/command.h"
#include "ml/study/study.h"

#include <string>
#include <vector>

namespace starling::ml {

/// What is wrong with `after`, given what was there before and was said. Both by number.
std::vector<std::string> broken_laws(const std::vector<Trial>& before,
                                     const CommandBody& said,
                                     const Outcome& outcome,
                                     const std::vector<Trial>& after);

/// The same of the fits of a bag's folds, which come and go all at once.
std::vector<std::string> broken_laws_of_fits(const std::vector<Trial>& before,
                                             const CommandBody& said,
                                             const Outcome& outcome,
                                             const std::vector<Trial>& after);

}  // namespace starling::ml
