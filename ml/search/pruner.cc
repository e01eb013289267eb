#include "ml/search/pruner.h"

#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace starling::ml {
namespace {

/// The smallest, NaN left out; NaN if there is nothing else.
template <class Iterator>
double best_of(Iterator from, Iterator until) {
  double best = std::nan("");
  for (; from != until; ++from)
    best = std::fmin(best, from->second);
  return best;
}

/// With linear interpolation. `sorted` is not empty.
double percentile_of(const std::vector<double>& sorted, double percentile) {
  const double at = percentile / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - static_cast<double>(below));
}

/// What the completed trials reported at `step`, sorted; nothing if too few did.
std::vector<double> values_at(std::int64_t step,
                              std::span<const ReportedCurve> completed,
                              std::size_t n_min_trials) {
  std::vector<double> values;
  for (const ReportedCurve& curve : completed) {
    const auto found = curve.find(step);
    if (found != curve.end() && !std::isnan(found->second)) values.push_back(found->second);
  }
  if (values.size() < n_min_trials) values.clear();
  std::ranges::sort(values);
  return values;
}

/// Whether this is the first report since the last multiple of the interval.
bool is_turn(const ReportedCurve& trial, const PercentileOptions& options) {
  const std::int64_t step = trial.rbegin()->first;
  if (step < options.n_warmup_steps) return false;
  const std::int64_t since = (step - options.n_warmup_steps) % options.interval_steps;
  if (trial.size() == 1) return true;
  return std::next(trial.rbegin())->first < step - since;
}

/// Saturates instead of overflowing: a rung no trial can reach.
std::int64_t rung_step(const AshaOptions& options, std::size_t rung) {
  std::int64_t step = options.min_resource;
  const auto exponent = options.min_early_stopping_rate + static_cast<std::int64_t>(rung);
  for (std::int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(step, options.reduction_factor, &step))
      return std::numeric_limits<std::int64_t>::max();
  }
  return step;
}

/// The CRC-32 of zlib and Ethernet, bit by bit.
std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : text) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

}  // namespace

bool percentile_prunes(const ReportedCurve& trial,
                       std::span<const ReportedCurve> completed,
                       const PercentileOptions& options) {
  STARLING_ASSERT(options.interval_steps > 0, "a pruner decides every so many steps");
  if (completed.empty() || completed.size() < options.n_startup_trials) return false;
  if (trial.empty() || !is_turn(trial, options)) return false;
  const double best = best_of(trial.begin(), trial.end());
  if (std::isnan(best)) return true;
  const auto others = values_at(trial.rbegin()->first, completed, options.n_min_trials);
  return !others.empty() && best > percentile_of(others, options.percentile);
}

bool is_out_of_patience(const ReportedCurve& trial, std::size_t patience, double min_delta) {
  if (trial.size() <= patience + 1) return false;
  const auto middle = std::prev(trial.end(), static_cast<std::ptrdiff_t>(patience + 1));
  return best_of(trial.begin(), middle) + min_delta < best_of(middle, trial.end());
}

double rung_cutoff(std::vector<double> others, const AshaOptions& options) {
  const std::size_t all = others.size() + 1;
  if (all <= options.bootstrap_count) return -std::numeric_limits<double>::infinity();
  if (others.empty()) return std::numeric_limits<double>::infinity();
  std::ranges::sort(others);
  const std::size_t places = all / static_cast<std::size_t>(options.reduction_factor);
  return others[std::max<std::size_t>(places, 1) - 1];
}

std::vector<std::uint32_t> rung_epochs(std::uint32_t epochs) {
  std::vector<std::uint32_t> rungs;
  const std::uint64_t first =
      std::max<std::uint64_t>(kFirstRungEpochs, (std::uint64_t{epochs} + 19) / 20);
  for (std::uint64_t rung = first; rung < epochs; rung *= kRungFactor)
    rungs.push_back(static_cast<std::uint32_t>(rung));
  return rungs;
}

AshaDecision asha(const RungTable& others,
                  std::size_t rungs_reached,
                  std::int64_t step,
                  double value,
                  const AshaOptions& options) {
  STARLING_ASSERT(options.min_resource > 0 && options.reduction_factor > 1,
                  "rungs of successive halving grow");
  AshaDecision decision{false, rungs_reached};
  while (step >= rung_step(options, decision.rungs_reached)) {
    if (std::isnan(value)) return {true, decision.rungs_reached};
    const std::size_t rung = decision.rungs_reached++;
    const bool has_others = rung < others.size();
    if (value > rung_cutoff(has_others ? others[rung] : std::vector<double>{}, options))
      return {true, decision.rungs_reached};
  }
  return decision;
}

std::int64_t asha_min_resource(std::int64_t last_step) {
  return std::max<std::int64_t>(last_step / 100, 1);
}

std::size_t hyperband_bracket(std::string_view study,
                              std::uint64_t trial_number,
                              const HyperbandOptions& options) {
  STARLING_ASSERT(options.min_resource > 0 && options.reduction_factor > 1,
                  "brackets of Hyperband grow");
  std::size_t count = 1;
  for (std::int64_t top = options.max_resource / options.reduction_factor;
       top >= options.min_resource;
       top /= options.reduction_factor)
    ++count;
  std::vector<std::uint64_t> shares;
  std::uint64_t total = 0;
  for (std::size_t bracket = 0; bracket < count; ++bracket) {
    std::uint64_t widest = 1;
    const std::size_t halvings = count - 1 - bracket;
    for (std::size_t i = 0; i < halvings; ++i)
      widest *= static_cast<std::uint64_t>(options.reduction_factor);
    shares.push_back((count * widest + halvings) / (halvings + 1));
    total += shares.back();
  }
  std::uint64_t place = crc32(fmt::format("{}_{}", study, trial_number)) % total;
  std::size_t bracket = 0;
  while (place >= shares[bracket])
    place -= shares[bracket++];
  return bracket;
}

}  // namespace starling::ml
