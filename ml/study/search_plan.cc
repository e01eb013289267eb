#include "ml/study/search_plan.h"

#include "ml/search/family_spec.h"
#include "ml/search/named_spaces.h"
#include "ml/study/study_plan.h"
#include "ml/table/encoder.h"
#include "ml/table/task_inference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace starling::ml {
namespace {

constexpr std::size_t kOutsideParamsMax = 65'536;  // a trial must fit an entry of the log

/// Inputs of a network that are numbers, at most.
std::size_t numbers_in(const TableProfile& profile, const StudySpec& spec) {
  const auto task = task_from_name(spec.task).value_or(TaskKind::regression);
  const ColumnProfile* target = profile.find(spec.target);
  const std::size_t classes = target == nullptr ? 0 : target->distinct;
  std::size_t numbers = 0;
  for (const auto& feature :
       widest_features(profile, spec.target, statistic_targets(task, classes)))
    numbers += feature.numbers;
  return numbers;
}

/// The engine is a parameter like any other, of every trial that is a network.
Result<> set_engine(const StudyRequest& request, SearchSpace& space) {
  constexpr const char* kEngine = "mlp.engine";
  if (!request.engine || *request.engine == "native") return {};
  if (*request.engine != "torch")
    return field_error("engine",
                       fmt::format("\"{:.40}\" is none of native, torch", *request.engine));
  const Distribution* family = space.find("family");
  const bool has_networks =
      family == nullptr || family->value == ParamValue{"mlp"} ||
      std::ranges::find(family->choices, ParamValue{"mlp"}) != family->choices.end();
  if (!has_networks) return field_error("engine", "no trial of this search_space is a network");
  if (space.find(kEngine) != nullptr)
    return field_error("engine", fmt::format("search_space says it too, as {}", kEngine));
  Distribution engine;
  engine.kind = Distribution::Kind::fixed;
  engine.value = "torch";
  if (family != nullptr) engine.when = {{"family", {"mlp"}}};
  space.parameters.emplace_back(kEngine, std::move(engine));
  return {};
}

/// So that all classes count the same. A parameter like any other, of every trial.
Result<> set_class_weight(const StudyRequest& request, const StudySpec& spec, SearchSpace& space) {
  constexpr const char* kWeights = "encode.class_weights";
  if (!request.class_weight || *request.class_weight == "none") return {};
  if (*request.class_weight != "balanced")
    return field_error("class_weight",
                       fmt::format("\"{:.40}\" is none of none, balanced", *request.class_weight));
  if (spec.task == to_string(TaskKind::regression))
    return field_error(
        "class_weight",
        fmt::format("the target \"{}\" is a number and has no classes; leave it out", spec.target));
  if (space.find(kWeights) != nullptr)
    return field_error("class_weight", fmt::format("search_space says it too, as {}", kWeights));
  Distribution weights;
  weights.kind = Distribution::Kind::fixed;
  weights.value = "balanced";
  space.parameters.emplace_back(kWeights, std::move(weights));
  return {};
}

/// Of which family a set of parameters is may be told by their names alone.
std::vector<Params> with_families(const SearchSpace& space, std::vector<Params> initial) {
  for (Params& params : initial)
    if (space.find("family") != nullptr && !params.contains("family"))
      params["family"] = family_told_by(params);
  return initial;
}

Result<> set_space(const StudyRequest& request, const SearchSpace& space, StudySpec& spec) {
  const auto initial = with_families(space, request.initial);
  if (auto ok = check_initial(spec, space, initial); !ok) return ok;
  for (const Params& params : initial)
    spec.initial.push_back(conform(space, params));
  spec.search_space_json = to_json(space);
  const auto complete = parse_search_space(spec.search_space_json);
  return complete ? Result<>{} : field_error("search_space", complete.error().detail);
}

Result<> check_families(const StudyRequest& request) {
  if (request.search_space_json || request.search_space_name)
    return field_error("families", "search_space says it, too: leave one of them out");
  for (const std::string& family : request.families) {
    if (std::ranges::find(kFamilyNames, family) == kFamilyNames.end())
      return field_error(
          "families",
          fmt::format("\"{:.40}\" is none of {}", family, fmt::join(kFamilyNames, ", ")));
    if (std::ranges::count(request.families, family) > 1)
      return field_error("families", fmt::format("{} is there twice", family));
  }
  return {};
}

/// Families and ranges by rules. Parameters that somebody wants to see tried are within them.
SearchSpace space_by_rules(const StudyRequest& request,
                           const TableProfile& profile,
                           const SwarmFacts& swarm,
                           StudySpec& spec) {
  const PlanFacts facts = facts_of(profile, spec, swarm);
  const std::size_t numbers = numbers_in(profile, spec);
  const bool has_rules = swarm.feature_level >= kBagsLevel && request.initial.empty();
  std::vector<std::string> families{kUsualFamilies.begin(), kUsualFamilies.end()};
  if (!request.families.empty())
    families = request.families;
  else if (has_rules)
    families = families_for(spec.constraints, spec.decisions);
  SearchSpace space = families_space(families, numbers);
  if (!has_rules) return space;
  std::vector<Decision> narrower;
  narrow(facts, spec.constraints, space, narrower);
  if (request.families.empty() && leave_out_too_large(facts, space, families, spec.decisions)) {
    space = families_space(families, numbers);
    narrower.clear();
    narrow(facts, spec.constraints, space, narrower);
  }
  spec.decisions.insert(spec.decisions.end(), narrower.begin(), narrower.end());
  return space;
}

/// As it was asked for: by families, in full, or by name; by rules if nothing is said. An engine is
/// for networks.
Result<SearchSpace> space_of(const StudyRequest& request,
                             const TableProfile& profile,
                             const SwarmFacts& swarm,
                             StudySpec& spec) {
  if (!request.families.empty()) {
    if (auto ok = check_families(request); !ok) return ok.error();
    return space_by_rules(request, profile, swarm, spec);
  }
  const bool is_for_networks = request.engine && *request.engine != "native";
  const bool says_nothing =
      !request.search_space_json && !request.search_space_name && !is_for_networks;
  if (says_nothing && swarm.feature_level >= kFamiliesLevel)
    return space_by_rules(request, profile, swarm, spec);
  if (request.search_space_json) {
    auto parsed = parse_search_space(*request.search_space_json);
    if (!parsed) return field_error("search_space", parsed.error().detail);
    if (auto ok = check_values(*parsed); !ok) return field_error("search_space", ok.error().detail);
    return parsed;
  }
  auto named = space_named(
      request.search_space_name.value_or("default"), profile.rows, numbers_in(profile, spec));
  if (!named) return field_error("search_space", named.error().detail);
  return named;
}

/// Of one trial's names and words.
std::size_t most_bytes(const SearchSpace& space) {
  const auto size = [](const ParamValue& value) {
    const auto* text = std::get_if<std::string>(&value);
    return text == nullptr ? 0 : text->size();
  };
  std::size_t bytes = 0;
  for (const auto& [name, parameter] : space.parameters) {
    std::size_t longest = size(parameter.value);
    for (const ParamValue& choice : parameter.choices)
      longest = std::max(longest, size(choice));
    bytes += name.size() + longest;
  }
  return bytes;
}

}  // namespace

Error field_error(std::string_view field, std::string_view sentence) {
  return {Errc::invalid_argument, fmt::format("{}: {}", field, sentence)};
}

PlanFacts facts_of(const TableProfile& profile, const StudySpec& spec, const SwarmFacts& swarm) {
  PlanFacts facts{.rows = profile.rows, .largest_node_mb = swarm.largest_node_mb};
  if (swarm.peak_mb)
    facts.peak_mb = [&](const Params& params) { return swarm.peak_mb(params, profile, spec); };
  const ColumnProfile* target = profile.find(spec.target);
  if (target == nullptr) return facts;
  facts.rows -= std::min(target->missing + target->unreadable + target->infinite, facts.rows);
  if (spec.task == to_string(TaskKind::regression)) return facts;
  std::vector<std::uint64_t> counts;
  for (const LevelCount& level : target->levels)
    if (level.count >= kClassRowsMin) counts.push_back(level.count);
  if (counts.empty()) return facts;
  facts.rows = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  facts.largest_class = std::ranges::max(counts);
  facts.least_class =
      static_cast<double>(std::ranges::min(counts)) / static_cast<double>(facts.rows);
  return facts;
}

Result<> check_initial(const StudySpec& spec,
                       const SearchSpace& space,
                       const std::vector<Params>& initial) {
  if (initial.size() > spec.trials)
    return field_error("initial",
                       fmt::format("{} parameter sets for {} trials", initial.size(), spec.trials));
  for (std::size_t i = 0; i < initial.size(); ++i) {
    if (auto ok = check_params(space, initial[i]); !ok)
      return field_error("initial", fmt::format("entry {}: {}", i, ok.error().detail));
    if (is_outside(spec)) continue;
    const auto family = family_spec_from(conform(space, initial[i]));
    if (!family)
      return field_error("initial", fmt::format("entry {}: {}", i, family.error().detail));
  }
  return {};
}

Result<> set_search(const StudyRequest& request,
                    const TableProfile& profile,
                    const SwarmFacts& swarm,
                    StudySpec& spec) {
  auto space = space_of(request, profile, swarm, spec);
  if (!space) return space.error();
  if (auto ok = set_engine(request, *space); !ok) return ok;
  if (auto ok = set_class_weight(request, spec, *space); !ok) return ok;
  return set_space(request, *space, spec);
}

/// Any names: only the program that asks knows what they mean.
Result<> set_outside_search(const StudyRequest& request, StudySpec& spec) {
  if (!request.search_space_json)
    return field_error("search_space",
                       "is needed and missing: an object of parameters and their ranges");
  const auto space = parse_search_space(*request.search_space_json);
  if (!space) return field_error("search_space", space.error().detail);
  if (space->parameters.empty()) return field_error("search_space", "has no parameter");
  if (const std::size_t bytes = most_bytes(*space); bytes > kOutsideParamsMax)
    return field_error(
        "search_space",
        fmt::format("names and words of one trial could take {} bytes; the limit is {}",
                    bytes,
                    kOutsideParamsMax));
  return set_space(request, *space, spec);
}

}  // namespace starling::ml
