#include "tests/support/register_models.h"

#include <fmt/format.h>

namespace starling::tests {
namespace {

using State = RegisterModel::State;
using Step = RegisterModel::Step;

/// May the register have just this version?
bool may_be_at(const State& state, std::uint64_t version) {
  return state.is_open ? version > state.version : version == state.version;
}

std::optional<State> take_read(const State& state, const Step& step) {
  const auto version = step.version.value_or(0);
  const bool fits = may_be_at(state, version) && (version == 0 || step.value == state.value);
  if (!fits) return std::nullopt;
  return State{false, version, state.value};
}

/// A write that counts, from `before` on.
std::optional<State> written(std::uint64_t before, const Step& step) {
  if (!step.version) return State{true, before, step.value};
  if (*step.version <= before) return std::nullopt;
  return State{false, *step.version, step.value};
}

std::optional<State> take_cas(const State& state, const Step& step) {
  if (step.answer != Answer::refused)
    return may_be_at(state, step.expected) ? written(step.expected, step) : std::nullopt;
  if (!step.version) {  // Refused without a word of what was found.
    const bool is_certain = !state.is_open && state.version == step.expected;
    return is_certain ? std::nullopt : std::optional{state};
  }
  if (*step.version == step.expected || !may_be_at(state, *step.version)) return std::nullopt;
  return State{false, *step.version, state.value};
}

bool may_claim(const TrialModel::State& state, std::uint64_t token) {
  return state.status != TrialModel::Status::done && state.token + 1 == token;
}

bool may_complete(const TrialModel::State& state, std::uint64_t token) {
  return state.status == TrialModel::Status::running && state.token == token;
}

}  // namespace

std::string RegisterModel::State::text() const {
  return fmt::format("{}{}:{}", is_open ? '>' : '=', version, value);
}

std::optional<State> RegisterModel::take(const State& state, const Step& step) {
  switch (step.kind) {
    case Step::Kind::read: return take_read(state, step);
    case Step::Kind::cas: return take_cas(state, step);
    case Step::Kind::put: return written(state.version + (state.is_open ? 1 : 0), step);
  }
  return std::nullopt;
}

std::string TrialModel::State::text() const {
  return fmt::format("{}:{}:{}", static_cast<int>(status), token, result);
}

std::optional<TrialModel::State> TrialModel::take(const State& state, const Step& step) {
  if (step.kind == Step::Kind::read) {
    const bool fits =
        state.status == step.status && state.token == step.token && state.result == step.result;
    return fits ? std::optional{state} : std::nullopt;
  }
  const bool is_claim = step.kind == Step::Kind::claim;
  const bool holds = is_claim ? may_claim(state, step.token) : may_complete(state, step.token);
  const bool was_refused = step.answer == Answer::refused;
  if (holds == was_refused) return std::nullopt;
  if (was_refused) return state;
  if (is_claim) return State{Status::running, step.token, {}};
  return State{Status::done, step.token, step.result};
}

}  // namespace starling::tests
