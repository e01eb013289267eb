// /api/v1/studies.
#include "ml/schedule/node_rooms.h"
#include "ml/schedule/trial_drawing.h"
#include "ml/schedule/waiting_reason.h"
#include "ml/study/study_plan.h"
#include "ml/study/study_state.h"
#include "ml/table/profile_json.h"
#include "web/api/routes.h"
#include "web/api/study_request_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace starling::web {

namespace {

constexpr std::size_t kStudyNameMax = 64;
constexpr std::string_view kAgain = "-again";  // the name of a reproduction, and of its model

/// The swarm as it is now, for the reasons why studies wait.
class SwarmNow {
 public:
  SwarmNow(const NodeView& node, const StateView& view) : active_(ml::active_studies(view)) {
    const SwarmStatus swarm = node.swarm();
    std::vector<node::Member> members;
    for (const MemberStatus& each : swarm.members)
      members.push_back(each.member);
    seen_.loads = ml::loads_of(ml::rooms_that_work(view, members), active_);
    seen_.has_leader = swarm.leader.has_value();
  }

  std::string waiting_reason(const std::string& study) const {
    for (const auto& active : active_)
      if (active.study.id == study) return ml::waiting_reason(active, seen_);
    return "";
  }

 private:
  std::vector<ml::ActiveStudy> active_;
  ml::SwarmSeen seen_;
};

Json whole_study(const StateView& view, const SwarmNow& now, const ml::Study& study) {
  StudySurroundings around;
  if (const auto dataset = ml::find_dataset(view, study.spec.dataset)) {
    around.dataset_name = dataset->name;
  }
  if (study.best_number) {
    if (auto best = ml::find_trial(view, study.id, *study.best_number)) around.best = *best;
  }
  around.waiting_reason = now.waiting_reason(study.id);
  if (study.status == ml::StudyStatus::finishing) {
    const auto fits = ml::list_fits(view, study.id);
    around.fits = fits.size();
    around.fits_done = static_cast<std::size_t>(
        std::ranges::count_if(fits, [](const ml::Trial& fit) { return ml::is_final(fit.state); }));
  }
  return study_json(study, around);
}

asio::awaitable<Response> list_studies(Call& call) {
  const auto view = call.node().state();
  const SwarmNow now{call.node(), *view};
  Json json{{"studies", Json::array()}};
  for (const auto& study : ml::list_studies(*view)) {
    json["studies"].push_back(whole_study(*view, now, study));
  }
  co_return json_response(200, json);
}

asio::awaitable<Response> get_study(Call& call) {
  const auto view = call.node().state();
  const auto study = ml::find_study(*view, call.param("id"));
  if (!study) co_return problem_from(study.error());
  const SwarmNow now{call.node(), *view};
  co_return json_response(200, whole_study(*view, now, *study));
}

asio::awaitable<Response> list_trials(Call& call) {
  const auto view = call.node().state();
  const auto study = ml::find_study(*view, call.param("id"));
  if (!study) co_return problem_from(study.error());
  const NodeNames names = names_of(call.node());
  Json json{{"trials", Json::array()}};
  for (const auto& trial : ml::list_trials(*view, study->id)) {
    json["trials"].push_back(trial_json(trial, names, study->spec));
  }
  co_return json_response(200, json);
}

asio::awaitable<Response> get_trial(Call& call) {
  const auto view = call.node().state();
  const auto study = ml::find_study(*view, call.param("id"));
  if (!study) co_return problem_from(study.error());
  const auto number = parse_whole(call.param("number"));
  if (!number || *number >= ml::kTrialsMax) {
    co_return problem(
        404,
        "not_found",
        fmt::format("no trial \"{}\": trials are numbered from 0", call.param("number")));
  }
  const auto trial = ml::find_trial(*view, study->id, static_cast<std::uint32_t>(*number));
  if (!trial) co_return problem_from(trial.error());
  Json json = trial_json(*trial, names_of(call.node()), study->spec);
  json["curve"] = curve_json(ml::find_curve(*view, study->id, trial->number));
  co_return json_response(200, json);
}

ml::SwarmFacts facts_of(const Call& call) {
  const auto view = call.node().state();
  ml::SwarmFacts facts{.slots = 0, .feature_level = ml::feature_level(*view)};
  std::vector<node::Member> members;
  for (const MemberStatus& member : call.node().swarm().members) {
    members.push_back(member.member);
    if (member.member.state == node::MemberState::alive) facts.slots += member.member.facts.slots;
  }
  for (const ml::NodeRoom& room : ml::rooms_that_work(*view, members))
    facts.largest_node_mb = std::max(facts.largest_node_mb, ml::NodeLoad{room}.most_mb());
  return facts;
}

/// `is_unknown`: a data set that it names is not known here.
Result<ml::StudySpec> planned(const Call& call, const Json& body, bool& is_unknown) {
  auto request = study_request_from(body);
  if (!request) return request.error();
  if (request->task == ml::kOutsideTask)
    return ml::complete_outside_spec(*request, facts_of(call).slots);
  const auto dataset = ml::find_dataset(*call.node().state(), request->dataset);
  is_unknown = !dataset;
  if (!dataset) return field_error("dataset", dataset.error().detail);
  const auto profile = ml::profile_from_stored(dataset->profile);
  if (!profile) return profile.error();
  const auto find = [&call, &is_unknown](std::string_view id) {
    auto found = ml::find_dataset(*call.node().state(), std::string{id});
    is_unknown = is_unknown || !found;
    return found;
  };
  ml::SwarmFacts facts = facts_of(call);
  facts.peak_mb = [](const ml::Params& params, const ml::TableProfile& learned, const auto& spec) {
    return ml::predicted_peak_mb(params, ml::trial_size(learned, spec));
  };
  return ml::complete_spec(*request, *dataset, *profile, facts, find);
}

Response study_accepted(const Call& call, const Committed& done) {
  const auto study = ml::find_study(*call.node().state(), done.id);
  if (!study) return problem_from(study.error());
  const Json json{{"id", study->id}, {"name", study->spec.name}};
  Response response = json_response(202, json);
  response.set("Location", "/api/v1/studies/" + study->id);
  return with_index(std::move(response), done.index);
}

asio::awaitable<Response> add_study(Call& call) {
  if (media_type(call.request) != "application/json") {
    co_return problem(415, "unsupported", "send the study as Content-Type: application/json");
  }
  const auto content = co_await buffered_body(call, kBufferedBodyMax);
  if (!content) co_return content.error();
  const auto body = parse_json(*content);
  if (!body) co_return problem(400, "invalid_argument", body.error().detail);
  const ContentHash hash = hash_of(to_bytes(*content));
  // Not planned anew: the dataset may be gone since the first answer.
  if (const auto before = answered_before(call, hash)) co_return study_accepted(call, *before);
  bool is_unknown = false;
  auto spec = planned(call, body->value, is_unknown);
  if (is_unknown) {
    // Its data set may have been added a moment ago on another node.
    if (auto unknown = co_await see_all_committed(call)) co_return std::move(*unknown);
    spec = planned(call, body->value, is_unknown);
  }
  if (!spec) co_return problem_from(spec.error());

  ml::CommandBody command = ml::CreateStudy{drawn_id("s"), std::move(*spec)};
  const auto done = co_await commit(call, std::move(command), hash);
  if (!done) co_return done.error();
  co_return study_accepted(call, *done);
}

/// Says `command` of the study and answers with the study as it then is.
asio::awaitable<Response> change_study(Call& call, ml::CommandBody command, std::string content) {
  const auto done = co_await commit(call, std::move(command), hash_of(to_bytes(content)));
  if (!done) co_return done.error();
  const auto view = call.node().state();
  const auto study = ml::find_study(*view, done->id);
  if (!study) co_return problem_from(study.error());
  const SwarmNow now{call.node(), *view};
  co_return with_index(json_response(200, whole_study(*view, now, *study)), done->index);
}

asio::awaitable<Response> cancel_study(Call& call) {
  auto content = co_await buffered_body(call, kBufferedBodyMax);
  if (!content) co_return content.error();
  ml::CommandBody command = ml::StopStudy{call.param("id"), "cancelled by a person", false};
  co_return co_await change_study(call, std::move(command), std::move(*content));
}

asio::awaitable<Response> pause_study(Call& call) {
  auto content = co_await buffered_body(call, kBufferedBodyMax);
  if (!content) co_return content.error();
  ml::CommandBody command = ml::PauseStudy{call.param("id"), true};
  co_return co_await change_study(call, std::move(command), std::move(*content));
}

asio::awaitable<Response> resume_study(Call& call) {
  auto content = co_await buffered_body(call, kBufferedBodyMax);
  if (!content) co_return content.error();
  ml::CommandBody command = ml::PauseStudy{call.param("id"), false};
  co_return co_await change_study(call, std::move(command), std::move(*content));
}

Result<std::uint32_t> trials_to_add(const Json& body) {
  static constexpr std::array<std::string_view, 1> kFields{"trials"};
  const auto fields = JsonFields::open(body, kFields);
  if (!fields) return fields.error();
  const auto trials = fields->whole("trials", 1, ml::kTrialsMax);
  if (!trials) return trials.error();
  if (!*trials) return field_error("trials", "how many more to try is missing");
  return static_cast<std::uint32_t>(**trials);
}

asio::awaitable<Response> extend_study(Call& call) {
  std::string content;
  const auto body = co_await object_body(call, content);
  if (!body) co_return body.error();
  const auto trials = trials_to_add(body->value);
  if (!trials) co_return problem_from(trials.error());
  ml::CommandBody command = ml::ExtendStudy{call.param("id"), *trials};
  co_return co_await change_study(call, std::move(command), std::move(content));
}

/// The same search once more: all that was drawn, without a limit of time.
ml::StudySpec spec_to_reproduce(const StateView& view, const ml::Study& study) {
  ml::StudySpec spec = study.spec;
  const auto drawn = ml::list_trials(view, study.id).size();
  spec.trials = static_cast<std::uint32_t>(std::max<std::size_t>(drawn, 1));
  spec.time_limit_s = 0;
  spec.name = spec.name.substr(0, kStudyNameMax - kAgain.size()).append(kAgain);
  return spec;
}

asio::awaitable<Response> reproduce_study(Call& call) {
  const auto content = co_await buffered_body(call, kBufferedBodyMax);
  if (!content) co_return content.error();
  const ContentHash hash = hash_of(to_bytes(*content));
  if (const auto before = answered_before(call, hash)) co_return study_accepted(call, *before);
  const auto view = call.node().state();
  const auto study = ml::find_study(*view, call.param("id"));
  if (!study) co_return problem_from(study.error());
  if (!ml::has_ended(study->status)) {
    co_return problem(409,
                      "conflict",
                      fmt::format("study {} is {}: wait for its end, then reproduce it",
                                  study->id,
                                  to_string(study->status)));
  }
  if (ml::is_outside(study->spec)) {
    co_return problem(409,
                      "conflict",
                      fmt::format("study {} was computed by an outside program, which the swarm "
                                  "cannot run again",
                                  study->id));
  }
  ml::CommandBody command = ml::CreateStudy{drawn_id("s"), spec_to_reproduce(*view, *study)};
  const auto done = co_await commit(call, std::move(command), hash);
  if (!done) co_return done.error();
  co_return study_accepted(call, *done);
}

}  // namespace

std::vector<RouteEntry> study_routes() {
  return {{"GET", "/api/v1/studies", &list_studies},
          {"POST", "/api/v1/studies", &add_study},
          {"GET", "/api/v1/studies/{id}", &get_study},
          {"GET", "/api/v1/studies/{id}/trials", &list_trials},
          {"GET", "/api/v1/studies/{id}/trials/{number}", &get_trial},
          {"POST", "/api/v1/studies/{id}/cancel", &cancel_study},
          {"POST", "/api/v1/studies/{id}/pause", &pause_study},
          {"POST", "/api/v1/studies/{id}/resume", &resume_study},
          {"POST", "/api/v1/studies/{id}/extend", &extend_study},
          {"POST", "/api/v1/studies/{id}/reproduce", &reproduce_study}};
}

}  // namespace starling::web
