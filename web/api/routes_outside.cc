// Studies whose objective is an outside program: it asks for a trial's parameters and tells what
// came of them.
#include "ml/schedule/pruning.h"
#include "ml/search/pruner.h"
#include "ml/study/study_state.h"
#include "node/base/clock.h"
#include "web/api/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace starling::web {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLookEvery{1000};  // whether the client is still there
constexpr std::uint64_t kLeaseUsualS = 600;
constexpr std::uint64_t kLeaseMaxS = 604'800;
constexpr std::uint64_t kWaitUsualS = 5;
constexpr std::uint64_t kWaitMaxS = 30;
constexpr std::size_t kStepsRemembered = 10'000;
constexpr milliseconds kBetweenSteps{1000};  // of one trial, where nothing hangs on it
constexpr std::uint64_t kStepMax = 1'000'000;
constexpr std::uint64_t kTokenMax = std::uint64_t{1} << 53;
constexpr std::size_t kErrorMax = 2'000;
constexpr std::size_t kMetricsMax = 100;
constexpr std::size_t kMetricNameMax = 64;

/// A study that this node may only not know yet is looked for again.
asio::awaitable<OrResponse<ml::Study>> outside_study(Call& call) {
  const std::string id = call.param("id");
  auto study = ml::find_study(*call.node().state(), id);
  if (!study) {
    if (auto behind = co_await see_all_committed(call)) co_return std::move(*behind);
    study = ml::find_study(*call.node().state(), id);
  }
  if (!study) co_return problem_from(study.error());
  if (ml::is_outside(study->spec)) co_return std::move(*study);
  co_return problem(409,
                    "conflict",
                    fmt::format("the swarm's nodes train study {}: only a study whose task is "
                                "\"outside\" is asked and told",
                                study->id));
}

// --- ask -----------------------------------------------------------------------------------------

struct Ask {
  std::uint64_t lease_s = kLeaseUsualS;
  std::uint64_t wait_s = kWaitUsualS;
};

Result<Ask> ask_from(const Json& body) {
  static constexpr std::array<std::string_view, 2> kFields{"lease_s", "wait_s"};
  const auto fields = JsonFields::open(body, kFields);
  if (!fields) return fields.error();
  const auto lease = fields->whole("lease_s", 1, kLeaseMaxS);
  if (!lease) return lease.error();
  const auto wait = fields->whole("wait_s", 0, kWaitMaxS);
  if (!wait) return wait.error();
  return Ask{lease->value_or(kLeaseUsualS), wait->value_or(kWaitUsualS)};
}

/// Why no trial can be asked for now, whatever comes.
std::string why_never(const ml::Study& study) {
  const bool goes_on =
      study.status == ml::StudyStatus::queued || study.status == ml::StudyStatus::running;
  return goes_on ? "" : fmt::format("study {} is {}", study.id, to_string(study.status));
}

std::string why_none_waits(const ml::Study& study) {
  if (study.status == ml::StudyStatus::queued) return "the first trials are being drawn; ask again";
  if (study.counts.drawn() >= study.spec.trials)
    return fmt::format("all trials of study {} are given out; tell of the {} that run",
                       study.id,
                       study.counts.running);
  return fmt::format("{} trials are given out, and parallelism is {}: tell of one, then ask again",
                     study.counts.running,
                     study.spec.parallelism);
}

/// Why there is nothing to ask for now; nothing if a trial waits, as far as this node knows.
std::optional<Response> nothing_waits(const StateView& view, const std::string& id) {
  const auto study = ml::find_study(view, id);
  if (!study) return problem_from(study.error());
  if (const std::string why = why_never(*study); !why.empty()) return problem(409, "conflict", why);
  const bool runs = study->status == ml::StudyStatus::running;
  if (runs && study->counts.queued > 0) return std::nullopt;
  Response later = problem(409, "conflict", why_none_waits(*study));
  later.set("Retry-After", "1");
  return later;
}

Response asked(const Call& call, const Committed& done, const std::string& id, const Ask& ask) {
  const auto number = parse_whole(done.id).value_or(0);
  const auto view = call.node().state();
  const auto study = ml::find_study(*view, id);
  const auto trial = ml::find_trial(*view, id, static_cast<std::uint32_t>(number));
  if (!study || !trial) return problem_from(study ? trial.error() : study.error());
  const Json json{{"study", id},
                  {"number", number},
                  {"token", done.number},
                  {"params", params_json(trial->params)},
                  {"epochs", study->spec.epochs},
                  {"lease_s", ask.lease_s}};
  return with_index(json_response(200, json), done.index);
}

/// One look: a trial, or why there is none.
asio::awaitable<Response> try_to_ask(Call& call, std::string id, Ask ask, ContentHash hash) {
  if (const auto before = answered_before(call, hash)) co_return asked(call, *before, id, ask);
  if (auto none = nothing_waits(*call.node().state(), id)) co_return std::move(*none);
  if (!call.body.client_is_there()) co_return problem(409, "conflict", "the client is gone");
  ml::CommandBody command = ml::AskTrial{id, ask.lease_s * 1000};
  const auto done = co_await commit(call, std::move(command), hash);
  if (!done) co_return done.error();
  co_return asked(call, *done, id, ask);
}

/// Until there is one, the study can have none any more, or the patience ends.
asio::awaitable<Response> ask_trial(Call& call) {
  std::string content;
  const auto body = co_await object_body(call, content);
  if (!body) co_return body.error();
  const auto ask = ask_from(body->value);
  if (!ask) co_return problem_from(ask.error());
  const auto study = co_await outside_study(call);
  if (!study) co_return study.error();
  const ContentHash hash = hash_of(to_bytes(content));
  const MonoTime until = mono_now() + seconds{ask->wait_s};
  for (;;) {
    const LogIndex applied = call.node().applied();
    auto answer = co_await try_to_ask(call, study->id, *ask, hash);
    const auto now = ml::find_study(*call.node().state(), study->id);
    const bool may_come = answer.status == 409 && now && why_never(*now).empty();
    const auto left = std::chrono::duration_cast<milliseconds>(until - mono_now());
    if (!may_come || left <= milliseconds{0} || !call.body.client_is_there())
      co_return std::move(answer);
    co_await call.core.signal.wait_beyond(applied, std::min(left, kLookEvery));
  }
}

// --- tell ----------------------------------------------------------------------------------------

/// What a program says of a trial: of a step of it, or of its end.
struct Tell {
  std::uint32_t number = 0;
  std::uint64_t token = 0;
  std::optional<double> value;
  std::optional<std::uint32_t> step;  ///< none: the trial is over
  std::optional<ml::TrialState> said_state;
  ml::Metrics metrics;
  std::string error;

  ml::TrialState state() const { return said_state.value_or(ml::TrialState::completed); }
};

Result<std::optional<double>> finite(std::string_view field, const Json* json) {
  if (json == nullptr) return std::optional<double>{};
  if (!json->is_number() || !std::isfinite(json->get<double>()))
    return field_error(field, fmt::format("must be a finite number, not {}", shown(*json)));
  return std::optional<double>{json->get<double>()};
}

Result<> read_whose(const JsonFields& fields, Tell& tell) {
  const auto number = fields.whole("number", 0, ml::kTrialsMax - 1);
  if (!number) return number.error();
  if (!*number) return field_error("number", "the trial's number is missing");
  const auto token = fields.whole("token", 1, kTokenMax);
  if (!token) return token.error();
  if (!*token) return field_error("token", "the token that came with the trial is missing");
  tell.number = static_cast<std::uint32_t>(**number);
  tell.token = **token;
  return {};
}

Result<> read_metrics(const JsonFields& fields, Tell& tell) {
  const Json* metrics = fields.find("metrics");
  if (metrics == nullptr) return {};
  if (!metrics->is_object() || metrics->size() > kMetricsMax)
    return field_error("metrics",
                       fmt::format("must be an object of at most {} numbers", kMetricsMax));
  for (const auto& [name, json] : metrics->items()) {
    if (name.empty() || name.size() > kMetricNameMax)
      return field_error(
          "metrics", fmt::format("a name has 1 to {} bytes, not \"{:.80}\"", kMetricNameMax, name));
    const auto value = finite("metrics", &json);
    if (!value) return value.error();
    tell.metrics[name] = value->value_or(0);
  }
  return {};
}

Result<> read_what(const JsonFields& fields, Tell& tell) {
  static constexpr std::array<std::string_view, 3> kStates{"completed", "pruned", "failed"};
  auto value = finite("value", fields.find("value"));
  if (!value) return value.error();
  tell.value = *value;
  const auto step = fields.whole("step", 0, kStepMax);
  if (!step) return step.error();
  if (*step) tell.step = static_cast<std::uint32_t>(**step);
  const auto state = fields.one_of("state", kStates);
  if (!state) return state.error();
  if (*state == "completed") tell.said_state = ml::TrialState::completed;
  if (*state == "pruned") tell.said_state = ml::TrialState::pruned;
  if (*state == "failed") tell.said_state = ml::TrialState::failed;
  auto error = fields.text("error", kErrorMax);
  if (!error) return error.error();
  tell.error = std::move(*error).value_or("");
  return {};
}

/// What does not go together.
Result<> check(const Tell& tell) {
  if (tell.step && (tell.said_state || !tell.metrics.empty()))
    return field_error("step", "a step has a value and nothing else; leave step out at the end");
  const bool has_failed = tell.state() == ml::TrialState::failed;
  if (has_failed && tell.value) return field_error("value", "a trial that failed has none");
  if (!has_failed && !tell.error.empty())
    return field_error("error", "only a trial whose state is \"failed\" has one");
  if (tell.state() == ml::TrialState::completed && !tell.value)
    return field_error("value", "is needed and missing");
  return {};
}

Result<Tell> tell_from(const Json& body) {
  static constexpr std::array<std::string_view, 7> kFields{
      "number", "token", "value", "step", "state", "metrics", "error"};
  const auto fields = JsonFields::open(body, kFields);
  if (!fields) return fields.error();
  Tell tell;
  for (const auto read : {&read_whose, &read_metrics, &read_what}) {
    if (auto ok = read(*fields, tell); !ok) return ok.error();
  }
  if (auto ok = check(tell); !ok) return ok.error();
  return tell;
}

ml::FinishTrial finish_of(const std::string& study, Tell tell) {
  ml::FinishTrial finish;
  finish.study = study;
  finish.number = tell.number;
  finish.token = tell.token;
  finish.state = tell.state();
  finish.value = tell.value.value_or(std::numeric_limits<double>::quiet_NaN());
  finish.metrics = std::move(tell.metrics);
  finish.error = std::move(tell.error);
  return finish;
}

/// Whether it is worth going on; refused if the trial is not this program's any more.
Response heard(const Call& call, const ml::Study& study, const Tell& tell, LogIndex index) {
  const auto view = call.node().state();
  const auto trial = ml::find_trial(*view, study.id, tell.number);
  if (!trial) return problem_from(trial.error());
  if (trial->state != ml::TrialState::running || trial->current.token != tell.token) {
    return problem(409,
                   "conflict",
                   fmt::format("trial {} is {}, and its token is {}: stop, and ask for another",
                               tell.number,
                               to_string(trial->state),
                               trial->current.token));
  }
  const Json json{{"number", tell.number},
                  {"token", tell.token},
                  {"should_prune", ml::is_to_be_pruned(*view, study, *trial)}};
  return with_index(json_response(200, json), index);
}

/// What was said counts, or had counted before; not where the trial had ended otherwise.
Response told(const Call& call, const ml::Study& study, const Tell& tell, LogIndex index) {
  const auto trial = ml::find_trial(*call.node().state(), study.id, tell.number);
  if (!trial) return problem_from(trial.error());
  const bool is_as_said = trial->state == tell.state() && trial->value == tell.value;
  if (is_as_said) return with_index(json_response(200, trial_json(*trial, {}, study.spec)), index);
  return problem(409,
                 "conflict",
                 fmt::format("trial {} had ended before: it is {}{}",
                             tell.number,
                             to_string(trial->state),
                             trial->value ? fmt::format(" with {}", *trial->value) : ""));
}

/// A step is worth an entry of the log if it reaches a rung, if it is the first that this node
/// hears of, or if some time has passed: a program may say thousands a second.
bool is_worth_an_entry(Call& call, const ml::Study& study, const Tell& tell) {
  const MonoTime now = mono_now();
  const auto& heard = call.core.steps_heard;
  const auto last = heard.find(tell.token);
  const auto trial = ml::find_trial(*call.node().state(), study.id, tell.number);
  if (!trial) return true;
  const auto rungs = ml::rung_epochs(study.spec.epochs);
  const std::size_t reached = trial->rungs.size();
  const bool reaches_rung = reached < rungs.size() && rungs[reached] <= *tell.step;
  const auto pause = std::min(milliseconds{trial->lease_ms / 4}, kBetweenSteps);
  return last == heard.end() || reaches_rung || now - last->second >= pause;
}

asio::awaitable<Response> tell_step(Call& call, ml::Study study, Tell tell, ContentHash hash) {
  if (!is_worth_an_entry(call, study, tell))
    co_return heard(call, study, tell, call.node().applied());
  const ml::CurvePoint point{*tell.step, *tell.value};
  ml::ReportProgress report;
  report.points.push_back({study.id, tell.number, tell.token, point});
  ml::CommandBody command = std::move(report);
  const auto done = co_await commit(call, std::move(command), hash);
  if (!done) co_return done.error();
  auto& steps = call.core.steps_heard;
  if (steps.size() > kStepsRemembered) steps.clear();
  steps[tell.token] = mono_now();
  co_return heard(call, study, tell, done->index);
}

asio::awaitable<Response> tell_trial(Call& call) {
  std::string content;
  const auto body = co_await object_body(call, content);
  if (!body) co_return body.error();
  const auto tell = tell_from(body->value);
  if (!tell) co_return problem_from(tell.error());
  const auto study = co_await outside_study(call);
  if (!study) co_return study.error();
  const ContentHash hash = hash_of(to_bytes(content));
  if (tell->step) co_return co_await tell_step(call, *study, *tell, hash);
  ml::CommandBody command = finish_of(study->id, *tell);
  const auto done = co_await commit(call, std::move(command), hash);
  if (!done) co_return done.error();
  call.core.steps_heard.erase(tell->token);
  co_return told(call, *study, *tell, done->index);
}

}  // namespace

std::vector<RouteEntry> outside_routes() {
  return {{"POST", "/api/v1/studies/{id}/ask", &ask_trial},
          {"POST", "/api/v1/studies/{id}/tell", &tell_trial}};
}

}  // namespace starling::web
