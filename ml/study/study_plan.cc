#include "ml/study/study_plan.h"

#include "ml/search/family_spec.h"
#include "ml/search/named_spaces.h"
#include "ml/table/encoder.h"
#include "ml/table/task_inference.h"
#include "node/base/labels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace starling::ml {
namespace {

Error wrong(std::string_view field, std::string_view sentence) {
  return {Errc::invalid_argument, fmt::format("{}: {}", field, sentence)};
}

Result<> in_range(std::string_view field,
                  std::uint64_t value,
                  std::uint64_t low,
                  std::uint64_t high) {
  if (value >= low && value <= high) return {};
  return wrong(field, fmt::format("{} is not from {} to {}", value, low, high));
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
             std::string_view::npos;
}

/// A dataset's name may hold what a model's may not.
std::string to_name(std::string_view text) {
  std::string name;
  for (const char c : text.substr(0, 64))
    name.push_back(is_name(std::string_view{&c, 1}) ? c : '-');
  return name.empty() ? "model" : name;
}

constexpr std::uint64_t kTimeLimitMaxS = 604'800;
constexpr std::size_t kOutsideParamsMax = 65'536;  // a trial must fit an entry of the log

/// A time limit of 0 is none.
Result<> check_numbers(const StudySpec& spec) {
  if (auto ok = in_range("trials", spec.trials, 1, kTrialsMax); !ok) return ok;
  if (auto ok = in_range("parallelism", spec.parallelism, 1, 1000); !ok) return ok;
  if (auto ok = in_range("time_limit_s", spec.time_limit_s, 0, kTimeLimitMaxS); !ok) return ok;
  if (auto ok = in_range("seed", spec.seed, 0, std::uint64_t{1} << 53); !ok) return ok;
  if (auto ok = in_range("epochs", spec.epochs, 1, 10'000); !ok) return ok;
  return in_range("patience", spec.patience, 1, 10'000);
}

Result<> check_name(std::string_view name) {
  if (is_name(name)) return {};
  return wrong(
      "name", fmt::format("\"{}\" is not 1 to 64 of letters, digits, dot, dash, underscore", name));
}

Result<> set_task(const StudyRequest& request, const TableProfile& profile, StudySpec& spec) {
  std::optional<TaskKind> wanted;
  const std::string task = request.task.value_or("auto");
  if (task != "auto") {
    wanted = task_from_name(task);
    if (task == "forecast" || task == "image")
      return wrong("task", fmt::format("{} studies are not built yet", task));
    if (!wanted)
      return wrong("task",
                   fmt::format("\"{}\" is none of auto, regression, binary, multiclass", task));
  }
  const auto choice = infer_task(profile, request.target, wanted);
  if (!choice) return wrong("target", choice.error().detail);
  const bool has_feature = std::any_of(
      profile.columns.begin(), profile.columns.end(), [&request](const ColumnProfile& column) {
        return column.name != request.target && is_feature(column);
      });
  if (!has_feature) {
    return wrong("dataset",
                 "no column besides the target can be learned from (a feature is a number or a "
                 "category with at least two values)");
  }
  spec.task = to_string(choice->task);
  Metric metric = default_metric(choice->task);
  if (request.metric) {
    const auto named = metric_from_name(*request.metric);
    if (!named || !fits(*named, choice->task)) {
      std::string names;
      for (const Metric known : metrics_of(choice->task))
        names.append(names.empty() ? "" : ", ").append(to_string(known));
      return wrong("metric",
                   fmt::format("\"{}\" does not measure a {} task; use one of {}",
                               *request.metric,
                               spec.task,
                               names));
    }
    metric = *named;
  }
  spec.metric = to_string(metric);
  spec.maximize = direction_of(metric) == MetricDirection::maximize;
  if (request.direction && (*request.direction == "maximize") != spec.maximize) {
    return wrong(
        "direction",
        fmt::format(
            "{} is to be {}d; leave it out", spec.metric, spec.maximize ? "maximize" : "minimize"));
  }
  return {};
}

Result<> check_initial(const StudySpec& spec,
                       const SearchSpace& space,
                       const std::vector<Params>& initial) {
  if (initial.size() > spec.trials)
    return wrong("initial",
                 fmt::format("{} parameter sets for {} trials", initial.size(), spec.trials));
  for (std::size_t i = 0; i < initial.size(); ++i) {
    if (auto ok = check_params(space, initial[i]); !ok)
      return wrong("initial", fmt::format("entry {}: {}", i, ok.error().detail));
    if (is_outside(spec)) continue;
    const auto family = family_spec_from(conform(space, initial[i]));
    if (!family) return wrong("initial", fmt::format("entry {}: {}", i, family.error().detail));
  }
  return {};
}

Result<> check_labels(const std::string& use_case, const std::vector<std::string>& tags) {
  if (use_case.size() > 2000)
    return wrong("use_case", fmt::format("{} characters; at most 2000", use_case.size()));
  if (tags.size() > 20) return wrong("tags", fmt::format("{} tags; at most 20", tags.size()));
  for (const auto& tag : tags) {
    if (tag.empty() || tag.size() > 64)
      return wrong("tags", fmt::format("\"{}\" is not 1 to 64 characters", tag));
  }
  return {};
}

/// As nodes can have them (`--label`).
Result<> check_service(const StudySpec& spec) {
  if (spec.priority < -kPriorityMax || spec.priority > kPriorityMax) {
    return wrong(
        "priority",
        fmt::format("{} is not from {} to {}", spec.priority, -kPriorityMax, kPriorityMax));
  }
  if (spec.required_labels.size() > kLabelsMax) {
    return wrong(
        "requires",
        fmt::format("{} labels; a node has at most {}", spec.required_labels.size(), kLabelsMax));
  }
  for (const auto& [key, value] : spec.required_labels) {
    if (key.empty() || key.size() > kLabelKeyMax || value.size() > kLabelValueMax) {
      return wrong("requires",
                   fmt::format("\"{:.80}\": a label has 1 to {} characters, its value at most {}",
                               key,
                               kLabelKeyMax,
                               kLabelValueMax));
    }
  }
  return {};
}

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
    return wrong("engine", fmt::format("\"{:.40}\" is none of native, torch", *request.engine));
  const Distribution* family = space.find("family");
  const bool has_networks =
      family == nullptr || family->value == ParamValue{"mlp"} ||
      std::ranges::find(family->choices, ParamValue{"mlp"}) != family->choices.end();
  if (!has_networks) return wrong("engine", "no trial of this search_space is a network");
  if (space.find(kEngine) != nullptr)
    return wrong("engine", fmt::format("search_space says it too, as {}", kEngine));
  Distribution engine;
  engine.kind = Distribution::Kind::fixed;
  engine.value = "torch";
  if (family != nullptr) engine.when = {{"family", {"mlp"}}};
  space.parameters.emplace_back(kEngine, std::move(engine));
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
  return complete ? Result<>{} : wrong("search_space", complete.error().detail);
}

Result<> check_outside_metric(const std::string& metric) {
  if (is_name(metric)) return {};
  return wrong(
      "metric",
      fmt::format("\"{:.80}\" is not 1 to 64 of letters, digits, dot, dash, underscore", metric));
}

Result<> check_families(const StudyRequest& request) {
  if (request.search_space_json || request.search_space_name)
    return wrong("families", "search_space says it, too: leave one of them out");
  for (const std::string& family : request.families) {
    if (std::ranges::find(kFamilyNames, family) == kFamilyNames.end())
      return wrong("families",
                   fmt::format("\"{:.40}\" is none of {}", family, fmt::join(kFamilyNames, ", ")));
    if (std::ranges::count(request.families, family) > 1)
      return wrong("families", fmt::format("{} is there twice", family));
  }
  return {};
}

/// As it was asked for: by families, in full, or by name; all families if nothing is said. An
/// engine is for networks.
Result<SearchSpace> space_of(const StudyRequest& request,
                             const TableProfile& profile,
                             const StudySpec& spec) {
  if (!request.families.empty()) {
    if (auto ok = check_families(request); !ok) return ok.error();
    return families_space(request.families, numbers_in(profile, spec));
  }
  const bool is_for_networks = request.engine && *request.engine != "native";
  const bool says_nothing =
      !request.search_space_json && !request.search_space_name && !is_for_networks;
  if (says_nothing) {
    const std::vector<std::string> all{kFamilyNames.begin(), kFamilyNames.end()};
    return families_space(all, numbers_in(profile, spec));
  }
  if (request.search_space_json) {
    auto parsed = parse_search_space(*request.search_space_json);
    if (!parsed) return wrong("search_space", parsed.error().detail);
    if (auto ok = check_values(*parsed); !ok) return wrong("search_space", ok.error().detail);
    return parsed;
  }
  auto named = space_named(
      request.search_space_name.value_or("default"), profile.rows, numbers_in(profile, spec));
  if (!named) return wrong("search_space", named.error().detail);
  return named;
}

Result<> set_search(const StudyRequest& request, const TableProfile& profile, StudySpec& spec) {
  auto space = space_of(request, profile, spec);
  if (!space) return space.error();
  if (auto ok = set_engine(request, *space); !ok) return ok;
  return set_space(request, *space, spec);
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

/// Any names: only the program that asks knows what they mean.
Result<> set_outside_search(const StudyRequest& request, StudySpec& spec) {
  if (!request.search_space_json)
    return wrong("search_space", "is needed and missing: an object of parameters and their ranges");
  const auto space = parse_search_space(*request.search_space_json);
  if (!space) return wrong("search_space", space.error().detail);
  if (space->parameters.empty()) return wrong("search_space", "has no parameter");
  if (const std::size_t bytes = most_bytes(*space); bytes > kOutsideParamsMax)
    return wrong("search_space",
                 fmt::format("names and words of one trial could take {} bytes; the limit is {}",
                             bytes,
                             kOutsideParamsMax));
  return set_space(request, *space, spec);
}

Result<> set_outside_goal(const StudyRequest& request, StudySpec& spec) {
  const std::pair<const char*, bool> strangers[] = {{"dataset", !request.dataset.empty()},
                                                    {"target", !request.target.empty()},
                                                    {"engine", request.engine.has_value()},
                                                    {"families", !request.families.empty()},
                                                    {"split", request.split.has_value()},
                                                    {"patience", request.patience.has_value()},
                                                    {"requires", !request.required_labels.empty()}};
  for (const auto& [field, is_given] : strangers) {
    if (is_given) return wrong(field, "a study whose task is outside has none; leave it out");
  }
  spec.task = kOutsideTask;
  spec.metric = request.metric.value_or("value");
  spec.maximize = request.direction == "maximize";
  return check_outside_metric(spec.metric);
}

Result<> set_split(const StudyRequest& request,
                   const Dataset& dataset,
                   const TableProfile& profile,
                   const FindDataset& find,
                   StudySpec& spec) {
  auto split = complete_split(request.split, dataset, profile, request.target, find);
  if (!split) return split.error();
  spec.split = std::move(*split);
  return {};
}

Result<> set_labels(const StudyRequest& request, std::string_view usual_name, StudySpec& spec) {
  spec.name = request.name.value_or(to_name(usual_name));
  if (auto ok = check_name(spec.name); !ok) return ok;
  if (auto ok = check_labels(request.use_case, request.tags); !ok) return ok;
  spec.use_case = request.use_case;
  spec.tags = request.tags;
  spec.priority = request.priority.value_or(0);
  spec.required_labels = request.required_labels;
  return check_service(spec);
}

Result<> check_goal(const StudySpec& spec) {
  if (is_outside(spec)) return check_outside_metric(spec.metric);
  const auto task = task_from_name(spec.task);
  if (!task) return wrong("task", fmt::format("\"{}\" is none", spec.task));
  const auto metric = metric_from_name(spec.metric);
  if (!metric || !fits(*metric, *task))
    return wrong("metric", fmt::format("\"{:.80}\" does not measure {}", spec.metric, spec.task));
  if (spec.maximize != (direction_of(*metric) == MetricDirection::maximize))
    return wrong("metric", fmt::format("{} is sought in the other direction", spec.metric));
  return {};
}

Result<> set_numbers(const StudyRequest& request, std::uint32_t slots, StudySpec& spec) {
  spec.trials = request.trials.value_or(20);
  const std::uint32_t quarter = std::max<std::uint32_t>(1, spec.trials / 4);
  spec.parallelism = request.parallelism.value_or(std::min(std::max(slots, 4U), quarter));
  if (request.time_limit_s) {
    if (auto ok = in_range("time_limit_s", *request.time_limit_s, 1, kTimeLimitMaxS); !ok)
      return ok;
  }
  spec.time_limit_s = request.time_limit_s.value_or(0);
  spec.seed = request.seed.value_or(42);
  spec.epochs = request.epochs.value_or(100);
  spec.patience = request.patience.value_or(16);
  const std::string pruner = request.pruner.value_or("none");
  if (pruner != to_string(Pruner::none) && pruner != to_string(Pruner::asha))
    return wrong("pruner", fmt::format("\"{:.40}\" is not none or asha", pruner));
  if (pruner == to_string(Pruner::asha)) spec.pruner = Pruner::asha;
  return check_numbers(spec);
}

}  // namespace

Result<StudySpec> complete_spec(const StudyRequest& request,
                                const Dataset& dataset,
                                const TableProfile& profile,
                                std::uint32_t slots,
                                const FindDataset& find) {
  StudySpec spec;
  spec.dataset = dataset.id;
  spec.target = request.target;
  if (auto ok = set_labels(request, dataset.name, spec); !ok) return ok.error();
  if (auto ok = set_numbers(request, slots, spec); !ok) return ok.error();
  if (auto ok = set_split(request, dataset, profile, find, spec); !ok) return ok.error();
  TableProfile learned = profile;
  set_key_aside(spec.split, learned);
  if (auto ok = set_task(request, learned, spec); !ok) return ok.error();
  if (auto ok = set_search(request, learned, spec); !ok) return ok.error();
  return spec;
}

Result<StudySpec> complete_outside_spec(const StudyRequest& request, std::uint32_t slots) {
  StudySpec spec;
  if (auto ok = set_labels(request, kOutsideTask, spec); !ok) return ok.error();
  if (auto ok = set_numbers(request, slots, spec); !ok) return ok.error();
  if (auto ok = set_outside_goal(request, spec); !ok) return ok.error();
  if (auto ok = set_outside_search(request, spec); !ok) return ok.error();
  return spec;
}

bool is_dataset_name(std::string_view name, std::size_t most) {
  const bool has_control =
      std::ranges::any_of(name, [](unsigned char c) { return c < ' ' || c == 0x7f; });
  return !name.empty() && name.size() <= most && !has_control;
}

Result<> check_spec(const StudySpec& spec) {
  if (auto ok = check_name(spec.name); !ok) return ok;
  if (auto ok = check_numbers(spec); !ok) return ok;
  if (auto ok = check_goal(spec); !ok) return ok;
  const auto space = parse_search_space(spec.search_space_json);
  if (!space) return wrong("search_space", space.error().detail);
  if (auto ok = check_initial(spec, *space, spec.initial); !ok) return ok;
  if (auto ok = check_split(spec.split); !ok) return ok;
  if (auto ok = check_service(spec); !ok) return ok;
  return check_labels(spec.use_case, spec.tags);
}

}  // namespace starling::ml
