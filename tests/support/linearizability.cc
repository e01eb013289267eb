#include "tests/support/linearizability.h"

#include "tests/support/linearizability_search.h"
#include "tests/support/register_models.h"

#include <fmt/format.h>

#include <map>

namespace starling::tests {
namespace {

bool is_conflict(const Operation& operation) {
  return operation.known == Known::fail && operation.out.is_object() &&
         operation.out.value("code", "") == "conflict";
}

/// Says nothing of the state: an operation that changed nothing, or a read without an answer.
bool is_void(const Operation& operation) {
  if (operation.known == Known::unknown) return operation.function == "read";
  return operation.known == Known::fail && !is_conflict(operation);
}

Answer answer_of(const Operation& operation) {
  if (operation.known == Known::unknown) return Answer::unknown;
  return operation.known == Known::ok ? Answer::done : Answer::refused;
}

/// Throws Json::exception if a field is missing.
RegisterModel::Step register_step(const Operation& operation) {
  using Kind = RegisterModel::Step::Kind;
  RegisterModel::Step step;
  step.answer = answer_of(operation);
  if (operation.function == "read") {
    step.version = operation.out.at("version");
    if (step.version != 0U) step.value = operation.out.at("value");
    return step;
  }
  step.kind = operation.function == "cas" ? Kind::cas : Kind::put;
  step.value = operation.in.at("value");
  if (step.kind == Kind::cas) step.expected = operation.in.at("expected");
  if (step.answer == Answer::done) step.version = operation.out.at("version");
  if (step.answer == Answer::refused && operation.out.contains("found"))
    step.version = operation.out.at("found");
  return step;
}

TrialModel::Status status_of(const std::string& text) {
  return text == "done"      ? TrialModel::Status::done
         : text == "running" ? TrialModel::Status::running
                             : TrialModel::Status::queued;
}

TrialModel::Step trial_step(const Operation& operation) {
  using Kind = TrialModel::Step::Kind;
  TrialModel::Step step;
  step.answer = answer_of(operation);
  if (operation.function == "read") {
    step.status = status_of(operation.out.at("status"));
    step.token = operation.out.at("token");
    step.result = operation.out.at("result");
    return step;
  }
  step.kind = operation.function == "claim" ? Kind::claim : Kind::complete;
  step.token = operation.in.at("token");
  if (step.kind == Kind::complete) step.result = operation.in.at("result");
  return step;
}

bool is_trial(std::string_view key) {
  return key.starts_with("trial");
}

bool is_known_function(const Operation& operation) {
  const auto& f = operation.function;
  if (f == "read") return true;
  return is_trial(operation.key) ? f == "claim" || f == "complete" : f == "put" || f == "cas";
}

template <class Model, class ToStep>
KeyVerdict judge(const std::vector<const Operation*>& operations,
                 const ToStep& to_step,
                 std::uint64_t steps_max) {
  KeyVerdict judged;
  std::vector<Timed<typename Model::Step>> timed;
  for (const auto* operation : operations) {
    if (is_void(*operation)) continue;
    const bool is_unknown = operation->known == Known::unknown;
    Timed<typename Model::Step> one{.id = operation->id,
                                    .call_ns = operation->call_ns,
                                    .return_ns = Timed<typename Model::Step>::kNever,
                                    .step = to_step(*operation)};
    if (!is_unknown) one.return_ns = operation->return_ns;
    timed.push_back(std::move(one));
    judged.unknown += is_unknown ? 1 : 0;
  }
  const Found found = Search<Model>{timed, steps_max}.run();
  judged.operations = timed.size();
  judged.verdict = found.verdict;
  judged.steps = found.steps;
  if (found.verdict != Verdict::linearizable)
    judged.why = fmt::format("operation {} fits nowhere", found.stuck_at);
  return judged;
}

KeyVerdict judge_key(const std::vector<const Operation*>& operations, std::uint64_t steps_max) {
  for (const auto* operation : operations) {
    if (is_known_function(*operation)) continue;
    KeyVerdict strange;
    strange.verdict = Verdict::illegal;
    strange.why = fmt::format(
        "operation {}: \"{}\" is none of this model", operation->id, operation->function);
    return strange;
  }
  try {
    return is_trial(operations.front()->key)
               ? judge<TrialModel>(operations, trial_step, steps_max)
               : judge<RegisterModel>(operations, register_step, steps_max);
  } catch (const Json::exception& missing) {
    KeyVerdict strange;
    strange.verdict = Verdict::illegal;
    strange.why = missing.what();
    return strange;
  }
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::linearizable: return "linearizable";
    case Verdict::illegal: return "ILLEGAL";
    case Verdict::inconclusive: return "INCONCLUSIVE";
  }
  return "?";
}

std::vector<KeyVerdict> check_history(const std::vector<Operation>& history,
                                      std::uint64_t steps_max) {
  std::map<std::string, std::vector<const Operation*>> by_key;
  for (const auto& operation : history)
    by_key[operation.key].push_back(&operation);
  std::vector<KeyVerdict> verdicts;
  for (auto& [key, operations] : by_key) {
    std::stable_sort(
        operations.begin(), operations.end(), [](const Operation* a, const Operation* b) {
          return a->call_ns < b->call_ns;
        });
    verdicts.push_back(judge_key(operations, steps_max));
    verdicts.back().key = key;
  }
  return verdicts;
}

}  // namespace starling::tests
