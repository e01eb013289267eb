/// The part of a study's plan that says what is searched: families, ranges, first trials.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/plan_rules.h"
#include "ml/search/search_space.h"
#include "ml/study/study.h"
#include "ml/table/profile.h"
#include "node/base/error.h"

#include <string_view>
#include <vector>

namespace starling::ml {

struct StudyRequest;
struct SwarmFacts;

/// `invalid_argument`, "FIELD: SENTENCE".
Error field_error(std::string_view field, std::string_view sentence);

/// Of the rows that count: with a target, of classes that are kept.
PlanFacts facts_of(const TableProfile& profile, const StudySpec& spec, const SwarmFacts& swarm);

/// Whether the space allows what is to be tried first.
Result<> check_initial(const StudySpec& spec,
                       const SearchSpace& space,
                       const std::vector<Params>& initial);

/// Sets space and first trials of `spec`, of which task, target and constraints are known.
Result<> set_search(const StudyRequest& request,
                    const TableProfile& profile,
                    const SwarmFacts& swarm,
                    StudySpec& spec);

/// Of an outside program's study: any names, since only the program knows what they mean.
Result<> set_outside_search(const StudyRequest& request, StudySpec& spec);

}  // namespace starling::ml
