// /api/v1/studies/{id}/report: what was tried, and what the model shows on rows it never saw.
#include "ml/search/family_spec.h"
#include "ml/serve/artifact.h"
#include "ml/study/fold_fits.h"
#include "ml/study/study_state.h"
#include "web/api/json_view.h"
#include "web/api/routes.h"
#include "web/report/report_page.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>

namespace starling::web {

namespace {

/// What became of one family's trials.
struct FamilyTrials {
  std::size_t trials = 0, completed = 0;
  std::optional<ml::Trial> best;
  double seconds = 0;
};

void take(const ml::Trial& trial, const ml::StudySpec& spec, FamilyTrials& family) {
  ++family.trials;
  family.seconds += trial.seconds;
  if (trial.state != ml::TrialState::completed || !trial.value) return;
  ++family.completed;
  if (!family.best || rank_of(spec, trial) < rank_of(spec, *family.best)) family.best = trial;
}

std::map<std::string, FamilyTrials> families_of(const std::vector<ml::Trial>& trials,
                                                const ml::StudySpec& spec) {
  std::map<std::string, FamilyTrials> families;
  for (const ml::Trial& trial : trials)
    take(trial, spec, families[ml::family_of(trial.params)]);
  return families;
}

Json families_json(const StateView& view, const ml::Study& study) {
  Json all = Json::array();
  for (const auto& [name, family] : families_of(ml::list_trials(view, study.id), study.spec)) {
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

/// What answers take is no part of the file. Adds nothing where it was not measured.
void add_time(const ml::ModelCost& cost, Json& shown) {
  if (cost.predict_ms > 0) shown["predict_ms"] = cost.predict_ms;
}

void add_costs(const ml::FinalResult& result, Json& evidence) {
  if (!evidence.is_object()) return;
  add_time(result.cost, evidence);
  const auto found = evidence.find("candidates");
  if (found == evidence.end()) return;
  for (Json& candidate : *found) {
    if (candidate["trial"].is_null()) add_time(result.cost, candidate);
    for (const auto& [number, cost] : result.candidate_costs)
      if (candidate["trial"] == number) add_time(cost, candidate);
  }
}

/// What the model of a study shows.
struct Shown {
  Json evidence;  ///< null if its file has no report
};

asio::awaitable<OrResponse<Shown>> evidence_of(Call& call, const ml::Study& study) {
  if (!study.result) {
    const std::string why = fmt::format(
        "study {} has no model to report on; it is {}", study.id, to_string(study.status));
    co_return problem(409, "conflict", why);
  }
  const ContentHash artifact = study.result->artifact;
  const auto fetched = co_await call.node().fetch(artifact);
  if (!fetched) co_return problem_from(fetched.error());
  const auto evidence = ml::report_in(call.node().blobs().path(artifact));
  if (!evidence && evidence.error().code != Errc::not_found)
    co_return problem_from(evidence.error());
  Shown shown;
  if (evidence) shown.evidence = Json::parse(*evidence);
  add_costs(*study.result, shown.evidence);
  co_return shown;
}

/// How many studies, this one and those before it, were judged on these test rows: rows that are
/// looked at often begin to choose.
std::size_t looks_at_test_rows(const StateView& view, const ml::Study& study) {
  const auto studies = ml::list_studies(view);
  return static_cast<std::size_t>(std::ranges::count_if(studies, [&study](const ml::Study& one) {
    return one.result && !one.result->test.empty() && one.ended_ms <= study.ended_ms &&
           one.spec.dataset == study.spec.dataset && one.spec.target == study.spec.target &&
           ml::has_same_test_rows(one.spec.split, study.spec.split);
  }));
}

Json report_json(const StateView& view, const ml::Study& study, const Json& evidence) {
  return {{"study", study.id},
          {"families", families_json(view, study)},
          {"test_looks", looks_at_test_rows(view, study)},
          {"evidence", evidence},
          {"reproduce", fmt::format("starling study reproduce {}", study.id)}};
}

asio::awaitable<Response> get_report(Call& call) {
  const auto view = call.node().state();
  const auto study = ml::find_study(*view, call.param("id"));
  if (!study) co_return problem_from(study.error());
  const auto shown = co_await evidence_of(call, *study);
  if (!shown) co_return shown.error();
  co_return json_response(200, report_json(*view, *study, shown->evidence));
}

/// When it ended: the same page each time it is asked for.
std::string time_text(std::uint64_t wall_ms) {
  const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(seconds));
}

ReportFacts facts_of(const StateView& view, const ml::Study& study, const NodeNames& names) {
  ReportFacts facts;
  StudySurroundings around;
  if (const auto dataset = ml::find_dataset(view, study.spec.dataset)) {
    around.dataset_name = dataset->name;
    facts.dataset = dataset_json(*dataset, Detail::full);
  }
  const auto best = ml::find_trial(view, study.id, study.best_number.value_or(0));
  if (best) around.best = *best;
  facts.study = study_json(study, around);
  facts.trials = Json::array();
  const auto trials = ml::list_trials(view, study.id);
  const auto families = families_of(trials, study.spec);
  for (const ml::Trial& trial : trials) {
    Json json = trial_json(trial, names, study.spec);
    const auto& best_of_family = families.at(ml::family_of(trial.params)).best;
    if (best_of_family && best_of_family->number == trial.number)
      json["curve"] = curve_json(ml::find_curve(view, study.id, trial.number));
    facts.trials.push_back(std::move(json));
  }
  facts.generated = time_text(study.ended_ms);
  return facts;
}

asio::awaitable<Response> get_report_page(Call& call) {
  const auto view = call.node().state();
  const auto study = ml::find_study(*view, call.param("id"));
  if (!study) co_return problem_from(study.error());
  const auto shown = co_await evidence_of(call, *study);
  if (!shown) co_return shown.error();
  ReportFacts facts = facts_of(*view, *study, names_of(call.node()));
  facts.report = report_json(*view, *study, shown->evidence);
  Response response;
  response.set("Content-Type", "text/html; charset=utf-8");
  response.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
  response.set("X-Content-Type-Options", "nosniff");
  response.body = report_page(facts);
  co_return response;
}

/// Its trial, beside what the model's file says of it.
void add_trial(const StateView& view, const std::string& study, Json& candidate) {
  if (!candidate["trial"].is_number_unsigned()) return;
  const auto trial = ml::find_trial(view, study, candidate["trial"].get<std::uint32_t>());
  if (!trial) return;
  candidate["family"] = ml::family_of(trial->params);
  candidate["seconds"] = trial->seconds;
  candidate["params"] = params_json(trial->params);
}

/// Where there is no bag: the best trials, as the search judged them.
Json best_trials(const StateView& view, const ml::Study& study) {
  Json list = Json::array();
  for (const ml::Trial& trial : ml::candidates_of(view, study)) {
    list.push_back(
        {{"trial", trial.number},
         {"weight", list.empty() ? 1 : 0},
         {"validation", *trial.value},
         {"low", nullptr},
         {"high", nullptr},
         {"ties", list.empty()},
         {"smallest", false},
         {"test", nullptr},
         {"bytes", trial.cost.bytes > 0 ? Json(trial.cost.bytes) : Json(nullptr)},
         {"predict_ms", trial.cost.bytes > 0 ? Json(trial.cost.predict_ms) : Json(nullptr)}});
  }
  return list;
}

asio::awaitable<Response> get_leaderboard(Call& call) {
  const auto view = call.node().state();
  const auto study = ml::find_study(*view, call.param("id"));
  if (!study) co_return problem_from(study.error());
  const auto shown = co_await evidence_of(call, *study);
  if (!shown) co_return shown.error();
  const Json& evidence = shown->evidence;
  const bool has_bag = evidence.is_object() && evidence.contains("candidates");
  Json board{{"study", study->id},
             {"metric", study->spec.metric},
             {"direction", study->spec.maximize ? "maximize" : "minimize"},
             {"candidates", has_bag ? evidence["candidates"] : best_trials(*view, *study)}};
  for (Json& candidate : board["candidates"])
    add_trial(*view, study->id, candidate);
  co_return json_response(200, board);
}

}  // namespace

std::vector<RouteEntry> report_routes() {
  return {{"GET", "/api/v1/studies/{id}/report", &get_report},
          {"GET", "/api/v1/studies/{id}/report.html", &get_report_page},
          {"GET", "/api/v1/studies/{id}/leaderboard", &get_leaderboard}};
}

}  // namespace starling::web
