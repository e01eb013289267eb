#include "web/api/study_request_json.h"

#include "ml/search/family_spec.h"
#include "ml/table/metrics.h"
#include "node/base/labels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace starling::web {

namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 25> kFields{
    "dataset",   "target",      "name",         "task",        "metric", "trials",   "time_limit_s",
    "seed",      "parallelism", "search_space", "initial",     "epochs", "patience", "engine",
    "use_case",  "tags",        "split",        "pruner",      "final",  "priority", "requires",
    "direction", "families",    "constraints",  "class_weight"};
constexpr std::array<std::string_view, 2> kDirections{"minimize", "maximize"};
constexpr std::array<std::string_view, 3> kConstraints{"predict_ms", "model_mb", "interpretable"};

constexpr std::uint64_t kTimeLimitMaxS = 604'800;
constexpr std::uint64_t kSeedMax = std::uint64_t{1} << 53;
constexpr std::uint64_t kParallelismMax = 1'000;
constexpr std::uint64_t kEpochsMax = 10'000;
constexpr std::size_t kUseCaseMax = 2'000;
constexpr std::size_t kTagsMax = 20;
constexpr std::size_t kTagMax = 64;
constexpr std::size_t kInitialMax = 1'000;
constexpr std::size_t kParamsMax = 100;
constexpr std::size_t kReferenceMax = 1'000;

Result<std::string> required(const JsonFields& fields, std::string_view field) {
  const auto text = fields.text(field, kReferenceMax);
  if (!text) return text.error();
  if (!*text || (*text)->empty()) return field_error(field, "is needed and missing");
  return **text;
}

Result<std::string> optional_text(const JsonFields& fields, std::string_view field) {
  auto text = fields.text(field, kReferenceMax);
  if (!text) return text.error();
  return std::move(*text).value_or("");
}

Result<> read_names(const JsonFields& fields, ml::StudyRequest& request) {
  const bool is_outside = request.task == ml::kOutsideTask;
  const auto read = is_outside ? optional_text : required;
  auto dataset = read(fields, "dataset");
  if (!dataset) return dataset.error();
  request.dataset = std::move(*dataset);
  auto target = read(fields, "target");
  if (!target) return target.error();
  request.target = std::move(*target);
  auto name = fields.text("name", kReferenceMax);
  if (!name) return name.error();
  if (*name && !is_plain_name(**name)) {
    return field_error(
        "name", fmt::format("must be 1 to 64 of A-Z a-z 0-9 . _ -, not {}", shown(Json(**name))));
  }
  request.name = std::move(*name);
  return {};
}

Result<> read_goal(const JsonFields& fields, ml::StudyRequest& request) {
  auto task = fields.text("task", kReferenceMax);  // Which tasks there are is the planner's to say.
  if (!task) return task.error();
  if (*task && **task != "auto") request.task = std::move(*task);
  auto metric = request.task == ml::kOutsideTask ? fields.text("metric", kReferenceMax)
                                                 : fields.one_of("metric", ml::metric_names());
  if (!metric) return metric.error();
  request.metric = std::move(*metric);
  auto direction = fields.one_of("direction", kDirections);
  if (!direction) return direction.error();
  request.direction = std::move(*direction);
  auto engine = fields.text("engine", kReferenceMax);
  if (!engine) return engine.error();
  request.engine = std::move(*engine);
  return {};
}

template <class Number>
Result<> read_number(const JsonFields& fields,
                     std::string_view field,
                     std::uint64_t low,
                     std::uint64_t high,
                     std::optional<Number>& into) {
  const auto number = fields.whole(field, low, high);
  if (!number) return number.error();
  if (*number) into = static_cast<Number>(**number);
  return {};
}

Result<> read_numbers(const JsonFields& fields, ml::StudyRequest& request) {
  const std::array results{
      read_number(fields, "trials", 1, ml::kTrialsMax, request.trials),
      read_number(fields, "time_limit_s", 1, kTimeLimitMaxS, request.time_limit_s),
      read_number(fields, "seed", 0, kSeedMax, request.seed),
      read_number(fields, "parallelism", 1, kParallelismMax, request.parallelism),
      read_number(fields, "epochs", 1, kEpochsMax, request.epochs),
      read_number(fields, "patience", 1, kEpochsMax, request.patience)};
  for (const auto& result : results) {
    if (!result) return result.error();
  }
  return {};
}

Result<ml::ParamValue> param_value(std::string_view name, const Json& value) {
  if (value.is_string()) return ml::ParamValue{value.get<std::string>()};
  const bool fits =
      !value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t{INT64_MAX};
  if (value.is_number_integer() && fits) return ml::ParamValue{value.get<std::int64_t>()};
  if (value.is_number_float() && std::isfinite(value.get<double>())) {
    return ml::ParamValue{value.get<double>()};
  }
  return field_error(
      "initial",
      fmt::format("{} must be a number or a text, not {}", shown(Json(name)), shown(value)));
}

Result<ml::Params> params_of(const Json& object) {
  if (!object.is_object() || object.size() > kParamsMax) {
    return field_error("initial",
                       fmt::format("each entry is an object of at most {} parameters", kParamsMax));
  }
  ml::Params params;
  for (const auto& [name, value] : object.items()) {
    auto read = param_value(name, value);
    if (!read) return read.error();
    params.emplace(name, std::move(*read));
  }
  return params;
}

Result<> read_families(const JsonFields& fields, ml::StudyRequest& request) {
  const Json* families = fields.find("families");
  if (families == nullptr) return {};
  const bool is_list = families->is_array() && !families->empty() &&
                       families->size() <= ml::kFamilyNames.size() &&
                       std::ranges::all_of(*families, &Json::is_string);
  if (!is_list) {
    return field_error("families",
                       fmt::format("must be a list of some of {}, not {}",
                                   fmt::join(ml::kFamilyNames, ", "),
                                   shown(*families)));
  }
  request.families = families->get<std::vector<std::string>>();
  return {};
}

Result<> read_search(const JsonFields& fields, ml::StudyRequest& request) {
  if (const Json* space = fields.find("search_space")) {
    if (!space->is_object() && !space->is_string()) {
      return field_error("search_space",
                         fmt::format("must be an object or a name, not {}", shown(*space)));
    }
    if (space->is_string())
      request.search_space_name = space->get<std::string>();
    else
      request.search_space_json = dump(*space);
  }
  if (auto ok = read_families(fields, request); !ok) return ok;
  auto pruner = fields.text("pruner", kReferenceMax);
  if (!pruner) return pruner.error();
  request.pruner = std::move(*pruner);
  auto final_model = fields.text("final", kReferenceMax);
  if (!final_model) return final_model.error();
  request.final_model = std::move(*final_model);
  auto class_weight = fields.text("class_weight", kReferenceMax);
  if (!class_weight) return class_weight.error();
  request.class_weight = std::move(*class_weight);
  const Json* initial = fields.find("initial");
  if (!initial) return {};
  if (!initial->is_array() || initial->size() > kInitialMax) {
    return field_error("initial",
                       fmt::format("must be a list of at most {} parameter sets", kInitialMax));
  }
  for (const Json& entry : *initial) {
    auto params = params_of(entry);
    if (!params) return params.error();
    request.initial.push_back(std::move(*params));
  }
  return {};
}

Result<> read_words(const JsonFields& fields, ml::StudyRequest& request) {
  auto use_case = fields.text("use_case", kUseCaseMax);
  if (!use_case) return use_case.error();
  request.use_case = std::move(*use_case).value_or("");
  const Json* tags = fields.find("tags");
  if (!tags) return {};
  if (!tags->is_array() || tags->size() > kTagsMax) {
    return field_error("tags", fmt::format("must be a list of at most {} texts", kTagsMax));
  }
  for (const Json& tag : *tags) {
    if (!tag.is_string() || tag.get_ref<const std::string&>().size() > kTagMax) {
      return field_error(
          "tags", fmt::format("each is a text of at most {} bytes, not {}", kTagMax, shown(tag)));
    }
    request.tags.push_back(tag.get<std::string>());
  }
  return {};
}

Result<> read_split(const JsonFields& fields, ml::StudyRequest& request) {
  const Json* split = fields.find("split");
  if (!split) return {};
  auto read = ml::split_from_json(*split);
  if (!read) return read.error();
  request.split = std::move(*read);
  return {};
}

Result<> read_amount(const Json& constraints, const char* name, double most, double& into) {
  const auto found = constraints.find(name);
  if (found == constraints.end() || found->is_null()) return {};
  const double value = found->is_number() ? found->get<double>() : 0;
  if (value > 0 && value <= most) {
    into = value;
    return {};
  }
  return field_error(
      "constraints",
      fmt::format(
          "{} must be a number above 0 and at most {:g}, not {}", name, most, shown(*found)));
}

Result<> read_constraints(const JsonFields& fields, ml::StudyRequest& request) {
  const Json* constraints = fields.find("constraints");
  if (!constraints) return {};
  if (!constraints->is_object())
    return field_error("constraints",
                       fmt::format("must be an object, not {}", shown(*constraints)));
  for (const auto& [name, value] : constraints->items()) {
    if (std::ranges::find(kConstraints, name) == kConstraints.end())
      return field_error(
          "constraints",
          fmt::format("\"{:.40}\" is none of {}", name, fmt::join(kConstraints, ", ")));
  }
  ml::Constraints& asked = request.constraints.emplace();
  const auto speed = read_amount(*constraints, "predict_ms", ml::kPredictMsMax, asked.predict_ms);
  if (!speed) return speed;
  const auto size = read_amount(*constraints, "model_mb", ml::kModelMbMax, asked.model_mb);
  if (!size) return size;
  const Json readable = constraints->value("interpretable", Json(false));
  if (!readable.is_boolean())
    return field_error("constraints",
                       fmt::format("interpretable must be true or false, not {}", shown(readable)));
  asked.is_interpretable = readable.get<bool>();
  return {};
}

/// Whom it comes before, and which nodes may run it.
Result<> read_service(const JsonFields& fields, ml::StudyRequest& request) {
  if (const Json* priority = fields.find("priority")) {
    const bool is_whole = priority->is_number_integer();
    const bool is_huge = priority->is_number_unsigned() &&
                         priority->get<std::uint64_t>() > std::uint64_t{ml::kPriorityMax};
    const auto value = is_whole && !is_huge ? priority->get<std::int64_t>() : 0;
    if (!is_whole || is_huge || value < -ml::kPriorityMax || value > ml::kPriorityMax) {
      return field_error("priority",
                         fmt::format("must be a whole number from {} to {}, not {}",
                                     -ml::kPriorityMax,
                                     ml::kPriorityMax,
                                     shown(*priority)));
    }
    request.priority = static_cast<std::int32_t>(value);
  }
  const Json* labels = fields.find("requires");
  if (!labels) return {};
  if (!labels->is_object() || labels->size() > kLabelsMax) {
    return field_error(
        "requires",
        fmt::format("must be an object of at most {} labels, as {{\"gpu\": \"true\"}}, not {}",
                    kLabelsMax,
                    shown(*labels)));
  }
  for (const auto& [key, value] : labels->items()) {
    if (!value.is_string())
      return field_error("requires",
                         fmt::format("\"{:.40}\" must be a text, not {}", key, shown(value)));
    request.required_labels[key] = value.get<std::string>();
  }
  return {};
}

}  // namespace

Result<ml::StudyRequest> study_request_from(const Json& body) {
  const auto fields = JsonFields::open(body, kFields);
  if (!fields) return fields.error();

  ml::StudyRequest request;
  for (const auto read : {&read_goal,
                          &read_names,
                          &read_numbers,
                          &read_search,
                          &read_words,
                          &read_split,
                          &read_constraints,
                          &read_service}) {
    const auto result = read(*fields, request);
    if (!result) return result.error();
  }
  return request;
}

}  // namespace starling::web
