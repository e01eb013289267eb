#include "ml/study/study_plan.h"

#include "ml/search/family_spec.h"
#include "ml/search/named_spaces.h"
#include "ml/search/plan_rules.h"
#include "ml/search/use_case.h"
#include "ml/study/fold_fits.h"
#include "ml/study/search_plan.h"
#include "ml/table/encoder.h"
#include "ml/table/profile_json.h"
#include "ml/table/task_inference.h"
#include "node/base/labels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace starling::ml {
namespace {

Result<> in_range(std::string_view field,
                  std::uint64_t value,
                  std::uint64_t low,
                  std::uint64_t high) {
  if (value >= low && value <= high) return {};
  return field_error(field, fmt::format("{} is not from {} to {}", value, low, high));
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
  return field_error(
      "name", fmt::format("\"{}\" is not 1 to 64 of letters, digits, dot, dash, underscore", name));
}

std::string reason_for(Metric metric) {
  return metric == Metric::rmse
             ? "it is in the unit of the target, and large errors count most"
             : "it judges the chances themselves; what is said to be which class is chosen after";
}

/// `{"rare classes", "only train", "\"7\" and 3 more have fewer than 3 rows: ..."}`.
Decision decision_on_rare(const TaskChoice& choice) {
  constexpr std::size_t kNameMax = 40;
  std::string who = fmt::format("\"{}\"", utf8_prefix(choice.rare.front(), kNameMax));
  if (choice.rare.size() > 1) who += fmt::format(" and {} more", choice.rare.size() - 1);
  return {"rare classes",
          choice.keeps_rare ? "only train" : "left out",
          fmt::format("{} {} fewer than {} rows: {}",
                      who,
                      choice.rare.size() > 1 ? "have" : "has",
                      kClassRowsMin,
                      choice.rare_reason)};
}

Result<> set_task(const StudyRequest& request,
                  const TableProfile& profile,
                  const SwarmFacts& swarm,
                  StudySpec& spec) {
  std::optional<TaskKind> wanted;
  const std::string task = request.task.value_or("auto");
  if (task != "auto") {
    wanted = task_from_name(task);
    if (task == "forecast" || task == "image")
      return field_error("task", fmt::format("{} studies are not built yet", task));
    if (!wanted)
      return field_error(
          "task", fmt::format("\"{}\" is none of auto, regression, binary, multiclass", task));
  }
  // Where a person says which rows test, or time or groups do, rare rows might be among them.
  const bool is_drawn =
      spec.split.method == SplitMethod::holdout || spec.split.method == SplitMethod::kfold;
  const bool knows_rare = is_drawn && swarm.feature_level >= kClassWeightsLevel;
  const auto choice = infer_task(
      profile, request.target, wanted, knows_rare ? RareClasses::train : RareClasses::leave_out);
  if (!choice) return field_error("target", choice.error().detail);
  const bool has_feature = std::any_of(
      profile.columns.begin(), profile.columns.end(), [&request](const ColumnProfile& column) {
        return column.name != request.target && is_feature(column);
      });
  if (!has_feature) {
    return field_error(
        "dataset",
        "no column besides the target can be learned from (a feature is a number or a "
        "category with at least two values)");
  }
  spec.task = to_string(choice->task);
  spec.trains_rare_classes = choice->keeps_rare;
  if (!wanted) spec.decisions.push_back({"task", spec.task, choice->reason});
  if (!choice->rare.empty()) spec.decisions.push_back(decision_on_rare(*choice));
  Metric metric = default_metric(choice->task);
  if (!request.metric) {
    spec.decisions.push_back({"metric", std::string{to_string(metric)}, reason_for(metric)});
  } else {
    const auto named = metric_from_name(*request.metric);
    if (!named || !fits(*named, choice->task)) {
      std::string names;
      for (const Metric known : metrics_of(choice->task))
        names.append(names.empty() ? "" : ", ").append(to_string(known));
      return field_error("metric",
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
    return field_error(
        "direction",
        fmt::format(
            "{} is to be {}d; leave it out", spec.metric, spec.maximize ? "maximize" : "minimize"));
  }
  return {};
}

Result<> check_least_target(const StudySpec& spec,
                            const Dataset& dataset,
                            const TableProfile& profile) {
  const ColumnProfile* target = profile.find(spec.target);
  if (target == nullptr || target->min >= 0) return {};
  return field_error(
      "metric",
      fmt::format("{} needs a target of 0 or more, and \"{}\" of \"{}\" holds {}; use "
                  "rmse or mae",
                  spec.metric,
                  spec.target,
                  dataset.name,
                  target->min));
}

/// Whether the metric is defined on the rows, as far as profiles tell. Rows of other data sets may
/// judge, too.
Result<> check_metric(const StudySpec& spec,
                      const Dataset& dataset,
                      const TableProfile& profile,
                      const FindDataset& find) {
  if (spec.metric != to_string(Metric::rmsle)) return {};
  if (auto ok = check_least_target(spec, dataset, profile); !ok) return ok;
  std::vector<std::string> others;
  if (spec.split.method == SplitMethod::datasets) {
    others = spec.split.validation;
    others.insert(others.end(), spec.split.test.begin(), spec.split.test.end());
  }
  for (const std::string& id : others) {
    const auto other = find(id);
    if (!other) return other.error();
    const auto other_profile = profile_from_stored(other->profile);
    if (!other_profile) return other_profile.error();
    if (auto ok = check_least_target(spec, *other, *other_profile); !ok) return ok;
  }
  return {};
}

Result<> check_labels(const std::string& use_case, const std::vector<std::string>& tags) {
  if (use_case.size() > 2000)
    return field_error("use_case", fmt::format("{} characters; at most 2000", use_case.size()));
  if (tags.size() > 20) return field_error("tags", fmt::format("{} tags; at most 20", tags.size()));
  for (const auto& tag : tags) {
    if (tag.empty() || tag.size() > 64)
      return field_error("tags", fmt::format("\"{}\" is not 1 to 64 characters", tag));
  }
  return {};
}

/// As nodes can have them (`--label`).
Result<> check_service(const StudySpec& spec) {
  if (spec.priority < -kPriorityMax || spec.priority > kPriorityMax) {
    return field_error(
        "priority",
        fmt::format("{} is not from {} to {}", spec.priority, -kPriorityMax, kPriorityMax));
  }
  if (spec.required_labels.size() > kLabelsMax) {
    return field_error(
        "requires",
        fmt::format("{} labels; a node has at most {}", spec.required_labels.size(), kLabelsMax));
  }
  for (const auto& [key, value] : spec.required_labels) {
    if (key.empty() || key.size() > kLabelKeyMax || value.size() > kLabelValueMax) {
      return field_error(
          "requires",
          fmt::format("\"{:.80}\": a label has 1 to {} characters, its value at most {}",
                      key,
                      kLabelKeyMax,
                      kLabelValueMax));
    }
  }
  return {};
}

Result<> check_outside_metric(const std::string& metric) {
  if (is_name(metric)) return {};
  return field_error(
      "metric",
      fmt::format("\"{:.80}\" is not 1 to 64 of letters, digits, dot, dash, underscore", metric));
}

Result<> set_outside_goal(const StudyRequest& request, StudySpec& spec) {
  const std::pair<const char*, bool> strangers[] = {
      {"dataset", !request.dataset.empty()},
      {"target", !request.target.empty()},
      {"engine", request.engine.has_value()},
      {"families", !request.families.empty()},
      {"split", request.split.has_value()},
      {"final", request.final_model.has_value()},
      {"constraints", request.constraints.has_value()},
      {"class_weight", request.class_weight.has_value()},
      {"patience", request.patience.has_value()},
      {"requires", !request.required_labels.empty()}};
  for (const auto& [field, is_given] : strangers) {
    if (is_given) return field_error(field, "a study whose task is outside has none; leave it out");
  }
  spec.task = kOutsideTask;
  spec.metric = request.metric.value_or("value");
  spec.maximize = request.direction == "maximize";
  return check_outside_metric(spec.metric);
}

/// A bag where the rows can be divided into folds and nothing speaks against it.
FinalModel usual_final(const SwarmFacts& swarm, StudySpec& spec) {
  if (swarm.feature_level < kBagsLevel) return FinalModel::refit;
  if (!can_be_bagged(spec.split)) {
    spec.decisions.push_back({"final", "refit", "the split has no folds, of which bags are made"});
    return FinalModel::refit;
  }
  const bool has_one = needs_one_model(spec.constraints, spec.decisions);
  return has_one ? FinalModel::refit : FinalModel::bag;
}

Result<> set_final_model(const StudyRequest& request, const SwarmFacts& swarm, StudySpec& spec) {
  if (!request.final_model) {
    spec.final_model = usual_final(swarm, spec);
    return {};
  }
  const std::string& wanted = *request.final_model;
  for (const FinalModel model : {FinalModel::refit, FinalModel::bag, FinalModel::refit_all})
    if (wanted == to_string(model)) spec.final_model = model;
  if (wanted != to_string(spec.final_model))
    return field_error("final", fmt::format("\"{:.40}\" is not bag, refit or refit_all", wanted));
  if (spec.final_model == FinalModel::bag && !can_be_bagged(spec.split)) {
    return field_error(
        "final",
        fmt::format("a bag needs folds, and a split by {} has none: say refit",
                    spec.split.validation.empty() ? "time" : "given validation rows"));
  }
  return {};
}

Result<> check_constraints(const Constraints& asked) {
  const auto is_in = [](double value, double most) { return value >= 0 && value <= most; };
  if (!is_in(asked.predict_ms, kPredictMsMax))
    return field_error(
        "constraints",
        fmt::format("predict_ms {} is not from 0 to {:g}", asked.predict_ms, kPredictMsMax));
  if (!is_in(asked.model_mb, kModelMbMax))
    return field_error(
        "constraints",
        fmt::format("model_mb {} is not from 0 to {:g}", asked.model_mb, kModelMbMax));
  return {};
}

/// What was asked for in so many words counts, else what the use case tells.
Result<> set_constraints(const StudyRequest& request, const SwarmFacts& swarm, StudySpec& spec) {
  if (request.constraints) {
    spec.constraints = *request.constraints;
    return check_constraints(spec.constraints);
  }
  if (swarm.feature_level < kBagsLevel) return {};
  spec.constraints = constraints_told_by(request.use_case, spec.decisions);
  return {};
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

/// Validation on folds where nobody says otherwise and the table is small.
void set_folds(const StudyRequest& request,
               const TableProfile& profile,
               const SwarmFacts& swarm,
               StudySpec& spec) {
  const bool is_free = !request.split && spec.split.method == SplitMethod::holdout;
  if (!is_free || swarm.feature_level < kBagsLevel) return;
  spec.split.folds = folds_for(facts_of(profile, spec, swarm), spec.decisions);
  if (spec.split.folds > 1) spec.split.method = SplitMethod::kfold;
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

Result<> check_decisions(const std::vector<Decision>& decisions) {
  if (decisions.size() > kDecisionsMax)
    return field_error("decisions", fmt::format("{}; at most {}", decisions.size(), kDecisionsMax));
  for (const auto& [what, choice, reason] : decisions) {
    const std::size_t bytes = what.size() + choice.size() + reason.size();
    if (bytes > kDecisionBytesMax)
      return field_error("decisions",
                         fmt::format("one has {} bytes; at most {}", bytes, kDecisionBytesMax));
  }
  return {};
}

Result<> check_goal(const StudySpec& spec) {
  if (is_outside(spec)) return check_outside_metric(spec.metric);
  const auto task = task_from_name(spec.task);
  if (!task) return field_error("task", fmt::format("\"{}\" is none", spec.task));
  const auto metric = metric_from_name(spec.metric);
  if (!metric || !fits(*metric, *task))
    return field_error("metric",
                       fmt::format("\"{:.80}\" does not measure {}", spec.metric, spec.task));
  if (spec.maximize != (direction_of(*metric) == MetricDirection::maximize))
    return field_error("metric", fmt::format("{} is sought in the other direction", spec.metric));
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
    return field_error("pruner", fmt::format("\"{:.40}\" is not none or asha", pruner));
  if (pruner == to_string(Pruner::asha)) spec.pruner = Pruner::asha;
  return check_numbers(spec);
}

}  // namespace

Result<StudySpec> complete_spec(const StudyRequest& request,
                                const Dataset& dataset,
                                const TableProfile& profile,
                                const SwarmFacts& swarm,
                                const FindDataset& find) {
  StudySpec spec;
  spec.dataset = dataset.id;
  spec.target = request.target;
  if (auto ok = set_labels(request, dataset.name, spec); !ok) return ok.error();
  if (auto ok = set_numbers(request, swarm.slots, spec); !ok) return ok.error();
  if (auto ok = set_constraints(request, swarm, spec); !ok) return ok.error();
  if (auto ok = set_split(request, dataset, profile, find, spec); !ok) return ok.error();
  TableProfile learned = profile;
  set_key_aside(spec.split, learned);
  if (auto ok = set_task(request, learned, swarm, spec); !ok) return ok.error();
  if (auto ok = check_metric(spec, dataset, profile, find); !ok) return ok.error();
  set_folds(request, learned, swarm, spec);
  if (auto ok = set_search(request, learned, swarm, spec); !ok) return ok.error();
  if (auto ok = set_final_model(request, swarm, spec); !ok) return ok.error();
  if (swarm.feature_level < kBagsLevel) spec.decisions.clear();
  if (auto ok = check_decisions(spec.decisions); !ok) return ok.error();
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
  if (!space) return field_error("search_space", space.error().detail);
  if (auto ok = check_initial(spec, *space, spec.initial); !ok) return ok;
  if (auto ok = check_split(spec.split); !ok) return ok;
  if (spec.final_model == FinalModel::bag && !can_be_bagged(spec.split))
    return field_error("final", "a bag needs folds");
  if (auto ok = check_service(spec); !ok) return ok;
  if (auto ok = check_constraints(spec.constraints); !ok) return ok;
  if (auto ok = check_decisions(spec.decisions); !ok) return ok;
  return check_labels(spec.use_case, spec.tags);
}

}  // namespace starling::ml
