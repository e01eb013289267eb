#include "web/api/json_view.h"

#include "ml/table/profile_json.h"
#include "node/base/assert.h"

#include <algorithm>

namespace starling::web {

namespace {

// Text that this program stored as JSON. A damaged one is shown as nothing, not as a failed page.
Json stored_json(const std::string& text) {
  return Json::parse(text, nullptr, false);
}

Json stored_list(const Json& object, const char* name) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && at != object.end() && at->is_array() ? *at : Json::array();
}

Json metrics_json(const ml::Metrics& metrics) {
  Json json = Json::object();
  for (const auto& [name, value] : metrics)
    json[name] = value;
  return json;
}

std::string id_or_nothing(NodeId node) {
  return node.is_none() ? std::string{} : node.hex();
}

Json counts_json(const ml::Study& study) {
  const ml::TrialCounts& counts = study.counts;
  const std::uint32_t requested = study.spec.trials;
  return Json{{"requested", requested},
              {"waiting", requested - std::min(requested, counts.drawn())},
              {"queued", counts.queued},
              {"running", counts.running},
              {"completed", counts.completed},
              {"pruned", counts.pruned},
              {"failed", counts.failed},
              {"infeasible", counts.infeasible},
              {"cancelled", counts.cancelled}};
}

Json best_json(const ml::Study& study, const std::optional<ml::Trial>& best) {
  if (!study.best_number) return nullptr;
  return Json{{"number", *study.best_number},
              {"value", study.best_value},
              {"params", best ? params_json(best->params) : Json::object()}};
}

Json final_json(const ml::FinalJob& job, const StudySurroundings& around) {
  return Json{{"state", to_string(job.state)},
              {"node", id_or_nothing(job.current.node)},
              {"attempts", job.attempts},
              {"fits", around.fits},
              {"fits_done", around.fits_done},
              {"error", job.error}};
}

/// null: not measured.
Json cost_json(const ml::ModelCost& cost) {
  const auto known = [](auto value) { return value > 0 ? Json(value) : Json(nullptr); };
  return Json{{"bytes", known(cost.bytes)}, {"predict_ms", known(cost.predict_ms)}};
}

Json result_json(const ml::Study& study) {
  if (!study.result) return nullptr;
  const ml::FinalResult& result = *study.result;
  Json json{{"validation", metrics_json(result.validation)}, {"test", metrics_json(result.test)}};
  json["rows"] = Json{{"train", result.rows_train},
                      {"validation", result.rows_validation},
                      {"test", result.rows_test},
                      {"dropped", result.rows_dropped}};
  json["cost"] = cost_json(result.cost);
  json["split_hash"] = result.split_hash;
  json["seed"] = study.spec.seed;
  json["model"] = nullptr;
  if (!study.model.empty()) {
    json["model"] = Json{
        {"name", study.model}, {"version", study.model_version}, {"bytes", result.artifact_bytes}};
  }
  return json;
}

Json past_json(const ml::Trial& trial, const NodeNames& names) {
  Json list = Json::array();
  for (const ml::PastAttempt& past : trial.past) {
    const auto name = names.find(past.attempt.node);
    list.push_back(Json{{"node", id_or_nothing(past.attempt.node)},
                        {"node_name", name == names.end() ? std::string{} : name->second},
                        {"cause", to_string(past.end)},
                        {"reason", past.why}});
  }
  return list;
}

}  // namespace

Json params_json(const ml::Params& params) {
  Json json = Json::object();
  for (const auto& [name, value] : params) {
    std::visit([&json, &key = name](const auto& held) { json[key] = held; }, value);
  }
  return json;
}

Json dataset_json(const ml::Dataset& dataset, Detail detail) {
  Json json{{"id", dataset.id},
            {"name", dataset.name},
            {"bytes", dataset.bytes},
            {"rows", dataset.rows},
            {"sha", dataset.blob.hex()},
            {"created_ms", dataset.created_ms}};
  if (detail == Detail::brief) return json;
  const auto text = ml::profile_text(dataset.profile);
  Json profile = stored_json(text ? *text : "{}");
  if (!profile.is_object()) profile = Json::object();
  if (const auto csv = profile.find("csv"); csv != profile.end()) json["csv"] = *csv;
  json["duplicate_rows"] = profile.value("duplicate_rows", 0);
  json["columns"] = stored_list(profile, "columns");
  json["relations"] = stored_list(profile, "relations");
  json["warnings"] = stored_list(profile, "warnings");
  return json;
}

Json constraints_json(const ml::Constraints& constraints) {
  Json json = Json::object();
  if (constraints.predict_ms > 0) json["predict_ms"] = constraints.predict_ms;
  if (constraints.model_mb > 0) json["model_mb"] = constraints.model_mb;
  if (constraints.is_interpretable) json["interpretable"] = true;
  return json;
}

Json decisions_json(const std::vector<ml::Decision>& decisions) {
  Json list = Json::array();
  for (const auto& [what, choice, reason] : decisions)
    list.push_back({{"what", what}, {"choice", choice}, {"reason", reason}});
  return list;
}

Json study_json(const ml::Study& study, const StudySurroundings& around) {
  const ml::StudySpec& spec = study.spec;
  Json json{{"id", study.id},
            {"name", spec.name},
            {"dataset", spec.dataset},
            {"dataset_name", around.dataset_name},
            {"target", spec.target},
            {"task", spec.task},
            {"metric", spec.metric},
            {"direction", spec.maximize ? "maximize" : "minimize"},
            {"seed", spec.seed},
            {"parallelism", spec.parallelism}};
  json["time_limit_s"] = spec.time_limit_s == 0 ? Json(nullptr) : Json(spec.time_limit_s);
  json["split"] = to_json(spec.split);
  json["epochs"] = spec.epochs;
  json["pruner"] = to_string(spec.pruner);
  json["final_model"] = to_string(spec.final_model);
  json["constraints"] = constraints_json(spec.constraints);
  json["decisions"] = decisions_json(spec.decisions);
  json["patience"] = spec.patience;
  json["use_case"] = spec.use_case;
  json["tags"] = spec.tags;
  json["priority"] = spec.priority;
  json["requires"] = spec.required_labels;
  json["status"] = to_string(study.status);
  json["stop_reason"] = study.stop_reason;
  json["waiting_reason"] = around.waiting_reason;
  json["created_ms"] = study.created_ms;
  json["started_ms"] = study.started_ms;
  json["ended_ms"] = study.ended_ms;
  json["cost"] = Json{{"trial_seconds", study.trial_seconds}};
  json["trials"] = counts_json(study);
  json["best"] = best_json(study, around.best);
  json["final"] = final_json(study.final_job, around);
  json["result"] = result_json(study);
  return json;
}

Json trial_json(const ml::Trial& trial, const NodeNames& names, const ml::StudySpec& spec) {
  const auto name = names.find(trial.current.node);
  Json json{{"number", trial.number},
            {"state", to_string(trial.state)},
            {"params", params_json(trial.params)}};
  json["value"] = trial.value ? Json(*trial.value) : Json(nullptr);
  json["metrics"] = metrics_json(trial.metrics);
  json["node"] = id_or_nothing(trial.current.node);
  json["node_name"] = name == names.end() ? std::string{} : name->second;
  json["queued_at"] = id_or_nothing(trial.queued_at);
  json["attempts"] = trial.attempts;
  json["past_attempts"] = past_json(trial, names);
  json["best_epoch"] = trial.best_epoch;
  json["epochs"] = trial.epochs;
  json["seconds"] = trial.seconds;
  json["estimate_mb"] = trial.estimate_mb;
  json["predicted_peak_mb"] = trial.predicted_peak_mb;
  json["peak_mb"] = trial.peak_mb;
  const Json cost = cost_json(trial.cost);
  json["model_bytes"] = cost["bytes"];
  json["predict_ms"] = cost["predict_ms"];
  const bool is_ranked = trial.state == ml::TrialState::completed;
  json["violation"] = is_ranked ? rank_of(spec, trial).first : 0;
  json["error"] = trial.error;
  json["created_ms"] = trial.created_ms;
  json["started_ms"] = trial.started_ms;
  json["ended_ms"] = trial.ended_ms;
  return json;
}

Json curve_json(const ml::Curve& curve) {
  Json points = Json::array();
  for (const ml::CurvePoint& point : curve) {
    points.push_back(Json{{"epoch", point.epoch}, {"value", point.value}});
  }
  return points;
}

Json version_json(const ml::ModelVersion& version) {
  Json json{{"version", version.version},
            {"study", version.study},
            {"artifact", version.artifact.hex()},
            {"bytes", version.bytes},
            {"created_ms", version.created_ms},
            {"task", version.task},
            {"target", version.target},
            {"metric", version.metric},
            {"test", metrics_json(version.test)},
            {"validation", metrics_json(version.validation)},
            {"params", params_json(version.params)}};
  const Json features = stored_json(version.features_json);
  json["features"] = features.is_array() ? features : Json::array();
  json["classes"] = version.classes;
  return json;
}

Json model_json(const std::vector<ml::ModelVersion>& versions) {
  STARLING_ASSERT(!versions.empty(), "a model has at least one version");
  Json json{{"name", versions.back().model}, {"latest", versions.back().version}};
  json["versions"] = Json::array();
  for (const auto& version : versions)
    json["versions"].push_back(version_json(version));
  return json;
}

}  // namespace starling::web
