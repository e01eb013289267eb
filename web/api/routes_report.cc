// /api/v1/studies/{id}/report: what was tried, and what the model shows on rows it never saw.
#include "ml/search/family_spec.h"
#include "ml/serve/artifact.h"
#include "ml/study/study_state.h"
#include "web/api/routes.h"

#include <fmt/format.h>

#include <map>

namespace starling::web {

namespace {

/// What became of one family's trials.
struct FamilyTrials {
  std::size_t trials = 0, completed = 0;
  std::optional<ml::Trial> best;
  double seconds = 0;
};

void take(const ml::Trial& trial, bool maximize, FamilyTrials& family) {
  ++family.trials;
  family.seconds += trial.seconds;
  if (trial.state != ml::TrialState::completed || !trial.value) return;
  ++family.completed;
  const bool is_best = !family.best || (maximize ? *trial.value > *family.best->value
                                                 : *trial.value < *family.best->value);
  if (is_best) family.best = trial;
}

Json families_json(const StateView& view, const ml::Study& study) {
  std::map<std::string, FamilyTrials> families;
  for (const ml::Trial& trial : ml::list_trials(view, study.id))
    take(trial, study.spec.maximize, families[ml::family_of(trial.params)]);
  Json all = Json::array();
  for (const auto& [name, family] : families) {
    Json one{{"family", name},
             {"trials", family.trials},
             {"completed", family.completed},
             {"seconds", family.seconds},
             {"best", nullptr}};
    if (family.best)
      one["best"] = Json{{"number", family.best->number}, {"value", *family.best->value}};
    all.push_back(std::move(one));
  }
  return all;
}

asio::awaitable<Response> get_report(Call& call) {
  const auto view = call.node().state();
  const auto study = ml::find_study(*view, call.param("id"));
  if (!study) co_return problem_from(study.error());
  if (!study->result) {
    const std::string why = fmt::format(
        "study {} has no model to report on; it is {}", study->id, to_string(study->status));
    co_return problem(409, "conflict", why);
  }
  const ContentHash artifact = study->result->artifact;
  const auto fetched = co_await call.node().fetch(artifact);
  if (!fetched) co_return problem_from(fetched.error());
  const auto evidence = ml::report_in(call.node().blobs().path(artifact));
  if (!evidence && evidence.error().code != Errc::not_found)
    co_return problem_from(evidence.error());
  Json report{{"study", study->id},
              {"families", families_json(*view, *study)},
              {"evidence", nullptr},
              {"reproduce", fmt::format("starling study reproduce {}", study->id)}};
  if (evidence) report["evidence"] = Json::parse(*evidence);
  co_return json_response(200, report);
}

}  // namespace

std::vector<RouteEntry> report_routes() {
  return {{"GET", "/api/v1/studies/{id}/report", &get_report}};
}

}  // namespace starling::web
