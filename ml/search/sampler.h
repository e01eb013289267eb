/// What to try next: a pure function of the space, the trials so far and a seed.
///
/// The same arguments draw the same trial on every node, so whichever node leads, and however
/// often it changes, a study searches the same way.
///
/// Source: the TPE of Optuna 5 (multivariate, constant liar), with parameters that occur in
///         different trials drawn in groups; see `parzen_estimator.h`.
/// Threads: none.
#pragma once

#include "ml/search/param_value.h"
#include "ml/search/search_space.h"
#include "node/base/random.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace starling::ml {

/// One trial as a sampler sees it.
struct Observation {
  enum class State { complete, pruned, running, failed };

  std::uint64_t number = 0;
  Params params;
  State state = State::complete;

  /// Turned so that lower is better. complete: the result. pruned: the last report.
  std::optional<double> value;

  std::optional<std::int64_t> last_step;  ///< pruned: when it last reported.
  double violation = 0;  ///< Sum over the constraints of what was too much; 0 if all are met.
};

/// How parameters that do not occur in every trial are searched.
enum class Grouping {
  off,            ///< The ones of every trial together, each other one on its own.
  by_occurrence,  ///< Together with those that occur in the same trials.
};

struct TpeOptions {
  std::size_t n_startup_trials = 10;  ///< Finished ones, before which draws are random.
  std::size_t n_ei_candidates = 24;
  bool constant_liar = true;  ///< Running trials count as bad, so that parallel draws spread out.
  Grouping grouping = Grouping::by_occurrence;
  bool moves_first_trials = true;  ///< as `first_trials`
};

/// Every parameter on its own, evenly over its range (over its logarithm if `log`).
Params sample_random(const SearchSpace& space, Random& random);

/// Tree-structured Parzen estimator. Observations in any order; values outside the space's ranges
/// are not learned from.
Params sample_tpe(const SearchSpace& space,
                  std::span<const Observation> observations,
                  std::uint64_t seed,
                  const TpeOptions& options = {});

/// The trials of `default_portfolio()` that the space can have, with the parameters that it names.
/// `moves`: numbers that it does not allow become the nearest that it does; else such a trial is
/// left out, as it was below feature level 11.
std::vector<Params> first_trials(const SearchSpace& space, bool moves = true);

/// Trial `trial_number` of a study whose first `given` ones a person gave: the next are its
/// `first_trials`, all others come from `sample_tpe` with a seed of their
/// own. A family without parameters is tried in the portfolio only.
Params draw(std::uint64_t study_seed,
            std::uint64_t trial_number,
            const SearchSpace& space,
            std::span<const Observation> observations,
            const TpeOptions& options = {},
            std::uint64_t given = 0);

/// The trials TPE wants more of and less of, each by trial number.
struct TrialSplit {
  std::vector<const Observation*> below;
  std::vector<const Observation*> above;
};

/// How many of `finished` trials count as good: a tenth, at most 25.
std::size_t tpe_gamma(std::size_t finished);

/// The best `n_below` go below: complete ones by value, then pruned ones by how far they came,
/// then those that violate a constraint, least first. Running ones are always above, failed ones
/// nowhere.
TrialSplit split_trials(std::span<const Observation> observations, std::size_t n_below);

}  // namespace starling::ml
