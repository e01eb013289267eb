/// Whether a running trial is worth going on with, from its reports and those of the others.
///
/// Values are turned so that lower is better. Each function decides on the trial's latest report.
///
/// Source: Li et al., "A system for massively parallel hyperparameter tuning" (2020), for ASHA;
///         "Hyperband" (2018); details as Optuna 5 has them, whose decisions these reproduce.
/// Threads: none; functions of their arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace starling::ml {

/// What a trial reported: value by step.
using ReportedCurve = std::map<std::int64_t, double>;

struct PercentileOptions {
  double percentile = 50;            ///< 50 is the median pruner; 25 keeps only the best quarter.
  std::size_t n_startup_trials = 5;  ///< Completed trials, before which nothing is pruned.
  std::int64_t n_warmup_steps = 0;   ///< Earlier steps are never pruned.
  std::int64_t interval_steps = 1;   ///< Decides once in so many steps after the warm-up.
  std::size_t n_min_trials = 1;      ///< Completed trials that must have reported this step.
};

/// True if the best the trial ever reported is worse than the percentile of what `completed`
/// trials reported at its latest step.
bool percentile_prunes(const ReportedCurve& trial,
                       std::span<const ReportedCurve> completed,
                       const PercentileOptions& options = {});

/// True if the last `patience` + 1 reports brought nothing better than what came before them.
/// A trial is then pruned if another pruner says so, too.
bool is_out_of_patience(const ReportedCurve& trial, std::size_t patience, double min_delta = 0);

struct AshaOptions {
  std::int64_t min_resource = 1;  ///< The step of the first rung.
  std::int64_t reduction_factor = 3;
  std::int64_t min_early_stopping_rate = 0;  ///< Leaves out so many of the first rungs.
  std::size_t bootstrap_count = 0;           ///< A rung lets nobody pass before so many came.
};

/// What each rung's trials reported there, the deciding trial's own not included.
using RungTable = std::vector<std::vector<double>>;

/// The worst value that goes on beyond a rung where `others` came with these: in the best
/// 1 / reduction_factor of all, its own included; among the first few, the best.
double rung_cutoff(std::vector<double> others, const AshaOptions& options = {});

inline constexpr std::uint32_t kFirstRungEpochs = 5;
inline constexpr std::uint32_t kRungFactor = 4;  ///< from rung to rung, and of trials that go on

/// After how many of at most `epochs` a trial is compared with others: the first time after a
/// twentieth, but five at least, then each time after four times as many; never at the last.
std::vector<std::uint32_t> rung_epochs(std::uint32_t epochs);

struct AshaDecision {
  bool prunes = false;
  std::size_t rungs_reached = 0;  ///< Rungs passed or stopped at so far, this report included.
};

/// Asynchronous successive halving. `rungs_reached` is that of the trial's previous decision, 0 at
/// first; each rung from there to the new one is to get `value` into the table.
AshaDecision asha(const RungTable& others,
                  std::size_t rungs_reached,
                  std::int64_t step,
                  double value,
                  const AshaOptions& options = {});

/// A first rung when none is given, from the last step of a completed trial.
std::int64_t asha_min_resource(std::int64_t last_step);

struct HyperbandOptions {
  std::int64_t min_resource = 1;
  std::int64_t max_resource = 27;
  std::int64_t reduction_factor = 3;
};

/// The bracket of a trial, which then is pruned by `asha` with `min_early_stopping_rate` = bracket
/// and a rung table of that bracket's trials alone.
std::size_t hyperband_bracket(std::string_view study,
                              std::uint64_t trial_number,
                              const HyperbandOptions& options = {});

}  // namespace starling::ml
