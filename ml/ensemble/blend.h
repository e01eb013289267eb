/// Several models answer as one: a weighted mean, with weights that a greedy search finds.
///
/// All deterministic. Threads: none. Pure.
/// Source: Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models"
///         (ICML 2004), sections 2.1 and 2.2: selection with replacement.
#pragma once

#include "ml/table/metrics.h"

#include <cstddef>
#include <vector>

namespace starling::ml {

/// Of one candidate, row by row: one number in the target's units, or class_count probabilities.
using Answers = std::vector<float>;

/// How much each candidate counts in the mean that scores best: count / total, so they sum to 1.
///
/// Each round adds the candidate with which the mean of all that were added scores best, the same
/// one again if that is it; of equals the first, so give them best first. The result is what was
/// added until the round with the best score, the earliest of equals: on these rows it never scores
/// worse than any one candidate.
///
/// `truth` says what was true and what the task is, and has a row; what was said is not looked at.
/// There is a candidate and a round, and all candidates answer exactly the rows of `truth`. One
/// with an answer that is not finite gets no weight; if all are such, or the metric is not defined
/// on these rows, the first gets all of it. Time: that of `rounds` * (candidates + 1) scores.
std::vector<double> greedy_weights(const std::vector<Answers>& candidates,
                                   const Judged& truth,
                                   Metric metric,
                                   std::size_t rounds = 40);

/// The weighted mean of what the candidates answer. There is a candidate, all answer the same rows,
/// and each has a weight. One without weight is not looked at.
std::vector<double> blended(const std::vector<Answers>& candidates,
                            const std::vector<double>& weights);

}  // namespace starling::ml
