#include "ml/search/sampler.h"

#include "ml/search/named_spaces.h"
#include "ml/search/parzen_estimator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace starling::ml {
namespace {

using Kind = Distribution::Kind;
using State = Observation::State;

constexpr std::size_t kGoodTrialsMax = 25;
const std::string kFamily = "family";

double random_number(const Distribution& parameter, Random& random) {
  if (parameter.kind == Kind::categorical)
    return static_cast<double>(random.below(parameter.choices.size()));
  if (parameter.log) {
    const double low = std::log(parameter.low - parameter.step / 2);
    const double high = std::log(parameter.high + parameter.step / 2);
    return std::exp(low + random.unit() * (high - low));
  }
  if (parameter.step > 0) {
    const double steps = std::round((parameter.high - parameter.low) / parameter.step);
    const auto step = random.below(static_cast<std::uint64_t>(steps) + 1);
    return parameter.low + static_cast<double>(step) * parameter.step;
  }
  return parameter.low + random.unit() * (parameter.high - parameter.low);
}

/// A range of one real number leaves nothing to model. (Whole numbers always have a width.)
bool is_searched(const Distribution& parameter) {
  const bool is_point = parameter.kind == Kind::real && parameter.low == parameter.high;
  return parameter.kind != Kind::fixed && !is_point;
}

bool is_finished(const Observation& trial) {
  return trial.state == State::complete || trial.state == State::pruned;
}

/// What orders the good trials: the smaller, the better.
using Rank = std::tuple<int, double, double, std::uint64_t>;

double or_worst(double value) {
  return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
}

Rank rank_of(const Observation& trial) {
  const double value = or_worst(trial.value.value_or(std::nan("")));
  if (trial.violation > 0) return {2, trial.violation, 0, trial.number};
  if (trial.state == State::complete) return {0, value, 0, trial.number};
  if (!trial.last_step) return {1, 1, 0, trial.number};
  return {1, -static_cast<double>(*trial.last_step), value, trial.number};
}

void sort_by_number(std::vector<const Observation*>& trials) {
  std::ranges::stable_sort(trials, {}, &Observation::number);
}

/// The searched values of one trial, one per parameter of the space; nothing where it has none.
std::vector<std::optional<double>> numbers_of(const SearchSpace& space, const Params& params) {
  std::vector<std::optional<double>> numbers;
  for (const auto& [name, parameter] : space.parameters) {
    const auto found = params.find(name);
    numbers.push_back(found == params.end() ? std::nullopt : to_number(parameter, found->second));
  }
  return numbers;
}

/// One draw in the making.
class TpeDraw {
 public:
  TpeDraw(const SearchSpace& space,
          std::span<const Observation> observations,
          std::uint64_t seed,
          const TpeOptions& options);

  Params run();

 private:
  using Group = std::vector<std::size_t>;  ///< Indices of parameters, ascending.

  struct Trial {
    bool is_finished;
    std::vector<std::optional<double>> numbers;
  };

  std::vector<Trial> numbered(const std::vector<const Observation*>& trials) const;
  std::vector<Group> groups() const;
  ParzenEstimator estimator(const Group& group, const std::vector<Trial>& trials) const;
  void draw_group(const Group& group);

  const SearchSpace& space_;
  TpeOptions options_;
  Random random_;
  std::vector<Trial> below_;
  std::vector<Trial> above_;
  std::vector<std::optional<double>> drawn_;
};

TpeDraw::TpeDraw(const SearchSpace& space,
                 std::span<const Observation> observations,
                 std::uint64_t seed,
                 const TpeOptions& options)
    : space_(space), options_(options), random_(seed), drawn_(space.parameters.size()) {
  const auto finished = static_cast<std::size_t>(std::ranges::count_if(observations, is_finished));
  TrialSplit split = split_trials(observations, tpe_gamma(finished));
  if (!options.constant_liar)
    std::erase_if(split.above, [](const Observation* trial) { return !is_finished(*trial); });
  below_ = numbered(split.below);
  above_ = numbered(split.above);
}

Params TpeDraw::run() {
  for (const Group& group : groups())
    draw_group(group);
  Params params;
  for (std::size_t p = 0; p < space_.parameters.size(); ++p) {
    const auto& [name, parameter] = space_.parameters[p];
    if (!is_active(parameter, params)) continue;
    if (is_searched(parameter) && !drawn_[p]) draw_group({p});
    params[name] = from_number(parameter, drawn_[p].value_or(parameter.low));
  }
  return params;
}

std::vector<TpeDraw::Trial> TpeDraw::numbered(const std::vector<const Observation*>& trials) const {
  std::vector<Trial> result;
  for (const Observation* trial : trials)
    result.push_back({is_finished(*trial), numbers_of(space_, trial->params)});
  return result;
}

/// Parameters that occur in exactly the same finished trials; without grouping only those that
/// occur in all. What never occurred is in no group.
std::vector<TpeDraw::Group> TpeDraw::groups() const {
  std::map<std::vector<bool>, Group> by_occurrence;
  for (std::size_t p = 0; p < space_.parameters.size(); ++p) {
    if (!is_searched(space_.parameters[p].second)) continue;
    std::vector<bool> occurs;
    for (const auto* side : {&below_, &above_}) {
      for (const Trial& trial : *side) {
        if (trial.is_finished) occurs.push_back(trial.numbers[p].has_value());
      }
    }
    const bool in_all = std::ranges::find(occurs, false) == occurs.end();
    const bool in_any = std::ranges::find(occurs, true) != occurs.end();
    const bool is_wanted = options_.grouping == Grouping::off ? in_all : in_any;
    if (is_wanted && in_any) by_occurrence[occurs].push_back(p);
  }
  std::vector<Group> groups;
  for (auto& [occurs, group] : by_occurrence)
    groups.push_back(std::move(group));
  std::ranges::sort(groups);
  return groups;
}

ParzenEstimator TpeDraw::estimator(const Group& group, const std::vector<Trial>& trials) const {
  std::vector<Distribution> parameters;
  for (const std::size_t p : group)
    parameters.push_back(space_.parameters[p].second);
  std::vector<std::vector<double>> history(group.size());
  for (const Trial& trial : trials) {
    const bool has_all =
        std::ranges::all_of(group, [&](std::size_t p) { return trial.numbers[p].has_value(); });
    for (std::size_t i = 0; has_all && i < group.size(); ++i)
      history[i].push_back(*trial.numbers[group[i]]);
  }
  return {std::move(parameters), history};
}

/// Candidates from where the good trials are; the one that the others are least likely to have.
void TpeDraw::draw_group(const Group& group) {
  const ParzenEstimator good = estimator(group, below_);
  const ParzenEstimator rest = estimator(group, above_);
  const std::vector<Point> candidates = good.sample(random_, options_.n_ei_candidates);
  const std::vector<double> log_good = good.log_density(candidates);
  const std::vector<double> log_rest = rest.log_density(candidates);
  std::size_t best = 0;
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    if (log_good[i] - log_rest[i] > log_good[best] - log_rest[best]) best = i;
  }
  for (std::size_t i = 0; i < group.size(); ++i)
    drawn_[group[i]] = candidates[best][i];
}

/// Whether trials of the space may be of that family; those of one that names none are networks.
bool has_family(const SearchSpace& space, const ParamValue& family) {
  const Distribution* chosen = space.find(kFamily);
  if (chosen == nullptr) return family == ParamValue{"mlp"};
  return chosen->kind == Kind::fixed
             ? chosen->value == family
             : std::ranges::find(chosen->choices, family) != chosen->choices.end();
}

std::optional<double> number_in(const ParamValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return std::nullopt;
}

/// A number becomes the nearest that the parameter may be.
ParamValue nearest(const Distribution& parameter, const ParamValue& value) {
  const auto number = number_in(value);
  if (!number) return value;
  if (parameter.kind != Kind::categorical)
    return from_number(parameter, std::clamp(*number, parameter.low, parameter.high));
  const bool are_numbers = std::ranges::all_of(
      parameter.choices, [](const ParamValue& choice) { return number_in(choice).has_value(); });
  if (!are_numbers) return value;
  return *std::ranges::min_element(parameter.choices, {}, [&](const ParamValue& choice) {
    return std::abs(*number_in(choice) - *number);
  });
}

/// A first trial as far as the space names its parameters, or nothing if they make no trial of it.
std::optional<Params> as_trial_of(const SearchSpace& space, const Params& first, bool moves) {
  if (!has_family(space, first.at(kFamily))) return std::nullopt;
  Params params;
  for (const auto& [name, value] : first) {
    const Distribution* parameter = space.find(name);
    if (parameter != nullptr && parameter->kind != Kind::fixed)
      params[name] = moves ? nearest(*parameter, value) : value;
  }
  if (params.empty() || !check_params(space, params)) return std::nullopt;
  return conform(space, std::move(params));
}

/// Whether trials of a family can differ in more than that.
bool has_choices(const SearchSpace& space, const ParamValue& family) {
  const Params alone{{kFamily, family}};
  return std::ranges::any_of(space.parameters, [&](const auto& named) {
    const auto& [name, parameter] = named;
    return name != kFamily && parameter.kind != Kind::fixed && is_active(parameter, alone);
  });
}

/// The space without families of which there is one trial only, which has been tried first: else
/// that one would be drawn again and again, above all where nothing is to be learned. Nothing if
/// all families, or none, are such.
std::optional<SearchSpace> without_exhausted(const SearchSpace& space) {
  const Distribution* chosen = space.find(kFamily);
  if (chosen == nullptr || chosen->kind != Kind::categorical) return std::nullopt;
  const auto is_exhausted = [&](const ParamValue& family) { return !has_choices(space, family); };
  const auto exhausted = std::ranges::count_if(chosen->choices, is_exhausted);
  if (exhausted == 0 || exhausted == std::ssize(chosen->choices)) return std::nullopt;
  SearchSpace open = space;
  for (auto& [name, parameter] : open.parameters)
    if (name == kFamily) std::erase_if(parameter.choices, is_exhausted);
  return open;
}

}  // namespace

std::vector<Params> first_trials(const SearchSpace& space, bool moves) {
  std::vector<Params> portfolio;
  for (const Params& first : default_portfolio())
    if (auto trial = as_trial_of(space, first, moves)) portfolio.push_back(std::move(*trial));
  return portfolio;
}

Params sample_random(const SearchSpace& space, Random& random) {
  Params params;
  for (const auto& [name, parameter] : space.parameters) {
    if (!is_active(parameter, params)) continue;
    const bool is_fixed = parameter.kind == Kind::fixed;
    params[name] = from_number(parameter, is_fixed ? 0 : random_number(parameter, random));
  }
  return params;
}

Params sample_tpe(const SearchSpace& space,
                  std::span<const Observation> observations,
                  std::uint64_t seed,
                  const TpeOptions& options) {
  const auto finished = static_cast<std::size_t>(std::ranges::count_if(observations, is_finished));
  if (finished >= options.n_startup_trials)
    return TpeDraw(space, observations, seed, options).run();
  Random random(seed);
  return sample_random(space, random);
}

Params draw(std::uint64_t study_seed,
            std::uint64_t trial_number,
            const SearchSpace& space,
            std::span<const Observation> observations,
            const TpeOptions& options,
            std::uint64_t given) {
  auto portfolio = first_trials(space, options.moves_first_trials);
  const std::uint64_t own = trial_number - std::min<std::uint64_t>(given, trial_number);
  if (own < portfolio.size()) return std::move(portfolio[own]);
  const std::uint64_t seed = mix_seeds(study_seed, trial_number);
  const auto open = without_exhausted(space);
  if (!open) return sample_tpe(space, observations, seed, options);
  std::vector<Observation> of_open;
  for (const Observation& trial : observations)
    if (has_family(*open, trial.params.at(kFamily))) of_open.push_back(trial);
  return sample_tpe(*open, of_open, seed, options);
}

std::size_t tpe_gamma(std::size_t finished) {
  return std::min((finished + 9) / 10, kGoodTrialsMax);
}

TrialSplit split_trials(std::span<const Observation> observations, std::size_t n_below) {
  TrialSplit split;
  std::vector<const Observation*> finished;
  for (const Observation& trial : observations) {
    if (is_finished(trial)) finished.push_back(&trial);
    if (trial.state == State::running) split.above.push_back(&trial);
  }
  std::ranges::sort(finished, {}, [](const Observation* trial) { return rank_of(*trial); });
  n_below = std::min(n_below, finished.size());
  const auto middle = finished.begin() + static_cast<std::ptrdiff_t>(n_below);
  split.below.assign(finished.begin(), middle);
  split.above.insert(split.above.end(), middle, finished.end());
  sort_by_number(split.below);
  sort_by_number(split.above);
  return split;
}

}  // namespace starling::ml
